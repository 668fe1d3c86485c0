"""What a store writes besides the commits of journals."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ninelives.errors import EventSeenError, SessionExistsError, SessionNotFoundError
from ninelives.processes import marker_of, process_identity
from ninelives.storage.blobs import Blobs
from ninelives.storage.builds import Builds, remove
from ninelives.storage.records import STARTS, AnyLine, AnyRow, NewSession, SessionUpdate
from ninelives.storage.tables import INSERT_LINE, ROOM, insert_rows, storable, update_session
from ninelives.storage.writer import Work

#: Seconds: a process that dies later than this after it has taken a session may have died of anything.
SOON = 60.0


class Execute(Work):
    """One statement."""

    __slots__ = ("_parameters", "_sql")

    def __init__(self, sql: str, parameters: Sequence[Any]) -> None:
        super().__init__()
        self._sql = sql
        self._parameters = parameters

    def run(self, db: sqlite3.Connection) -> None:
        """Run the statement."""
        db.execute(self._sql, self._parameters)


class Create(Work):
    """A session with its first rows and lines, and the blobs that the rows refer to."""

    __slots__ = ("_blobs", "_builds", "_lines", "_new", "_referred", "_rows")

    def __init__(
        self,
        new: NewSession,
        rows: Sequence[AnyRow],
        lines: Sequence[AnyLine],
        blobs: Blobs,
        referred: Sequence[str],
        builds: Builds,
    ) -> None:
        super().__init__()
        self._new = new
        self._rows = rows
        self._blobs = blobs
        self._referred = referred
        self._builds = builds
        self._lines = [storable(line) for line in lines]

    def run(self, db: sqlite3.Connection) -> None:
        """Add all of it."""
        new = self._new
        if (
            new.forked_from
            and not db.execute("SELECT 1 FROM sessions WHERE session_id = ?", (new.forked_from,)).fetchone()
        ):
            # Its blobs may be gone with it.
            raise SessionNotFoundError(f"session {new.forked_from} has been deleted: fork another one")
        fields = {name: getattr(new, name) for name in NewSession.__struct_fields__}
        fields["updated_at"] = new.created_at
        sql = f"INSERT INTO sessions ({', '.join(fields)}) VALUES ({', '.join('?' * len(fields))})"
        try:
            number = db.execute(sql, tuple(fields.values())).lastrowid or 0
        except sqlite3.IntegrityError:
            raise self._taken(db) from None
        first = number * ROOM
        if self._rows:
            insert_rows(db, [(first + seq, kind, data) for seq, kind, data in self._rows])
        db.executemany(INSERT_LINE, [(first + at, *line) for at, line in enumerate(self._lines, start=1)])
        for sha256 in self._referred:
            refer(db, self._blobs, number, sha256)
        self._builds.keep(new.build_id)

    def committed(self) -> None:
        """Forget the build that was put for it."""
        self._builds.kept(self._new.build_id)

    def _taken(self, db: sqlite3.Connection) -> EventSeenError | SessionExistsError:
        new = self._new
        sql = "SELECT session_id FROM sessions WHERE project = ? AND entry_point = ? AND event_id = ?"
        seen = db.execute(sql, (new.project, new.entry_point, new.event_id)).fetchone()
        # Somebody who starts the same session twice wants to know that first.
        if seen and seen[0] != new.session_id:
            return EventSeenError(seen[0])
        return SessionExistsError(f"there is a session {new.session_id} already: choose another id, or resume that one")


def refer(db: sqlite3.Connection, blobs: Blobs, session: int, sha256: str) -> None:
    """Let a session refer to a blob, inside a transaction."""
    blobs.keep(sha256)
    db.execute("INSERT OR IGNORE INTO blob_references (session, sha256) VALUES (?, ?)", (session, sha256))


class TakeLease(Work):
    """The name of this process in a session whose lease it holds."""

    __slots__ = ("_begins_tail", "_noted", "_session", "_stored", "_update", "deaths", "taken_over")

    def __init__(
        self, session: int, update: SessionUpdate | None, *, stored: int, begins_tail: bool, noted: Iterable[AnyRow]
    ) -> None:
        super().__init__()
        self._session = session
        self._update = update
        self._stored = stored
        self._begins_tail = begins_tail
        #: marker of the process that had the lease and died, or ""
        self.taken_over = ""
        self._noted = noted
        #: how often in a row a process that had it died soon, at the same place
        self.deaths = 0

    def run(self, db: sqlite3.Connection) -> None:
        """Enter this process, and see whom it takes over from."""
        sql = "SELECT lease_pid, lease_started, deaths, deaths_at, taken_at FROM sessions WHERE number = ?"
        found = db.execute(sql, (self._session,)).fetchone()
        if found is None:
            raise SessionNotFoundError("the session has been deleted")
        pid = os.getpid()
        me = (pid, process_identity(pid))
        *process, deaths, at, taken = found
        self.taken_over = marker_of(*process) if all(process) and tuple(process) != me else ""
        now = time.time()
        if self.taken_over:
            last = self._last(db)
            self.deaths = deaths + 1 if last == at and 0 <= now - taken < SOON else 1
            at = last
        columns = "lease_pid = ?, lease_started = ?, deaths = ?, deaths_at = ?, taken_at = ?"
        values = (*me, self.deaths, at, now, self._session)
        db.execute(f"UPDATE sessions SET {columns} WHERE number = ?", values)
        update_session(db, self._session, self._update, stored=self._stored)
        if self._begins_tail:
            db.execute("UPDATE sessions SET tail_begun = commits WHERE number = ?", (self._session,))

    def _last(self, db: sqlite3.Connection) -> int:
        """Return the seq of the last row that something has come of."""
        first = self._session * ROOM
        sql = "SELECT id - ? FROM rows WHERE id BETWEEN ? AND ? AND kind != ? ORDER BY id DESC LIMIT 1"
        found = db.execute(sql, (first, first, first + ROOM - 1, STARTS)).fetchone()
        return max([found[0] if found else 0, *(row[0] for row in self._noted if row[1] != STARTS)])


class Delete(Work):
    """The end of a session in the database; its blobs become garbage."""

    __slots__ = ("_session",)

    def __init__(self, session: int) -> None:
        super().__init__()
        self._session = session

    def run(self, db: sqlite3.Connection) -> None:
        """Remove all of it."""
        session = (self._session,)
        db.execute("INSERT OR IGNORE INTO blob_garbage SELECT sha256 FROM blob_references WHERE session = ?", session)
        db.execute("DELETE FROM blob_references WHERE session = ?", session)
        records = (self._session * ROOM, self._session * ROOM + ROOM - 1)
        db.execute("DELETE FROM rows WHERE id BETWEEN ? AND ?", records)
        db.execute("DELETE FROM lines WHERE id BETWEEN ? AND ?", records)
        db.execute("DELETE FROM sessions WHERE number = ?", session)


class RemoveGarbage(Work):
    """The files of blobs that nothing refers to any more, and the builds that no session is on.

    They are removed inside the transaction, when nobody can add a reference. Should it not come to its end, they are
    still listed as garbage, and the next one finds nothing to remove.
    """

    __slots__ = ("_aside", "_blobs", "_builds")

    def __init__(self, blobs: Blobs, builds: Builds) -> None:
        super().__init__()
        self._blobs = blobs
        self._builds = builds
        self._aside: list[Path] = []

    def run(self, db: sqlite3.Connection) -> None:
        """Remove the files, and forget about them."""
        sql = "SELECT sha256 FROM blob_garbage EXCEPT SELECT sha256 FROM blob_references"
        for (sha256,) in db.execute(sql).fetchall():
            self._blobs.remove(sha256)
        db.execute("DELETE FROM blob_garbage")
        on_it = "SELECT 1 FROM sessions WHERE build_id = ? LIMIT 1"
        self._aside += self._builds.set_aside(lambda build_id: db.execute(on_it, (build_id,)).fetchone() is not None)

    def committed(self) -> None:
        """Remove what takes long, while others may write."""
        for path in self._aside:
            remove(path)
