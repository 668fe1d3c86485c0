"""One writer in each process, and group commit: whoever comes while a transaction is synced rides with the next one."""

from __future__ import annotations

import sqlite3
import threading
from time import monotonic, sleep

from ninelives.storage import database
from ninelives.storage.database import Database, explain, read_only

#: How long to wait, in seconds, when another process writes. SQLite's own waiting grows to 0.1 s, and let one of four
#: busy processes wait for two seconds.
_TRY_AGAIN_AFTER = 0.0005


class RefusedError(Exception):
    """Raised by `Work.run`: nothing of this work is to be written, and that is no error."""


class Work:
    """Changes that are written together or not at all."""

    # Defaults of the class: a commit sets few of them, and is made for every activity.
    done = False
    error: Exception | None = None
    #: held until it is done, or its thread is to write
    turn: threading.Lock | None = None
    leads = False

    def run(self, db: sqlite3.Connection) -> None:
        """Make the changes inside the transaction; may be called again when the transaction is lost."""
        raise NotImplementedError

    def committed(self) -> None:
        """Called when the changes are on disk, while nobody else writes."""


class Writer:
    """Writes the work of all threads of this process.

    There is no thread that writes. A thread that has work queues it. If nobody leads, it does: it writes everything
    that is queued in one transaction, with one sync, wakes those whose work is done, and lets the first of those who
    have come since lead. Waiting for a lock instead would make small groups: threads whose work is done would stand in
    line with the others.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.start_over()

    def start_over(self) -> None:
        """Forget what is queued: in a forked child it is the work of threads that the child does not have."""
        self._mutex = threading.Lock()
        self._queue: list[Work] = []
        #: a thread writes, or is about to
        self._is_led = False
        #: how many threads wait for the disk
        self._syncing = 0

    def begin_sync(self) -> bool:
        """Count a thread that is about to wait for the disk, and return whether it is the only one."""
        with self._mutex:
            self._syncing += 1
            return self._syncing == 1

    def end_sync(self) -> None:
        """Count it no more."""
        with self._mutex:
            self._syncing -= 1

    def submit(self, work: Work) -> bool:
        """Return when the work is on disk; False when it refused to be written.

        Raises:
            StoreError: it is not written; the error says why.
        """
        if self._database.read_only:
            raise read_only(self._database.path)
        self._do(work)
        if work.error is None:
            return True
        if isinstance(work.error, RefusedError):
            return False
        if isinstance(work.error, sqlite3.Error):
            raise explain(work.error, self._database.path) from work.error
        raise work.error

    def _do(self, work: Work) -> None:
        works: list[Work] = []
        try:
            with self._mutex:
                self._queue.append(work)
                if self._is_led:
                    work.turn = threading.Lock()
                    work.turn.acquire()
                else:
                    work.leads = self._is_led = True
            if work.turn:
                work.turn.acquire()
            if work.leads:
                with self._database.write_lock:
                    with self._mutex:
                        works, self._queue = self._queue, []
                    if len(works) > 1:
                        self._write_group(works)
                    for queued in works:
                        if not queued.done:
                            self._write_one(queued)
        except BaseException:
            # A signal's handler raised: what is not written now must not be written later, behind the caller's back.
            with self._mutex:
                if work in self._queue:
                    self._queue.remove(work)
            raise
        finally:
            if work.leads:
                self._hand_over(work, works)

    def _hand_over(self, leader: Work, works: list[Work]) -> None:
        with self._mutex:
            if len(works) == 1 and leader.done and not self._queue:
                self._is_led = False
                return
            # Undone is something only when the leader was interrupted.
            self._queue[:0] = [work for work in works if not work.done and work is not leader]
            self._is_led = bool(self._queue)
            awake = [work for work in works if work.done and work is not leader] + self._queue[:1]
            if self._queue:
                self._queue[0].leads = True
        for work in awake:
            if work.turn:
                work.turn.release()

    def _write_one(self, work: Work) -> None:
        db = None
        committing = False
        try:
            db = self._database.writer()
            _begin(db)
            work.run(db)
            committing = True
            db.execute("COMMIT")
        except BaseException as error:
            if committing and db and _is_written(db, error):
                _settle([work])
                raise
            self._roll_back(db)
            if not isinstance(error, Exception):
                raise
            work.error = error
            work.done = True
            return
        work.done = True
        work.committed()

    def _write_group(self, works: list[Work]) -> None:
        """Write all of it in one transaction, or, when that is lost, nothing: then each is written by itself."""
        committing = False
        db = None
        try:
            db = self._database.writer()
            _begin(db)
            for work in works:
                _run_in_savepoint(db, work)
            committing = True
            db.execute("COMMIT")
        except BaseException as error:
            if committing and db and _is_written(db, error):
                _settle(works)
                raise
            self._roll_back(db)
            for work in works:
                work.error = None
            if not isinstance(error, sqlite3.Error):
                raise
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                # It has been waited for; once is enough.
                for work in works:
                    work.error, work.done = error, True
            return
        _settle(works)

    def _roll_back(self, db: sqlite3.Connection | None) -> None:
        # On a full disk SQLite has rolled back by itself.
        if db is not None and db.in_transaction:
            try:
                db.execute("ROLLBACK")
            except sqlite3.Error:
                self._database.drop_writer()


def _begin(db: sqlite3.Connection) -> None:
    deadline = 0.0
    while True:
        try:
            db.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            now = monotonic()
            deadline = deadline or now + database.BUSY_TIMEOUT
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or now > deadline:
                raise
        sleep(_TRY_AGAIN_AFTER)


def _run_in_savepoint(db: sqlite3.Connection, work: Work) -> None:
    db.execute("SAVEPOINT work")
    try:
        work.run(db)
    except Exception as error:
        if not db.in_transaction:
            raise
        db.execute("ROLLBACK TO work")
        work.error = error
    db.execute("RELEASE work")


def _is_written(db: sqlite3.Connection, error: BaseException) -> bool:
    """Return whether COMMIT did its work: a signal that comes during the sync raises just after it."""
    return not db.in_transaction and not isinstance(error, sqlite3.Error)


def _settle(works: list[Work]) -> None:
    for work in works:
        work.done = True
        if work.error is None:
            work.committed()
