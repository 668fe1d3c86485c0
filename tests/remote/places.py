"""Places whose sessions run in runners of another process, over gRPC. One manager serves all of a test process."""

from __future__ import annotations

import atexit
import functools
import os
import re
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from crash.harness import SESSION, Kill, Place, Result
from crash.isolated import RunnerKilled, WorkerKilled

from ninelives.certificates import make_certificates
from ninelives.storage.builds import Builds
from ninelives.worker.isolated import Isolated
from ninelives.worker.link import DirectLink
from remote.hosts import PATH, Process


class Offered(NamedTuple):
    """The manager of this test process."""

    #: pid of its warm parent
    warm: int
    address: str
    certificates: Path
    #: PYTHONPATH of its processes
    path: str = os.pathsep.join(PATH)


@functools.cache
def offered() -> Offered:
    """Return this process's manager; it ends with the process."""
    folder = tempfile.TemporaryDirectory(prefix="ninelives-")
    atexit.register(folder.cleanup)
    certificates = Path(folder.name) / "certificates"
    make_certificates(certificates, {side: ["127.0.0.1"] for side in ("worker", "manager")}, 2)
    script = str(Path(__file__).with_name("shared.py"))
    environment = {"PYTHONPATH": os.pathsep.join(PATH), "PATH": os.environ["PATH"]}
    process = Process(
        [sys.executable, script, f"{folder.name}/home", str(certificates)], environment, Path(folder.name)
    )
    atexit.register(process.close)
    address = process.await_line("listening on").removeprefix("listening on ")
    return Offered(int(process.stdout.split("\n")[0]), address, certificates)


def runners() -> list[int]:
    """Return the pids of the runners that are there."""
    warm = offered().warm
    return [int(pid) for pid in Path(f"/proc/{warm}/task/{warm}/children").read_text().split()]


class RemoteWorkerKilled(WorkerKilled):
    """Its sessions run in a runner of another host; a kill is one of the worker."""

    def run(self, kill: Kill | None = None, *, retry_failed: bool = False, **environment: str) -> int:
        offered()
        try:
            return Place.run(self, kill, retry_failed=retry_failed, **environment)
        finally:
            self.await_runners()

    @staticmethod
    def await_runners() -> None:
        """Wait until no runner of a worker that was killed is left."""
        while runners():
            time.sleep(0.001)

    def place(self, environment: dict[str, str]) -> tuple[Isolated, dict[str, str]]:
        """Return where sessions run, and the variables of their programs."""
        # Only here, in a process of the session's own: gRPC does not go with forks.
        from ninelives.runners.remote.channels import read_credentials
        from ninelives.runners.remote.manager import Place as Where
        from ninelives.runners.remote.manager import RemoteManager

        there = offered()
        files = (str(there.certificates / name) for name in ("ca.pem", "worker.pem", "worker.key"))
        where = Where([there.address], "127.0.0.1:0", read_credentials(*files))
        manager = RemoteManager(where, lambda build: Builds(self.home / "builds").tar(build))
        return Isolated(
            manager, limits=self.limits, crashes=self.crashes, back_off=(0, 0)
        ), self.environment | environment

    def result(self, session: str = SESSION) -> Result:
        """Return what a session came to; its log has the paths of the other host."""
        found = super().result(session)
        return found._replace(prints=list(map(_portable, found.prints)))

    def terminal(self) -> dict[str, str]:
        """Return what the program wrote to its terminal; it has the same paths."""
        return {name: _portable(text) for name, text in super().terminal().items()}


def _portable(text: str) -> str:
    return re.sub(r"/[^\"\n]*/builds/[0-9a-f]{64}/", "./", text)


class RemoteRunnerKilled(RunnerKilled, RemoteWorkerKilled):
    """Its sessions run in a runner of another host; a kill is one of the runner, and the worker gives up at once."""

    crashes = 1

    def kill_runner(self, link: DirectLink) -> None:
        """Kill the runner, and wait for its end."""
        (pid,) = runners()
        os.kill(pid, signal.SIGKILL)
        self.await_runners()
        self.note_kill(link)
