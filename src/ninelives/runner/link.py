"""The runner's link: what a session asks of its worker, as messages. See `ninelives.session.link.Link`."""

from __future__ import annotations

import io
import itertools
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

from ninelives import errors
from ninelives.errors import NinelivesError, ProtocolError, StoreError
from ninelives.protocol import messages as m
from ninelives.protocol.carrier import SocketCarrier
from ninelives.session.link import BlobSink, BlobSource, Line, Put, Row
from ninelives.starts import Starts

#: Bytes of a large value that travel at a time.
PIECE = 256 * 1024

#: Kind of the entry that says that an activity starts: it is recorded before anything leaves the session.
_STARTS = "activity"

Answer = TypeVar("Answer")


class MessageLink:
    """A worker at the other end of a carrier.

    What is told is sent at once, unless it is `held` or told `later`; a request takes along what is still here. Any
    thread may use it; one request is under way at a time.

    Args:
        carrier: the connection.
        session_id: the session's id.
        starts: where it is written down that an activity starts; None: the worker is asked to.
    """

    def __init__(self, carrier: SocketCarrier[m.FromWorker], session_id: str, starts: Starts | None = None) -> None:
        self.session_id = session_id
        self._carrier = carrier
        self._starts = starts
        #: something was told, and the worker has not answered since
        self._is_unheard = False
        self._lock = threading.RLock()
        self._held = 0
        self._unsent: list[m.Message] = []
        self._numbers = itertools.count(1)
        self._pid = os.getpid()
        os.register_at_fork(after_in_child=self._leave_child)

    # Saying.

    def ask(self, request: m.Message, answer: type[Answer]) -> Answer:
        """Send a request, with what was told before, and return its answer.

        Raises:
            NinelivesError: the worker refuses it, or is gone.
        """
        with self._lock:
            self._check()
            self._unsent.append(request)
            self._send()
            # A start is recorded without a sync, so its answer is nearly there.
            batches = self._carrier.glance() if type(request) is m.Begin else []
            while not batches:
                batches = self._carrier.read()
        self._is_unheard = False
        if self._starts is not None:
            self._starts.heard()
        (got,) = batches[0]
        if type(got) is answer:
            return got
        if isinstance(got, m.Refused):
            raise error_of(got.kind, got.text)
        raise ProtocolError(f"the worker answered a {type(request).__name__} with a {type(got).__name__}")

    def tell(self, message: m.Message, *, later: bool = False) -> None:
        """Say something that is not answered.

        Args:
            message: what is said.
            later: it may wait for the next message.
        """
        with self._lock:
            self._check()
            self._unsent.append(message)
            if not (self._held or later):
                self._send()

    @contextmanager
    def _holding(self) -> Iterator[None]:
        with self._lock:
            self._held += 1
            try:
                yield
            finally:
                self._held -= 1
                if not self._held and self._unsent:
                    self._send()

    def _send(self) -> None:
        batch, self._unsent = self._unsent, []
        self._carrier.send(batch)

    @property
    def is_here(self) -> bool:
        """Whether this process has the connection; a forked child of it does not."""
        return self._pid == os.getpid()

    def _check(self) -> None:
        if not self.is_here:
            raise StoreError(f"session {self.session_id} is not run by this process: this is a forked child")

    def _leave_child(self) -> None:
        # The worker sees the end of the connection when the runner itself ends.
        self._carrier.close()
        self._lock = threading.RLock()

    # As a link.

    def load(self) -> Iterator[Row]:
        """See `Link.load`."""
        rows = self.ask(m.Load(), m.Rows)
        while True:
            yield from rows.rows
            if not rows.more:
                return
            rows = self.ask(m.Load(rows.rows[-1][0]), m.Rows)

    def line_counts(self) -> dict[str, int]:
        """See `Link.line_counts`."""
        return self.ask(m.CountLines(), m.LineCounts).counts

    def note(self, rows: Sequence[Row], lines: Sequence[Line] = ()) -> None:
        """See `Link.note`."""
        if rows and rows[0][1] == _STARTS:
            # Were the worker to die with this still on its way, the activity would be done and not recorded.
            self._begin(list(rows))
        else:
            with self._lock:
                self._is_unheard = True
                self.tell(m.Note(list(rows), list(lines)))

    def _begin(self, rows: list[Row]) -> None:
        if self._starts is None or self._is_unheard:
            # What was printed before it is recorded before it, and shown.
            self.ask(m.Begin(rows), m.Saved)
            return
        with self._lock:
            self._check()
            try:
                self._starts.write(rows)
            except OSError as error:
                raise StoreError(f"the start of an activity can't be written: {error.strerror}") from error
            # The outcome takes it along.
            self._unsent.append(m.Note(rows, []))

    def settle(self) -> None:
        """See `Link.settle`."""
        self.ask(m.Ping(), m.Pong)

    def commit(
        self, rows: Sequence[Row], lines: Sequence[Line] = (), *, puts: Sequence[Put] = (), blobs: Sequence[str] = ()
    ) -> bool:
        """See `Link.commit`."""
        return self.ask(m.Commit(list(rows), list(lines), list(puts), list(blobs)), m.Saved).done

    def decide(self) -> None:
        """Have it recorded what a person decided: the session goes on."""
        self.ask(m.Decide(), m.Saved)

    def finish(self, rows: Sequence[Row], *, state: str, result: str, error: str) -> None:
        """See `Link.finish`."""
        self.ask(m.Finish(list(rows), state, result, error), m.Saved)

    def held(self) -> AbstractContextManager[object]:
        """See `Link.held`: what is shown and what is recorded of it travel together."""
        return self._holding()

    def waiting(self, what: str) -> None:
        """See `Link.waiting`."""
        self.tell(m.Waiting(what))

    def blob_sink(self) -> BlobSink:
        """See `Link.blob_sink`."""
        return _Sink(self, next(self._numbers))

    def blob_source(self, sha: str) -> BlobSource:
        """See `Link.blob_source`."""
        return io.BufferedReader(_Source(self, next(self._numbers), sha), PIECE)

    def get_value(self, key: str) -> tuple[bytes, int] | None:
        """See `Link.get_value`."""
        found = self.ask(m.GetValue(key), m.Found)
        return None if found.data is None else (found.data, found.version)

    def value_keys(self) -> list[str]:
        """See `Link.value_keys`."""
        return self.ask(m.ListKeys(), m.Keys).keys


class _Sink:
    """Sends a large value in pieces; small writes are gathered."""

    def __init__(self, link: MessageLink, number: int) -> None:
        self._link = link
        self._number = number
        self._gathered = bytearray()

    def write(self, data: bytes, /) -> int:
        view = memoryview(data).cast("B")
        self._gathered += view[:PIECE]
        at = PIECE
        while len(self._gathered) >= PIECE:
            self._link.tell(m.WritePiece(self._number, bytes(self._gathered)))
            self._gathered = bytearray(view[at : at + PIECE])
            at += PIECE
        return len(view)

    def finish(self) -> str:
        if self._gathered:
            self._link.tell(m.WritePiece(self._number, bytes(self._gathered)), later=True)
        return self._link.ask(m.FinishWriting(self._number), m.Written).sha256

    def abort(self) -> None:
        self._link.tell(m.DropWriting(self._number), later=True)


class _Source(io.RawIOBase):
    """Asks for a large value piece by piece."""

    def __init__(self, link: MessageLink, number: int, sha: str) -> None:
        self._link = link
        self._number = number
        self._sha = sha

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer).cast("B")
        done = 0
        while done < len(view):
            size = min(len(view) - done, PIECE)
            piece = self._link.ask(m.ReadPiece(self._number, self._sha, size), m.Piece).data
            view[done : done + len(piece)] = piece
            done += len(piece)
            if len(piece) < size:
                break
        return done

    def close(self) -> None:
        if not self.closed and self._link.is_here:
            self._link.tell(m.CloseReading(self._number), later=True)
        super().close()


def error_of(kind: str, text: str) -> NinelivesError:
    """Return the error that a message names.

    Args:
        kind: name of a class in `ninelives.errors`; one that a newer version knows becomes a plain error.
        text: its message.
    """
    cls = getattr(errors, kind, NinelivesError)
    error = NinelivesError(text)
    if isinstance(cls, type) and issubclass(cls, NinelivesError):
        # Not all of them are made of their message.
        error = cls.__new__(cls)
        Exception.__init__(error, text)
    return error
