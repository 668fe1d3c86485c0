"""The same calls as `effects` has for races, and a process that dies in one of them: in that whose number ``DIES_IN`` is."""

from __future__ import annotations

import itertools
import os
import signal

import effects

_calls = itertools.count(1)
_dies_in = int(os.environ.get("DIES_IN") or 0)


def _live_on() -> None:
    if next(_calls) == _dies_in:
        os.kill(os.getpid(), signal.SIGKILL)


def jitter(name: str, mark: int) -> int:
    """Give a number after a time that differs in each process."""
    got = effects.jitter(name, mark)
    _live_on()
    return got


async def jitter_later(name: str, mark: int) -> int:
    """Give a number after a time that differs in each process."""
    got = await effects.jitter_later(name, mark)
    _live_on()
    return got
