"""The direct place's link: the store itself, in the same process."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager

from ninelives.session.link import BlobSink, BlobSource, Line, Put, Row
from ninelives.storage import Journal, SessionUpdate, Store
from ninelives.storage import Put as StorePut


class DirectLink:
    """Answers a session from the store. See `ninelives.session.link.Link`.

    Args:
        store: the store.
        journal: the session's journal, with its lease.
        project: whose values the session has.
    """

    def __init__(self, store: Store, journal: Journal, project: str) -> None:
        self.session_id = journal.session_id
        #: see `Journal`
        self.deaths = journal.deaths
        self._store = store
        self._journal = journal
        self._project = project
        #: held while something is written: who closes it for good lets nothing more be written
        self.gate = threading.RLock()

    def load(self) -> Iterable[Row]:
        """See `Link.load`."""
        return self._journal.all_rows()

    def line_counts(self) -> dict[str, int]:
        """See `Link.line_counts`."""
        return self._journal.line_counts()

    def note(self, rows: Sequence[Row], lines: Sequence[Line] = ()) -> None:
        """See `Link.note`."""
        with self.gate:
            self._journal.note(rows, lines)

    def starts(self) -> int | None:
        """Return a descriptor of the session's file of starts, to be closed; None: there is none."""
        return self._journal.starts()

    def take_starts(self) -> None:
        """Record what a runner that has ended said that it starts, and could not tell."""
        with self.gate:
            self._journal.take_starts()

    def settle(self) -> None:
        """See `Link.settle`: here it is when `note` returns."""

    def commit(
        self, rows: Sequence[Row], lines: Sequence[Line] = (), *, puts: Sequence[Put] = (), blobs: Sequence[str] = ()
    ) -> bool:
        """See `Link.commit`."""
        with self.gate:
            return self._journal.commit(
                rows, lines, puts=[StorePut(self._project, *put) for put in puts] if puts else (), blobs=blobs
            )

    def finish(self, rows: Sequence[Row], *, state: str, result: str, error: str) -> None:
        """See `Link.finish`."""
        with self.gate:
            self._journal.commit(rows, update=SessionUpdate(state=state, waiting_for="", result=result, error=error))

    def held(self) -> AbstractContextManager[object]:
        """See `Link.held`."""
        return self.gate

    def waiting(self, what: str) -> None:
        """See `Link.waiting`."""
        with self.gate:
            update = SessionUpdate(state="waiting" if what else "running", waiting_for=what)
            self._journal.commit(update=update)

    def blob_sink(self) -> BlobSink:
        """See `Link.blob_sink`."""
        return self._store.blobs.writer(self._journal.number)

    def blob_source(self, sha: str) -> BlobSource:
        """See `Link.blob_source`."""
        return self._store.blobs.open(sha)

    def get_value(self, key: str) -> tuple[bytes, int] | None:
        """See `Link.get_value`."""
        with self.gate:
            return self._store.get_value(self._project, key)

    def value_keys(self) -> list[str]:
        """See `Link.value_keys`."""
        with self.gate:
            return self._store.value_keys(self._project)
