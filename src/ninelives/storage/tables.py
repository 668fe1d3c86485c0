"""Rows, lines and sessions as the database has them."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter

from ninelives.errors import StoreError
from ninelives.processes import is_of_this_boot
from ninelives.storage.database import Database
from ninelives.storage.frames import Known
from ninelives.storage.records import AnyLine, AnyRow, Line, SessionUpdate

#: A session has at most this many rows, and as many lines.
ROOM = 1 << 32

INSERT_ROW = "INSERT INTO rows (id, kind, data) VALUES (?, ?, ?)"
_INSERT_TWO = f"{INSERT_ROW}, (?, ?, ?)"
INSERT_LINE = "INSERT OR IGNORE INTO lines (id, at, stream, level, text, lane) VALUES (?, ?, ?, ?, ?, ?)"

#: Rows that are read at once.
_PAGE = 1_000

#: A row, a line as the database has them: the first element is the session's number and the own one in one.
RowRecord = tuple[int, str, bytes]
LineRecord = tuple[int, float, str, str, str, str]

#: The first format with what is known of tails; an older one is only read.
_KNOWS_TAILS = 3

_UPDATED = ("state", "waiting_for", "result", "error", "build_id", "code_dir")


def insert_rows(db: sqlite3.Connection, rows: Sequence[RowRecord]) -> None:
    """Add rows inside a transaction; rows that are there already, the same in every byte, are left.

    Raises:
        StoreError: there is another row with the same number.
    """
    try:
        if len(rows) == 1:
            db.execute(INSERT_ROW, rows[0])
        elif len(rows) == 2:
            # A call and what it came to: the most common commit, and one statement costs half as much as two.
            db.execute(_INSERT_TWO, (*rows[0], *rows[1]))
        else:
            db.executemany(INSERT_ROW, rows)
    except sqlite3.IntegrityError:
        # A commit that was on disk when a signal's handler raised out of it is made again.
        for row in rows:
            found = db.execute("SELECT id, kind, data FROM rows WHERE id = ?", row[:1]).fetchone()
            if found is None:
                db.execute(INSERT_ROW, row)
            elif found != row:
                raise StoreError(f"row {row[0] % ROOM} of a journal was written twice, differently") from None


def update_session(
    db: sqlite3.Connection,
    number: int,
    update: SessionUpdate | None,
    *,
    stored: int = 0,
    synced: int = 0,
    ends_lease: bool = False,
) -> None:
    """Change a session inside a transaction of its process, and count that.

    Args:
        db: the connection.
        number: of the session.
        update: what else changes.
        stored: number of the last frame of its tail that is in the database with this transaction.
        synced: number of the last one that is on disk.
        ends_lease: nobody has it any more.
    """
    columns: dict[str, object] = {
        name: value for name in _UPDATED if (value := getattr(update, name, None)) is not None
    }
    columns |= {"tail_stored": stored, "tail_synced": synced}
    assignments = ["updated_at = ?", "commits = commits + 1", *(f"{name} = ?" for name in columns)]
    if ends_lease:
        assignments.append("lease_pid = NULL, lease_started = NULL, tail_begun = 0")
    db.execute(
        f"UPDATE sessions SET {', '.join(assignments)} WHERE number = ?", (time.time(), *columns.values(), number)
    )


def read_known(database: Database, number: int) -> Known:
    """Return what the database knows of a session's tail."""
    if database.version < _KNOWS_TAILS:
        return Known()
    sql = "SELECT commits, tail_begun, tail_stored, tail_synced, lease_started FROM sessions WHERE number = ?"
    found = database.query(sql, (number,))
    if not found:
        return Known()
    commits, begun, stored, synced, process = found[0]
    return Known(commits, begun, stored, synced, is_of_this_boot(process or ""))


def read_rows(database: Database, number: int) -> list[AnyRow]:
    """Return the rows of a session that are in the database, by seq; as plain tuples, since a replay starts with it."""
    first = number * ROOM
    sql = "SELECT id - ?, kind, data FROM rows WHERE id BETWEEN ? AND ? ORDER BY id"
    return database.query(sql, (first, first, first + ROOM - 1))


def pages_of_rows(database: Database, number: int) -> Iterator[list[AnyRow]]:
    """Yield the same rows, so many at a time: who has no use for them later reads all of them into the same memory."""
    first = start = number * ROOM
    sql = "SELECT id - ?, kind, data FROM rows WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?"
    while page := database.query(sql, (first, start, first + ROOM - 1, _PAGE)):
        yield page
        if len(page) < _PAGE:
            return
        start = first + page[-1][0] + 1


def read_lines(database: Database, number: int) -> list[tuple[int, Line]]:
    """Return the lines of a session that are in the database, with their numbers."""
    first = number * ROOM
    sql = "SELECT id - ?, at, stream, level, text, lane FROM lines WHERE id BETWEEN ? AND ? ORDER BY id"
    return [(number, Line(*line)) for number, *line in database.query(sql, (first, first, first + ROOM - 1))]


def merge_rows(stored: list[AnyRow], noted: Iterable[AnyRow]) -> list[AnyRow]:
    """Return rows of the database and of a tail that was read before it, each once, by seq."""
    noted = sorted(noted, key=itemgetter(0))
    if not noted or not stored or stored[-1][0] < noted[0][0]:
        return [*stored, *noted]
    known = set(map(itemgetter(0), stored))
    fresh = {row[0]: row for row in noted if row[0] not in known}
    return sorted([*stored, *fresh.values()], key=itemgetter(0))


def merge_lines(stored: list[tuple[int, Line]], noted: Iterable[tuple[int, Line]]) -> list[tuple[int, Line]]:
    """Return lines of the database and of a tail that was read before it, each once, by number.

    Lines come into the database in order, so a line of the tail with a lower number than the last one there is there.
    """
    last = stored[-1][0] if stored else 0
    return stored + sorted({number: (number, line) for number, line in noted if number > last}.values())


def storable(line: AnyLine) -> AnyLine:
    """Return the line with text that can be stored."""
    at, stream, level, text, lane = line
    if text.isascii():
        return line
    # Half of a surrogate pair is text to Python but not to UTF-8.
    return at, stream, level, text.encode("utf-8", "backslashreplace").decode("utf-8"), lane
