"""What `run` makes of its arguments: files, data, vars. Wrong ones are one line, exit code 2, and start nothing."""

from __future__ import annotations

import json
import os
import sys

import pytest

from ninelives.cli import inputs
from ninelives.errors import UsageError

NO_TEXT = "is no text in the encoding of this locale (utf-8): rename it, or use a UTF-8 locale (LC_ALL=C.UTF-8)"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Missing argument 'FILE.py:HANDLER' (see: ninelives run --help)"),
        (["gone.py:handler"], "gone.py: there is no such file"),
        (["folder:handler"], "folder is a folder: write FILE.py:HANDLER"),
        (["app.py"], "'app.py' names no handler: write FILE.py:HANDLER (app.py has on_push, Bot)"),
        (["app.py:"], "'app.py:' names no handler: write FILE.py:HANDLER (app.py has on_push, Bot)"),
        (["app.py:a b"], "'app.py:a b' names no handler: write FILE.py:HANDLER (app.py has on_push, Bot)"),
        (["app.py:on_push", "--data", '{"a": 1,\n "b" 2}'],
         "--data is not valid JSON: Expecting ':' delimiter: line 2, column 6"),
        (["app.py:on_push", "--data", "@broken.json"],
         "broken.json is not valid JSON: Expecting property name enclosed in double quotes: line 1, column 2"),
        (["app.py:on_push", "--data", "@deep.json"],
         "deep.json has lists or objects more than 100 levels deep: make them flatter"),
        (["app.py:on_push", "--data", '{"a": ' + "[" * 100 + "]" * 100 + "}"],
         "--data has lists or objects more than 100 levels deep: make them flatter"),
        (["app.py:on_push", "--data", '{"a": ' + "1" * 5000 + "}"], "--data has a number of more than 4,300 digits"),
        (["app.py:on_push", "--event-id", "\udcff"],
         f"--event-id '\\udcff' {NO_TEXT}"),
        (["app.py:on_push", "--var", "A=\udcff"],
         f"--var 'A=\\udcff' {NO_TEXT}"),
        (["app.py:on_push", "--data", "[1]"],
         '--data is no JSON object: write the event\'s data as {"name": value, …}'),
        (["app.py:on_push", "--data", "@gone.json"], "--data: can't read 'gone.json': No such file or directory"),
        (["app.py:on_push", "--data", "@latin.json"],
         "--data: latin.json is not UTF-8 text (byte 1): save it as UTF-8"),
        (["app.py:on_push", "--var", "=x"], "--var '=x' has no name: write K=V, K or K=@FILE"),
        (["app.py:on_push", "--var", "ABSENT"],
         "--var ABSENT: there is no environment variable ABSENT: set it, or write ABSENT=VALUE"),
        (["app.py:on_push", "--var", "T=@gone"], "--var T: can't read 'gone': No such file or directory"),
        (["app.py:on_push", "--session", "a b"],
         "'a b' can't be a session's id: use 1 to 64 of the characters A-Z a-z 0-9 _ -"),
        (["app.py:on_push", "--bogus"], "No such option '--bogus' (see: ninelives run --help)"),
    ],
)  # fmt: skip
def test_wrong_use_is_one_line(cli, program, tmp_path, arguments, says) -> None:
    program("def on_push(event): ...\nclass Bot: ...\n")
    (tmp_path / "broken.json").write_text("{,}")
    (tmp_path / "latin.json").write_bytes(b'"\xe9"')
    (tmp_path / "deep.json").write_text("[" * 100_000 + "]" * 100_000)
    (tmp_path / "folder").mkdir()
    answer = cli("run", *arguments)
    assert (answer.code, answer.out, answer.err) == (2, "", f"ninelives: {says}\n")


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="other systems refuse such names, or have no such locale"
)
@pytest.mark.parametrize(
    ("name", "environment"),
    [
        (os.fsdecode(b"\xff.py"), {}),
        ("\xe9.py", {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    ],
)
def test_a_name_that_is_no_text_is_one_line(cli, program, name, environment) -> None:
    program("def on_push(event): ...\n", name)
    answer = cli("run", f"{name}:on_push", **environment)
    assert (answer.code, answer.out) == (2, "")
    (line,) = answer.err.splitlines()
    assert "is no text in the encoding of this locale (" in line


def test_integers_of_any_size(cli, program) -> None:
    program("def on_push(event): print(*event.data.n, event.data.deep[0].n + 1)\n")
    numbers = [0, -1, 2**63, -(2**63), 2**64, -(2**63) - 1, -(2**64), 10**4000]
    answer = cli("run", "app.py:on_push", "--data", json.dumps({"n": numbers, "deep": [{"n": 10**30}]}))
    assert (answer.code, answer.out) == (0, " ".join(map(str, [*numbers, 10**30 + 1])) + "\n")
    shown = cli("sessions", "journal", answer.session_id, "--json").document
    assert str(10**30) in shown[0]["args"]


def test_vars_from_the_command_line_the_environment_and_files(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TOKEN", "from-env")
    (tmp_path / "key").write_text("from-file\r\n")
    values, secret = inputs.variables(["A=1", "EMPTY=", "EQ=x=y", "TOKEN", f"KEY=@{tmp_path}/key", "B=1", "B=2"])
    assert values == {"A": "1", "EMPTY": "", "EQ": "x=y", "TOKEN": "from-env", "KEY": "from-file", "B": "2"}
    assert secret == {"TOKEN", "KEY"}


def test_the_last_of_several_decides_whether_a_var_is_secret(monkeypatch) -> None:
    monkeypatch.setenv("TOKEN", "x")
    assert inputs.variables(["TOKEN", "TOKEN=y"]) == ({"TOKEN": "y"}, frozenset())
    assert inputs.variables(["TOKEN=y", "TOKEN"]) == ({"TOKEN": "x"}, frozenset({"TOKEN"}))


def test_the_event(tmp_path) -> None:
    (tmp_path / "event.json").write_text('\ufeff{"a": [1]}')
    assert inputs.event(None, None, None, None) == {
        "event_type": None, "event_id": None, "integration_id": None, "data": {},
    }  # fmt: skip
    assert inputs.event(f"@{tmp_path}/event.json", "push", "17", "github") == {
        "event_type": "push", "event_id": "17", "integration_id": "github", "data": {"a": [1]},
    }  # fmt: skip


def test_ids_for_scripts() -> None:
    assert inputs.session_id("Nightly_2024-01-31") == "Nightly_2024-01-31"
    for wrong in ("", "a/b", "x" * 65, "ü", "a\n"):
        with pytest.raises(UsageError, match="can't be a session's id"):
            inputs.session_id(wrong)
