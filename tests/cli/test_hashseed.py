"""The process starts itself again under the wanted hash seed, however it was started, and once only."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = """
import os, sys
print("start", flush=True)
from ninelives.cli import hashseed
hashseed.settle(4242)
print(os.environ["PYTHONHASHSEED"], "NINELIVES_HASH_SEED" in os.environ, hash("a"), *sys.argv[1:])
"""


def start(arguments: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONHASHSEED"}
    return subprocess.run(
        [sys.executable, *arguments], env={**inherited, **environment}, capture_output=True, text=True, check=False
    )


@pytest.fixture(autouse=True)
def _sources(cli) -> None:
    """`cli` puts ninelives on the path of the processes started here."""


@pytest.mark.parametrize("before", [{}, {"PYTHONHASHSEED": "0"}, {"PYTHONHASHSEED": "random"}])
def test_started_again_once_with_the_same_arguments(tmp_path, before) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    answers = [start([str(tmp_path / "script.py"), "x", "y z"], **before) for _ in range(2)]
    assert answers[0].stdout == answers[1].stdout
    assert answers[0].stdout.startswith("start\nstart\n4242 False ")
    assert answers[0].stdout.endswith(" x y z\n")


@pytest.mark.parametrize("how", ["module", "command", "zipapp"])
def test_however_it_was_started(tmp_path, how) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__main__.py").write_text(SCRIPT)
    subprocess.run([sys.executable, "-m", "zipapp", str(tmp_path / "app")], check=True)
    arguments = {
        "module": ["-m", "app", "x"],
        "command": ["-W", "ignore", "-c", SCRIPT, "x"],
        "zipapp": [str(tmp_path / "app.pyz"), "x"],
    }[how]
    answer = start(arguments, PYTHONPATH=os.pathsep.join([os.environ["PYTHONPATH"], str(tmp_path)]))
    assert answer.stdout.startswith("start\nstart\n4242 False "), answer.stderr


def test_not_started_again_when_the_seed_is_right() -> None:
    assert start(["-c", SCRIPT], PYTHONHASHSEED="4242").stdout.startswith("start\n4242 False ")


def test_a_python_that_ignores_the_environment_says_so() -> None:
    script = "import sys; sys.path.insert(0, sys.argv[1])" + SCRIPT
    answer = start(["-E", "-c", script, os.environ["PYTHONPATH"]])
    assert answer.returncode == 1
    assert answer.stdout == "start\n"
    assert "ignores PYTHONHASHSEED: start it without" in answer.stderr


def test_the_installations_seed_is_kept_beside_the_store(home) -> None:
    home.mkdir()
    early = SCRIPT.replace("settle(4242)", f"settle_early({str(home)!r})")
    cached = early.replace("hashseed.settle_early", f"hashseed.remember({str(home)!r}, 77); hashseed.settle_early")
    assert start(["-c", cached]).stdout.startswith("start\nstart\n77 False ")
    assert start(["-c", early]).stdout.startswith("start\nstart\n77 False ")
    (home / "hash_seed").write_text("damaged")
    assert start(["-c", early], PYTHONHASHSEED="5").stdout.startswith("start\n5 False ")


def test_the_seed_is_no_business_of_others(home) -> None:
    home.mkdir(mode=0o755)
    from ninelives.cli import hashseed

    hashseed.remember(str(home), 5)
    assert (home / "hash_seed").stat().st_mode & 0o777 == 0o600
