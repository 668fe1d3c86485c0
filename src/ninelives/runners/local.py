"""The local runner manager: runners are processes of this machine, forked by a warm parent of their environment."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from ninelives.code.imports import imports
from ninelives.code.requirements import read_needs
from ninelives.errors import RunnerError
from ninelives.protocol.carrier import SocketCarrier, to_runner
from ninelives.protocol.messages import FromRunner
from ninelives.runner.control import Fork, Limits
from ninelives.runner.process import WORKER_GONE
from ninelives.runners.environments import Environment, Environments
from ninelives.runners.manager import Asked, Code, Health, RunnerHealth
from ninelives.runners.warmed import Forking, WarmProcess
from ninelives.session import children

#: Runners that are alive at the same time, at most: each is a process, and a machine has so many cores.
MOST = 64

#: Seconds after which a process that was asked for should be there: the first one waits for packages to be imported.
LATE = 60.0

#: Seconds in which a killed process has to be gone.
_END = 30.0


_LINUX: bool = sys.platform == "linux"


class _Prepared(NamedTuple):
    """What a build needs."""

    environment: Environment
    imports: list[str]


class LocalRunner:
    """A process of this machine. See `ninelives.runners.manager.Runner`."""

    def __init__(
        self,
        number: int,
        forking: Forking,
        warm: WarmProcess,
        carrier: SocketCarrier[FromRunner],
        place: _Place,
        limits: Limits,
    ) -> None:
        self.id = str(number)
        self.forking = forking
        self.warm = warm
        self.carrier = carrier
        self.outputs = place.outputs
        self.code_dir = place.code_dir
        self.cwd = place.cwd
        self.cache = place.cache
        self.limits = limits
        self._began = time.monotonic()

    @property
    def is_late(self) -> bool:
        """Whether its process should have been there long ago."""
        return time.monotonic() - self._began > LATE


class _Place(NamedTuple):
    """Where a runner works."""

    code_dir: Path
    cwd: Path | None
    cache: Path | None
    outputs: Mapping[str, int]


class LocalManager:
    """Starts runners on this machine. See `ninelives.runners.manager.Manager`.

    Args:
        home: folder that environments are kept in.
        cache: folder of rewritten code; None keeps none.
        most: runners that are alive at the same time; who wants one more waits.
        report: told what takes long, a line at a time.
        environment: every session runs in it, whatever its project asks for; None: as the project asks.

    Raises:
        RunnerError: this is not Linux.
    """

    def __init__(
        self,
        home: Path,
        *,
        cache: Path | None = None,
        most: int = MOST,
        report: Callable[[str], None] = lambda _: None,
        environment: Environment | None = None,
    ) -> None:
        if not _LINUX:
            raise RunnerError("local runners need Linux: run it without --runner, in this process")
        self._environments = Environments(home, report)
        self._cache = cache
        self._environment = environment
        self._room = threading.BoundedSemaphore(most)
        #: by environment and hash seed: a parent that is being started is waited for, others are not held up
        self._locks: defaultdict[tuple[str, int], threading.Lock] = defaultdict(threading.Lock)
        self._numbers = itertools.count(1)
        self._runners: dict[str, LocalRunner] = {}
        self._warm: dict[tuple[str, int], WarmProcess] = {}
        #: by build and Python
        self._prepared: dict[tuple[str, str], _Prepared] = {}

    def prepare(self, code: Code, python: str = "") -> str:
        """See `Manager.prepare`."""
        return self._prepare(code, python).environment.version

    def start(self, session: Asked, code: Code, vars: Mapping[str, str]) -> LocalRunner:
        """See `Manager.start`."""
        prepared = self._prepare(code, session.python)
        self._room.acquire()
        try:
            warm = self._warm_parent(prepared.environment, session.hash_seed)
            try:
                return self._start(session, code, prepared, warm)
            except RunnerError:
                # Its parent died since; there is a new one now, and a second death is no accident.
                warm = self._warm_parent(prepared.environment, session.hash_seed)
                return self._start(session, code, prepared, warm)
        except BaseException:
            self._room.release()
            raise

    def _start(self, session: Asked, code: Code, prepared: _Prepared, warm: WarmProcess) -> LocalRunner:
        ours, its = socket.socketpair()
        nothing = os.open(os.devnull, os.O_RDONLY) if session.stdin is None else session.stdin
        pipes = {name: os.pipe() for name in ("stdout", "stderr")}
        request = Fork(0, session.session_id, session.token, session.limits, children.marks(), prepared.imports)
        try:
            given = [its.fileno(), nothing, *(write for _, write in pipes.values())]
            given += [] if session.starts is None else [session.starts]
            forking = warm.fork(request, given)
        except BaseException:
            ours.close()
            for read, _ in pipes.values():
                os.close(read)
            raise
        finally:
            its.close()
            for _, write in pipes.values():
                os.close(write)
            if session.stdin is None:
                os.close(nothing)
        outputs = {name: read for name, (read, _) in pipes.items()}
        for read in outputs.values():
            os.set_blocking(read, False)
        place = _Place(code.folder, None, self._cache, outputs)
        runner = LocalRunner(next(self._numbers), forking, warm, to_runner(ours), place, session.limits)
        self._runners[runner.id] = runner
        return runner

    def runner_health(self, runner_id: str, *, patience: float = 0.0) -> RunnerHealth:
        """See `Manager.runner_health`."""
        runner = self._runners.get(runner_id)
        if runner is None:
            return RunnerHealth(alive=False)
        forking = runner.forking
        if not forking.ended.wait(patience):
            return RunnerHealth(alive=True)
        if forking.error:
            return RunnerHealth(False, None, f"could not be started: {forking.error}")
        if forking.status is None:
            return RunnerHealth(False, None, "ended with its parent")
        return _ended(forking.status, runner.limits)

    def stop(self, runner_id: str) -> None:
        """See `Manager.stop`."""
        runner = self._runners.pop(runner_id, None)
        if runner is None:
            return
        runner.carrier.close()
        runner.forking.kill()
        if not runner.forking.forked.is_set() and runner.is_late:
            # Its parent is stuck, in a package that it imports say: the next runner gets a new one.
            runner.warm.close()
        # One that is not there yet finds its connection closed, and can do nothing.
        gone = not runner.forking.forked.is_set() or runner.forking.await_end(_END)
        runner.warm.end_children(runner.forking)
        for descriptor in runner.outputs.values():
            os.close(descriptor)
        self._room.release()
        if not gone:
            raise RunnerError(f"process {runner.forking.pid} does not end, though it was killed: see what it waits for")

    def health(self) -> Health:
        """See `Manager.health`."""
        return Health(True, sum(warm.alive() for warm in list(self._warm.values())))

    def close(self) -> None:
        """See `Manager.close`."""
        while self._warm:
            self._warm.popitem()[1].close()
        self._environments.close()

    def _prepare(self, code: Code, python: str) -> _Prepared:
        key = (code.build, python)
        found = self._prepared.get(key) if code.build else None
        if found is None:
            environment = self._environment or self._environments.get(read_needs(code.folder), python)
            found = _Prepared(environment, imports(code.folder))
            self._prepared[key] = self._prepared[code.build, environment.version] = found
        return found

    def _warm_parent(self, environment: Environment, hash_seed: int) -> WarmProcess:
        key = (environment.key, hash_seed)
        with self._locks[key]:
            warm = self._warm.get(key)
            if warm is None or warm.is_gone:
                warm = self._warm[key] = WarmProcess(environment, hash_seed)
            return warm


def _ended(status: int, limits: Limits) -> RunnerHealth:
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGXCPU and limits.cpu is not None:
        why = f"used more CPU time than its limit of {limits.cpu:g} s"
        return RunnerHealth(False, status, why, limited=True)
    if code == WORKER_GONE:
        return RunnerHealth(False, status, "ended because its connection did")
    why = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    return RunnerHealth(False, status, why)
