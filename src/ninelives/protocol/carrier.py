"""What carries frames: a stream socket between two processes. Blocking, without threads or an event loop.

The kernel's buffers are the flow control: who is faster waits. Large things are asked for piece by piece, so neither
side ever holds more than a piece for the other.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from ninelives.errors import CarrierClosedError, SlowPeerError
from ninelives.protocol.framing import Assembler, frames, from_runner, from_worker
from ninelives.protocol.messages import FromRunner, FromWorker, Message

#: Seconds in which a peer has to go on with a frame that it has begun, or take some of one that is sent to it.
PATIENCE = 30.0

#: Bytes that are taken from the socket at a time. Nearly always a small frame comes, and a large buffer has to be
#: mapped each time, which takes longer than all the rest; in the middle of a large frame it pays.
_TAKE = 8 * 1024
_TAKE_MORE = 256 * 1024

#: Seconds for which it pays to wait awake: to sleep and be woken takes as long. A glance in vain makes the next ones
#: rarer, down to one in 2 ** 10: on a busy machine, or where nothing comes that soon, nobody waits awake.
GLANCE = 50e-6
_RAREST = 10

Received = TypeVar("Received")
Received_co = TypeVar("Received_co", covariant=True)


class Carrier(Protocol[Received_co]):
    """One end of a connection between a runner and its worker."""

    def send(self, batch: Sequence[Message]) -> None:
        """Send messages that are to be handled together.

        Raises:
            CarrierClosedError: the other side is gone.
            SlowPeerError: it takes nothing.
            ProtocolError: they are too large.
        """
        ...

    def read(self) -> Sequence[Sequence[Received_co]]:
        """Wait until something comes and return the batches that are whole now, maybe none.

        Raises:
            CarrierClosedError: the other side is gone, and everything it sent was returned.
            SlowPeerError: it began a frame and does not go on.
            ProtocolError: what it sent is no message.
        """
        ...

    def glance(self) -> Sequence[Sequence[Received_co]]:
        """Return the batches that come at once; none is no sign of anything. Raises as `read`."""
        ...

    def fileno(self) -> int:
        """Return a descriptor that can be read from when `read` does not have to wait."""
        ...

    def close(self) -> None:
        """End the connection."""
        ...


class SocketCarrier(Generic[Received]):
    """A carrier over a connected stream socket. See `Carrier`.

    Args:
        connection: the socket; closed by `close`.
        assembler: of what the other side sends.
        patience: seconds, see `PATIENCE`.
    """

    def __init__(
        self, connection: socket.socket, assembler: Assembler[Received], *, patience: float = PATIENCE
    ) -> None:
        self._socket = connection
        self._assembler = assembler
        self._patience = patience
        connection.setblocking(True)
        seconds, fraction = divmod(patience, 1.0)
        time_out = struct.pack("ll", int(seconds), int(fraction * 1e6))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, time_out)
        #: glances in vain since the last that was not, and how many are left out before the next
        self._misses = self._skipping = 0
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)

    def send(self, batch: Sequence[Message]) -> None:
        """See `Carrier.send`."""
        try:
            for frame in frames(batch):
                self._socket.sendall(frame)
        except BlockingIOError as error:
            raise SlowPeerError(f"the other side has taken nothing for {self._patience:g} s") from error
        except OSError as error:
            raise CarrierClosedError from error

    def read(self) -> list[list[Received]]:
        """See `Carrier.read`."""
        take = _TAKE
        if not self._assembler.is_between:
            take = _TAKE_MORE
            if not self._poll.poll(self._patience * 1000):
                raise SlowPeerError(f"the other side began a message and has not gone on for {self._patience:g} s")
        try:
            data = self._socket.recv(take)
        except OSError as error:
            raise CarrierClosedError from error
        return self._got(data)

    def glance(self) -> list[list[Received]]:
        """See `Carrier.glance`."""
        if self._skipping or not self._assembler.is_between:
            self._skipping = max(0, self._skipping - 1)
            return []
        until = time.perf_counter() + GLANCE
        while True:
            try:
                data = self._socket.recv(_TAKE, socket.MSG_DONTWAIT)
                break
            except BlockingIOError:
                if time.perf_counter() > until:
                    self._misses = min(self._misses + 1, _RAREST)
                    self._skipping = 2**self._misses - 1
                    return []
            except OSError as error:
                raise CarrierClosedError from error
        self._misses = 0
        return self._got(data)

    def _got(self, data: bytes) -> list[list[Received]]:
        if not data:
            raise CarrierClosedError
        return self._assembler.feed(data)

    def fileno(self) -> int:
        """See `Carrier.fileno`."""
        return self._socket.fileno()

    def close(self) -> None:
        """See `Carrier.close`."""
        self._socket.close()


def to_runner(connection: socket.socket, *, patience: float = PATIENCE) -> SocketCarrier[FromRunner]:
    """Return the worker's end of a connection."""
    return SocketCarrier(connection, from_runner(), patience=patience)


def to_worker(connection: socket.socket, *, patience: float = PATIENCE) -> SocketCarrier[FromWorker]:
    """Return the runner's end of a connection."""
    return SocketCarrier(connection, from_worker(), patience=patience)
