"""Who a process is, and how to kill what a dead one left behind. Run as a script: the *reaper* of a session process.

Knows nothing of the rest of the package and imports little, because the reaper starts from this very file.
"""

from __future__ import annotations

import os
import select
import sys

#: Environment variable that a session process gives to the processes it starts.
MARKER = "NINELIVES_PROCESS"

#: How many markers a process carries at most: the name of a piece of memory is at most 249 bytes long.
_DEEPEST = 6

_VARIABLE = f"{MARKER}=".encode()
_MEMORY = b"ninelives-"

_SIGKILL = 9
_HAS_PROC = os.path.exists("/proc/self/stat")

#: How often to look whether a process is still there, in milliseconds, on kernels that can't tell (before Linux 5.3).
_LOOK_EVERY_MS = 100


def process_identity(pid: int) -> str | None:
    """Return what tells this process from an earlier or later one of the same pid, or None when no such process runs.

    It is made of the time at which the process started and of the boot it belongs to. A zombie does not run.
    """
    if not _HAS_PROC:
        return _identity_from_ps(pid)
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            stat = file.read(4096)
    except OSError:
        return None
    # The name of the program, in parentheses, may hold anything, so the fields are counted from its end.
    fields = stat[stat.rfind(b")") + 2 :].split()
    if len(fields) < 20 or fields[0] in (b"Z", b"X"):
        return None
    return f"{fields[19].decode()}@{_boot_id()}"


def is_of_this_boot(identity: str) -> bool:
    """Return whether the machine has surely not been started again since a process of this identity was."""
    return _HAS_PROC and bool(_boot_id()) and identity.rpartition("@")[2] == _boot_id()


def marker_of(pid: int, identity: str) -> str:
    """Return the marker that the process with this pid and identity gives to its children."""
    return f"{pid}:{identity}"


def below(marker: str, above: str) -> str:
    """Return what marks the children of a process: its own marker, and those of the processes above it.

    So the children of a runner are found by the marker of its worker too.

    Args:
        marker: of the process.
        above: what marks the process itself, or "".
    """
    return "/".join([marker, *above.split("/")][:_DEEPEST] if above else [marker])


def kill_marked(marker: str) -> int:
    """Kill every process, except this one, that carries the marker; return how many there were.

    A process carries it in its environment, or, when it was forked and has not become another program, as the name of a
    mapped piece of memory; in both among those of the processes above it. Processes that are being forked while we look
    are found the next time round.
    """
    seen: set[int] = set()
    killed = 0
    # A process that SIGKILL was sent to starts no other, so a look that finds no new one is the last.
    while new := set(_marked(marker)) - seen:
        seen |= new
        for pid in new:
            try:
                os.kill(pid, _SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue
            killed += 1
    return killed


def any_marked(marker: str) -> bool:
    """Return whether a process, except this one, carries the marker."""
    return bool(_marked(marker))


def _marked(marker: str) -> list[int]:
    if not _HAS_PROC:
        return []
    wanted = marker.encode()
    me = os.getpid()
    program = os.readlink("/proc/self/exe").encode()
    return [
        int(name)
        for name in os.listdir("/proc")
        if name.isdigit() and int(name) != me and _carries(name, wanted, program)
    ]


def memory_name(markers: str) -> str:
    """Return the name of the piece of memory that forked children of a process have in common with it."""
    return f"{_MEMORY.decode()}{markers}"


def _carries(pid: str, marker: bytes, program: bytes) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:
            environ = file.readall()
        for variable in environ.split(b"\0") if _VARIABLE in environ else ():
            if variable.startswith(_VARIABLE) and marker in variable[len(_VARIABLE) :].split(b"/"):
                return True
        # The other file is long and only a Python that was forked has the mapping, so it is read for Pythons only.
        exe = os.readlink(f"/proc/{pid}/exe").encode()
        if exe != program and b"python" not in exe:
            return False
        with open(f"/proc/{pid}/maps", "rb", buffering=0) as file:
            _, *named = file.readall().split(_MEMORY)
        return any(marker in name.split(b" ", 1)[0].split(b"/") for name in named)
    except OSError:
        return False


_boot = ""


def _boot_id() -> str:
    global _boot  # noqa: PLW0603
    if not _boot:
        try:
            with open("/proc/sys/kernel/random/boot_id") as file:
                _boot = file.read(8)
        except OSError:
            _boot = "-"
    return _boot


def _identity_from_ps(pid: int) -> str | None:
    import subprocess

    command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    shown = subprocess.run(command, capture_output=True, check=False).stdout.decode(errors="replace").split()
    return "-".join(shown[1:]) if shown and not shown[0].startswith("Z") else None


def reap(marker: str) -> None:
    """Wait until the process that the marker names is dead, then kill what carries the marker."""
    pid, _, identity = marker.partition(":")
    _wait_for_death(int(pid), identity)
    kill_marked(marker)


def _wait_for_death(pid: int, identity: str) -> None:
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        handle = -1
    # In this order: now the handle can only belong to the process that the marker names.
    if process_identity(pid) != identity:
        return
    poll = select.poll()
    if handle >= 0:
        poll.register(handle, select.POLLIN)
        poll.poll()
        return
    while process_identity(pid) == identity:
        poll.poll(_LOOK_EVERY_MS)


def _close(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        # the descriptor that the listing itself had
        return


def _main() -> None:
    # The one that was started ends at once: a child that the program does not know of would be in the way of os.wait().
    if os.fork():
        os._exit(0)
    import signal

    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    os.chdir("/")
    for name in os.listdir("/proc/self/fd") if _HAS_PROC else ():
        if int(name) > 2:
            _close(int(name))
    reap(sys.argv[1])


if __name__ == "__main__":
    _main()
