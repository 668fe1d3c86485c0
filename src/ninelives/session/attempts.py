"""Attempts to make a call to the outside: noting that one begins, making the call, what follows when it fails."""

from __future__ import annotations

import sys
import time
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from ninelives.errors import InterruptedActivityError, StoppedError
from ninelives.session import render, uses
from ninelives.session.calls import Attempt, Call
from ninelives.session.entries import Activity
from ninelives.session.exceptions import sever
from ninelives.session.lanes import RunningActivity, running_activity
from ninelives.session.standins import StandIn, real
from ninelives.session.stop import Halt
from ninelives.session.timeout import time_limit

if TYPE_CHECKING:
    from ninelives.session.session import Session

#: Generators that only read, and are read to their end at once, so that a restart in the middle can go on.
_READ_WHOLE = frozenset(
    {"pathlib.Path.glob", "pathlib.Path.rglob", "pathlib.Path.iterdir", "pathlib.Path.walk", "os.walk", "glob.iglob"}
)


class Attempts:
    """The attempts of one session's calls."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def after(self, call: Call, recorded: Activity) -> Attempt:
        """Return the attempt that follows the recorded one.

        Raises:
            Halt: that one was cut off, and the user said that there must be no other.
        """
        if recorded.last_error:
            # The attempt before failed, and this one has not begun.
            return Attempt(recorded.attempt, recorded.failures, recorded.not_before)
        if call.options.if_interrupted == "stop" and not self.session.setting.retry_interrupted:
            raise Halt(
                InterruptedActivityError(
                    f"{call.file}:{call.line}: {call.name}, marked if_interrupted='stop', was cut off; "
                    f"see whether it took effect; to make it again: ninelives resume {self.session.id} --retry-failed"
                )
            )
        return Attempt(recorded.attempt + 1, recorded.failures, 0.0)

    def begin(self, call: Call, attempt: Attempt) -> None:
        """Record that an attempt starts; what was read before it is on disk then."""
        self.session.observer.activity_started(call.name, call.key[1])
        self.session.journal.note_before_leaving(self._entry(call, attempt, ""))

    def back_off(self, call: Call, attempt: Attempt, error: Exception) -> Attempt:
        """Record that an attempt failed and that there is a next one."""
        until = self.session.clock.now() + call.options.backoff * 2.0**attempt.failures
        after = Attempt(attempt.number + 1, attempt.failures + 1, until)
        shown = render.cut(self.session.showing.hide(render.error_text(error)))
        self.session.journal.note(self._entry(call, after, shown))
        return after

    def _entry(self, call: Call, attempt: Attempt, error: str) -> Activity:
        return Activity(
            self.session.journal.seq(),
            self.session.clock.now(),
            call.key[0],
            call.key[1],
            call.name,
            call.digest,
            call.shown if len(call.shown) <= render.LIMIT else render.cut(call.shown),
            call.file,
            call.line,
            attempt.number,
            attempt.not_before,
            attempt.failures,
            error,
        )

    def run(self, call: Call, attempt: int) -> tuple[bool, Any, RunningActivity, float]:
        """Make the call; return whether it succeeded, what it gave or raised, and how many seconds it took."""
        running = RunningActivity(self.session, call.key, attempt)
        handled = sys.exc_info()[1]
        token = running_activity.set(running)
        began = time.perf_counter()
        try:
            return True, self.invoke(call), running, time.perf_counter() - began
        except Halt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it raises is its result
            # What the program handles is not the call's: it is there on replay as well.
            sever(error, handled)
            return False, error, running, time.perf_counter() - began
        finally:
            running_activity.reset(token)

    def run_away(self, call: Call, attempt: int) -> tuple[bool, Any, RunningActivity, float]:
        """Do the same while other lanes run."""
        live = self.session.live
        if live.any_stand_ins:
            # What has to be made again is made while no other lane runs.
            for value in (call.function, *call.args, *call.kwargs.values()):
                real(value)
        ok, value, running, taken = self.session.baton.away(partial(self.run, call, attempt))
        if ok and type(value) not in render.ATOMS and isawaitable(value):
            raise Halt(
                StoppedError(
                    f"{call.file}:{call.line}: {call.name} returned something to be awaited while other threads run; "
                    "call it from an async function"
                )
            )
        try:
            return ok, value, running, taken
        finally:
            # As in `Activities`: the frames of an error's traceback lead back to this one.
            del value

    def invoke(self, call: Call) -> Any:
        """Call the function itself, with the real values of its arguments."""
        loop = self.session.running_loop()
        return self._invoke_here(call) if loop is None else loop.outside.call(self._invoke_here, call)

    def _invoke_here(self, call: Call) -> Any:
        function, args, kwargs = call.function, call.args, call.kwargs
        if self.session.live.any_stand_ins:
            self.make_again(call)
            function = real(call.function)
            args = tuple(map(_made, args))
            kwargs = {name: _made(value) for name, value in kwargs.items()}
        if call.name in _READ_WHOLE:
            return iter(list(function(*args, **kwargs)))
        if call.options.timeout is None:
            return function(*args, **kwargs)
        with time_limit(call.options.timeout, call.name):
            return function(*args, **kwargs)

    def make_again(self, call: Call) -> None:
        """Make the live values of a call again that it needs."""
        live = self.session.live
        uses.settle_file(live, call)
        uses.renew(call, live)
        if live.steps:
            live.repeat_late()
        real(call.function)
        for value in (*call.args, *call.kwargs.values()):
            _made(value)


def _made(value: Any) -> Any:
    return real(value) if type(value) is StandIn else value
