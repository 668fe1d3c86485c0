"""Waiting for descriptors in an event loop: reading from several in an order that matters, writing to a full pipe."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from contextlib import suppress


async def readable(descriptors: Iterable[int]) -> None:
    """Wait until one of the descriptors can be read from, or has ended."""
    loop = asyncio.get_running_loop()
    await _any(descriptors, loop.add_reader, loop.remove_reader)


async def write(descriptor: int, data: bytes) -> None:
    """Write all of the data to a pipe that does not block; if nobody reads it any more, nothing."""
    loop = asyncio.get_running_loop()
    view = memoryview(data)
    with suppress(BrokenPipeError):
        while view:
            try:
                view = view[os.write(descriptor, view) :]
            except BlockingIOError:
                await _any((descriptor,), loop.add_writer, loop.remove_writer)


def take(descriptor: int, most: int) -> bytes | None:
    """Return what can be read from a pipe at once, at most so many bytes; b"": it has ended; None: nothing is there."""
    try:
        return os.read(descriptor, most)
    except BlockingIOError:
        return None


async def _any(descriptors: Iterable[int], add: Callable[..., None], remove: Callable[[int], bool]) -> None:
    ready = asyncio.get_running_loop().create_future()
    watched = list(descriptors)

    def is_ready() -> None:
        if not ready.done():
            ready.set_result(None)

    for descriptor in watched:
        add(descriptor, is_ready)
    try:
        await ready
    finally:
        for descriptor in watched:
            remove(descriptor)
