"""Children that an activity starts die with the session's process, also when that is killed with SIGKILL.

Just before a session process starts its first child it starts a *reaper* (`ninelives.processes`), which waits for the
death of the session process and then kills every process that carries its *marker*. The marker reaches programs in
their environment, whatever ``env`` they are given, and forked children as the name of a piece of memory they have in
common with the session process. It is set with ``putenv`` and so does not show in ``os.environ``, where it would make
user code that looks at its environment differ from one process to the next.

An audit hook would see every start of a process as well, but would slow down each ``sys._getframe`` and ``open`` by
more than a guarded call may cost; so the few functions that start processes are wrapped instead.
"""

from __future__ import annotations

import errno
import functools
import mmap
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from ninelives.processes import MARKER, any_marked, below, kill_marked, marker_of, memory_name, process_identity

#: Position of the list of environment variables among the arguments of ``_posixsubprocess.fork_exec``.
_FORK_EXEC_ENV = 5

_posix_spawn = getattr(os, "posix_spawn", None)


class _Watch:
    """What this process does about its children."""

    #: pid of the process that asked for it; a forked child is not that process
    pid = 0
    marker = ""
    #: its marker, and those of the processes above it: what its children carry
    markers = ""
    has_reaper = False
    memory: mmap.mmap | None = None


_watch = _Watch()


def watch_children(above: str = "") -> str:
    """Let every process that this one starts from now on die with this one. Called once in each session process.

    Nothing is started before the first child is. On platforms without ``/proc`` it does nothing.

    Args:
        above: what marks this process itself: it is a child of one that watches.

    Returns:
        the marker of this process, or "".
    """
    pid = os.getpid()
    identity = process_identity(pid) if sys.platform == "linux" else None
    if _watch.pid == pid or identity is None:
        return _watch.marker
    first = not _watch.pid
    _watch.pid, _watch.marker, _watch.has_reaper = pid, marker_of(pid, identity), False
    _watch.markers = below(_watch.marker, above)
    # One that this process was given would be taken away, and ours with it, when the program clears its environment.
    os.environ.pop(MARKER, None)
    os.putenv(MARKER, _watch.markers)
    _watch.memory = _name_memory(_watch.markers)
    if first:
        os.register_at_fork(before=_start_reaper)
        _wrap_all()
    return _watch.marker


def marks() -> str:
    """Return what marks the children of this process: its marker, and those of the processes above it; maybe ""."""
    return _watch.markers if _watch.pid == os.getpid() else ""


def kill_orphans(marker: str) -> int:
    """Kill the children that outlived a dead session process; return how many there were.

    Args:
        marker: of the dead process, as `Journal.taken_over` gives it.
    """
    return kill_marked(marker)


def any_left() -> bool:
    """Return whether anything that this session process has started is still there."""
    return _watch.has_reaper and _watch.pid == os.getpid() and any_marked(_watch.marker)


def _name_memory(markers: str) -> mmap.mmap:
    descriptor = os.memfd_create(memory_name(markers))
    try:
        os.ftruncate(descriptor, mmap.PAGESIZE)
        return mmap.mmap(descriptor, mmap.PAGESIZE)
    finally:
        os.close(descriptor)


def _start_reaper() -> None:
    # Process 1 of a container takes all others with it, and would become the parent of its own reaper.
    if _watch.has_reaper or _watch.pid != os.getpid() or _watch.pid == 1 or not sys.executable or not _posix_spawn:
        return
    _watch.has_reaper = True
    script = sys.modules[process_identity.__module__].__file__ or ""
    nothing = [(os.POSIX_SPAWN_OPEN, descriptor, os.devnull, os.O_RDWR, 0) for descriptor in range(3)]
    command = [sys.executable, "-I", "-S", script, _watch.marker]
    try:
        started = _posix_spawn(sys.executable, command, {}, file_actions=nothing, setpgroup=0)
        _, status = os.waitpid(started, 0)
    except ChildProcessError:
        # The user's handler of SIGCHLD was faster.
        return
    except OSError:
        _watch.has_reaper = False
        raise
    if status:
        # There was room for it, but not for what it starts: what nobody would end is not started either.
        _watch.has_reaper = False
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))


def _wrap_all() -> None:
    import _posixsubprocess
    import posix

    fork_exec = _wrap(_posixsubprocess.fork_exec, _with_marker_listed, _FORK_EXEC_ENV)
    _posixsubprocess.fork_exec = fork_exec
    if "subprocess" in sys.modules:
        vars(sys.modules["subprocess"])["_fork_exec"] = fork_exec
    for name in ("posix_spawn", "posix_spawnp", "execve", "system"):
        if hasattr(os, name):
            # os.system passes on the environment of this process, which has the marker
            wrapped = _wrap(getattr(os, name), None if name == "system" else _with_marker)
            setattr(os, name, wrapped)
            setattr(posix, name, wrapped)


def _wrap(
    function: Callable[..., Any], mark: Callable[[Any], Any] | None = None, position: int = 2
) -> Callable[..., Any]:
    @functools.wraps(function)
    def start_process(*args: Any, **kwargs: Any) -> Any:
        _start_reaper()
        if mark and "env" in kwargs:
            kwargs["env"] = mark(kwargs["env"])
        elif mark and len(args) > position:
            args = (*args[:position], mark(args[position]), *args[position + 1 :])
        return function(*args, **kwargs)

    return start_process


def _with_marker_listed(environment: Any) -> Any:
    # None: the environment of this process, which has the marker; of a wrong type: an error that the function reports
    return [*environment, f"{MARKER}={_watch.markers}".encode()] if isinstance(environment, list) else environment


def _with_marker(environment: Any) -> Any:
    return {**environment, MARKER: _watch.markers} if isinstance(environment, Mapping) else environment
