"""Readings of the clock: what a program is told, so that time never goes back in a session."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import BuiltinFunctionType
from typing import Any


class Clock:
    """The clocks of one session, in this process.

    Args:
        started: unix time in seconds at which the session started.
        last: unix time in seconds of its last recorded entry.
        now: unix time in seconds that it is now; the real time if it is not given.
    """

    def __init__(self, started: float, last: float, now: float | None = None) -> None:
        #: seconds by which it is behind the real time
        self._behind = 0.0 if now is None else time.time() - now
        #: the latest time that was read or recorded: the clock does not go back before it
        self.last = max(started, last)
        self._elapsed_before = max(self.last, time.time() - self._behind) - started
        self._monotonic = time.monotonic()
        self._readings: dict[str, Any] = {}

    def wall(self) -> float:
        """Return the unix time in seconds; never less than before."""
        self.last = max(self.last, time.time() - self._behind)
        return self.last

    def seen(self, at: float) -> None:
        """Remember a recorded time: the clock does not go back before it."""
        self.last = max(self.last, at)

    def monotonic(self) -> float:
        """Return the seconds since the session started: they go on by wall time while no process has it."""
        return self._elapsed_before + time.monotonic() - self._monotonic

    def read(self, name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return what ``function`` reads, by the session's clocks.

        Args:
            name: dotted name of the function.
            function: the function itself, called for all that is not a clock (entropy).
            args: what the program gives it.
            kwargs: the same, by name.
        """
        while type(function) is partial:
            args, kwargs = (*function.args, *args), {**function.keywords, **kwargs}
            function = function.func
        reading = _READINGS.get(name)
        if reading is not None and type(function) is BuiltinFunctionType:
            # What is wrong with what it was given, the function itself says best.
            with suppress(TypeError):
                return reading(self, function, *args, **kwargs)
        value = function(*args, **kwargs)
        if name in _NEVER_LESS:
            value = self._readings[name] = max(value, self._readings.get(name, value))
        return value


#: Clocks of a process: they begin again in the next one, but a program never sees them go back.
_NEVER_LESS = frozenset(
    {"time.process_time", "time.process_time_ns", "time.thread_time", "time.thread_time_ns", "time.clock_gettime"}
)


def _now(clock: Clock, function: Any, tz: datetime.tzinfo | None = None) -> Any:
    return function.__self__.fromtimestamp(clock.wall(), tz)


def _utcnow(clock: Clock, function: Any) -> Any:
    return function.__self__.fromtimestamp(clock.wall(), datetime.UTC).replace(tzinfo=None)


def _today(clock: Clock, function: Any) -> Any:
    return function.__self__.fromtimestamp(clock.wall())


def _of_seconds(clock: Clock, function: Any, seconds: float | None = None) -> Any:
    return function(clock.wall() if seconds is None else seconds)


def _asctime(clock: Clock, function: Any, *given: Any) -> Any:
    return function(*(given or (time.localtime(clock.wall()),)))


def _strftime(clock: Clock, function: Any, form: str, *given: Any) -> Any:
    return function(form, *(given or (time.localtime(clock.wall()),)))


_NS = 1_000_000_000
_READINGS: dict[str, Callable[..., Any]] = {
    "time.time": lambda clock, _: clock.wall(),
    "time.time_ns": lambda clock, _: int(clock.wall() * _NS),
    "time.monotonic": lambda clock, _: clock.monotonic(),
    "time.monotonic_ns": lambda clock, _: int(clock.monotonic() * _NS),
    "time.perf_counter": lambda clock, _: clock.monotonic(),
    "time.perf_counter_ns": lambda clock, _: int(clock.monotonic() * _NS),
    "time.localtime": _of_seconds,
    "time.gmtime": _of_seconds,
    "time.ctime": _of_seconds,
    "time.asctime": _asctime,
    "time.strftime": _strftime,
    "datetime.datetime.now": _now,
    "datetime.datetime.utcnow": _utcnow,
    "datetime.datetime.today": _today,
    "datetime.date.today": _today,
}
