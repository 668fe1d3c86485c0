"""Groups of processes that the kernel holds to a number (the pids controller of control groups), one for each runner.

A process is moved into a group by a write that can take the kernel 15 ms, if nobody was moved for a while; groups are
neither made nor removed meanwhile. So no session waits for it: the warm parent, who forks runners, sits in the group
of the next one, which is born there, and only then moves on. Groups are named by the parent that made them, since
they are there before their session is, and can't be renamed everywhere.
"""

from __future__ import annotations

import itertools
import os
import select
import signal
from contextlib import suppress
from pathlib import Path

from ninelives.processes import process_identity

_PREFIX = "ninelives-"

_CONTROLLER = "pids"

#: Processes and threads in a group that are ours: what waits for the worker's end, what ends the session's children,
#: and, until it has moved on, the parent.
_OURS = 3

#: Milliseconds in which processes that were killed have to be gone.
_END = 10_000

_numbers = itertools.count(1)


class Group:
    """A group of processes.

    Args:
        folder: of it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def limit(self, processes: int | None) -> None:
        """Let there be so many processes and threads of a session; None: any number.

        Raises:
            OSError: the kernel does not want it.
        """
        _write(self.folder / "pids.max", "max" if processes is None else str(processes + _OURS))

    def enter(self) -> None:
        """Move this process into it; its children are born there.

        Raises:
            OSError: the kernel does not want it.
        """
        _write(self.folder / "cgroup.procs", "0")

    def kill(self, spare: int) -> None:
        """Kill all that is in it, and wait until it is gone.

        Args:
            spare: a process that is not killed: the parent, who moves on by itself.
        """
        if not self._processes(spare):
            return
        with suppress(OSError):
            # From here on nothing is started there, so one look finds all.
            _write(self.folder / "pids.max", "0")
        for act in (_kill, _await):
            for pid in self._processes(spare):
                act(pid)

    def remove(self) -> bool:
        """Remove it if nobody is in it; return whether it is gone."""
        try:
            self.folder.rmdir()
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True

    def _processes(self, spare: int) -> list[int]:
        try:
            lines = (self.folder / "cgroup.procs").read_text().split()
        except OSError:
            # It is gone, or going.
            return []
        # 0 is one that can't be seen from here, or is not there any more; as an address it is everybody's around us.
        return [pid for pid in map(int, lines) if pid not in (0, spare)]


def make(folder: Path) -> Group:
    """Make a group of this process.

    Args:
        folder: as `find` gives it.

    Raises:
        OSError: it can't be made.
    """
    pid = os.getpid()
    group = Group(folder / f"{_PREFIX}{pid}-{_started(pid)}-{next(_numbers)}")
    group.folder.mkdir()
    return group


def find() -> Path | None:
    """Return the folder in which groups can be made: the own group, or one above it; None: there is none here."""
    try:
        folders = places(Path("/proc/self/mountinfo").read_text(), Path("/proc/self/cgroup").read_text())
    except (OSError, ValueError):
        # Not Linux, or one that writes these files in another way.
        return None
    for folder in folders:
        try:
            group = make(folder)
        except OSError:
            continue
        try:
            # Where children of a group do not have the controller there is no such file.
            group.limit(None)
        except OSError:
            continue
        finally:
            group.remove()
        return folder
    return None


def sweep(folder: Path) -> None:
    """Remove the empty groups of processes that are gone."""
    for path in folder.glob(f"{_PREFIX}*"):
        pid, _, rest = path.name.removeprefix(_PREFIX).partition("-")
        if pid.isdigit() and _started(int(pid)) != rest.partition("-")[0]:
            Group(path).remove()


def places(mounts: str, own: str) -> list[Path]:
    """Return the folders that groups with a limit might be made in: the own group first, then those above it.

    Args:
        mounts: as /proc/self/mountinfo has it.
        own: as /proc/self/cgroup has it.
    """
    groups = {controllers: path for _, controllers, path in (line.split(":", 2) for line in own.splitlines())}
    older = next((path for names, path in groups.items() if _CONTROLLER in names.split(",")), None)
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        root, at = map(_unescaped, before.split()[3:5])
        if kind == "cgroup" and _CONTROLLER in options.split(","):
            group = older
        elif kind == "cgroup2" and older is None:
            group = groups.get("")
        else:
            continue
        # One that is outside of what is seen here begins with "/..".
        if group is not None and ".." not in group.split("/") and Path(group).is_relative_to(root):
            below = Path(group).relative_to(root)
            return [Path(at, part) for part in (below, *below.parents)]
    return []


def _unescaped(path: str) -> str:
    return path.encode().decode("unicode_escape").encode("latin-1").decode("utf-8", "surrogateescape")


def _started(pid: int) -> str:
    """Return when a process started, "" if there is none."""
    return (process_identity(pid) or "").partition("@")[0]


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _await(pid: int) -> None:
    """Wait until a process that was killed has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    poll.poll(_END)
    os.close(descriptor)
