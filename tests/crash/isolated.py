"""Places whose sessions run in isolated runners of this machine. One warm parent serves all of a test process."""

from __future__ import annotations

import atexit
import functools
import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from crash.harness import OUTSIDE, SESSION, Kill, Place, Write, is_tick, unfinished
from ninelives import starts
from ninelives.errors import CarrierClosedError
from ninelives.runner.control import Limits
from ninelives.runners.environments import Environment, own
from ninelives.runners.local import LocalManager, LocalRunner
from ninelives.runners.warmed import WarmProcess
from ninelives.session.link import Row
from ninelives.storage import Store
from ninelives.worker.isolated import Isolated
from ninelives.worker.link import DirectLink


def environment() -> Environment:
    """Return this process's own environment, with the outside of the test programs in it.

    Warnings that Python itself prints are not shown there either: pytest keeps them to itself.
    """
    return own()._replace(key="tests", paths=(str(OUTSIDE), *own().paths), options=("-W", "ignore"))


@functools.cache
def warm_parent() -> WarmProcess:
    """Return this process's warm parent, with everything imported that the programs need; it ends with the process."""
    warm = WarmProcess(environment(), 0)
    atexit.register(warm.close)
    return warm


class SharedManager(LocalManager):
    """A local manager that uses the warm parent of the test process whatever the hash seed: each place has its own."""

    def __init__(self, home: Path, **options: Any) -> None:
        super().__init__(home / "environments", cache=home / "cache", environment=environment(), **options)
        self.started: list[LocalRunner] = []

    def _warm_parent(self, environment: Environment, hash_seed: int) -> WarmProcess:
        return warm_parent()

    def start(self, *args: Any) -> LocalRunner:
        runner = super().start(*args)
        self.started.append(runner)
        return runner


class WorkerKilled(Place):
    """Its sessions run in a runner; a kill is one of the worker."""

    limits = Limits()
    crashes = 3

    def run(self, kill: Kill | None = None, *, retry_failed: bool = False, **environment: str) -> int:
        self.ready()
        try:
            return super().run(kill, retry_failed=retry_failed, **environment)
        finally:
            self.await_runners()

    def ready(self) -> None:
        """Start what all places share."""
        warm_parent()

    def await_runners(self) -> None:
        """Wait until no runner of a worker that was killed is left."""
        pid = warm_parent()._process.pid
        path = Path(f"/proc/{pid}/task/{pid}/children")
        while path.read_text().strip():
            time.sleep(0.001)

    def running_when_killed(self, kill: Kill) -> dict[str, int]:
        """See `Place`: what starts is recorded with what comes next, so it began after what came before that."""
        # What came with the message at which it was killed may have been recorded after that.
        writes = self.writes()[: kill.write]
        before: dict[str, int] = {}
        latest = 0
        for at, write in enumerate(writes):
            for key in write.starts:
                before.setdefault(key, latest)
            if write.finishes and (kill.after or at + 1 < kill.write):
                # A runner waits while this is recorded; it goes on while what it only tells is.
                latest = write.effects
        return {key: before.get(key, latest) for key in self.unfinished()}

    def done_again(self, part: tuple[int, int]) -> list[tuple[int, int]]:
        """See `Place`: attempts before the one that was cut off are not seen either, and are not done again."""
        start, end = part
        lines = (self.folder / "effects").read_bytes()[start:end].splitlines(keepends=True)
        starts = [start + len(b"".join(lines[:at])) for at in range(len(lines))]
        return [(each, end) for each in starts]

    def unfinished(self) -> list[str]:
        """Return the activities that had only started when the process was killed."""
        with Store.open(self.home, read_only=True) as store:
            return unfinished(store.rows(SESSION)) if store.sessions() else []

    def place(self, environment: dict[str, str]) -> tuple[Isolated, dict[str, str]]:
        """Return where sessions run, and the variables of their programs."""
        self.manager = SharedManager(self.home)
        return self.isolated(), self.environment | environment

    def isolated(self) -> Isolated:
        """Return where sessions run."""
        return Isolated(self.manager, limits=self.limits, crashes=self.crashes, back_off=(0, 0))


class RunnerKilled(WorkerKilled):
    """Its sessions run in a runner; a kill is one of the runner, and the worker gives up at once."""

    crashes = 1

    def run(self, kill: Kill | None = None, *, retry_failed: bool = False, **environment: str) -> int:
        code = super().run(kill, retry_failed=retry_failed, **environment)
        killed = self.folder / "killed"
        if not killed.exists():
            return code
        assert code == 4 or self.result().ends[0] != "stopped", "it is stopped, unless its end was recorded already"
        killed.unlink()
        assert kill is not None
        self._see_what_was_cut_off(kill)
        return -signal.SIGKILL

    def link(self, kill: Kill | None) -> type[DirectLink]:
        """Return a link that kills the runner at a write: before it, the message never came."""
        # The file of writes is written by the link below, which kills nothing.
        below: Any = super().link(None)
        place = self

        class KillingLink(below):  # type: ignore[misc]
            def _at(self, rows: Sequence[Row], write: Callable[[], Any]) -> Any:
                if kill is None or kill.write != below.count + 1 or all(map(is_tick, rows)):
                    return super()._at(rows, write)
                if not kill.after:
                    super()._at(rows, lambda: place.kill_runner(self))
                    raise CarrierClosedError
                written = super()._at(rows, write)
                if below.count == kill.write:
                    place.kill_runner(self)
                return written

        return KillingLink

    def kill_runner(self, link: DirectLink) -> None:
        """Kill the runner that was started last, and take note of it."""
        self.kill_process()
        self.note_kill(link)

    def kill_process(self) -> None:
        """Kill the process of the runner that was started last, and wait for its end."""
        forking = self.manager.started[-1].forking
        forking.forked.wait()
        assert forking.pid, forking.error
        os.kill(forking.pid, signal.SIGKILL)
        forking.ended.wait()

    def note_kill(self, link: DirectLink) -> None:
        """Write down what there was when the runner was killed."""
        rows = [*link.load(), *starts.read(link._journal._starts)]
        noted = len(Place.writes(self)), Place.effects_when_killed(self), unfinished(rows)
        (self.folder / "killed").write_text(json.dumps(noted))


class RunnerReplaced(RunnerKilled):
    """Its sessions run in a runner; when that is killed, the worker goes on with the next one."""

    crashes = 3

    def run(self, kill: Kill | None = None, *, retry_failed: bool = False, **environment: str) -> int:
        code = WorkerKilled.run(self, kill, retry_failed=retry_failed, **environment)
        if kill is not None:
            self._see_what_was_cut_off(kill)
        return code

    def writes(self) -> list[Write]:
        """Return the writes of the runner that was killed."""
        return super().writes()[: self.killed()[0]]

    def unfinished(self) -> list[str]:
        """See `WorkerKilled`."""
        return self.killed()[2]

    def effects_when_killed(self) -> int:
        """See `Place.effects_when_killed`."""
        return self.killed()[1] or super().effects_when_killed()

    def killed(self) -> tuple[int | None, int, list[str]]:
        """Return how many writes there were, and bytes of effects, and what was running, when the runner was killed."""
        path = self.folder / "killed"
        writes, effects, running = json.loads(path.read_text()) if path.exists() else (None, 0, [])
        return writes, effects, running
