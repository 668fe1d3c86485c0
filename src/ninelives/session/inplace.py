"""Waiting in place: a task that awaits an outside call, while no other is ready, need not leave its step for that.

By asyncio's way it would give its future to its loop, which finds nothing ready, lets the scheduler deliver, is told by
the future to go on with the task, and does so in its next round. What is delivered, and after what, is the same in
place. Only code that steps a coroutine by hand sees a difference: it expects the future. So it must lie in nobody's
hands but the loop's.
"""

from __future__ import annotations

import asyncio
import dis
import sys
from types import CodeType
from typing import Any

from ninelives.session.loop import SessionLoop, current_task
from ninelives.session.tasks import LaneTask

_getframe = sys._getframe

_SEND = dis.opmap["SEND"]

#: The frame of a handle, under which a task makes its steps.
_STEP = asyncio.Handle._run.__code__

#: Whether the instruction at a place of some code is an ``await``; its code is kept, so that its ``id`` is not reused.
_known: dict[tuple[int, int], tuple[CodeType, bool]] = {}

#: Places that are remembered: code that a program makes anew again and again must not pile up.
_MOST = 10_000


def can_wait(loop: SessionLoop) -> bool:
    """Return whether the awaitable that asks, two calls up, may wait in place: decided the same on replay."""
    if not loop.has_only_this():
        return False
    task: Any = current_task(loop)
    if type(task) is not LaneTask or task._must_cancel:
        return False
    frame = _getframe(2).f_back
    while frame is not None:
        code = frame.f_code
        if code is _STEP:
            return True
        place = id(code), frame.f_lasti
        known = _known.get(place) or _look(place, code)
        if not known[1]:
            return False
        frame = frame.f_back
    return False


def _look(place: tuple[int, int], code: CodeType) -> tuple[CodeType, bool]:
    if len(_known) >= _MOST:
        _known.clear()
    instructions, at = code.co_code, place[1]
    # Python 3.12 stands behind the instruction, in its cache.
    awaits = instructions[at] == _SEND or (not instructions[at] and at >= 2 and instructions[at - 2] == _SEND)
    _known[place] = found = code, awaits
    return found
