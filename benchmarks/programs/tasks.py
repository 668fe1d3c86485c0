"""Awaited activities in a row, and one in each of many tasks."""

import asyncio
from collections.abc import Callable
from typing import Any

import stopwatch

from ninelives import register_no_activity

DIRECT: list[Callable[..., Any]] = [stopwatch.start, stopwatch.stop_work, stopwatch.note_work]


async def nothing(event: Any) -> None:
    """Load what a session with tasks needs."""
    register_no_activity(DIRECT)
    await stopwatch.give_later()


async def live(event: Any) -> None:
    """Take turns with calls that are not awaited: what is left is what awaiting costs."""
    register_no_activity(DIRECT)
    for _ in range(20):
        await stopwatch.give_later()
    for _ in range(event.data.rounds):
        stopwatch.start()
        for _ in range(event.data.n):
            stopwatch.give()
        stopwatch.stop_work("activity")
        stopwatch.start()
        for _ in range(event.data.n):
            await stopwatch.give_later()
        stopwatch.stop_work("awaited activity")


async def replayed(event: Any) -> None:
    """Record, be killed, and come back to the same point again and again."""
    register_no_activity(DIRECT)
    for _ in range(event.data.n):
        await stopwatch.give_later()
    stopwatch.note_work()
    stopwatch.die()


async def many(event: Any) -> None:
    """The same with a task for each."""
    register_no_activity(DIRECT)
    await asyncio.gather(*(one() for _ in range(event.data.n)))
    stopwatch.note_work()
    stopwatch.die()


async def one() -> str:
    return await stopwatch.give_later()
