"""The warm parent: has everything imported that sessions need, and forks a fresh process for each.

Single-threaded, since it forks; it knows no session's data. It ends when its manager does, and its children with it.
Started as ``python -m ninelives.runner.warm DESCRIPTOR``.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import io
import os
import pkgutil
import select
import signal
import socket
import sys
import threading
from contextlib import redirect_stderr, suppress
from pathlib import Path
from typing import NoReturn

from ninelives import session
from ninelives.processes import MARKER
from ninelives.runner import cgroups, control, trial
from ninelives.runner.process import Origin, run
from ninelives.runner.trial import is_package

_PR_SET_PDEATHSIG = 1

#: Descriptors that come with a `Fork`, at most.
_DESCRIPTORS = 5

_libc = ctypes.CDLL(None, use_errno=True)


class WarmParent:
    """Serves one manager.

    Args:
        connection: to the manager.
        groups: of its runners.
    """

    def __init__(self, connection: socket.socket, groups: Groups) -> None:
        self._connection = connection
        self._groups = groups
        #: by pid: the manager's number, and the group
        self._children: dict[int, tuple[int, cgroups.Group | None]] = {}
        #: modules that were imported, or can't be
        self._imported: set[str] = set()

    def serve(self) -> None:
        """Fork when asked to, and tell of each child's end, until the manager is gone."""
        ended, ended_write = os.pipe()
        for descriptor in (ended, ended_write):
            os.set_blocking(descriptor, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(ended_write, warn_on_full_buffer=False)
        self._inner = (ended, ended_write)
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        self._tell(control.Ready(python, str(self._groups.folder or "")))
        poll = select.poll()
        poll.register(self._connection, select.POLLIN)
        poll.register(ended, select.POLLIN)
        while True:
            for descriptor, _ in poll.poll():
                if descriptor == ended:
                    with suppress(BlockingIOError):
                        os.read(ended, 4096)
                    self._reap()
                elif not self._take():
                    return

    def _take(self) -> bool:
        try:
            data, descriptors, _, _ = socket.recv_fds(self._connection, control.LARGEST, _DESCRIPTORS)
        except ConnectionResetError:
            # The manager was killed, and has not read all that it was told.
            return False
        if not data:
            return False
        request = control.to_parent.decode(data)
        try:
            self._import(request.imports)
            self._fork(request, descriptors)
        except OSError as error:
            self._tell(control.Forked(request.number, 0, str(error)))
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        # Before the next process is wanted, and after this one began: it may take a while.
        self._groups.move_on()
        return True

    def _fork(self, request: control.Fork, descriptors: list[int]) -> None:
        group = self._groups.take(request.limits.processes)
        # The child's collector leaves what is there alone, so that it need not copy the pages.
        gc.freeze()
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError:
            self._groups.leave(group)
            raise
        if not pid:
            if group:
                request.limits = request.limits.without_processes()
            self._be_child(request, descriptors, parent)
        self._children[pid] = request.number, group
        # Only here is it known to be that process: its pid is free once it was waited for.
        descriptor = os.pidfd_open(pid)
        try:
            self._tell(control.Forked(request.number, pid, group=str(group.folder) if group else ""), descriptor)
        finally:
            os.close(descriptor)

    def _be_child(self, request: control.Fork, descriptors: list[int], parent: int) -> NoReturn:
        status = 70
        try:
            self._leave_parent(parent)
            connected, *streams = descriptors
            for at, descriptor in enumerate(streams[:3]):
                os.dup2(descriptor, at)
                os.close(descriptor)
            starts = streams[3] if streams[3:] else None
            if starts is not None:
                os.set_inheritable(starts, False)
            _reseed()
            connection = socket.socket(fileno=connected)
            connection.set_inheritable(False)
            status = run(connection, Origin(request.session_id, request.token, request.limits, request.marks, starts))
        except BaseException:  # noqa: BLE001 - the process ends here; its last words are read by the manager
            import traceback

            os.write(2, traceback.format_exc().encode("utf-8", "backslashreplace"))
        finally:
            os._exit(status)

    def _leave_parent(self, parent: int) -> None:
        """In a child: die with the parent, and have nothing that is the parent's own."""
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(0)
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number in (signal.SIGCHLD, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        self._connection.close()
        for descriptor in self._inner:
            os.close(descriptor)

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            number, group = self._children.pop(pid, (None, None))
            if number is not None:
                self._tell(control.Exited(number, status))
            self._groups.leave(group)

    def _tell(self, message: control.Ready | control.Forked | control.Exited, *descriptors: int) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):
            socket.send_fds(self._connection, [control.encode(message)], descriptors)

    def _import(self, names: list[str]) -> None:
        """Import packages that a program uses, so that each of its sessions has them at once."""
        new = [name for name in names if name not in self._imported and name not in sys.modules and is_package(name)]
        self._imported.update(names)
        for name in self._harmless(new):
            with redirect_stderr(io.StringIO()), suppress(Exception):
                importlib.import_module(name)

    def _harmless(self, names: list[str]) -> list[str]:
        """Return the modules that may be imported here: a child tries it first, since here it can't be taken back."""
        harmless: list[str] = []
        while names:
            more, names = self._try(names)
            harmless += more
        return harmless

    def _try(self, names: list[str]) -> tuple[list[str], list[str]]:
        reading, writing = os.pipe()
        parent = os.getpid()
        pid = os.fork()
        if not pid:
            try:
                self._leave_parent(parent)
                os.close(reading)
                trial.run(names, writing)
            finally:
                os._exit(0)
        os.close(writing)
        try:
            return trial.hear(reading, names)
        finally:
            os.close(reading)
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


class Groups:
    """The groups of processes of a warm parent: the one that it is in is that of its next child."""

    def __init__(self) -> None:
        #: they are made in it; None: there can be none
        self.folder = cgroups.find()
        self._next: cgroups.Group | None = None
        #: of children that have ended; somebody may still be in them
        self._left: list[cgroups.Group] = []
        if self.folder is not None:
            cgroups.sweep(self.folder)
            self.move_on()
            if self._next is None:
                # They can be made here, but not entered.
                self.folder = None

    def take(self, processes: int | None) -> cgroups.Group | None:
        """Return the group that a child is born in now; None: there can be none.

        Args:
            processes: how many there may be in it.

        Raises:
            OSError: the group can't be made, or entered.
        """
        if self.folder is None:
            return None
        if self._next is None:
            self._next = self._enter(self.folder)
        self._next.limit(processes)
        taken, self._next = self._next, None
        return taken

    def move_on(self) -> None:
        """Go into the group of the next child."""
        if self.folder is not None and self._next is None:
            with suppress(OSError):  # it is tried again, and told, when there is a child to be forked
                self._next = self._enter(self.folder)
        self.leave()

    def leave(self, group: cgroups.Group | None = None) -> None:
        """Remove groups in which nobody is any more; this one, too."""
        left = [*self._left, group] if group else self._left
        self._left = [each for each in left if not each.remove()]

    def _enter(self, folder: Path) -> cgroups.Group:
        group = cgroups.make(folder)
        try:
            group.enter()
        except OSError:
            group.remove()
            raise
        return group


def _reseed() -> None:
    """Seed NumPy's own generator anew: after a fork only Python's is."""
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        numpy.seed()


def import_own() -> None:
    """Import all that a session may need of ours, and the parts of the standard library that take long."""
    for module in pkgutil.walk_packages(session.__path__, f"{session.__name__}."):
        importlib.import_module(module.name)
    for name in ("asyncio", "cloudpickle", "concurrent.futures", "json", "logging", "queue", "subprocess", "threading"):
        importlib.import_module(name)


def main() -> None:
    """Serve the manager whose socket is the descriptor that the command line names."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    connection.set_inheritable(False)
    del sys.argv[1:]
    os.environ.pop(MARKER, None)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: list[Groups] = []
    # The kernel takes its time, and no process may be forked while there is a thread.
    finding = threading.Thread(target=lambda: groups.append(Groups()))
    finding.start()
    import_own()
    finding.join()
    WarmParent(connection, groups[0]).serve()


if __name__ == "__main__":
    main()
