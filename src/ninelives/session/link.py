"""What a session asks of its worker: the one boundary between user code's side and the side that owns journals.

The direct place answers it with the store itself; a runner answers it with messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

#: seq, kind and encoded entry
Row = tuple[int, str, bytes]

#: at (unix seconds), stream (stdout, stderr, log), level, text, lane
Line = tuple[float, str, str, str, str]

#: key, encoded value (None deletes), version that the key must still have (0: absent; None: any)
Put = tuple[str, bytes | None, int | None]


class BlobSink(Protocol):
    """Takes the pieces of a large value."""

    def write(self, data: bytes, /) -> int:
        """Take the next piece."""
        ...

    def finish(self) -> str:
        """Put the value on disk and return its sha256, hex."""
        ...

    def abort(self) -> None:
        """Forget the pieces taken so far."""
        ...


class BlobSource(Protocol):
    """Gives a large value in pieces, as `pickle.Unpickler` asks for them."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to ``size`` bytes."""
        ...

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        """Fill ``buffer``."""
        ...

    def readline(self) -> bytes:
        """Return up to and including the next newline."""
        ...


class Link(Protocol):
    """The worker, as one session sees it. Every method raises `ninelives.errors.StoreError` when it can't be done."""

    @property
    def session_id(self) -> str:
        """The session's id."""
        ...

    def load(self) -> Iterable[Row]:
        """Return what is recorded, in order."""
        ...

    def line_counts(self) -> dict[str, int]:
        """Return how many log lines each lane has recorded."""
        ...

    def note(self, rows: Sequence[Row], lines: Sequence[Line] = ()) -> None:
        """Record without waiting for the disk: it survives a kill, and rides with the next commit for a power loss."""
        ...

    def settle(self) -> None:
        """Return when all that was noted is recorded: what comes next leaves the session without being recorded."""
        ...

    def commit(
        self, rows: Sequence[Row], lines: Sequence[Line] = (), *, puts: Sequence[Put] = (), blobs: Sequence[str] = ()
    ) -> bool:
        """Record, with all that was noted, and return when it is on disk.

        Returns:
            False, with nothing of this call recorded, when a put's version does not match.
        """
        ...

    def finish(self, rows: Sequence[Row], *, state: str, result: str, error: str) -> None:
        """Record the end, and with it how the session ended.

        Args:
            rows: the end entry.
            state: completed or error.
            result: the result, rendered.
            error: what it raised, as JSON.
        """
        ...

    def held(self) -> AbstractContextManager[object]:
        """Hold off an interruption while something is shown and recorded."""
        ...

    def waiting(self, what: str) -> None:
        """Say what the session waits for from now on, as JSON; the empty string: it runs."""
        ...

    def blob_sink(self) -> BlobSink:
        """Return a sink for a large value."""
        ...

    def blob_source(self, sha: str) -> BlobSource:
        """Return a large value."""
        ...

    def get_value(self, key: str) -> tuple[bytes, int] | None:
        """Return a value of the project's store and its version."""
        ...

    def value_keys(self) -> list[str]:
        """Return the keys of the project's store, sorted."""
        ...
