"""`config show`, and the settings that commands go by."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys

import pytest

HANDLER = 'def handler(event):\n    print("ran")\n'


@pytest.fixture
def settings(home):
    """Return a function that writes the settings, and returns their file."""

    def write(text):
        home.mkdir(mode=0o700, exist_ok=True)
        (home / "config.yaml").write_text(text)
        return home / "config.yaml"

    return write


def test_show_says_where_each_value_comes_from(cli, settings):
    file = settings("mode: dev\nlimits:\n  memory: 1 GiB\n")
    lines = {
        line.split()[0]: line.split()[1:] for line in cli("config", "show", NINELIVES_BUILD_LOG="1").out.splitlines()
    }
    assert lines["SETTING"] == ["VALUE", "FROM"]
    assert lines["mode"] == ["dev", f"{file}:1"]
    assert lines["limits.memory"] == ["1073741824", f"{file}:3"]
    assert lines["build.log"] == ["true", "NINELIVES_BUILD_LOG"]
    assert lines["limits.let_go_seconds"] == ["5", "default"]
    assert lines["db.dsn"] == ["none", "default"]
    document = cli("config", "show", "--json").document
    assert document["file"] == str(file)
    assert document["settings"]["mode"] == {"value": "dev", "from": "file", "place": f"{file}:1"}
    assert document["settings"]["runner.type"] == {"value": "local", "from": "default", "place": None}


def test_a_wrong_setting_stops_what_needs_it_and_where_still_works(cli, program, settings):
    file = settings("mode: dve\n")
    program(HANDLER)
    for command in (("config", "show"), ("run", "app.py:handler"), ("sessions", "list")):
        answer = cli(*command)
        assert (answer.code, answer.out) == (2, "")
        assert answer.err.startswith(f"ninelives: {file}:1: mode is 'dve', and must be one of")
        assert cli(*command, "--json").document["error"]["type"] == "UsageError"
    assert cli("config", "where").code == 0
    assert cli("run", "app.py:handler", "--in-memory").code == 0


@pytest.mark.parametrize("dsn", ["other.db", "deep/er/my sessions.sqlite", "sqlite:other.db"])
def test_the_database_is_where_the_settings_say(cli, program, settings, home, dsn):
    settings(f"db:\n  dsn: {dsn}\n")
    program(HANDLER)
    answer = cli("run", "app.py:handler", "--session", "s")
    assert (answer.code, answer.out) == (0, "ran\n")
    file = home / dsn.removeprefix("sqlite:")
    assert file.stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(file) as database:
        assert database.execute("SELECT session_id FROM sessions").fetchall() == [("s",)]
    database.close()
    assert not (home / "ninelives.db").exists()
    assert (file.parent / f"{file.name}-files" / "builds").is_dir()
    assert [row["session_id"] for row in cli("sessions", "list", "--json").document] == ["s"]
    assert cli("sessions", "list", "--json", NINELIVES_DB_DSN="none").document == []
    assert cli("resume", "s").code == 0


def test_a_database_that_is_elsewhere_does_not_need_the_data_folder(cli, program, home, tmp_path):
    program(HANDLER)
    environment = {"NINELIVES_DB_DSN": str(tmp_path / "x.db")}
    assert cli("run", "app.py:handler", "--session", "s", **environment).code == 0
    # The next process knows the hash seed from the beginning.
    assert [path.name for path in home.iterdir()] == ["hash_seed"]
    assert cli("sessions", "show", "s", **environment).code == 0


def test_naming_the_usual_database_changes_nothing(cli, program, home):
    program(HANDLER)
    assert cli("run", "app.py:handler", "--session", "s").code == 0
    found = cli("sessions", "list", "--json", NINELIVES_DB_DSN=str(home / "ninelives.db")).document
    assert [row["session_id"] for row in found] == ["s"]


def test_a_database_that_can_not_be_made_is_one_line(cli, program, tmp_path):
    program(HANDLER)
    (tmp_path / "file").write_text("")
    answer = cli("run", "app.py:handler", NINELIVES_DB_DSN=str(tmp_path / "file" / "x.db"))
    assert (answer.code, answer.err.count("\n")) == (3, 1)
    (tmp_path / "folder").mkdir()
    answer = cli("run", "app.py:handler", NINELIVES_DB_DSN=str(tmp_path / "folder"))
    assert (answer.code, answer.err.count("\n")) == (3, 1)


def test_where_the_defaults_hold_a_command_loads_no_settings(home):
    script = "import sys; from ninelives.cli.settings import store_place; store_place(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], env=os.environ, capture_output=True, text=True, check=True)
    assert {"yaml", "msgspec", "ninelives.config.settings", "ninelives.documents"}.isdisjoint(done.stdout.split())
