"""The direct place: a session in this process, as `ninelives run`, tests and debuggers want it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from ninelives.code.build import is_same_program, pack
from ninelives.errors import (
    BuildGoneError,
    NinelivesError,
    ProgramError,
    PythonVersionError,
    SessionExistsError,
    SessionNotFoundError,
    StoppedError,
    UsageError,
    WorkerStopsError,
)
from ninelives.session import entries
from ninelives.session.entries import Forgotten, Start
from ninelives.session.journal import Journal as SessionJournal
from ninelives.session.journal import row
from ninelives.session.link import Row
from ninelives.session.observer import Observer
from ninelives.session.session import Ended, Session, Setting
from ninelives.storage import Journal, SessionRow, SessionUpdate, Store
from ninelives.worker import interruption
from ninelives.worker.creating import PYTHON, RunRequest, create, hider_of, left_out
from ninelives.worker.link import DirectLink
from ninelives.worker.project import Project, find_project
from ninelives.worker.vars import resolve

if TYPE_CHECKING:
    from ninelives.worker.isolated import Isolated, Task, Waits

_RUNNING = SessionUpdate(state="running", waiting_for="", error="")


class Finished(NamedTuple):
    """What became of a session."""

    session_id: str
    state: str
    exit_code: int
    #: rendered
    result: str
    #: type, message and traceback
    error: dict[str, str] | None
    #: it was over before
    already: bool = False
    #: of one that waits, and whose runner was let go: until when, in unix seconds
    until: float | None = None


def run(store: Store, request: RunRequest, observer: Observer, isolated: Isolated | None = None) -> Finished:
    """Start a session and run it to its end; or go on with it, if the request names one that exists.

    Args:
        store: the store.
        request: what to run.
        observer: told what it does.
        isolated: it runs there; None: in this process.

    Raises:
        EventSeenError: the event has started a session of this handler before.
        NinelivesError: it can't be started, or can't go on.
    """
    if request.session_id is not None and _exists(store, request.session_id):
        return _go_on(store, request.session_id, request, observer, isolated)
    try:
        created = create(store, request, observer, isolated)
    except SessionExistsError:
        # Another process was quicker.
        if request.session_id is None:
            raise
        return _go_on(store, request.session_id, request, observer, isolated)
    session_id, start, project = created
    place = _Place(store, store.acquire(session_id, _RUNNING), project.root, project, observer, isolated)
    try:
        return place.run(start, request.vars, request.secret_vars)
    except ProgramError:
        _discard(store, session_id)
        raise


def _go_on(
    store: Store, session_id: str, request: RunRequest, observer: Observer, isolated: Isolated | None
) -> Finished:
    _check_same(store.session(session_id), request)
    return resume(
        store, session_id, vars=request.vars, secret_vars=request.secret_vars, observer=observer, isolated=isolated
    )


def resume(
    store: Store,
    session_id: str,
    *,
    code_dir: Path | None = None,
    retry_failed: bool = False,
    vars: Mapping[str, str] = MappingProxyType({}),
    secret_vars: frozenset[str] = frozenset(),
    secret_files: tuple[Path, ...] = (),
    observer: Observer,
    isolated: Isolated | None = None,
    from_build: bool = False,
) -> Finished:
    """Go on with a session.

    Args:
        store: the store.
        session_id: the session's id.
        code_dir: repaired code; None goes on with the code it has.
        retry_failed: forget the outcome of the last failed activity, or make a call again that was cut off.
        vars: variables of the program, over those it started with.
        secret_vars: names of those that are secret.
        secret_files: files that secrets came from: no part of repaired code.
        observer: told what it does.
        isolated: it runs there; None: in this process.
        from_build: its code is taken from its build, even if it is still where it was.

    Raises:
        NinelivesError: it can't go on.
    """
    session = store.session(session_id)
    over = _over(session, repaired=code_dir is not None, retry_failed=retry_failed)
    if over is not None:
        return over
    if isolated is None and session.python != PYTHON:
        raise PythonVersionError(
            f"session {session.session_id} was recorded on Python {session.python}, and this is Python {PYTHON}: "
            f"go on with it under Python {session.python}"
        )
    journal = store.acquire(session.session_id, _RUNNING)
    try:
        place = _Place(store, journal, *_code(store, session, code_dir, from_build=from_build), observer, isolated)
        place.secret_files = secret_files
        start = place.prepare(session, repaired=code_dir is not None, retry_failed=retry_failed)
    except BaseException:
        journal.release(SessionUpdate(state=session.state, error=session.error))
        raise
    return place.run(start, vars, secret_vars, cwd=session.cwd)


class _Place:
    """This process, as the place where one session runs, or from where its runner is told what to do."""

    def __init__(
        self,
        store: Store,
        journal: Journal,
        code_dir: Path,
        project: Project,
        observer: Observer,
        isolated: Isolated | None,
    ) -> None:
        self.store = store
        self.isolated = isolated
        self.journal = journal
        self.code_dir = code_dir
        self.project = project
        self.former_dir = ""
        self.observer = observer
        self.repaired = False
        #: of the code that it goes on with; "": that it started on
        self.build_id = ""
        self.retry_interrupted = False
        self.secret_files: tuple[Path, ...] = ()
        #: what the session was before it goes on: what it is again if it does not
        self.before = SessionUpdate(state="interrupted", error="")
        #: cuts secrets out of a text
        self.hide: Callable[[str], str] = str
        #: the session's journal, if it has been read
        self.recorded: SessionJournal | None = None
        #: what a person decided, and how it is recorded
        self.forgotten: Forgotten | None = None
        self.decide: Callable[[], None] | None = None

    def prepare(self, session: SessionRow, *, repaired: bool, retry_failed: bool) -> Start:
        """Read the journal, and get a person's decisions ready; they are recorded when the session really goes on."""
        link = DirectLink(self.store, self.journal, session.project)
        recorded = SessionJournal(link)
        if recorded.start is None:
            raise StoppedError(f"the journal of session {session.session_id} has no start")
        self.before = SessionUpdate(state=session.state, error=session.error)
        self.former_dir = session.code_dir
        self.retry_interrupted = retry_failed
        self.repaired = repaired or session.build_id != recorded.start.build_id
        self.build_id = session.build_id
        forgotten = self._forgotten(recorded, link, retry_failed=retry_failed)
        update = self._repaired_build() if repaired else None
        if forgotten or update:
            rows = [row(forgotten)] if forgotten else []
            self.forgotten, self.decide = forgotten, lambda: self._decide(rows, update)
            recorded = SessionJournal(link, forgotten, self.decide)
        self.recorded = recorded
        return recorded.start or Start(0, 0.0, 0, "", {}, 0, 0, "")

    def _repaired_build(self) -> SessionUpdate:
        build = pack(self.code_dir, leave_out=left_out(self.store, self.secret_files))
        self.store.builds.put(build)
        self.build_id = build.id
        return SessionUpdate(build_id=build.id, code_dir=str(self.code_dir))

    def _decide(self, rows: list[Row], update: SessionUpdate | None) -> None:
        self.before = SessionUpdate(state="interrupted", error="")
        self.journal.commit(rows, update=update)

    def _forgotten(self, recorded: SessionJournal, link: DirectLink, *, retry_failed: bool) -> Forgotten | None:
        failed = recorded.last_failed() if retry_failed else None
        if failed is not None:
            counts = link.line_counts()
            kept = counts.get(failed.lane, 0) - recorded.lines_set_aside.get(failed.lane, 0)
            aside = {failed.lane: max(0, kept - failed.lines)}
            return Forgotten(recorded.seq(), time.time(), failed.seq, aside)
        if retry_failed and recorded.last_begun() is None:
            raise UsageError(f"session {link.session_id} has no activity that failed or was cut off: nothing to retry")
        if recorded.end is not None:
            return Forgotten(recorded.seq(), time.time(), recorded.end.seq)
        return None

    def run(
        self, start: Start, variables: Mapping[str, str], secret_vars: frozenset[str], cwd: str | None = None
    ) -> Finished:
        """Run the session, and give its lease back when it can't go on."""
        link = DirectLink(self.store, self.journal, self.project.name)
        orphans(self.journal.taken_over)
        try:
            values, hidden = resolve(self.project.vars, start, variables, secret_vars, os.environ)
            self.hide = hider_of(hidden)
            with interruption.handled(link, self.journal, self.observer, self.isolated.stop if self.isolated else None):
                ended: Ended | Waits
                if self.isolated is not None:
                    ended = self.isolated.run(self._task(link, start, values, hidden, cwd or os.getcwd()))
                else:
                    ended = self._session(link, values, hidden, cwd)
        except StoppedError as error:
            return self._stopped(error)
        except ProgramError as error:
            self.journal.release(self.before)
            raise ProgramError(self.hide(str(error))) from None
        except WorkerStopsError:
            self.journal.release(SessionUpdate(state="interrupted", waiting_for=""))
            raise
        except BaseException:
            self.journal.release(self.before)
            raise
        self.journal.release()
        if isinstance(ended, Ended):
            return _finished(self.journal.session_id, ended)
        return Finished(self.journal.session_id, "waiting", 0, "", None, until=ended.until)

    def _session(self, link: DirectLink, values: Mapping[str, str], hidden: frozenset[str], cwd: str | None) -> Ended:
        """Run the session in this process."""
        os.environ.update(values)
        if cwd and os.path.isdir(cwd):
            os.chdir(cwd)
        setting = Setting(
            self.code_dir,
            self.store.cache,
            self.observer,
            sys.stdout,
            sys.stderr,
            hidden,
            self.former_dir,
            self.repaired,
            self.recorded is not None,
            self.retry_interrupted,
            self.project.rules,
        )
        return Session(link, setting, self.recorded).run()

    def _task(
        self, link: DirectLink, start: Start, values: Mapping[str, str], hidden: frozenset[str], cwd: str
    ) -> Task:
        """Return the session as a runner is to run it."""
        # Late: a session in this process has no use for what starts runners.
        from ninelives.worker.isolated import Task

        return Task(
            link,
            self.observer,
            build=self.build_id or start.build_id,
            code_dir=self.code_dir,
            cwd=cwd,
            hash_seed=start.hash_seed,
            python=start.python,
            vars=values,
            secrets=hidden,
            rules=self.project.rules,
            former_dir=self.former_dir,
            repaired=self.repaired,
            resumed=self.recorded is not None,
            retry_interrupted=self.retry_interrupted,
            container=self.project.container,
            forgotten=entries.encode(self.forgotten) if self.forgotten else b"",
            decide=self.decide,
        )

    def _stopped(self, error: StoppedError) -> Finished:
        shown = {
            "type": type(error).__name__,
            "message": self.hide(str(error)).replace("SESSION", self.journal.session_id),
            "traceback": "",
        }
        update = SessionUpdate(state="stopped", waiting_for="", error=entries.json_text(shown))
        # A session that has ended stays ended, whatever was tried in vain.
        self.journal.release(self.before if self.before.state == "error" else update)
        return Finished(self.journal.session_id, "stopped", int(error.exit_code), "", shown)


def orphans(marker: str) -> None:
    """End what a dead process of the session left running, and see to it that this one leaves nothing."""
    from ninelives.session import children

    if marker:
        children.kill_orphans(marker)
    children.watch_children()


def _finished(session_id: str, ended: Ended) -> Finished:
    return Finished(session_id, ended.state, ended.exit_code, ended.result, ended.error)


def _check_same(session: SessionRow, request: RunRequest) -> None:
    file, _, handler = session.entry_point.rpartition(":")
    if handler != request.handler or Path(file).name != request.file.name:
        raise UsageError(
            f"session {session.session_id} runs {session.entry_point}, not {request.file}:{request.handler}: "
            "give another id, or none"
        )


def _exists(store: Store, session_id: str) -> bool:
    try:
        return store.session(session_id).session_id == session_id
    except SessionNotFoundError:
        return False


def _discard(store: Store, session_id: str) -> None:
    """Delete a session whose program could not even be loaded: nothing was started."""
    try:
        store.delete(session_id)
    except NinelivesError:
        # It stays, interrupted: the error about the program says more.
        return


def _over(session: SessionRow, *, repaired: bool, retry_failed: bool) -> Finished | None:
    """Return what a session came to that is over and does not go on."""
    if session.state == "completed":
        if retry_failed:
            raise UsageError(f"session {session.session_id} is completed: there is nothing to retry")
        return Finished(session.session_id, "completed", 0, session.result, None, already=True)
    if session.state == "cancelled":
        raise UsageError(f"session {session.session_id} was cancelled: it does not go on; start a new one")
    if session.state == "error" and not repaired and not retry_failed:
        return Finished(session.session_id, "error", 1, "", entries.from_json(session.error), already=True)
    return None


def _code(store: Store, session: SessionRow, repaired: Path | None, *, from_build: bool) -> tuple[Path, Project]:
    """Return the code that a session goes on with: repaired, or as it was; in its place if it is there unchanged."""
    file = session.entry_point.rpartition(":")[0]
    if repaired is not None:
        root = repaired.resolve()
        if not (root / file).is_file():
            raise UsageError(f"{repaired}: there is no {file} in it, which session {session.session_id} runs")
        return root, find_project(root / file, root=root)._replace(name=session.project)
    here = Path(session.code_dir)
    try:
        same = not from_build and is_same_program(store.builds.tar(session.build_id), here)
        root = here if same else store.builds.path(session.build_id)
    except BuildGoneError as error:
        raise BuildGoneError(str(error).replace("SESSION", session.session_id)) from error
    return root, find_project(root / file, root=root)._replace(name=session.project)
