"""The worker's service: managers on other hosts bring it the streams of the runners that it asked for."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import time
from contextlib import suppress
from typing import Any

import grpc
import grpc.aio

from ninelives.protocol.messages import VERSION
from ninelives.runners.remote import pumping
from ninelives.runners.remote.channels import MANAGER, PIECE, admit
from ninelives.runners.remote.wire import handler_pb2 as h

_STREAMS = ("stdout", "stderr")

_Context = grpc.aio.ServicerContext[Any, Any]


class Wanted:
    """A runner that the worker has asked for, and its stream once that is there.

    What the stream brings goes into a socket and pipes, whose other ends the worker reads as it does a local runner's.
    """

    def __init__(self) -> None:
        self.id = secrets.token_hex(16)
        self.connection, self._far = socket.socketpair()
        self._far.setblocking(False)
        pipes = {name: os.pipe() for name in _STREAMS}
        self.outputs = {name: read for name, (read, _) in pipes.items()}
        self._prints = {name: write for name, (_, write) in pipes.items()}
        for descriptor in (*self.outputs.values(), *self._prints.values()):
            os.set_blocking(descriptor, False)
        #: a manager has brought its stream
        self.taken = False
        #: when its stream ended, as `time.monotonic` has it; None: it has not
        self.ended_at: float | None = None

    async def carry(self, context: _Context) -> None:
        """Carry frames on until the runner or the worker ends the call."""
        up, down = asyncio.create_task(self._up(context)), asyncio.create_task(self._down(context))
        try:
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (up, down):
                task.cancel()
            await asyncio.gather(up, down, return_exceptions=True)

    def end(self) -> None:
        """End the far side: the worker reads what has come, and then the end."""
        if self.ended_at is None:
            self.ended_at = time.monotonic()
            self._far.close()
            for descriptor in self._prints.values():
                os.close(descriptor)

    def close(self) -> None:
        """Close the worker's side of what was never begun."""
        self.connection.close()
        for descriptor in self.outputs.values():
            os.close(descriptor)

    async def _up(self, context: _Context) -> None:
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            while (said := await context.read()) is not grpc.aio.EOF:
                if said.frames:
                    await loop.sock_sendall(self._far, said.frames)
                elif said.printed.stream in self._prints:
                    await pumping.write(self._prints[said.printed.stream], said.printed.data)

    async def _down(self, context: _Context) -> None:
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            while data := await loop.sock_recv(self._far, PIECE):
                await context.write(h.ToRunner(frames=data))


class Handler:
    """Serves `HandlerService`."""

    def __init__(self) -> None:
        self._wanted: dict[str, Wanted] = {}

    def want(self) -> Wanted:
        """Return a call that a manager may bring the stream of."""
        wanted = Wanted()
        self._wanted[wanted.id] = wanted
        return wanted

    def forget(self, call_id: str) -> None:
        """Want a runner no more: its stream ends, or is refused when it comes."""
        wanted = self._wanted.pop(call_id, None)
        # A stream that is there ends when the worker closes its end.
        if wanted is not None and not wanted.taken:
            wanted.end()

    async def call(self, _: object, context: _Context) -> None:
        """See `handler.proto`."""
        # First: who is refused while it writes is told of an internal error, and not why.
        said = await context.read()
        await admit(context, MANAGER)
        opening = said.opening if isinstance(said, h.FromRunner) else h.Opening()
        if opening.version != VERSION:
            await context.abort(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"the runner manager speaks version {opening.version} of the protocol, the worker {VERSION}: "
                "use the same version of ninelives on both sides",
            )
        wanted = self._wanted.get(opening.call_id)
        if wanted is None or wanted.taken:
            # It raises, and nothing follows.
            await context.abort(grpc.StatusCode.NOT_FOUND, "the worker does not want this runner, or not any more")
        wanted.taken = True
        try:
            await context.write(h.ToRunner())
            await wanted.carry(context)
        finally:
            # Also when the manager ends the stream while it is taken.
            wanted.end()

    async def is_active(self, request: h.IsActiveRequest, context: _Context) -> h.IsActiveResponse:
        """See `handler.proto`."""
        await admit(context, MANAGER)
        return h.IsActiveResponse(active=request.call_id in self._wanted)

    async def health(self, _: h.HandlerHealthRequest, context: _Context) -> h.HandlerHealthResponse:
        """See `handler.proto`."""
        await admit(context, MANAGER)
        return h.HandlerHealthResponse(version=VERSION, runners=len(self._wanted))
