"""`check` at the command line: lines for a pipe, documents for scripts, exit codes."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

COMMAND = [sys.executable, "-m", "ninelives"]
SOURCES = str(Path(__file__).parents[2] / "src")

PROGRAM = "import os\n\ndef main(event):\n    os._exit(1)\n"
LINE = "app.py:4: ends-process: os._exit ends the process behind the session's back, which is interrupted then; "
WAY_OUT = "raise SystemExit(code)"


def test_nothing_is_found(cli, program) -> None:
    program("def main(event): ...\n")
    answer = cli("check", ".")
    assert (answer.code, answer.out, answer.err) == (0, "", "")
    assert cli("check", "app.py", "--json").document == []


def test_a_line_for_each_finding(cli, program) -> None:
    program(PROGRAM)
    for path in (".", "app.py"):
        answer = cli("check", path)
        assert (answer.code, answer.out, answer.err) == (1, LINE + WAY_OUT + "\n", "")


def test_a_document_for_scripts(cli, program) -> None:
    program(PROGRAM)
    answer = cli("check", ".", "--json")
    message = LINE.removeprefix("app.py:4: ends-process: ").removesuffix("; ")
    assert answer.code == 1
    assert answer.document == [
        {"file": "app.py", "line": 4, "code": "ends-process", "message": message, "way_out": WAY_OUT}
    ]


def test_on_a_terminal_nothing_is_cut(program, tmp_path, monkeypatch) -> None:
    program(PROGRAM)
    monkeypatch.setenv("PYTHONPATH", SOURCES, prepend=":")
    parent, terminal = pty.openpty()
    environment = os.environ | {"COLUMNS": "60", "TERM": "xterm"}
    done = subprocess.run([*COMMAND, "check", "."], cwd=tmp_path, env=environment, stdout=terminal, check=False)
    os.close(terminal)
    shown = os.read(parent, 10_000).decode()
    os.close(parent)
    assert done.returncode == 1
    assert "app.py:4" in shown
    words = re.sub(r"\x1b\[[0-9;]*m", "", shown).split()
    assert not [
        word for word in f"{LINE.partition('ends-process: ')[2].rstrip('; ')} {WAY_OUT}".split() if word not in words
    ]


def test_the_manifest_counts_for_a_file_and_for_a_folder(cli, program) -> None:
    program("import shop\nshop.send(1)\n", "sub/app.py")
    program("rules:\n  shop.send: activity\n", "ninelives.yaml")
    assert cli("check", ".").out.startswith("sub/app.py:2: module-effect: shop.send at module level")
    assert cli("check", "sub/app.py").out.startswith("sub/app.py:2: module-effect: ")


def test_wrong_use_is_one_line(cli, program, tmp_path) -> None:
    answer = cli("check", "gone.py")
    assert (answer.code, answer.out, answer.err) == (2, "", "ninelives: gone.py: there is no such file\n")
    (tmp_path / "empty").mkdir()
    assert cli("check", "empty").err == "ninelives: empty: no Python file is in it: name the folder of your program\n"
    program("x = 1\ndef main(event:\n    pass\n")
    for path in (".", "app.py"):
        answer = cli("check", path)
        assert (answer.code, answer.out) == (2, "")
        assert answer.err == "ninelives: app.py:2: SyntaxError: '(' was never closed: def main(event:\n"
