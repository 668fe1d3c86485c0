"""Sets of strings iterate in one order in every process of a session, whatever hash seed its shell sets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from crash.harness import OUTSIDE

SOURCES = Path(__file__).parents[2] / "src"

PROGRAM = """\
import os
import signal

import effects

SETS = [%s]


def die_once():
    if not os.path.exists("died"):
        open("died", "w").close()
        os.kill(os.getpid(), signal.SIGKILL)


def main(event):
    for words in SETS:
        effects.append(",".join(words))
    effects.call(die_once)
    return [list(words) for words in SETS]
"""

#: Full enough for collisions, whose outcome depends on the order in which a set was filled.
SETS = [[f"word {at}.{number}" for number in range(76)] for at in range(8)]


def _run(folder: Path, seed: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": f"{SOURCES}:{OUTSIDE}",
        "PYTHONHASHSEED": seed,
        "EFFECTS": str(folder / "effects"),
    }
    command = [sys.executable, "-m", "ninelives", "run", "main.py:main", "--session", "s", "--json"]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


def test_one_order(tmp_path: Path) -> None:
    displays = ", ".join(f"{{{str(words)[1:-1]}}}" for words in SETS)
    (tmp_path / "main.py").write_text(PROGRAM % displays)
    killed = _run(tmp_path, "1")
    assert -killed.returncode == signal.SIGKILL, killed.stderr
    resumed = _run(tmp_path, "2")
    assert resumed.returncode == 0, resumed.stderr
    orders = [line.split(",") for line in (tmp_path / "effects").read_text().splitlines()]
    assert [sorted(order) for order in orders] == [sorted(words) for words in SETS]
    assert json.loads(resumed.stdout)["state"] == "completed"
