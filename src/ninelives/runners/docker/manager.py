"""The docker runner manager: starts, watches and stops containers, and removes what dead workers left."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from ninelives.code.requirements import read_needs
from ninelives.errors import EngineError, RunnerError
from ninelives.processes import marker_of, process_identity
from ninelives.protocol.carrier import SocketCarrier, to_runner
from ninelives.protocol.messages import FromRunner
from ninelives.runner.control import Fork
from ninelives.runners.container import Container
from ninelives.runners.docker import packages
from ninelives.runners.docker.containers import Handover, Watched, described, readable
from ninelives.runners.docker.engine import ConflictError, Engine, NotThereError
from ninelives.runners.docker.images import OURS_LABEL, Image, Images
from ninelives.runners.docker.places import Place
from ninelives.runners.manager import Asked, Code, Health, RunnerHealth
from ninelives.session import children

#: Containers that run at the same time, at most: each is several processes of the engine's.
MOST = 32

#: Labels of a container: the installation it belongs to, the process that started it, and its session.
_HOME_LABEL = "ninelives.home"
_WORKER_LABEL = "ninelives.worker"
_SESSION_LABEL = "ninelives.session"

_LINUX: bool = sys.platform == "linux"


class DockerRunner(NamedTuple):
    """A container. See `ninelives.runners.manager.Runner`."""

    id: str
    carrier: SocketCarrier[FromRunner]
    outputs: Mapping[str, int]
    watched: Watched
    #: of its socket
    folder: Path
    #: folders of its session
    place: Place
    code_dir: Path = Path(packages.CODE)
    cwd: Path | None = Path(packages.WORK)
    cache: Path | None = Path(packages.CACHE)


class DockerManager:
    """Starts runners in containers of a Docker engine of this machine. See `ninelives.runners.manager.Manager`.

    Args:
        home: folder that sockets and the sessions' folders are kept in.
        archive: gives the archive of a build.
        engine: None: the usual one.
        image: name of the image that projects are based on that name none; "": Docker's own of Python.
        cpus: how many processors a container may use at the same time; None: all.
        most: containers that run at the same time; who wants one more waits.
        keep: images of builds are kept for later; else only until this manager is closed.
        report: told what takes long, a line at a time.

    Raises:
        RunnerError: this is not Linux.
        EngineError: the engine can't be used.
    """

    def __init__(
        self,
        home: Path,
        archive: Callable[[str], bytes],
        *,
        engine: Engine | None = None,
        image: str = "",
        cpus: float | None = None,
        most: int = MOST,
        keep: bool = True,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        if not _LINUX:
            raise RunnerError("docker runners need Linux, where a runner's socket can be mounted in its container")
        self._home = home = home.resolve()
        self._archive = archive
        self._engine = engine or Engine()
        self._image = image
        self._cpus = cpus
        self._keep = keep
        self._room = threading.BoundedSemaphore(most)
        #: tells the containers of this installation from those of others on the same engine
        self._name = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
        pid = os.getpid()
        self._worker = marker_of(pid, process_identity(pid) or "")
        labels = {OURS_LABEL: "making", _HOME_LABEL: self._name, _WORKER_LABEL: self._worker}
        self._images = Images(self._engine, home, labels, report)
        self._runners: dict[str, DockerRunner] = {}
        #: images of environments by build, Python and what is asked of the container
        self._prepared: dict[tuple[str, str, Container], Image] = {}
        self._sweep()
        home.mkdir(parents=True, exist_ok=True)
        # Who can connect to a socket gets its session; what programs leave behind is nobody else's business either.
        home.chmod(0o700)

    def prepare(self, code: Code, python: str = "") -> str:
        """See `Manager.prepare`."""
        return self._prepare(code, python).python

    def start(self, session: Asked, code: Code, vars: Mapping[str, str]) -> DockerRunner:
        """See `Manager.start`."""
        self._room.acquire()
        try:
            try:
                return self._start(session, code, self._prepare(code, session.python))
            except NotThereError:
                # Another installation has removed an image that it did not use any more.
                self._prepared.clear()
                return self._start(session, code, self._prepare(code, session.python))
        except BaseException:
            self._room.release()
            raise

    def _start(self, session: Asked, code: Code, environment: Image) -> DockerRunner:
        image = self._images.build(environment, code.build, lambda: self._archive(code.build))
        labels = {
            OURS_LABEL: "runner",
            _HOME_LABEL: self._name,
            _WORKER_LABEL: self._worker,
            _SESSION_LABEL: session.session_id,
        }
        folder = self._home / "sockets" / f"{os.getpid()}-{os.urandom(8).hex()}"
        place = Place(self._home, session.session_id)
        try:
            place.make()
            handover = Handover(folder)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise RunnerError(f"no runner can be started in {self._home}: {error.strerror}") from error
        try:
            container = self._create(
                f"ninelives-{self._name}-{session.session_id}",
                described(
                    image,
                    path=environment.path,
                    hash_seed=session.hash_seed,
                    limits=session.limits,
                    cpus=self._cpus,
                    asked=code.container,
                    folders={
                        folder: packages.CONNECTION,
                        place.work: packages.WORK,
                        place.tmp: "/tmp",
                    },
                    labels=labels,
                ),
            )
        except BaseException:
            handover.close()
            shutil.rmtree(folder)
            raise
        watched = Watched(self._engine, container, handover, session.limits)
        try:
            carrier, outputs = _give(session, handover, watched)
        except BaseException:
            watched.close()
            self._engine.remove(container)
            shutil.rmtree(folder, ignore_errors=True)
            raise
        runner = DockerRunner(container, carrier, outputs, watched, folder, place)
        self._runners[container] = runner
        return runner

    def runner_health(self, runner_id: str, *, patience: float = 0.0) -> RunnerHealth:
        """See `Manager.runner_health`."""
        runner = self._runners.get(runner_id)
        return RunnerHealth(alive=False) if runner is None else runner.watched.health(patience)

    def stop(self, runner_id: str) -> None:
        """See `Manager.stop`."""
        runner = self._runners.pop(runner_id, None)
        if runner is None:
            return
        runner.carrier.close()
        try:
            self._engine.remove(runner.id)
        except EngineError:
            # What is left of it does nothing any more, and whoever comes next removes it.
            if not runner.watched.is_over():
                raise
        finally:
            runner.watched.close()
            for descriptor in runner.outputs.values():
                os.close(descriptor)
            shutil.rmtree(runner.folder, ignore_errors=True)
            runner.place.tidy()
            self._room.release()

    def health(self) -> Health:
        """See `Manager.health`."""
        alive = sum(not runner.watched.ended.is_set() for runner in list(self._runners.values()))
        try:
            self._engine.ping()
        except EngineError as error:
            return Health(False, alive, str(error))
        return Health(True, alive)

    def close(self) -> None:
        """See `Manager.close`."""
        for runner_id in list(self._runners):
            self.stop(runner_id)
        if not self._keep:
            self._images.forget_builds()

    def _prepare(self, code: Code, python: str) -> Image:
        key = (code.build, python, code.container)
        found = self._prepared.get(key) if code.build else None
        if found is None:
            base = code.container.image or self._image
            found = self._images.environment(base, read_needs(code.folder), python)
            self._prepared[key] = self._prepared[code.build, found.python, code.container] = found
        return found

    def _create(self, name: str, container: dict[str, object]) -> str:
        """Make a container and start it; one of this name is of a worker that has lost the session."""
        try:
            made = self._engine.create(name, container)
        except ConflictError:
            self._engine.remove(name)
            made = self._engine.create(name, container)
        try:
            self._engine.start(made)
        except BaseException:
            self._engine.remove(made)
            raise
        return made

    def _sweep(self) -> None:
        """Remove what workers left that were killed."""
        for container in self._engine.containers(f"{_HOME_LABEL}={self._name}"):
            pid, _, identity = container["Labels"].get(_WORKER_LABEL, "").partition(":")
            if not pid.isdigit() or process_identity(int(pid)) != identity:
                self._engine.remove(container["Id"])
        sockets = self._home / "sockets"
        for folder in sockets.iterdir() if sockets.is_dir() else ():
            if process_identity(int(folder.name.partition("-")[0])) is None:
                shutil.rmtree(folder, ignore_errors=True)
        self._images.sweep()


def _give(session: Asked, handover: Handover, watched: Watched) -> tuple[SocketCarrier[FromRunner], Mapping[str, int]]:
    """Give a container its session, and return the worker's end of its connection and its outputs."""
    ours, its = socket.socketpair()
    pipes = {name: os.pipe() for name in ("stdout", "stderr")}
    stdin = readable(session.stdin)
    # The kernel counts the processes of a user in all containers: here the engine holds them to their number.
    limits = session.limits.without_processes()
    request = Fork(0, session.session_id, session.token, limits, children.marks())
    try:
        given = [its.fileno(), stdin, *(write for _, write in pipes.values())]
        if not handover.give(request, given):
            watched.ended.wait(1.0)
            os.write(pipes["stderr"][1], watched.words.encode())
    except BaseException:
        ours.close()
        for reading, _ in pipes.values():
            os.close(reading)
        raise
    finally:
        its.close()
        os.close(stdin)
        for _, writing in pipes.values():
            os.close(writing)
    for reading, _ in pipes.values():
        os.set_blocking(reading, False)
    return to_runner(ours), {name: reading for name, (reading, _) in pipes.items()}
