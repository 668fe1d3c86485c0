"""The journal of one live session: what is noted survives a kill, what is committed survives a power loss."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from ninelives import starts
from ninelives.errors import StoreError
from ninelives.storage import tail as tails
from ninelives.storage import values
from ninelives.storage.blobs import Blobs
from ninelives.storage.builds import Builds
from ninelives.storage.database import Database, explain_os_error
from ninelives.storage.frames import TailContent
from ninelives.storage.records import AnyLine, AnyRow, Line, Put, Row, SessionUpdate
from ninelives.storage.tables import (
    INSERT_LINE,
    ROOM,
    LineRecord,
    RowRecord,
    insert_rows,
    merge_rows,
    pages_of_rows,
    storable,
    update_session,
)
from ninelives.storage.writer import Work, Writer


class Journal:
    """Made by `Store.acquire`; to be released. All methods may be called from any thread of the process that made it.

    Parameters:
        number: of the session.
        tail: of the session; None: in memory.
        starts: file in which a runner of the session says what it starts (`ninelives.starts`); None: in memory.
        content: what was in it.
        commits: transactions of the session so far.
        taken_over: marker of the dead process that had the lease before, or "": what its children carry.
        deaths: how often in a row a process that had the lease died soon after it took it, at the same place.
    """

    def __init__(
        self,
        database: Database,
        writer: Writer,
        blobs: Blobs,
        builds: Builds,
        *,
        session_id: str,
        number: int,
        tail: tails.Tail | None,
        starts: Path | None,
        content: TailContent,
        commits: int,
        taken_over: str,
        deaths: int,
        on_release: Callable[[Journal], None],
    ) -> None:
        self.session_id = session_id
        self.number = number
        self.taken_over = taken_over
        self.deaths = deaths
        self.blobs = blobs
        self.builds = builds
        self._database = database
        self._writer = writer
        self._on_release = on_release
        self._first = number * ROOM
        self._usable = True
        self._lock = threading.Lock()
        #: what is noted and not in the database yet; the tail holds the same
        self._rows: list[RowRecord] = []
        self._lines: list[LineRecord] = []
        self._next_line = self._last_line() + 1
        self._tail = tail
        #: transactions of the session so far
        self._commits = commits
        self._starts = starts
        self._take_up(content)
        self.take_starts()

    def _take_up(self, content: TailContent) -> None:
        """Note again what a killed process left in the tail."""
        if self._tail and content.has_rest:
            self._tail.cut()
        if content.rows:
            seqs = [row.seq for row in content.rows]
            known = set(self._seqs(min(seqs), max(seqs)))
            fresh = {row.seq: row for row in content.rows if row.seq not in known}
            self._rows = [(self._first + seq, kind, data) for seq, kind, data in fresh.values()]
        fresh_lines = [(number, line) for number, line in content.lines if number >= self._next_line]
        self._lines = [self._line_record(number, line) for number, line in dict(fresh_lines).items()]
        self._next_line = max((number + 1 for number, _ in fresh_lines), default=self._next_line)

    def starts(self) -> int | None:
        """Return a descriptor of the file in which a runner says what it starts, to be closed; None: in memory.

        Raises:
            StoreError: it can't be made.
        """
        if self._starts is None:
            return None
        try:
            return os.open(self._starts, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise explain_os_error(error, self._starts) from error

    def take_starts(self) -> None:
        """Note what a runner said that it starts, and could not tell; it has ended.

        Raises:
            StoreError: nothing of it is noted, and it is still there.
        """
        rows = starts.read(self._starts) if self._starts is not None else []
        if rows and self._starts is not None:
            numbers = [row[0] for row in rows]
            known = {number - self._first for number, _, _ in self._rows}
            known.update(self._seqs(min(numbers), max(numbers)))
            self.note([row for row in rows if row[0] not in known])
            try:
                os.truncate(self._starts, 0)
            except OSError as error:
                raise explain_os_error(error, self._starts) from error

    def load(self) -> list[AnyRow]:
        """Return all rows, by seq, committed or noted."""
        return list(self.all_rows())

    def all_rows(self) -> Iterator[AnyRow]:
        """Yield all rows, by seq, committed or noted; read piece by piece."""
        with self._lock:
            noted = sorted((number - self._first, kind, data) for number, kind, data in self._rows)
        pages = pages_of_rows(self._database, self.number)
        for page in pages:
            if noted and page[-1][0] >= noted[0][0]:
                # Part of the tail is in the database.
                noted = merge_rows([*page, *chain.from_iterable(pages)], noted)
                break
            yield from page
        yield from noted

    def line_counts(self) -> dict[str, int]:
        """Return how many lines each lane has in the session's log."""
        with self._lock:
            noted = [record[-1] for record in self._lines]
            ids = {record[0] for record in self._lines}
        sql = "SELECT lane, count(*) FROM lines WHERE id BETWEEN ? AND ? GROUP BY lane"
        before = min(ids, default=self._first + ROOM) - 1
        counts: dict[str, int] = dict(self._database.query(sql, (self._first, before)))
        for lane in noted:
            counts[lane] = counts.get(lane, 0) + 1
        return counts

    def note(self, rows: Sequence[AnyRow] = (), lines: Sequence[AnyLine] = ()) -> None:
        """Record without a sync: it survives a kill, and is on disk after the next commit.

        Raises:
            StoreError: nothing of it is recorded.
        """
        tail = self._tail
        if tail and tail.size >= tails.LARGE:
            # A program may print for hours before it calls anything.
            self.commit(rows, lines)
        else:
            self._append(rows, lines, sync=False)

    def _append(self, rows: Sequence[AnyRow], lines: Sequence[AnyLine], *, sync: bool) -> None:
        if not self._usable:
            raise self._unusable()
        if lines:
            lines = [storable(line) for line in lines]
        with self._lock:
            row_count, line_count, first_line = len(self._rows), len(self._lines), self._next_line
            try:
                for seq, kind, data in rows:
                    self._rows.append((self._first + seq, kind, data))
                if lines:
                    self._lines += map(self._line_record, range(first_line, first_line + len(lines)), lines)
                    self._next_line += len(lines)
                if self._tail:
                    self._tail.append(rows, first_line, lines, commits=self._commits, sync=sync)
            except BaseException:
                # The disk, or a signal's handler: what is not in the tail must not be written later.
                del self._rows[row_count:], self._lines[line_count:]
                self._next_line = first_line
                raise

    def commit(
        self,
        rows: Sequence[AnyRow] = (),
        lines: Sequence[AnyLine] = (),
        *,
        update: SessionUpdate | None = None,
        puts: Sequence[Put] = (),
        blobs: Sequence[str] = (),
    ) -> bool:
        """Put everything noted so far, and this, on disk: in one transaction, or, if it is rows and lines, in the tail.

        Args:
            rows: to append.
            lines: to append to the session's log.
            update: changes of the session.
            puts: changes of project values.
            blobs: SHA-256 of the blobs that the rows refer to.

        Returns:
            False when a value does not have the expected version; then nothing of this call is recorded, what was
            noted stays noted.

        Raises:
            StoreError: nothing of this call is recorded, what was noted stays noted; the same call may be made again.
        """
        tail, writer = self._tail, self._writer
        # Syncing a file of one's own is the fastest for one session; many of them had better share a transaction.
        alone = writer.begin_sync()
        try:
            if tail and alone and tail.size < tails.LARGE and update is None and not puts and not blobs:
                self._append(rows, lines, sync=True)
                return True
            if not self._usable:
                raise self._unusable()
            return self._writer.submit(_Commit(self, rows, lines, update=update, puts=puts, blobs=blobs))
        finally:
            writer.end_sync()

    def cancel_requested(self) -> bool:
        """Return whether somebody wants the session to be cancelled."""
        found = self._database.query("SELECT cancel_requested FROM sessions WHERE number = ?", (self.number,))
        return bool(found and found[0][0])

    def release(self, update: SessionUpdate | None = None) -> None:
        """Commit everything and give the lease back; again, or in a forked child, which does not have it: do nothing.

        Args:
            update: changes of the session.

        Raises:
            StoreError: the session is not released; it may be tried again.
        """
        if not self._usable:
            return
        self.take_starts()
        self._writer.submit(_Commit(self, (), (), update=update, ends_lease=True))
        self._usable = False
        # The lease is given back last: until then nobody else writes to the tail.
        if self._tail:
            self._tail.remove()
        if self._starts is not None:
            self._starts.unlink(missing_ok=True)
        self._on_release(self)

    def abandon(self) -> None:
        """Make it useless: its store is closed, or it was copied to a forked child."""
        self._usable = False
        if self._tail:
            self._tail.close()

    def renew_lock(self) -> None:
        """Make a lock that nobody holds, in a forked child."""
        self._lock = threading.Lock()

    def noted(self) -> tuple[list[Row], list[tuple[int, Line]]]:
        """Return what is noted and not committed: rows, and lines with their numbers."""
        with self._lock:
            rows = [Row(number - self._first, kind, data) for number, kind, data in self._rows]
            return rows, [(record[0] - self._first, Line(*record[1:])) for record in self._lines]

    def _line_record(self, number: int, line: AnyLine) -> LineRecord:
        return (self._first + number, *line)

    def _last_line(self) -> int:
        sql = "SELECT max(id) FROM lines WHERE id BETWEEN ? AND ?"
        found = self._database.query(sql, (self._first, self._first + ROOM - 1))[0][0]
        return found - self._first if found else 0

    def _seqs(self, first: int, last: int) -> list[int]:
        sql = "SELECT id - ? FROM rows WHERE id BETWEEN ? AND ?"
        return [seq for (seq,) in self._database.query(sql, (self._first, self._first + first, self._first + last))]

    def _unusable(self) -> StoreError:
        return StoreError(
            f"session {self.session_id} is not run by this process: it was released, or this is a forked child"
        )


class _Commit(Work):
    def __init__(
        self,
        journal: Journal,
        rows: Sequence[AnyRow],
        lines: Sequence[AnyLine],
        *,
        update: SessionUpdate | None,
        puts: Sequence[Put] = (),
        blobs: Sequence[str] = (),
        ends_lease: bool = False,
    ) -> None:
        self._journal = journal
        self._rows = rows
        self._lines = [storable(line) for line in lines] if lines else ()
        self._update = update
        self._puts = puts
        self._blobs = blobs
        self._ends_lease = ends_lease
        self._taken = (0, 0)

    def run(self, db: sqlite3.Connection) -> None:
        journal = self._journal
        for put in self._puts:
            values.apply(db, put)
        with journal._lock:
            self._taken = (len(journal._rows), len(journal._lines))
            rows = journal._rows.copy()
            first, tail = journal._first, journal._tail
            stored = tail.number if tail else 0
            # One that is begun anew is known to hold nothing.
            synced = tail.synced if tail and tail.size < tails.LARGE else 0
            for seq, kind, data in self._rows:
                rows.append((first + seq, kind, data))
            lines: list[LineRecord] | None = None
            if journal._lines or self._lines:
                numbers = range(journal._next_line, journal._next_line + len(self._lines))
                lines = [*journal._lines, *map(journal._line_record, numbers, self._lines)]
                journal._next_line += len(self._lines)
        if rows:
            insert_rows(db, rows)
        if lines:
            db.executemany(INSERT_LINE, lines)
        for sha256 in self._blobs:
            journal.blobs.keep(sha256)
            reference = (journal.number, sha256)
            db.execute("INSERT OR IGNORE INTO blob_references (session, sha256) VALUES (?, ?)", reference)
        if self._update and self._update.build_id:
            journal.builds.keep(self._update.build_id)
        update_session(db, journal.number, self._update, stored=stored, synced=synced, ends_lease=self._ends_lease)

    def committed(self) -> None:
        journal = self._journal
        row_count, line_count = self._taken
        with journal._lock:
            journal._commits += 1
            if row_count or line_count:
                del journal._rows[:row_count], journal._lines[:line_count]
                tail = journal._tail
                if tail and tail.size >= tails.LARGE and not journal._rows and not journal._lines:
                    tail.rewind()
        for sha256 in self._blobs:
            journal.blobs.kept(sha256)
        if self._update and self._update.build_id:
            journal.builds.kept(self._update.build_id)
