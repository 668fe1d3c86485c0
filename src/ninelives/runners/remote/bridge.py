"""The bridge on a manager's host: carries frames between a runner's socket and the stream to its worker.

It reads from one side only what the other has taken, so neither side can fill the manager's memory.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from typing import Any

import grpc
import grpc.aio

from ninelives.errors import ProtocolError, RunnerError
from ninelives.protocol.framing import from_runner
from ninelives.protocol.messages import VERSION, Hello
from ninelives.runners.manager import Runner
from ninelives.runners.remote import pumping
from ninelives.runners.remote.channels import PIECE
from ninelives.runners.remote.services import HANDLER
from ninelives.runners.remote.wire import handler_pb2 as h

#: Seconds in which a worker that asked for a runner has to take its stream.
OPEN = 10.0

#: What a stream raises that has ended.
_ENDED = (grpc.aio.AioRpcError, asyncio.InvalidStateError)


class Bridge:
    """One call, carried on.

    Args:
        channel: to the worker.
        call_id: which call.
    """

    def __init__(self, channel: grpc.aio.Channel, call_id: str) -> None:
        self._call_id = call_id
        self._stream: Any = HANDLER.call(channel, "Call")()
        #: what the children of the runner carry, once it has said it
        self.marker = ""
        self._hello = from_runner()
        self._greeted = False

    async def open(self) -> None:
        """Let the worker say that it wants the runner.

        Raises:
            RunnerError: it does not, or can't be reached.
        """
        try:
            async with asyncio.timeout(OPEN):
                await self._stream.write(h.FromRunner(opening=h.Opening(version=VERSION, call_id=self._call_id)))
                answer = await self._stream.read()
        except TimeoutError:
            self._stream.cancel()
            raise RunnerError(f"it does not answer within {OPEN:g} s") from None
        except _ENDED:
            answer = grpc.aio.EOF
        if answer is grpc.aio.EOF:
            raise RunnerError(await self._stream.details() or "it ended the call")

    async def carry(self, runner: Runner) -> bool:
        """Carry frames on until one side has ended; return whether it is the runner.

        Args:
            runner: its carrier is read and written here only.
        """
        with socket.socket(fileno=os.dup(runner.carrier.fileno())) as connection:
            connection.setblocking(False)
            up = asyncio.create_task(self._up(connection, dict(runner.outputs)))
            down = asyncio.create_task(self._down(connection))
            try:
                await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
                return up.done() and up.result()
            finally:
                for task in (up, down):
                    task.cancel()
                await asyncio.gather(up, down, return_exceptions=True)

    async def close(self) -> None:
        """End the stream, after all that was written to it."""
        with suppress(*_ENDED, TimeoutError):
            async with asyncio.timeout(OPEN):
                await self._stream.done_writing()
                while await self._stream.read() is not grpc.aio.EOF:
                    pass

    def cancel(self) -> None:
        """End the stream at once, if it has not ended."""
        self._stream.cancel()

    async def _up(self, connection: socket.socket, outputs: dict[str, int]) -> bool:
        """Carry on what the runner says and prints, until it has ended."""
        try:
            while True:
                await pumping.readable([connection.fileno(), *outputs.values()])
                # First what children printed: they did before the message was sent.
                await self._print(outputs)
                try:
                    data = connection.recv(PIECE)
                except BlockingIOError:
                    continue
                except OSError:
                    data = b""
                if not data:
                    await self._print(outputs)
                    return True
                self._listen(data)
                await self._stream.write(h.FromRunner(frames=data))
        except _ENDED:
            return False

    async def _print(self, outputs: dict[str, int]) -> None:
        for name, descriptor in list(outputs.items()):
            data = pumping.take(descriptor, PIECE)
            if data:
                await self._stream.write(h.FromRunner(printed=h.Printed(stream=name, data=data)))
            elif data is not None:
                del outputs[name]

    async def _down(self, connection: socket.socket) -> None:
        """Carry on what the worker says, until the stream has ended."""
        loop = asyncio.get_running_loop()
        try:
            while (said := await self._stream.read()) is not grpc.aio.EOF:
                await loop.sock_sendall(connection, said.frames)
        except _ENDED:
            return
        except OSError:
            # The runner is gone; how, is found out where it is read from.
            await loop.create_future()

    def _listen(self, data: bytes) -> None:
        """Hear the runner's first message: it says what its children carry, so that all of them are found."""
        if self._greeted:
            return
        # What is no message is for the worker to refuse.
        with suppress(ProtocolError):
            for batch in self._hello.feed(data):
                self._greeted = True
                self.marker = next((said.marker for said in batch if isinstance(said, Hello)), "")
