"""Stores for tests, and other processes that use the same one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ninelives.storage import NewSession, Store

SOURCE = Path(__file__).parents[2] / "src"

#: What every program of another process begins with.
PREAMBLE = """
import os, signal, sys
from pathlib import Path
from ninelives.storage import *
home = Path(os.environ["NINELIVES_HOME"])
def say(text):
    os.write(1, f"{text}\\n".encode())
def die():
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with Store.open(home) as store:
        yield store


def new(session_id: str = "one", **fields: object) -> NewSession:
    given = {"project": "p", "entry_point": "a.py:main", "created_at": 1000.0, **fields}
    return NewSession(session_id=session_id, **given)  # type: ignore[arg-type]


@pytest.fixture
def make() -> Callable[..., NewSession]:
    return new


class Process:
    """A program that says things, line by line, and goes on when it is told to."""

    def __init__(self, text: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PREAMBLE + textwrap.dedent(text)],
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def hear(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self.end()

    def kill_unreaped(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)

    def end(self) -> int:
        self._process.communicate()
        return self._process.returncode


@pytest.fixture
def start() -> Iterator[Callable[[str], Process]]:
    started: list[Process] = []

    def start(text: str) -> Process:
        started.append(Process(text))
        return started[-1]

    yield start
    for process in started:
        process.kill()


@pytest.fixture
def run(start: Callable[[str], Process]) -> Callable[[str], str]:
    """Run a program to its end, however that comes, and return the first line it says."""

    def run(text: str) -> str:
        process = start(text)
        said = process.hear()
        process.end()
        return said

    return run
