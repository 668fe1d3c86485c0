"""A session's records when its process is killed at any moment: see `kill_points.py`."""

import os
import subprocess
import sys
from pathlib import Path

from sampling import MODE

STRIDE = {"all": 1, "sample": 13, "quick": 61}[MODE]


def test_what_was_recorded_is_there_exactly_once_after_a_kill_at_any_call():
    program = Path(__file__).with_name("kill_points.py")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    command = [sys.executable, str(program), str(STRIDE)]
    said = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert " kills, 0 wrong, " in said.stdout, said.stdout
