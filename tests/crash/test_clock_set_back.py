"""Sessions whose system clock is set back, between two processes and within one: time goes on, and every sleep ends, once."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from crash import programs
from crash.harness import Kill, Place
from ninelives.session import clock

PROGRAM = """\
import asyncio
import datetime
import threading
import time

import effects
import ninelives

readings = []


def read():
    now = datetime.datetime.now(datetime.UTC).timestamp()
    readings.append((time.time(), time.monotonic(), now, time.perf_counter()))


@ninelives.activity
def set_back(hours):
    with open("offset", "w") as file:
        file.write(str(-3600 * hours))


async def tasks():
    loop = asyncio.get_running_loop()
    before = loop.time()
    await asyncio.gather(asyncio.sleep(0.01), asyncio.wait_for(asyncio.sleep(0.02), 60))
    while loop.time() < before + 0.03:
        await asyncio.sleep(0)
    return loop.time() > before


def main(event):
    for hours in (0, 1, 24, 24 * 365 * 10):
        set_back(hours)
        read()
        time.sleep(0.02)
        effects.append(f"woke {hours}")
        read()
        print(hours, asyncio.run(tasks()), threading.Event().wait(0.01))
        read()
    print(readings == sorted(readings), all(list(column) == sorted(column) for column in zip(*readings)))
    print(readings[-1][0] - readings[0][0] < 600, readings[-1][1] - readings[0][1] < 600)
"""

SAYS = [
    *(f"stdout: {hours} True False" for hours in (0, 1, 24, 24 * 365 * 10)),
    "stdout: True True",
    "stdout: True True",
]


def _system_time() -> float:
    offset = Path("offset")
    return time.time() + (float(offset.read_text() or 0) if offset.exists() else 0.0)


@pytest.fixture(autouse=True)
def settable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let sessions have a system clock that is set by a file in their folder."""
    monkeypatch.setattr(clock, "system_time", _system_time)


def _program(text: str) -> programs.Program:
    return programs.parse("clock", f"=== main.py\n{text}")


def test_set_back_within_a_process_and_between_two() -> None:
    program = _program(PROGRAM)
    with Place(program) as place:
        began = time.monotonic()
        assert place.run() == 0
        # Nobody sleeps until the clock has caught up.
        assert time.monotonic() - began < 60
        assert place.result().prints == SAYS
        writes, effects = len(place.writes()), place.effects()
    for write in range(5, writes, max(1, writes // 8)):
        with Place(program) as place:
            assert place.run(Kill(write, after=True)) == -signal.SIGKILL
            (place.work / "offset").write_text(str(-3600 * 48))
            assert place.run() == 0
            result = place.result()
            assert result.prints == SAYS, write
            assert list(dict.fromkeys(result.effects)) == effects


def test_a_sleep_is_over_once_and_not_never() -> None:
    text = (
        "import os, signal, time\n\nimport effects\n\n\ndef main(event):\n    effects.append('sleeps')\n"
        "    time.sleep(0.3)\n    effects.append('woke')\n"
    )
    with Place(_program(text)) as place:
        # Killed while it sleeps: the sleep is on its third write.
        assert place.run(Kill(3, after=True)) == -signal.SIGKILL
        (place.work / "offset").write_text("-86400")
        began = time.monotonic()
        assert place.run() == 0
        assert time.monotonic() - began < 30
        assert place.effects() == ["sleeps", "woke"]
        assert place.again() == 0
        assert place.effects() == ["sleeps", "woke"]


def test_the_clock_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    said = [1000.0]
    monkeypatch.setattr(clock, "system_time", lambda: said[0])
    made = clock.Clock(900.0, 950.0)
    assert made.now() >= 1000.0
    said[0] = 10.0
    first = made.now()
    assert 1000.0 <= first < 1010.0
    assert first <= made.wall() <= made.now()
    said[0] = 5000.0
    assert made.now() == 5000.0
    said[0] = 4999.0
    assert 5000.0 <= made.wall() < 5010.0
    # In the next process, to which the clock was set back as well.
    said[0] = 20.0
    later = clock.Clock(900.0, 5000.0)
    assert 5000.0 <= later.now() < 5010.0
    assert 4100.0 <= later.monotonic() < 4110.0
