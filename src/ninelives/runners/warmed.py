"""A warm parent as its manager has it: the process, and what it says of the runners that it forked."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress

from ninelives.errors import RunnerError
from ninelives.runner import control
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
        #: as `os.waitpid` gives it; None: it has not ended, or its parent has
        self.status: int | None = None
        #: why it could not be made
        self.error = ""
        #: its pid is known, or it could not be made
        self.forked = threading.Event()
        self.ended = threading.Event()


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
        #: the process that hears what the warm parent says
        self._listener = 0
        #: it has ended, or is told to
        self.is_gone = False
        folder = os.path.dirname(environment.python)
        variables = {"PATH": f"{folder}:{_PATH}", "LANG": "C.UTF-8", "PYTHONHASHSEED": str(hash_seed)}
        try:
            self._process = subprocess.Popen(
                [environment.python, "-P", *environment.options, "-c", _BOOT, str(its.fileno()), *environment.paths],
                stdin=subprocess.DEVNULL,
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
        if not data or not isinstance(control.from_parent.decode(data), Ready):
            self._process.kill()
            self._process.wait()
            self._connection.close()
            raise RunnerError(f"{self.environment.python} did not become a parent of runners: see what it says above")

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
                raise RunnerError("the parent of the runners is gone: try again") from error
        return forking

    def kill(self, forking: Forking) -> None:
        """Let a process be killed, if it has not ended."""
        if not forking.ended.is_set():
            try:
                self._connection.send(control.encode(control.Kill(forking.number)))
            except OSError:
                # It is gone, and its children with it.
                return

    def alive(self) -> int:
        """Return how many of its processes have not ended."""
        with self._lock:
            return len(self._forking)

    def close(self) -> None:
        """End it, and all that it forked."""
        self.is_gone = True
        with suppress(OSError):  # it has ended by itself
            self._connection.shutdown(socket.SHUT_RDWR)
        self._process.kill()
        self._process.wait()

    def _listen_here(self) -> None:
        """Hear what the warm parent says from the first fork on: until then a forked child may be the one who asks."""
        if self._listener != os.getpid():
            self._listener = os.getpid()
            # Numbers that another process has asked for are not ours.
            self._number = self._listener << 32
            threading.Thread(target=self._listen, name="warm parent", daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                data = self._connection.recv(control.LARGEST)
            except OSError:
                data = b""
            if not data:
                break
            self._heard(control.from_parent.decode(data))
        self.is_gone = True
        with self._lock:
            left = list(self._forking.values())
            self._forking.clear()
        for forking in left:
            forking.forked.set()
            forking.ended.set()
        self._connection.close()

    def _heard(self, message: Ready | Forked | Exited) -> None:
        if isinstance(message, Ready):
            return
        with self._lock:
            forking = self._forking.get(message.number)
            if forking is None:
                return
            if isinstance(message, Forked):
                forking.pid, forking.error = message.pid, message.error
                forking.forked.set()
                if message.pid:
                    return
            else:
                forking.status = message.status
            del self._forking[message.number]
        forking.ended.set()
