"""Limits of the settings reach the runners of `run --runner local` and `--runner docker`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from runners.engine import IMAGE, needs_engine

from ninelives.runner import cgroups
from tests.cli import conftest

#: Root is held to a number of processes by groups only.
needs_groups = pytest.mark.skipif(
    not os.geteuid() and cgroups.find() is None, reason="root, and no group of processes can be made here; CI can"
)

KINDS = ["local", pytest.param("docker", marks=needs_engine)]

#: Each of its processes starts others for as long as it can.
BOMB = """\
import subprocess
import sys


def main(event):
    code = "while True:\\n try:\\n  os.fork()\\n except OSError:\\n  pass"
    subprocess.run([sys.executable, "-S", "-c", f"import os\\n{code}", "bomb-of-a-test"])
"""


@pytest.fixture(autouse=True)
def runner(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `run` use a runner: the test's parameter, or a local one."""
    monkeypatch.setenv(conftest.RUNNER, getattr(request, "param", "local"))
    monkeypatch.setenv("NINELIVES_RUNNER_DOCKER_IMAGE", IMAGE)


def bombs() -> Iterator[str]:
    """Give the processes of a fork bomb that run."""
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if b"bomb-of-a-test" in (path / "cmdline").read_bytes():
                yield path.name


@pytest.mark.parametrize("runner", KINDS, indirect=True)
def test_memory(cli: Callable[..., conftest.Answer], program: Callable[..., Path]) -> None:
    program("def main(event):\n    return len(bytearray(1 << 29))\n")
    answer = cli("run", "app.py:main", NINELIVES_LIMITS_MEMORY="256 MiB")
    assert answer.code == 1
    assert answer.err.endswith("MemoryError: the session needs more memory than its limit of 256 MiB\n")
    assert cli("run", "app.py:main").out == ""


@needs_groups
@pytest.mark.parametrize("runner", KINDS, indirect=True)
def test_processes_of_a_program_that_starts_more_and_more(
    cli: Callable[..., conftest.Answer], program: Callable[..., Path]
) -> None:
    program("""\
        import subprocess


        def main(event):
            started = []
            try:
                while True:
                    started.append(subprocess.Popen(["sleep", "1000"]))
            finally:
                print(len(started))
        """)
    answer = cli("run", "app.py:main", NINELIVES_LIMITS_PIDS="10")
    assert answer.code == 1
    assert "BlockingIOError: [Errno 11]" in answer.err
    # The program's own process is one, and in containers what waits for the worker's end counts too.
    assert 8 <= int(answer.out) <= 10


@needs_groups
def test_a_fork_bomb_that_never_yields_ends_with_its_time(
    cli: Callable[..., conftest.Answer], program: Callable[..., Path]
) -> None:
    program(BOMB)
    answer = cli("run", "app.py:main", NINELIVES_LIMITS_PIDS="50", NINELIVES_LIMITS_SESSION_SECONDS="2")
    assert answer.code == 4
    assert "the session took longer than its limit of 2 s" in answer.err
    assert not list(bombs())
    program("def main(event):\n    print('there is room')\n", "other.py")
    assert cli("run", "other.py:main").out == "there is room\n"


def test_cpu_time(cli: Callable[..., conftest.Answer], program: Callable[..., Path]) -> None:
    program("def main(event):\n    while True:\n        pass\n")
    answer = cli("run", "app.py:main", NINELIVES_LIMITS_CPU_SECONDS="1")
    assert answer.code == 4
    assert "used more CPU time than its limit of 1 s" in answer.err


def test_crashes(cli: Callable[..., conftest.Answer], program: Callable[..., Path]) -> None:
    program(
        "import os\nimport ninelives\n\nninelives.register_no_activity([os.abort])\n\n\ndef main(event):\n    os.abort()\n"
    )
    answer = cli("run", "app.py:main", NINELIVES_LIMITS_CRASHES="2")
    assert answer.code == 4
    assert "was killed by SIGABRT, 2 times at the same place" in answer.err
