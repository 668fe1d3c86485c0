"""Handlers of sessions of which there are many."""

import time
from typing import Any

import stopwatch


def main(event: Any) -> None:
    """Make so many calls."""
    for _ in range(event.data.n):
        stopwatch.give()


def sleeper(event: Any) -> None:
    """Make so many calls, sleep, and write down how late it is then."""
    for _ in range(event.data.n):
        stopwatch.give()
    time.sleep(event.data.until - time.time())
    stopwatch.note_late(event.data.until)
