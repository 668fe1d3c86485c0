"""A warm parent as its manager has it: the process, and what it says of the runners that it forked."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ninelives.errors import RunnerError
from ninelives.runner import cgroups, control
from ninelives.runner.control import Exited, Fork, Forked, Ready
from ninelives.runners.environments import Environment

#: Sets ``sys.path``, if it is given, before anything of ours is imported.
_BOOT = """\
import sys
if paths := sys.argv[2:]:
    sys.path[:] = paths
from ninelives.runner.warm import main
main()
"""

#: Seconds in which a warm parent has to be ready; a cold disk and a busy machine take their time.
_START = 60.0

#: Where programs are looked for. Nothing else of the worker's own environment reaches a session.
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Forking:
    """A process that a warm parent was asked for."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.pid = 0
        #: descriptor of the process, which no other can be taken for; -1: it is not there yet, or not any more
        self._process = -1
        self._stopped = False
        self._lock = threading.Lock()
        #: as `os.waitpid` gives it; None: it has not ended, or its parent has
        self.status: int | None = None
        #: why it could not be made
        self.error = ""
        #: its pid is known, or it could not be made
        self.forked = threading.Event()
        self.ended = threading.Event()
        #: it has ended, though its parent may not have said so yet
        self.is_gone = False
        #: it, and what it starts; None: there can be none, or it is not there yet
        self.group: cgroups.Group | None = None

    def is_there(self, pid: int, process: int, group: str) -> None:
        """Take note that it was forked."""
        with self._lock:
            self.pid, self._process = pid, process
            self.group = cgroups.Group(Path(group)) if group else None
            stopped = self._stopped
        if stopped:
            self.kill()
        self.forked.set()

    def has_ended(self, status: int | None) -> None:
        """Take note of its end."""
        with self._lock:
            self.status = status
            if self._process >= 0:
                os.close(self._process)
                self._process = -1
        self.forked.set()
        self.ended.set()

    def kill(self) -> None:
        """Kill it; if it is not there yet, as soon as it is."""
        with self._lock:
            self._stopped = True
            if self._process >= 0:
                with suppress(ProcessLookupError):  # it has ended, and its parent has not said so yet
                    signal.pidfd_send_signal(self._process, signal.SIGKILL)

    def await_end(self, patience: float) -> bool:
        """Wait until it has ended, whether or not its parent has said so, and return whether it has.

        Args:
            patience: seconds.
        """
        with self._lock:
            watched = os.dup(self._process) if self._process >= 0 else -1
        if watched < 0:
            return self.ended.wait(patience)
        try:
            poll = select.poll()
            poll.register(watched, select.POLLIN)
            self.is_gone = bool(poll.poll(patience * 1000))
        finally:
            os.close(watched)
        return self.is_gone

    def lose(self) -> None:
        """Take note that its parent has ended: the kernel kills it for that, and it is waited for here."""
        self.kill()
        if self._process >= 0:
            poll = select.poll()
            poll.register(self._process, select.POLLIN)
            poll.poll()
        self.has_ended(None)


class WarmProcess:
    """Forks runners of one environment and hash seed.

    Args:
        environment: what they run in.
        hash_seed: their PYTHONHASHSEED.

    Raises:
        RunnerError: it can't be started.
    """

    def __init__(self, environment: Environment, hash_seed: int) -> None:
        self.environment = environment
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._connection = ours
        self._lock = threading.Lock()
        self._forking: dict[int, Forking] = {}
        self._number = 0
        #: hears what the warm parent says, in the process of this pid
        self._listener: threading.Thread | None = None
        self._listening = 0
        #: it has ended, or is told to
        self.is_gone = False
        folder = os.path.dirname(environment.python)
        variables = {"PATH": f"{folder}:{_PATH}", "LANG": "C.UTF-8", "PYTHONHASHSEED": str(hash_seed)}
        try:
            self._process = subprocess.Popen(
                [environment.python, "-P", *environment.options, "-c", _BOOT, str(its.fileno()), *environment.paths],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=variables,
                pass_fds=(its.fileno(),),
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise RunnerError(f"{environment.python} can't be started: {error.strerror}") from error
        finally:
            its.close()
        self._await_ready()

    def _await_ready(self) -> None:
        self._connection.settimeout(_START)
        try:
            data = self._connection.recv(control.LARGEST)
        except TimeoutError:
            data = b""
        self._connection.settimeout(None)
        ready = control.from_parent.decode(data) if data else None
        if not isinstance(ready, Ready):
            self._process.kill()
            self._process.wait()
            self._connection.close()
            raise RunnerError(f"{self.environment.python} did not become a parent of runners: see what it says above")
        self._groups = ready.groups

    def fork(self, request: Fork, descriptors: Sequence[int]) -> Forking:
        """Start a process; it may not be there yet.

        Args:
            request: what to start; its number is given here.
            descriptors: connection, stdin, stdout, stderr.

        Raises:
            RunnerError: the warm parent is gone.
        """
        with self._lock:
            self._listen_here()
            self._number += 1
            forking = Forking(self._number)
            self._forking[self._number] = forking
            request.number = self._number
            try:
                socket.send_fds(self._connection, [control.encode(request)], descriptors)
            except OSError as error:
                del self._forking[self._number]
                self.is_gone = True
                raise RunnerError("the parent of the runners is gone: try again") from error
        return forking

    def alive(self) -> int:
        """Return how many of its processes have not ended."""
        with self._lock:
            return sum(not forking.is_gone for forking in self._forking.values())

    def close(self) -> None:
        """End it, and all that it forked."""
        self.is_gone = True
        with suppress(OSError):  # it has ended by itself
            self._connection.shutdown(socket.SHUT_RDWR)
        self._process.kill()
        self._process.wait()
        if self._listener is not None and self._listening == os.getpid():
            self._listener.join()
        if self._groups:
            cgroups.sweep(Path(self._groups))

    def end_children(self, forking: Forking) -> None:
        """Kill what a process has started, which has ended itself."""
        if forking.group is not None:
            forking.group.kill(spare=self._process.pid)

    def _listen_here(self) -> None:
        """Hear what the warm parent says from the first fork on: until then a forked child may be the one who asks."""
        if self._listening != os.getpid():
            self._listening = os.getpid()
            # Numbers that another process has asked for are not ours.
            self._number = self._listening << 32
            self._listener = threading.Thread(target=self._listen, name="warm parent", daemon=True)
            self._listener.start()

    def _listen(self) -> None:
        while True:
            try:
                data, descriptors, _, _ = socket.recv_fds(self._connection, control.LARGEST, 1)
            except OSError:
                data, descriptors = b"", []
            if not data:
                break
            self._heard(control.from_parent.decode(data), descriptors)
        self.is_gone = True
        with self._lock:
            left = list(self._forking.values())
            self._forking.clear()
        for forking in left:
            forking.lose()
            self.end_children(forking)
        self._connection.close()

    def _heard(self, message: Ready | Forked | Exited, descriptors: list[int]) -> None:
        if isinstance(message, Ready):
            return
        is_there = isinstance(message, Forked) and message.pid
        with self._lock:
            forking = self._forking.get(message.number) if is_there else self._forking.pop(message.number, None)
        if forking is None:
            # Another process of ours has asked for it, and was killed.
            for descriptor in descriptors:
                os.close(descriptor)
        elif isinstance(message, Exited):
            forking.has_ended(message.status)
        elif is_there:
            forking.is_there(message.pid, descriptors[0], message.group)
        else:
            forking.error = message.error
            forking.has_ended(None)
