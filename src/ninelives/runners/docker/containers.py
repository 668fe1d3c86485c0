"""The container of a runner: what it may do, how its runner gets the session, and how it ended."""

from __future__ import annotations

import os
import select
import signal
import socket
import stat
import struct
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ninelives.errors import EngineError
from ninelives.runner import control
from ninelives.runner.contained import SIGNALLED, SOCKET
from ninelives.runner.control import Limits
from ninelives.runner.process import WORKER_GONE
from ninelives.runners.container import Container
from ninelives.runners.docker import packages
from ninelives.runners.docker.engine import Engine, NotThereError
from ninelives.runners.manager import RunnerHealth

#: Processes and threads of a container, if its session has no limit of its own: a fork bomb ends there.
PROCESSES = 512

#: Process 1, and the reaper of the session's children.
_OURS = 2

#: Seconds in which a container that was started has to ask for its session.
_LATE = 60.0

#: Seconds in which a container whose connection is closed has to end.
_END = 10

#: The user of containers whose worker is root, "nobody".
_NOBODY = 65534

#: Bytes that are kept of what a container prints past its runner.
_LOG = "1m"

_BOOT = "from ninelives.runner.contained import main; main()"


def described(
    image: str,
    *,
    path: str,
    hash_seed: int,
    limits: Limits,
    cpus: float | None,
    asked: Container,
    folders: Mapping[Path, str],
    labels: Mapping[str, str],
) -> dict[str, Any]:
    """Return a runner's container as the engine's API has it.

    Args:
        image: of the build.
        path: where programs are looked for.
        hash_seed: PYTHONHASHSEED.
        limits: of the session.
        cpus: how many processors it may use at the same time; None: all.
        asked: what the project asks for.
        folders: where they are in the container; all but `packages.CONNECTION` can be written to.
        labels: of the container.
    """
    host: dict[str, Any] = {
        "NetworkMode": "bridge" if asked.network else "none",
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "PidsLimit": PROCESSES if limits.processes is None else limits.processes + _OURS,
        "LogConfig": {"Type": "json-file", "Config": {"max-size": _LOG}},
        "Mounts": [
            {"Type": "bind", "Source": str(source), "Target": target, "ReadOnly": target == packages.CONNECTION}
            for source, target in folders.items()
        ],
    }
    if limits.memory is not None:
        # The same for memory and swap: no swap.
        host |= {"Memory": limits.memory, "MemorySwap": limits.memory}
    if cpus is not None:
        host["NanoCpus"] = int(cpus * 1e9)
    return {
        "Image": image,
        "Entrypoint": [packages.INTERPRETER, "-P", "-c", _BOOT],
        "Cmd": [],
        "User": user(),
        "WorkingDir": packages.WORK,
        # A container's own is its id, and another one after each restart.
        "Hostname": "runner",
        "Env": [f"PATH={path}", f"PYTHONHASHSEED={hash_seed}", "LANG=C.UTF-8", f"HOME={packages.WORK}"],
        "Healthcheck": {"Test": ["NONE"]},
        # An engine that is shut down need not wait: a session goes on from where it was.
        "StopSignal": "SIGKILL",
        "Labels": dict(labels),
        "HostConfig": host,
    }


def user() -> str:
    """Return whom a runner runs as: the worker's own user, so that its files are that one's, but never root."""
    return f"{os.getuid() or _NOBODY}:{os.getgid() or _NOBODY}"


class Handover:
    """Where a container asks for its session: a socket in a folder that is mounted in it.

    Args:
        folder: a new one, for the socket.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o755, parents=True)
        #: descriptor of process 1 of the container, once it came; closed by `Watched.close`
        self.process: int | None = None
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # A socket's path may be no longer than a hundred characters, this one's folder can be named shortly.
        descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
        try:
            path = f"/proc/self/fd/{descriptor}/{os.path.basename(SOCKET)}"
            self._listener.bind(path)
            os.chmod(path, 0o666)
        finally:
            os.close(descriptor)
        self._listener.listen(1)
        self._listener.settimeout(_LATE)

    def give(self, session: control.Fork, descriptors: Sequence[int]) -> bool:
        """Wait for the container, and give it its session; return whether it came for it.

        Args:
            session: what it runs.
            descriptors: connection, stdin, stdout, stderr.
        """
        try:
            with self._listener.accept()[0] as connection:
                pid, _, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
                # It waits for the session, so no other process has got its number; 0: it can't be seen from here.
                self.process = os.pidfd_open(pid) if pid else None
                socket.send_fds(connection, [control.encode(session)], descriptors)
        except OSError:
            # It ended, was stopped, or is late.
            return False
        finally:
            self.close()
        return True

    def close(self) -> None:
        """Let nobody come any more, and nobody wait."""
        with suppress(OSError):  # it is closed already
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


class Watched:
    """A container that was started; a thread waits for its end.

    Args:
        engine: has it.
        container: its id.
        handover: closed at its end: nobody comes for the session any more.
        limits: of the session.
    """

    def __init__(self, engine: Engine, container: str, handover: Handover, limits: Limits) -> None:
        self.id = container
        self.ended = threading.Event()
        self._engine = engine
        self._handover = handover
        self._limits = limits
        self._health = RunnerHealth(alive=False, why="was removed")
        #: what it printed past its runner
        self.words = ""
        threading.Thread(target=self._watch, name=f"container {container[:12]}", daemon=True).start()

    def health(self, patience: float = 0.0) -> RunnerHealth:
        """Return how its runner is."""
        return self._health if self.ended.wait(patience) else RunnerHealth(alive=True)

    def is_over(self) -> bool:
        """Return whether its process 1, and so all that was in it, has ended; it has a moment for that.

        Nobody but the kernel is asked: the engine may be gone.
        """
        if self._handover.process is None:
            return False
        poll = select.poll()
        poll.register(self._handover.process, select.POLLIN)
        return bool(poll.poll(_END * 1000))

    def close(self) -> None:
        """Let go of its process."""
        if self._handover.process is not None:
            os.close(self._handover.process)
            self._handover.process = None

    def _watch(self) -> None:
        try:
            code = self._engine.wait(self.id)
            state = self._engine.state(self.id)
            self._health = _ended(code, killed_for_memory=bool(state.get("OOMKilled")), limits=self._limits)
            if code:
                self.words = self._engine.output(self.id, errors=True, lines=20)
        except NotThereError:
            # It was stopped meanwhile.
            pass
        except (EngineError, OSError) as error:
            self._health = RunnerHealth(alive=False, why=f"is out of sight: {error}")
        finally:
            self.ended.set()
            self._handover.close()


def _ended(code: int, *, killed_for_memory: bool, limits: Limits) -> RunnerHealth:
    number = code - SIGNALLED
    if killed_for_memory and number == signal.SIGKILL:
        limit = f"its limit of {limits.memory / 2**20:g} MiB" if limits.memory else "there is"
        return RunnerHealth(False, None, f"used more memory than {limit}", limited=limits.memory is not None)
    if number == signal.SIGXCPU and limits.cpu is not None:
        return RunnerHealth(False, None, f"used more CPU time than its limit of {limits.cpu:g} s", limited=True)
    if code == WORKER_GONE:
        return RunnerHealth(False, None, "ended because its connection did")
    try:
        why = f"was killed by {signal.Signals(number).name}"
    except ValueError:
        why = f"ended with exit code {code}"
    return RunnerHealth(False, None, why)


def readable(descriptor: int | None) -> int:
    """Return a new descriptor of what a program may read as its stdin.

    Only what it can do no more with than read: with that of a file a process can open the file anew, also for writing,
    and with that of a folder all that is below it, wherever its own root is.

    Args:
        descriptor: of the worker's; None: nothing to read.
    """
    kind = 0 if descriptor is None else os.fstat(descriptor).st_mode
    if descriptor is None or stat.S_ISDIR(kind) or stat.S_ISBLK(kind):
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    if not stat.S_ISREG(kind):
        return os.dup(descriptor)
    reading, writing = os.pipe()
    threading.Thread(target=_copy, args=(os.dup(descriptor), writing), name="stdin", daemon=True).start()
    return reading


def _copy(source: int, target: int) -> None:
    with os.fdopen(source, "rb", 0) as reading, os.fdopen(target, "wb", 0) as writing, suppress(BrokenPipeError):
        while data := reading.read(65536):
            writing.write(data)
