"""The real command line, in processes of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

COMMAND = [sys.executable, "-m", "ninelives"]
SOURCES = str(Path(__file__).parents[2] / "src")

#: Set to a kind of runner, `run` and `resume` use it.
RUNNER = "TESTED_RUNNER"


def command(*arguments: str) -> list[str]:
    """Return the command line of `ninelives` with arguments."""
    runner = os.environ.get(RUNNER)
    placed = ["--runner", runner] if runner and arguments[:1] in (("run",), ("resume",)) else []
    return [*COMMAND, *arguments, *placed]


@dataclass(frozen=True)
class Answer:
    """What a command printed and ended with."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    @property
    def session_id(self) -> str:
        first = self.err.splitlines()[0]
        assert first.startswith("session: "), self.err
        return first.removeprefix("session: ")


@pytest.fixture(autouse=True)
def home(home: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return this test's ``NINELIVES_HOME``: apart from its folder, where the programs are."""
    folder = tmp_path_factory.mktemp("home") / "ninelives"
    monkeypatch.setenv("NINELIVES_HOME", str(folder))
    return folder


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answer]:
    """Return a function that runs `ninelives` with the given arguments in this test's folder."""
    monkeypatch.setenv("PYTHONPATH", SOURCES, prepend=":")
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)

    def run(*arguments: str | Path, **environment: str) -> Answer:
        done = subprocess.run(
            command(*map(str, arguments)),
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=60,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a file of user code into this test's folder."""

    def write(text: str, name: str = "app.py") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    return write
