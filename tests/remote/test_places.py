"""A worker and its manager on one host: many sessions at once, and limits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from crash.programs import Program, read

from ninelives.runner.control import Limits
from ninelives.worker.isolated import HELLO
from remote.hosts import Process
from remote.places import RemoteWorkerKilled, offered, runners
from remote.shared import MOST

#: Of how many tests one runs on other Pythons: they are about hosts.
QUICK_EVERY = 8

#: Seconds in which runners are killed.
KILLING = 6.0


def test_more_sessions_at_once_than_there_is_room_for(tmp_path: Path, started: list[Process]) -> None:
    there = offered()
    script = str(Path(__file__).with_name("many.py"))
    count = str(2 * MOST + 1)
    process = Process(
        [sys.executable, script, there.address, str(there.certificates), str(tmp_path), count],
        {"PYTHONPATH": there.path},
        tmp_path,
    )
    started.append(process)
    assert process.end() == 0, process.stderr
    assert process.stdout == f"Health(ok=True, runners=0, why='')\n['completed 10'] {count}\n"


def test_runners_that_are_killed_all_the_time(tmp_path: Path, started: list[Process]) -> None:
    """Wherever a runner dies, the moment it is forked included, its worker hears of it, and goes on or gives up."""
    there = offered()
    script = str(Path(__file__).with_name("many.py"))
    began = time.monotonic()
    process = Process(
        [sys.executable, script, there.address, str(there.certificates), str(tmp_path), "60"],
        {"PYTHONPATH": there.path},
        tmp_path,
    )
    started.append(process)
    killed = 0
    while process.process.poll() is None and time.monotonic() - began < KILLING:
        for pid in runners()[:1]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed += 1
        with suppress(subprocess.TimeoutExpired):
            process.process.wait(0.05)
    assert killed
    assert process.end() == 0, process.stderr
    assert time.monotonic() - began < HELLO, "none was waited for that is not there"
    lines = process.stdout.splitlines()
    assert lines[0] == "Health(ok=True, runners=0, why='')"
    assert lines[1] in ("['completed 10'] 60", "['completed 10', 'stopped CrashedError'] 60")


def program(text: str) -> Program:
    return read("first")._replace(files={"main.py": text}, expected={})


class Little(RemoteWorkerKilled):
    """Its sessions may use little."""

    limits = Limits(cpu=1, memory=200 << 20)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def main(event):\n    while True:\n        pass\n", "the session used more CPU time than its limit of 1 s"),
        (
            "def main(event):\n    return len(bytearray(1 << 30))\n",
            "the session needs more memory than its limit of 200 MiB",
        ),
    ],
)
def test_limits(text: str, message: str) -> None:
    with Little(program(text)) as place:
        assert place.run()
        assert message in place.error()["message"]
