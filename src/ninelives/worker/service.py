"""A worker that runs many sessions at once, in runners: queued, waited for, and taken up again after a restart.

Each session that runs has a thread, which talks to its runner; one that waits for long has neither, only its time.
"""

from __future__ import annotations

import heapq
import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from ninelives.errors import (
    EnvironmentBuildError,
    NinelivesError,
    ProgramError,
    RunnerError,
    SessionBusyError,
    SessionNotFoundError,
    StoreError,
    UsageError,
    WorkerStopsError,
)
from ninelives.runners.manager import Limits, Manager
from ninelives.session import entries
from ninelives.session.observer import Silent
from ninelives.storage import SessionUpdate, Store
from ninelives.worker.creating import RunRequest, create
from ninelives.worker.direct import Finished, resume
from ninelives.worker.isolated import BACK_OFF, CRASHES, LET_GO, Isolated
from ninelives.worker.terminal import Nowhere

#: Sessions that have a runner at the same time.
MOST = 100

#: Seconds that are waited in one piece: the wall clock that timers go by may be set meanwhile.
_PIECE = 1.0


class Terms(NamedTuple):
    """How a worker runs its sessions."""

    #: sessions that have a runner at the same time; further ones queue
    most: int = MOST
    limits: Limits = Limits()
    #: see `ninelives.worker.isolated.CRASHES`
    crashes: int = CRASHES
    #: see `ninelives.worker.isolated.BACK_OFF`
    back_off: tuple[float, float] = BACK_OFF
    #: seconds: a session that waits for longer lets its runner go
    let_go: float = LET_GO


class _Given(NamedTuple):
    """What is not recorded of a session, since it is secret: it lasts as long as the worker."""

    vars: Mapping[str, str] = MappingProxyType({})
    secret_vars: frozenset[str] = frozenset()


class Worker:
    """Runs the sessions of a store.

    Args:
        store: the store; closed by the caller, after the worker.
        manager: starts runners; closed by the caller, after the worker.
        terms: how sessions run.
        report: told what goes wrong, a line at a time.
        ended: told of each session that has ended, on a thread of the worker's.
    """

    def __init__(
        self,
        store: Store,
        manager: Manager,
        terms: Terms = Terms(),  # noqa: B008 - frozen
        *,
        report: Callable[[str], None] = lambda _: None,
        ended: Callable[[Finished], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._manager = manager
        self._terms = terms
        self._report = report
        self._ended = ended
        self._lock = threading.Lock()
        #: sessions that have a thread, or wait for one
        self._taken: set[str] = set()
        self._given: dict[str, _Given] = {}
        #: how often sessions could not be begun, one after the other
        self._failures: dict[str, int] = {}
        self._timers = _Timers(self._queue)
        self._threads = ThreadPoolExecutor(terms.most, thread_name_prefix="session")
        self._is_closed = False
        self._bell = os.eventfd(0)

    def start(self, request: RunRequest) -> str:
        """Create a session and queue it, and return its id: it is on disk, and goes on whatever happens.

        Raises:
            EventSeenError: the event has started a session of the same handler before.
            SessionExistsError: its id is taken.
            NinelivesError: it can't be started.
        """
        created = create(self._store, request, Silent(), self._place(), self._folder)
        if request.vars:
            self._given[created.session_id] = _Given(request.vars, request.secret_vars)
        self._queue(created.session_id)
        return created.session_id

    def adopt(self) -> int:
        """Take up all sessions that are not over and that no process has, and return how many there are."""
        count = 0
        for session_id, waiting_for in self._store.unfinished():
            until = _idle_until(waiting_for)
            if until is None:
                self._queue(session_id)
            else:
                self._timers.add(until, session_id)
            count += 1
        return count

    def close(self) -> None:
        """End the runners and give all sessions back; they go on when they are adopted."""
        with self._lock:
            self._is_closed = True
        self._timers.close()
        os.eventfd_write(self._bell, 1)
        self._threads.shutdown(cancel_futures=True)
        os.close(self._bell)

    def _folder(self, session_id: str) -> str:
        """Return the working directory of a session, which lasts as long as it does."""
        return str(self._store.work_folder(session_id))

    def _place(self) -> Isolated:
        terms = self._terms
        return Isolated(
            self._manager,
            limits=terms.limits,
            crashes=terms.crashes,
            back_off=terms.back_off,
            shown=Nowhere(),
            let_go=terms.let_go,
            hands_back=True,
            bell=self._bell,
        )

    def _queue(self, session_id: str) -> None:
        with self._lock:
            if self._is_closed or session_id in self._taken:
                return
            self._taken.add(session_id)
            self._threads.submit(self._run, session_id).add_done_callback(partial(self._see, session_id))

    def _see(self, session_id: str, done: Future[None]) -> None:
        """Say what went wrong that nobody reckoned with; the session goes on with the next worker."""
        error = None if done.cancelled() else done.exception()
        if error is not None:
            self._report(f"session {session_id} was left: {type(error).__name__}: {error}")

    def _run(self, session_id: str) -> None:
        try:
            finished = self._go_on(session_id)
        finally:
            with self._lock:
                self._taken.discard(session_id)
        if isinstance(finished, float):
            self._timers.add(finished, session_id)
        elif finished is not None:
            self._given.pop(session_id, None)
            self._failures.pop(session_id, None)
            self._ended(finished)

    def _go_on(self, session_id: str) -> Finished | float | None:
        """Run a session; return what became of it, or when it is to be taken up again, in unix seconds."""
        given = self._given.get(session_id, _Given())
        try:
            session = self._store.session(session_id)
            Path(session.cwd).mkdir(mode=0o700, parents=True, exist_ok=True)
            finished = resume(
                self._store,
                session_id,
                vars=given.vars,
                secret_vars=given.secret_vars,
                observer=Silent(),
                isolated=self._place(),
                from_build=True,
            )
        except WorkerStopsError:
            return None
        except (SessionNotFoundError, SessionBusyError) as error:
            # It was deleted, or somebody else goes on with it.
            self._report(str(error))
            return None
        except (ProgramError, EnvironmentBuildError) as error:
            return self._stopped(session_id, error)
        except UsageError as error:
            # It was cancelled while it waited.
            self._report(str(error))
            return None
        except (StoreError, RunnerError, OSError) as error:
            return self._later(session_id, error)
        self._failures.pop(session_id, None)
        return finished if finished.until is None else finished.until

    def _stopped(self, session_id: str, error: NinelivesError) -> Finished | float:
        """Stop a session whose program can't even be loaded: a person has to repair it."""
        shown = {"type": type(error).__name__, "message": str(error), "traceback": ""}
        update = SessionUpdate(state="stopped", waiting_for="", error=entries.json_text(shown))
        try:
            self._store.acquire(session_id).release(update)
        except NinelivesError as failed:
            return self._later(session_id, failed)
        return Finished(session_id, "stopped", int(error.exit_code), "", shown)

    def _later(self, session_id: str, error: Exception) -> float:
        """Try again, ever later: it is not the session's fault."""
        times = self._failures[session_id] = self._failures.get(session_id, 0) + 1
        first, longest = self._terms.back_off
        seconds: float = min(first * 2 ** min(times - 1, 30), longest)
        self._report(f"session {session_id} can't go on now, and is tried again in {seconds:g} s: {error}")
        return time.time() + seconds


class _Timers:
    """Hands sessions over when it is time.

    Args:
        due: called with the id of a session whose time has come.
    """

    def __init__(self, due: Callable[[str], None]) -> None:
        self._due = due
        self._waiting: list[tuple[float, str]] = []
        self._changed = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._serve, name="timers", daemon=True)
        self._thread.start()

    def add(self, until: float, session_id: str) -> None:
        """Hand a session over at a unix time in seconds."""
        with self._changed:
            heapq.heappush(self._waiting, (until, session_id))
            if self._waiting[0][1] == session_id:
                self._changed.notify()

    def close(self) -> None:
        """Hand nothing over any more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            with self._changed:
                while not self._is_closed and (not self._waiting or self._waiting[0][0] > time.time()):
                    left = self._waiting[0][0] - time.time() if self._waiting else None
                    self._changed.wait(None if left is None else max(0.0, min(left, _PIECE)))
                if self._is_closed:
                    return
                session_id = heapq.heappop(self._waiting)[1]
            self._due(session_id)


def _idle_until(waiting_for: str) -> float | None:
    """Return until when a session waits and needs no process, in unix seconds; None: it is to go on now."""
    waiting = json.loads(waiting_for) if waiting_for else {}
    until: float | None = None if waiting.get("keeps", True) else waiting.get("until")
    return until
