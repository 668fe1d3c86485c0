"""Places whose sessions run in containers. Slow ones: a container starts in half a second."""

from __future__ import annotations

import os
import signal
from typing import Any

from runners.engine import IMAGE

from crash.harness import OUTSIDE, SESSION, Result
from crash.isolated import RunnerKilled, RunnerReplaced, WorkerKilled
from crash.programs import Program
from ninelives.runners.docker.manager import DockerManager, DockerRunner
from ninelives.runners.docker.packages import CODE
from ninelives.worker.isolated import Isolated


class WithOutside(DockerManager):
    """Its containers have the outside of the test programs, and the folder of their effects."""

    def __init__(self, place: Contained, **options: Any) -> None:
        super().__init__(place.home / "docker", place.tar, image=IMAGE, **options)
        self._shared = place.folder
        self.started: list[DockerRunner] = []

    def _create(self, name: str, container: dict[str, Any]) -> str:
        for path in (OUTSIDE, self._shared):
            mount = {"Type": "bind", "Source": str(path), "Target": str(path), "ReadOnly": path == OUTSIDE}
            container["HostConfig"]["Mounts"].append(mount)
        container["Env"] += [f"PYTHONPATH={OUTSIDE}", "PYTHONWARNINGS=ignore"]
        return super()._create(name, container)

    def start(self, *args: Any) -> DockerRunner:
        runner = super().start(*args)
        self.started.append(runner)
        return runner


class Contained(WorkerKilled):
    """Its sessions run in containers; a kill is one of the worker."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        # The containers' user writes here too.
        self.folder.chmod(0o777)

    def ready(self) -> None:
        """Nothing is started ahead."""

    def await_runners(self) -> None:
        """A container that is left is removed by whoever goes on with its session."""

    def place(self, environment: dict[str, str]) -> tuple[Isolated, dict[str, str]]:
        self.manager = WithOutside(self)
        return self.isolated(), self.environment | environment

    def result(self, session: str = SESSION) -> Result:
        """Return what a session came to; its log has the paths of the container."""
        found = super().result(session)
        return found._replace(prints=[line.replace(f"{CODE}/", "./") for line in found.prints])

    def tar(self, build: str) -> bytes:
        """Return the archive of a build, as the place's store has it."""
        return (self.home / "builds" / f"{build}.tar").read_bytes()


class ContainerKilled(Contained, RunnerKilled):
    """A kill is one of the container, and the worker gives up at once."""

    def kill_process(self) -> None:
        """Kill the container that was started last, and wait for its end."""
        runner = self.manager.started[-1]
        os.kill(self.manager._engine.state(runner.id)["Pid"], signal.SIGKILL)
        runner.watched.ended.wait()


class ContainerReplaced(ContainerKilled, RunnerReplaced):
    """When a container is killed, the worker goes on with the next one."""
