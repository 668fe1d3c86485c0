"""What modules of the program do while they load: directly, in every process, so perhaps another number of times.

A module that waits for its database reads the clock as often as it takes. So what is read and printed there counts by
module, apart from the lanes: a recorded reading is given again at the line that made it, what is left over is left, and
what goes beyond the record is read anew. Time goes on there from the last recorded reading, so that a deadline that was
computed before a restart is as far away as it was.
"""

from __future__ import annotations

import linecache
import random
import sys
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from ninelives.session.clock import Clock
from ninelives.session.entries import Value
from ninelives.session.lanes import LOADING, current_lane

if TYPE_CHECKING:
    from ninelives.session.calls import Call
    from ninelives.session.session import Session


class Loading:
    """The module level of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._generators: dict[str, random.Random] = {}
        #: by module, its recorded readings that were not given yet, and how many it has
        self._left: dict[str, list[Value]] = {}
        self._count: dict[str, int] = {}
        #: the clock that goes on from the last recorded reading, and which load of a module that was in
        self._clock: tuple[Clock, int] | None = None

    def lines(self) -> str:
        """Return in whose name lines count that are printed now: each line of a module may print any number of them."""
        file, line = self._place()[1]
        return f"{LOADING}{file}:{line}"

    def like(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``f`` as it runs at module level: all it does is direct and done again by each process."""
        code = self._session.code

        @wraps(f)
        def call(*args: Any, **kwargs: Any) -> Any:
            if current_lane() is None:
                return f(*args, **kwargs)
            with code.at_module_level():
                return f(*args, **kwargs)

        return call

    def next(self, call: Call) -> Value | None:
        """Say which reading a call at module level is, and return the recorded one; None if it is to be made."""
        call.file, call.line = self._place()[1]
        lane = f"{LOADING}{call.file}"
        left = self._left.get(lane)
        if left is None:
            recorded = self._session.journal.readings(lane)
            self._count[lane] = len(recorded)
            left = self._left[lane] = recorded
        for at, value in enumerate(left):
            # Repaired code has its lines elsewhere: there the order counts.
            if value.name == call.name and (value.line == call.line or self._session.setting.repaired):
                call.key = (lane, value.n)
                self._clock = (Clock(self._session.start.at, value.at, now=value.at), self._session.code.loads)
                return left.pop(at)
        self._count[lane] += 1
        call.key = (lane, self._count[lane])
        return None

    def clock(self) -> Clock:
        """Return the clock for a reading that is not recorded."""
        if self._clock is None or self._clock[1] != self._session.code.loads:
            return self._session.clock
        return self._clock[0]

    def random(self) -> random.Random:
        """Return the generator of the line that is running."""
        frame, (file, line) = self._place()
        # By its text, which stays the same when a repair moves it.
        text = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip() if frame is not None else ""
        name = f"{self._session.seed}:{LOADING}{file}:{text or line}"
        return self._generators.setdefault(name, random.Random(name))

    def _place(self) -> tuple[Any, tuple[str, int]]:
        """Return the frame of the module that is being loaded, its file and its line; else of what loads it."""
        frame: Any = sys._getframe(2)
        around = frame
        while around is not None:
            if around.f_builtins is self._session.builtins and around.f_code.co_name == "<module>":
                break
            around = around.f_back
        return around, self._session.showing.place(around or frame)
