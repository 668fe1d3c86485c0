"""File descriptors: numbers that mean nothing in another process.

On replay a recorded call gives the number that it gave in the process that died. A later call must not be made with it:
whatever is open under that number now is something else. The number that a file's or a socket's ``fileno`` gave is
replaced by the one that it has now; any other stops the session.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ninelives.errors import NotRestorableError
from ninelives.session.livetypes import DESCRIPTORS
from ninelives.session.standins import real
from ninelives.session.stop import Halt

if TYPE_CHECKING:
    from ninelives.session.calls import Call

#: Functions that take a descriptor as their first argument, or by name, begin with one of these.
_TAKE = ("os.", "fcntl.", "io.open", "mmap.mmap", "pty.", "select.", "signal.pidfd_", "socket.", "termios.", "tty.")

#: Those that take two.
_TAKE_TWO = frozenset({"os.copy_file_range", "os.dup2", "os.sendfile", "os.splice"})

#: Those whose first number is none: of a process, a user, a mode, a size, an address family.
_TAKE_NONE = frozenset(
    f"os.{name}"
    for name in (
        *("getpgid", "getpriority", "getrandom", "getsid", "initgroups", "kill", "killpg", "major", "minor", "nice"),
        *("pidfd_open", "sched_getaffinity", "sched_getparam", "sched_getscheduler", "sched_rr_get_interval"),
        *("sched_setaffinity", "sched_setparam", "sched_setscheduler", "setegid", "seteuid", "setgid", "setpgid"),
        *("setpriority", "setregid", "setresgid", "setresuid", "setreuid", "setuid", "strerror", "umask", "wait4"),
        *("eventfd", "timerfd_create", "waitpid", "waitid"),
    )
)

#: What gives or closes one, besides ``fileno``.
_CONCERNED = DESCRIPTORS | {"os.close"}

#: By name, in the functions that take one.
_NAMES = frozenset({"dir_fd", "dst_dir_fd", "fd", "file", "fileno", "src_dir_fd"})


class Descriptors:
    """The descriptors that a session's record holds."""

    def __init__(self) -> None:
        #: number to what gives what it belongs to: None if that is gone, or if there is nothing but the number
        self._stale: dict[int, Callable[[], Any]] = {}
        #: those that calls of this process opened
        self._open: set[int] = set()

    @property
    def any_open(self) -> bool:
        """Whether a call of this process gave one that was not closed."""
        return bool(self._open)

    def note(self, call: Call, value: Any, owner: Any) -> None:
        """Remember what a recorded call gave, or that it closed one.

        Args:
            call: the call.
            value: what it gave.
            owner: the object whose method it was, or its stand-in.
        """
        if call.name == "os.close":
            self._stale.pop(call.args[0] if call.args else call.kwargs["fd"], None)
        for number in _given(call, value):
            self._stale[number] = _weakly(owner) if _is_fileno(call) else _nothing

    def forget(self, call: Call, value: Any) -> None:
        """Let a number that a call of this process gave mean that."""
        if call.name == "os.close" and self._open:
            self._open.discard(call.args[0] if call.args else call.kwargs.get("fd"))
        for number in _given(call, value):
            self._stale.pop(number, None)
            if not _is_fileno(call):
                self._open.add(number)

    def renew(self, call: Call) -> None:
        """Give a call that is to be made now the descriptors of this process.

        Raises:
            Halt: it was given one that belongs to nothing any more.
        """
        if not self._stale or not call.name.startswith(_TAKE):
            return
        if call.name not in _TAKE_NONE:
            count = 2 if call.name in _TAKE_TWO else len(call.args) if call.name == "select.select" else 1
            call.args = (*(self._now(call, arg) for arg in call.args[:count]), *call.args[count:])
        call.kwargs = {name: self._now(call, arg) if name in _NAMES else arg for name, arg in call.kwargs.items()}

    def _now(self, call: Call, arg: Any) -> Any:
        if type(arg) is list:
            return [self._now(call, item) for item in arg]
        found = self._stale.get(arg) if type(arg) is int else None
        if found is None:
            return arg
        owner = found()
        if owner is None:
            raise Halt(
                NotRestorableError(
                    f"{call.name}: a file descriptor can't be made again after a restart; "
                    "put the calls that use it into one @activity"
                )
            )
        return real(owner).fileno()


def concerns(name: str) -> bool:
    """Return whether calls of a name give or close a descriptor."""
    return name in _CONCERNED or name.endswith(".fileno")


def _given(call: Call, value: Any) -> tuple[int, ...]:
    if call.name in DESCRIPTORS or _is_fileno(call):
        return tuple(item for item in (value if isinstance(value, tuple) else (value,)) if type(item) is int)
    return ()


def _is_fileno(call: Call) -> bool:
    return call.name.endswith(".fileno")


def _nothing() -> None:
    return None


def _weakly(owner: Any) -> Callable[[], Any]:
    try:
        return weakref.ref(owner)
    except TypeError:
        return lambda: owner
