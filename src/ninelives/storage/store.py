"""The store: sessions, their journals and logs, project values, blobs and builds, in one folder."""

from __future__ import annotations

import os
import shutil
import weakref
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ninelives import starts
from ninelives.errors import SessionBusyError, SessionNotFoundError, StoreError
from ninelives.storage import values
from ninelives.storage.blobs import Blobs
from ninelives.storage.builds import Builds
from ninelives.storage.database import Database, explain_os_error, read_only
from ninelives.storage.frames import TailContent, damage, read_tail
from ninelives.storage.journal import Journal
from ninelives.storage.lease import Leases
from ninelives.storage.records import OPEN_STATES, AnyLine, AnyRow, Line, NewSession, Row, SessionRow, SessionUpdate
from ninelives.storage.tables import merge_lines, merge_rows, read_known, read_lines, read_rows
from ninelives.storage.tail import damaged, open_tail
from ninelives.storage.works import Create, Delete, Execute, RemoveGarbage, TakeLease
from ninelives.storage.writer import Writer

if TYPE_CHECKING:
    import tempfile

#: Name of the database in the store's folder, where it is not said to be elsewhere.
FILE = "ninelives.db"

_COLUMNS = SessionRow.__struct_fields__[:-1]

#: What stands in for columns that a store of an older format, which is only read, does not have: by format.
_ADDED = {2: {"forked_from": "''", "forked_at": "0"}}

_stores: weakref.WeakSet[Store] = weakref.WeakSet()
#: the stores that wait for a fork to be over
_held: list[Store] = []


class Store:
    """Opened with `Store.open`, to be closed; a context manager. All methods may be called from any thread.

    A child of this process that was forked may use it too: it makes its own connections and has none of the leases.
    """

    def __init__(self, home: Path | None, *, read_only: bool, database: Path | None = None) -> None:
        self._database = Database(home and (database or home / FILE), read_only=read_only)
        self._select = _select(self._database.version)
        self._writer = Writer(self._database)
        self._leases = Leases(home)
        self._live: dict[int, Journal] = {}
        #: the folder; None: in memory
        self.home = home
        self._temporary = None if home else _temporary_folder()
        folder = home or Path(self._temporary.name if self._temporary else "")
        self._tails = home / "tails" if home else None
        self.blobs = Blobs(folder / "blobs")
        self.builds = Builds(folder / "builds")
        #: folder of rewritten user code; None keeps none
        self.cache = home / "cache" if home else None
        try:
            #: PYTHONHASHSEED of every process that runs a session of this installation
            self.hash_seed = self._get_hash_seed()
            if not read_only:
                self.blobs.sweep(self._leases.is_held)
        except BaseException:
            self.close()
            raise
        _stores.add(self)

    @classmethod
    def open(cls, home: Path | None, *, read_only: bool = False, database: Path | None = None) -> Store:
        """Open the store in a folder, and make it if it is not there.

        Args:
            home: the folder; None: in memory, nothing is kept.
            read_only: change nothing, and make do with a folder that can't be written, or is not there.
            database: the database, if it is not `FILE` in the folder. What is kept beside it belongs to it alone, so no
                two databases share a folder.

        Raises:
            StoreReadOnlyError, StoreCorruptError, StoreNewerError, StoreError: it can't be opened.
        """
        # The program may go to another folder before the first file is opened.
        home = home.absolute() if home else None
        if home and home.exists() and not home.is_dir():
            raise StoreError(f"{home} is no folder: set NINELIVES_HOME to one")
        if home and not read_only:
            _make(home)
            if database:
                _make_private(database)
        return cls(home, read_only=read_only, database=database)

    def close(self) -> None:
        """Close the store. Sessions that are live stay as they are and can be taken up again."""
        _stores.discard(self)
        for journal in list(self._live.values()):
            journal.abandon()
        self._live.clear()
        self._database.close()
        self._leases.close()
        if self._temporary:
            self._temporary.cleanup()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def create(
        self, new: NewSession, rows: Sequence[AnyRow], lines: Sequence[AnyLine] = (), *, blobs: Sequence[str] = ()
    ) -> None:
        """Put a session and the first rows of its journal and log on disk, in one transaction.

        Args:
            new: the session.
            rows: of its journal.
            lines: of its log; they are numbered from 1.
            blobs: SHA-256 of the blobs that the rows refer to.

        Raises:
            EventSeenError: its event has started a session of the same project and entry point.
            SessionExistsError: its id is taken.
            SessionNotFoundError: the session that it is forked from is not there any more.
        """
        self._writer.submit(Create(new, rows, lines, self.blobs, blobs, self.builds))

    def session(self, session_id: str) -> SessionRow:
        """Return a session.

        Args:
            session_id: the id, or the beginning of it that no other has.

        Raises:
            SessionNotFoundError: there is none, or more than one.
        """
        return self._to_session(self._find(session_id))

    def sessions(self, limit: int | None = None) -> list[SessionRow]:
        """Return all sessions, or the last ``limit``, newest first."""
        records = self._database.query(
            f"{self._select} ORDER BY number DESC LIMIT ?", (-1 if limit is None else limit,)
        )
        return [self._to_session(record) for record in records]

    def unfinished(self) -> list[tuple[str, str]]:
        """Return the id of each session that is not over, and what it waits for, as JSON; the oldest first."""
        states = ", ".join(f"'{state}'" for state in sorted(OPEN_STATES))
        sql = f"SELECT session_id, waiting_for FROM sessions WHERE state IN ({states}) ORDER BY number"
        return [(session_id, waiting_for) for session_id, waiting_for in self._database.query(sql)]

    def work_folder(self, session_id: str) -> Path:
        """Return the working directory that a session has while it is there; who runs it makes it.

        Raises:
            StoreError: the store is in memory, where nothing lasts.
        """
        if self.home is None:
            raise StoreError("a store in memory has no folders for sessions")
        return self.home / "work" / session_id

    def delete(self, session_id: str) -> None:
        """Delete a session with all that belongs to it alone.

        Raises:
            SessionNotFoundError: there is none, or more than one.
            SessionBusyError: a process runs it.
        """
        record = self._find(session_id)
        number: int = record[0]
        if not self._leases.take(number):
            raise self._busy(record)
        try:
            self._writer.submit(Delete(number))
            if path := self._tail_path(number):
                path.unlink(missing_ok=True)
            if path := self._starts_path(number):
                path.unlink(missing_ok=True)
            self.blobs.drop_unreferenced(number)
            if self.home is not None:
                shutil.rmtree(self.work_folder(record[1]), ignore_errors=True)
            self._writer.submit(RemoveGarbage(self.blobs, self.builds))
        finally:
            self._leases.give_back(number)

    def request_cancel(self, session_id: str) -> None:
        """Ask for a session to be cancelled; the process that runs it finds out.

        Raises:
            SessionNotFoundError: there is none, or more than one.
        """
        number = self._find(session_id)[0]
        self._writer.submit(Execute("UPDATE sessions SET cancel_requested = 1 WHERE number = ?", (number,)))

    def rows(self, session_id: str) -> list[Row]:
        """Return the rows of a session's journal, by seq.

        Raises:
            SessionNotFoundError: there is none, or more than one.
        """
        number, session_id = self._find(session_id)[:2]
        # In this order: what leaves the tail in between is in the database when that is read.
        noted = self._noted(number, session_id)[0]
        return [Row(*row) for row in merge_rows(read_rows(self._database, number), noted)]

    def lines(self, session_id: str) -> list[tuple[int, Line]]:
        """Return the lines of a session's log with their numbers, which rise.

        Raises:
            SessionNotFoundError: there is none, or more than one.
        """
        number, session_id = self._find(session_id)[:2]
        noted = self._noted(number, session_id)[1]
        return merge_lines(read_lines(self._database, number), noted)

    def acquire(self, session_id: str, update: SessionUpdate | None = None) -> Journal:
        """Take the lease of a session, for this process, until the journal is released or the process dies.

        Args:
            session_id: the id, or the beginning of it that no other has.
            update: changes of the session.

        Raises:
            SessionNotFoundError: there is none, or more than one.
            SessionBusyError: a process, maybe this one, runs it.
            StoreCorruptError: results that were on disk are lost; nothing was changed.
        """
        record = self._find(session_id)
        number: int = record[0]
        if not self._leases.take(number):
            raise self._busy(record)
        try:
            journal = self._open_journal(record[1], number, update)
        except BaseException:
            self._leases.give_back(number)
            raise
        self._live[number] = journal
        return journal

    def _open_journal(self, session_id: str, number: int, update: SessionUpdate | None) -> Journal:
        known = read_known(self._database, number)
        tail, content = None, TailContent([], [], 0)
        if path := self._tail_path(number):
            tail, content = open_tail(path, known, session_id)
        begins = tail is not None and not known.begun
        lease = TakeLease(number, update, stored=0 if begins else known.stored, begins_tail=begins, noted=content.rows)
        self._writer.submit(lease)
        self.blobs.drop_unreferenced(number)
        return Journal(
            self._database,
            self._writer,
            self.blobs,
            self.builds,
            session_id=session_id,
            number=number,
            tail=tail,
            starts=self._starts_path(number),
            content=content,
            commits=known.commits + 1,
            taken_over=lease.taken_over,
            deaths=lease.deaths,
            on_release=self._released,
        )

    def get_value(self, project: str, key: str) -> tuple[bytes, int] | None:
        """Return the encoded value of a key of a project, and its version; None when there is none."""
        return values.get_value(self._database, project, key)

    def value_keys(self, project: str) -> list[str]:
        """Return the keys of a project's values, sorted."""
        return values.value_keys(self._database, project)

    def hold_for_fork(self) -> None:
        """Let no thread be inside SQLite, and no connection open, while the process forks."""
        self._database.write_lock.acquire()
        if self._database.read_lock is not self._database.write_lock:
            self._database.read_lock.acquire()
        self._database.rest()

    def go_on_after_fork(self) -> None:
        """Let the threads of the parent go on."""
        if self._database.read_lock is not self._database.write_lock:
            self._database.read_lock.release()
        self._database.write_lock.release()

    def start_over_in_child(self) -> None:
        """Become a store of the forked child."""
        self._database.renew_locks()
        self._writer.start_over()
        self.blobs.renew_lock()
        for journal in self._live.values():
            journal.renew_lock()
            journal.abandon()
        self._live.clear()

    def _released(self, journal: Journal) -> None:
        self._live.pop(journal.number, None)
        self.blobs.drop_unreferenced(journal.number)
        self._leases.give_back(journal.number)

    def _tail_path(self, number: int) -> Path | None:
        return self._tails / f"{number}.tail" if self._tails else None

    def _starts_path(self, number: int) -> Path | None:
        return self._tails / f"{number}.starts" if self._tails else None

    def _noted(self, number: int, session_id: str) -> tuple[list[Row], list[tuple[int, Line]]]:
        """Return what is in the tail.

        Raises:
            StoreCorruptError: no process writes to it, and it is not as the last one left it.
        """
        if path := self._tail_path(number):
            content = read_tail(path)
            wrong = damage(content, read_known(self._database, number))
            # What is read while somebody writes may be of two moments.
            if wrong and not self._leases.is_held(number):
                raise damaged(path, wrong, session_id)
            rows = [Row(*row) for row in starts.read(self._tails / f"{number}.starts")] if self._tails else []
            return [*content.rows, *rows], content.lines
        journal = self._live.get(number)
        return journal.noted() if journal else ([], [])

    def _find(self, session_id: str) -> tuple[Any, ...]:
        sql = f"{self._select} WHERE session_id >= ? AND session_id < ? ORDER BY session_id LIMIT 2"
        found = self._database.query(sql, (session_id, session_id + "\U0010ffff")) if session_id else []
        # The id itself comes before those that begin with it.
        if not found or (len(found) > 1 and found[0][1] != session_id):
            what = "more than one session begins with" if found else "there is no session"
            raise SessionNotFoundError(f"{what} {session_id!r}: see ninelives sessions list")
        return tuple(found[0])

    def _to_session(self, record: tuple[Any, ...]) -> SessionRow:
        fields = dict(zip(_COLUMNS, record[1:], strict=True))
        live = self._leases.is_held(record[0])
        if fields["state"] in OPEN_STATES and fields["lease_pid"] and not live:
            fields["state"] = "interrupted"
        fields["cancel_requested"] = bool(fields["cancel_requested"])
        return SessionRow(**fields, live=live)

    def _busy(self, record: tuple[Any, ...]) -> SessionBusyError:
        pid = record[1 + _COLUMNS.index("lease_pid")]
        who = "this process" if pid == os.getpid() else f"process {pid}" if pid else "another process"
        return SessionBusyError(f"session {record[1]} is run by {who}: wait until it ends, or end that process first")

    def _get_hash_seed(self) -> int:
        sql = "SELECT value FROM meta WHERE key = 'hash_seed'"
        found = self._database.query(sql)
        if not found and not self._database.read_only:
            seed = int.from_bytes(os.urandom(4)) or 1
            self._writer.submit(Execute("INSERT OR IGNORE INTO meta (key, value) VALUES ('hash_seed', ?)", (seed,)))
            found = self._database.query(sql)
        return int(found[0][0]) if found else 0


def _select(version: int) -> str:
    """Return the query for sessions in a store of a format."""
    lacks = {name: value for added, names in _ADDED.items() if added > version for name, value in names.items()}
    return f"SELECT number, {', '.join(lacks.get(name, name) for name in _COLUMNS)} FROM sessions"


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    import tempfile

    return tempfile.TemporaryDirectory(prefix="ninelives-")


def _make(home: Path) -> None:
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except PermissionError as error:
        raise read_only(str(home)) from error
    except OSError as error:
        raise explain_os_error(error, home) from error
    if not os.access(home, os.W_OK):
        raise read_only(str(home))


def _make_private(database: Path) -> None:
    """Make an empty database that nobody else can read; SQLite gives the files beside it the same mode."""
    try:
        os.close(os.open(database, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except (PermissionError, IsADirectoryError) as error:
        raise read_only(str(database)) from error
    except OSError as error:
        raise explain_os_error(error, database) from error


def _hold_all() -> None:
    for store in list(_stores):
        store.hold_for_fork()
        _held.append(store)


def _let_go_in_parent() -> None:
    for store in _held:
        store.go_on_after_fork()
    _held.clear()


def _start_over_in_child() -> None:
    for store in _held:
        store.start_over_in_child()
    _held.clear()


os.register_at_fork(before=_hold_all, after_in_parent=_let_go_in_parent, after_in_child=_start_over_in_child)
