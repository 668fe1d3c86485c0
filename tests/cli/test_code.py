"""`exports` and `rewrite`."""

from __future__ import annotations

import os
import sys

import pytest


def test_exports_is_a_table_for_people_and_a_document_for_scripts(cli, program) -> None:
    file = program("def on_push(event): ...\n\nclass Bot:\n    def __init__(self, name): ...\n")
    assert cli("exports", file).out == (
        "FILE    LINE  NAME     ARGS\n"
        "app.py  1     on_push  event\n"
        "app.py  3     Bot      name\n"
    )  # fmt: skip
    assert cli("exports", ".", "--json").document == [
        {"file": "app.py", "line": 1, "name": "on_push", "args": ["event"]},
        {"file": "app.py", "line": 3, "name": "Bot", "args": ["name"]},
    ]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems refuse such names")
def test_a_name_that_is_no_text_is_shown_as_its_bytes(cli, program) -> None:
    program("def on_push(event): ...\n", os.fsdecode(b"\xff.py"))
    assert r"\udcff.py" in cli("exports", ".").out
    answer = cli("exports", ".", "--json")
    assert (answer.code, os.fsencode(answer.document[0]["file"])) == (0, b"\xff.py")


def test_rewrite_prints_what_is_loaded(cli, program) -> None:
    program("import os\n\ndef handler(event):\n    print(os.getpid())\n")
    answer = cli("rewrite", "app.py")
    assert (answer.code, answer.err) == (0, "")
    assert "__guard__(print)(__guard__(os.getpid)())" in answer.out
    assert cli("rewrite", "app.py", "--json").document == {"file": "app.py", "source": answer.out.removesuffix("\n")}


def test_a_syntax_error_is_one_line_with_the_users_line(cli, program) -> None:
    program("x = 1\ndef handler(event:\n    pass\n")
    for command in ("exports", "rewrite"):
        answer = cli(command, "app.py")
        assert (answer.code, answer.out) == (2, "")
        assert answer.err == "ninelives: app.py:2: SyntaxError: '(' was never closed: def handler(event:\n"
        error = cli(command, "app.py", "--json")
        assert error.code == 2
        assert error.document["error"]["type"] == "ProgramError"
        assert "app.py:2" in error.document["error"]["message"]


def test_a_missing_file_and_a_folder(cli, tmp_path) -> None:
    assert cli("exports", "gone.py").err == "ninelives: gone.py: there is no such file\n"
    assert cli("rewrite", tmp_path).err == f"ninelives: {tmp_path} is a folder: name a Python file in it\n"
