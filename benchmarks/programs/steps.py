"""Activities in a row, and readings of the clock in a row."""

import time
from collections.abc import Callable
from typing import Any

import stopwatch

from ninelives import register_no_activity

DIRECT: list[Callable[..., Any]] = [stopwatch.start, stopwatch.stop, stopwatch.note_time, stopwatch.commit_raw]
ISOLATED: list[Callable[..., Any]] = [*DIRECT, stopwatch.open_own_raw, stopwatch.note_times]


def activities(event: Any) -> None:
    """Take turns with commits of SQLite itself, so that both meet the same disk."""
    register_no_activity(DIRECT)
    for _ in range(20):
        stopwatch.give()
    for _ in range(event.data.rounds):
        stopwatch.commit_raw(event.data.n)
        stopwatch.start()
        for _ in range(event.data.n):
            stopwatch.give()
        stopwatch.stop("activity")


def isolated(event: Any) -> None:
    """As `activities`, in a process of its own: the raw commits are made here too."""
    register_no_activity(ISOLATED)
    stopwatch.open_own_raw()
    stopwatch.commit_raw(event.data.settled)
    for _ in range(20):
        stopwatch.give()
    for _ in range(event.data.rounds):
        stopwatch.start()
        stopwatch.commit_raw(event.data.n)
        stopwatch.note_times("raw")
        stopwatch.start()
        for _ in range(event.data.n):
            stopwatch.give()
        stopwatch.note_times("activity")


def readings(event: Any) -> None:
    """Read the clock; each round ends with an activity, whose commit takes the readings along."""
    register_no_activity(DIRECT)
    for _ in range(event.data.rounds):
        stopwatch.start()
        for _ in range(event.data.n):
            time.time()
        stopwatch.stop("reading")
        stopwatch.start()
        stopwatch.give()
        stopwatch.stop("commit of readings")
        stopwatch.start()
        stopwatch.give()
        stopwatch.stop("commit of nothing else")


def replayed(event: Any) -> None:
    """Record, be killed, and come back to the same point again and again."""
    register_no_activity(DIRECT)
    for _ in range(event.data.n):
        stopwatch.give()
    stopwatch.note_time()
    stopwatch.die()
