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

WORDS = {"pear", "fig", "kiwi", "plum", "lime", "date", "nut", "yam"}


def die_once():
    if not os.path.exists("died"):
        open("died", "w").close()
        os.kill(os.getpid(), signal.SIGKILL)


def main(event):
    order = []
    for word in WORDS:
        effects.append(word)
        order.append(word)
        if len(order) == 4:
            effects.call(die_once)
    return [order, hash("pear")]
"""


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
    (tmp_path / "main.py").write_text(PROGRAM)
    killed = _run(tmp_path, "1")
    assert -killed.returncode == signal.SIGKILL, killed.stderr
    resumed = _run(tmp_path, "2")
    assert resumed.returncode == 0, resumed.stderr
    words = (tmp_path / "effects").read_text().splitlines()
    assert sorted(words) == ["date", "fig", "kiwi", "lime", "nut", "pear", "plum", "yam"]
    result = json.loads(resumed.stdout)["result"]
    assert result.startswith(f"[{words!r}, ")
