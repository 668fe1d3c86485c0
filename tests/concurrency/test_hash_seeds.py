"""Programs whose lanes race, and whose way hangs on the order of sets: each process is started with another hash seed.

A session keeps the seed it began with, whatever ``PYTHONHASHSEED`` says to a process that goes on with it. So each of
these has another heap, other times and another seed to begin with, and must replay what the others recorded.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from crash.harness import OUTSIDE
from sampling import sampled

from concurrency.test_replay import NAMES, TRACE, _program

SOURCES = Path(__file__).parents[2] / "src"

#: Recordings of each program.
RECORDINGS = 8

#: Processes of a session that are killed, at most.
KILLS = 4

#: Each mark takes in how sets of strings, and of tuples and bytes made of them, are ordered.
ORDERED = (
    TRACE.replace("import effects\n", "import fate\n")
    .replace("effects.", "fate.")
    .replace("repr((value, what))", "repr((value, what, orders(value)))")
    + """

def orders(value):
    words = {f"{value} {number}" for number in range(8)}
    return list(words), list({(word, b"x") for word in words}), list(words | {value.to_bytes(4, "big")})[:3]
"""
)


def _start(folder: Path, seed: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {
        **os.environ,
        "PYTHONPATH": f"{SOURCES}:{OUTSIDE}",
        "PYTHONHASHSEED": seed,
        "NINELIVES_HOME": str(folder / "home"),
        "EFFECTS": str(folder / "effects"),
    }
    return subprocess.run(
        [sys.executable, "-m", "ninelives", "run", "main.py:main", "--session", "s"],
        cwd=folder,
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("recording", sampled(range(RECORDINGS), RECORDINGS))
def test_every_seed_replays(tmp_path: Path, name: str, recording: int) -> None:
    program, choose = _program(name), random.Random(recording)
    program._replace(files=program.files | {"trace.py": ORDERED}).write(tmp_path)
    seeds = [str(choose.randrange(2**32)), "random", "0", *(str(choose.randrange(2**32)) for _ in range(KILLS))]
    for generation, seed in enumerate(seeds):
        dies = str(choose.randint(2, 8)) if generation < KILLS else ""
        ended = _start(tmp_path, seed, JITTER=f"{recording} {generation}", DIES_IN=dies)
        if ended.returncode != -signal.SIGKILL:
            break
    assert ended.returncode == 0, (seeds[: generation + 1], ended.stderr)
    assert generation, "no process was killed"


def test_the_marks_hang_on_the_seed(tmp_path: Path) -> None:
    (tmp_path / "trace.py").write_text(ORDERED)
    said = {
        subprocess.run(
            [sys.executable, "-c", "import trace; print(trace.mark('a'))"],
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": f"{tmp_path}:{OUTSIDE}",
                "PYTHONHASHSEED": str(seed),
                "EFFECTS": "effects",
            },
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in range(3)
    }
    assert len(said) == 3
