"""Stops a session in which one thread spins without ever waiting while others want to run: a hang is an error."""

from __future__ import annotations

import _thread
import ctypes
import sys
import time
from typing import TYPE_CHECKING, Any

from ninelives.errors import StoppedError
from ninelives.session.functions import really_sleep
from ninelives.session.stop import Halt

if TYPE_CHECKING:
    from ninelives.session.baton import Baton

#: Seconds for which a lane may stay in one function of the program, calling nothing, while another wants to run:
#: more than most computations take, and less than people wait before they look.
SPINS = 120.0


class Spun(BaseException):
    """Raised in a lane that spins; the session says why."""


def watch(baton: Baton) -> None:
    """Watch the lanes of a session from a thread of its own, as long as there are several."""
    _thread.start_new_thread(_watch, (baton,))


def _watch(baton: Baton) -> None:
    seen: Any = None
    since = time.monotonic()
    while baton.many:
        really_sleep(min(1.0, SPINS / 4))
        now = _state(baton)
        if now is None or now != seen:
            seen, since = now, time.monotonic()
        elif time.monotonic() - since >= SPINS:
            _stop(baton, now)
            return


def _state(baton: Baton) -> Any:
    """Return what stays the same while a lane spins in user code; None if no lane does, or no other wants to run."""
    turn = baton.holder
    if turn is None or not baton.session.goes_on or not baton.is_wanted():
        return None
    frame = sys._current_frames().get(turn.real)
    if frame is None or frame.f_builtins is not baton.session.builtins:
        return None
    return turn, baton.operations, baton.passes, frame.f_code


def _stop(baton: Baton, state: Any) -> None:
    turn = state[0]
    file, line = baton.session.showing.place(sys._current_frames().get(turn.real))
    Halt(
        StoppedError(
            f"{file}:{line}: lane {turn.lane.name} has run for {SPINS:g} s without waiting or calling anything, and "
            "other threads wait for their turn; wait with an Event, a Queue or time.sleep(0), repair it and go on with "
            f"'ninelives resume {baton.session.id} --with-code DIR'"
        )
    )
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(turn.real), ctypes.py_object(Spun))
