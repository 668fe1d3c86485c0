"""`sessions fork`."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from ninelives.storage import Store

PROGRAM = """
    import os
    import subprocess

    def handler(event):
        print(subprocess.check_output(["echo", "one"], text=True).strip())
        print(subprocess.check_output(["echo", os.environ["NAME"]], text=True).strip())
        if event.data.fails:
            raise ValueError("no")
        return 17
"""


def test_a_fork_goes_on_by_itself(cli, program) -> None:
    program(PROGRAM)
    data = json.dumps({"fails": False})
    run = cli("run", "app.py:handler", "--session", "first", "--event-id", "e1", "--var", "NAME=two", "--data", data)
    assert run.out == "one\ntwo\n"
    seqs = [entry["seq"] for entry in cli("sessions", "journal", "first", "--json").document]
    assert seqs == [1, 2, 4, 6]
    made = cli("sessions", "fork", "fir", "--at", "4", "--json").document
    new = made.pop("session_id")
    assert made == {
        "state": "interrupted",
        "forked_from": "first",
        "forked_at": 4,
        "cut_off": ["subprocess.check_output"],
    }
    shown = cli("sessions", "show", new, "--json").document
    assert (shown["forked_from"], shown["forked_at"], shown["state"]) == ("first", 4, "interrupted")
    # An event starts one session of a handler, and that is not the fork.
    assert shown["event_id"] is None
    resumed = cli("resume", new)
    # What was printed since the last result that it has is printed again: its log has it once.
    assert (resumed.code, resumed.out) == (0, "one\ntwo\n")
    assert cli("sessions", "logs", new).out == "one\ntwo\n"
    attempts = [entry["attempt"] for entry in cli("sessions", "journal", new, "--json").document]
    assert attempts == [None, 1, 2, None]
    assert cli("sessions", "show", "first", "--json").document["forked_from"] is None


def test_a_fork_says_what_comes_next(cli, program) -> None:
    program(PROGRAM)
    assert cli("run", "app.py:handler", "--session", "s", "--var", "NAME=x", "--data", '{"fails": true}').code == 1
    said = cli("sessions", "fork", "s", "--at", "2").out.splitlines()
    new = said[0].split()[1]
    assert said == [
        f"session {new} is a fork of s at 2; made again: subprocess.check_output",
        f"go on with it: ninelives resume {new}",
    ]
    # Forked from its very end, a session ends in the same way.
    again = cli("sessions", "fork", "s", "--at", "6", "--json").document["session_id"]
    resumed = cli("resume", again)
    assert (resumed.code, resumed.out) == (1, "x\n")


def test_a_fork_is_where_repaired_code_goes_on(cli, program, tmp_path) -> None:
    program(PROGRAM)
    cli("run", "app.py:handler", "--session", "s", "--var", "NAME=x", "--data", '{"fails": true}')
    new = cli("sessions", "fork", "s", "--at", "3", "--json").document["session_id"]
    program(PROGRAM.replace('raise ValueError("no")', "return 18"), "repaired/app.py")
    assert cli("resume", new, "--with-code", "repaired", "--json").document["result"] == "18"


def test_an_entry_that_is_not_there(cli, program) -> None:
    program(PROGRAM)
    cli("run", "app.py:handler", "--session", "s", "--var", "NAME=x", "--data", '{"fails": false}')
    for at in ("0", "-3", "7"):
        answer = cli("sessions", "fork", "s", f"--at={at}")
        assert answer.code == 2
        assert answer.err == (
            f"ninelives: session s has entries 1 to 6, and none {at}: see ninelives sessions journal s\n"
        )
    assert cli("sessions", "fork", "s", "--at", "x").code == 2
    assert cli("sessions", "fork", "s").code == 2
    unknown = cli("sessions", "fork", "gone", "--at", "1")
    assert (unknown.code, unknown.err) == (
        2,
        "ninelives: there is no session 'gone': see ninelives sessions list\n",
    )
    assert len(cli("sessions", "list", "--json").document) == 1


def test_a_session_that_runs_is_forked_as_it_is_on_disk(cli, program, home) -> None:
    program(PROGRAM)
    cli("run", "app.py:handler", "--session", "s", "--var", "NAME=x", "--data", '{"fails": true}')
    with Store.open(home) as store:
        store.acquire("s")
        new = cli("sessions", "fork", "s", "--at", "5", "--json").document["session_id"]
        assert store.session("s").live
        assert store.session(new).live is False
    assert cli("resume", new).code == 1


def test_a_cancelled_session_can_be_forked(cli, program) -> None:
    program(PROGRAM)
    cli("run", "app.py:handler", "--session", "s", "--var", "NAME=x", "--data", '{"fails": false}')
    new = cli("sessions", "fork", "s", "--at", "3", "--json").document["session_id"]
    cli("sessions", "cancel", new)
    again = cli("sessions", "fork", new, "--at", "3", "--json").document["session_id"]
    assert cli("resume", again).code == 0


def test_a_store_from_before_there_were_forks(cli, program, home) -> None:
    program(PROGRAM)
    cli("run", "app.py:handler", "--session", "s", "--var", "NAME=x", "--data", '{"fails": false}')
    _as_format_1(home)
    # Looking at it changes nothing.
    assert cli("sessions", "show", "s", "--json").document["forked_from"] is None
    assert len(cli("sessions", "list", "--json").document) == 1
    with closing(sqlite3.connect(home / "ninelives.db")) as db, db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
    new = cli("sessions", "fork", "s", "--at", "3", "--json").document["session_id"]
    assert cli("resume", new).code == 0


def _as_format_1(home: Path) -> None:
    with closing(sqlite3.connect(home / "ninelives.db")) as db, db:
        db.execute("DROP INDEX sessions_by_build")
        for column in (
            *("forked_from", "forked_at", "commits", "tail_begun", "tail_stored", "tail_synced"),
            *("deaths", "deaths_at", "taken_at"),
        ):
            db.execute(f"ALTER TABLE sessions DROP COLUMN {column}")
        db.execute("PRAGMA user_version = 1")
    db.close()
    shutil.rmtree(home / "tails", ignore_errors=True)
