"""The SQLite file: how it is opened, brought up to date and read, and what its errors mean to a user."""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ninelives.errors import (
    StoreBusyError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreNewerError,
    StoreReadOnlyError,
)

if TYPE_CHECKING:
    import tempfile

#: How long to wait for another process's transaction, in seconds. Transactions take milliseconds; a disk may stall.
BUSY_TIMEOUT = 10.0

#: Less free space than this, in bytes, and a failed write is put down to it.
_NEARLY_FULL = 1 << 20

_MIGRATIONS = Path(__file__).with_name("migrations")

Result = TypeVar("Result")


class Database:
    """One SQLite database with, in each process, one connection that writes and one that reads.

    A connection must not be carried over a fork: the copy would believe that it holds locks which only the parent
    holds. So both are closed before one (`rest`), under their locks, and opened again when they are next needed.

    Parameters:
        file: the database; None keeps it in memory, where both connections are the same one.
        read_only: never write, and read a database that can't be written.
    """

    def __init__(self, file: Path | None, *, read_only: bool = False) -> None:
        self.path = str(file) if file else ":memory:"
        self.read_only = read_only
        self._file = file
        self._copy: tempfile.TemporaryDirectory[str] | None = None
        self._write: sqlite3.Connection | None = None
        self._read: sqlite3.Connection | None = None
        #: version of its format: an older one only when it is read and never written
        self.version = len(_migrations())
        self.renew_locks()
        try:
            self._bring_up_to_date()
        except sqlite3.Error as error:
            self.close()
            raise explain(error, self.path) from error
        except BaseException:
            self.close()
            raise

    def renew_locks(self) -> None:
        """Make locks that nobody holds: a forked child has those of threads that it does not have."""
        self.write_lock = threading.Lock()
        self.read_lock = threading.Lock() if self._file else self.write_lock

    def writer(self) -> sqlite3.Connection:
        """Return the connection that writes; the caller holds ``write_lock``."""
        if self._write is None:
            self._write = self._connect()
            # The writer waits in its own way.
            self._write.execute("PRAGMA busy_timeout = 0")
        return self._write

    def drop_writer(self) -> None:
        """Open a new connection for the next transaction: this one is in a state that can't be mended."""
        if self._file and self._write is not None:
            self._write.close()
            self._write = None

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Return all rows of a query as tuples."""
        return self.read(lambda db: db.execute(sql, parameters).fetchall())

    def read(self, query: Callable[[sqlite3.Connection], Result]) -> Result:
        """Return what ``query`` makes of the connection that reads; it must leave no cursor open."""
        try:
            with self.read_lock:
                if not self._file:
                    return query(self.writer())
                if self._read is None:
                    self._read = self._connect()
                return query(self._read)
        except sqlite3.Error as error:
            raise explain(error, self.path) from error

    def rest(self) -> None:
        """Close the connections for a fork, with both locks held. A database in memory is its connection and stays."""
        if self._file:
            self._disconnect()

    def close(self) -> None:
        """Close the connections."""
        self._disconnect()
        if self._copy:
            self._copy.cleanup()
            self._copy = None

    def _disconnect(self) -> None:
        for connection in (self._read, self._write):
            if connection is not None:
                connection.close()
        self._read = self._write = None

    def _connect(self) -> sqlite3.Connection:
        if self.read_only and self._file:
            return self._connect_read_only(self._file)
        db = _check(_open(self.path))
        db.execute("PRAGMA synchronous = FULL")
        # Does nothing but on macOS, where a plain fsync does not survive a power loss.
        db.execute("PRAGMA fullfsync = ON")
        return db

    def _connect_read_only(self, path: Path) -> sqlite3.Connection:
        if not path.exists():
            return _with_schema(_open(":memory:"))
        try:
            return _check(_open(f"{path.absolute().as_uri()}?mode=ro", uri=True))
        except sqlite3.OperationalError:
            if os.access(path.parent, os.W_OK):
                raise
        # SQLite can't make its files beside a database in a folder that can't be written. What a killed process left in
        # the write-ahead log counts too, and only a copy can be read together with it.
        log = path.with_name(path.name + "-wal")
        if not (log.exists() and log.stat().st_size):
            return _check(_open(f"{path.absolute().as_uri()}?immutable=1", uri=True))
        if self._copy is None:
            import shutil
            import tempfile

            self._copy = tempfile.TemporaryDirectory(prefix="ninelives-")
            for file in (path, log):
                shutil.copy(file, self._copy.name)
        return _check(_open(str(Path(self._copy.name, path.name))))

    def _bring_up_to_date(self) -> None:
        if self._file is None:
            _with_schema(self.writer())
            return
        if self.read_only:
            self._read = self._connect()
            self.version = _refuse_newer(self._read, self.path)
            return
        folder = os.open(self._file.parent, os.O_RDONLY)
        try:
            # Two processes that make the same database at the same time would find each other's half-made one.
            fcntl.flock(folder, fcntl.LOCK_EX)
            # The folder may be one that others can read. SQLite gives its other files the mode of this one.
            try:
                os.close(os.open(self.path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
            except OSError as error:
                raise explain_os_error(error, Path(self.path)) from error
            db = self._read = self._connect()
            if _refuse_newer(db, self.path) < len(_migrations()):
                db.execute("PRAGMA journal_mode = WAL")
                _with_schema(db)
        finally:
            os.close(folder)


def explain(error: sqlite3.Error, path: str) -> StoreError:
    """Return the error that says what an error of SQLite means, where, and what to do."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _nearly_full(path)):
        return StoreFullError(f"no space is left for {path}: free some and go on, nothing that was recorded is lost")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreBusyError(
            f"another process has kept {path} locked for {BUSY_TIMEOUT:.0f} seconds: try again, or end that process"
        )
    if code == sqlite3.SQLITE_READONLY:
        return read_only(path)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreCorruptError(
            f"{path} is damaged ({error}): restore it from a backup, or move it away to start with an empty one"
        )
    return StoreError(f"{path} can't be used ({error}): check that the folder exists and that its disk works")


def explain_os_error(error: OSError, path: Path) -> StoreError:
    """Return the error that says what an error of the operating system means to the store."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreFullError(f"no space is left for {path}: free some and go on, nothing that was recorded is lost")
    return StoreError(f"{path} can't be used ({error.strerror}): check that the folder exists and can be written")


def read_only(path: str) -> StoreReadOnlyError:
    """Return the error that says that this path can't be written."""
    return StoreReadOnlyError(f"{path} can't be written: make it writable, or set NINELIVES_HOME to a folder that is")


def _nearly_full(path: str) -> bool:
    if path == ":memory:":
        return False
    disk = os.statvfs(os.path.dirname(path))
    return disk.f_bavail * disk.f_frsize < _NEARLY_FULL


def _open(path: str, *, uri: bool = False) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False, uri=uri)


def _check(db: sqlite3.Connection) -> sqlite3.Connection:
    try:
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        db.close()
        raise
    return db


def _migrations() -> list[Path]:
    return sorted(_MIGRATIONS.glob("*.sql"))


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _refuse_newer(db: sqlite3.Connection, path: str) -> int:
    version = _version(db)
    if version > len(_migrations()):
        raise StoreNewerError(
            f"{path} was written by a newer ninelives (format {version}): update it, or set another NINELIVES_HOME"
        )
    return version


def _with_schema(db: sqlite3.Connection) -> sqlite3.Connection:
    for number, migration in enumerate(_migrations(), start=1):
        if _version(db) >= number:
            continue
        db.execute("BEGIN IMMEDIATE")
        try:
            for statement in _statements(migration.read_text("utf-8")):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {number}")
            db.execute("COMMIT")
        except sqlite3.Error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
    return db


def _statements(script: str) -> list[str]:
    # executescript() would commit the transaction that a migration runs in.
    found, statement = [], ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            found.append(statement)
            statement = ""
    return found
