"""`sessions`: over a store filled by hand, so that every state can be seen."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ninelives.session.entries import Activity, End, Outcome, Start
from ninelives.session.journal import row
from ninelives.storage import NewSession, SessionUpdate, Store

T = 1_700_000_000.0
ERROR = {"type": "ValueError", "message": "no", "traceback": "Traceback (most recent call last):\nValueError: no\n"}

#: Takes a session's lease, says so, and holds it until it is told to stop.
HOLDER = """
import signal, sys
from pathlib import Path
from ninelives.storage import Store
store = Store.open(Path(sys.argv[1]))
journal = store.acquire(sys.argv[2])
signal.signal(signal.SIGTERM, lambda *_: print("told", journal.cancel_requested(), flush=True))
print("held", flush=True)
signal.pause()
store.close()
"""


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with Store.open(home) as store:
        yield store


def session(store: Store, session_id: str, update: SessionUpdate | None = None, *, at: float = T) -> None:
    store.create(
        NewSession(session_id=session_id, project="app", entry_point="app.py:handler", build_id="b1", created_at=at),
        [
            row(Start(1, at, 1, "app.py:handler", {"data": {}}, 7, 42, "3.11")),
            row(Activity(2, at, "0", 1, "requests.get", 0, "'https://x/\\n'", "app.py", 3)),
            row(Outcome(3, at, "0", 1, True, shown="<Response [200]>", duration_ms=8.25)),
            row(Activity(4, at, "0", 2, "requests.post", 0, "", "app.py", 4)),
        ],
        [(at, "stdout", "", "hello", "0"), (at, "log", "WARNING", "careful", "0")],
    )
    if update:
        store.acquire(session_id).release(update)


def test_list_is_empty_before_the_first_session(cli, home) -> None:
    answer = cli("sessions", "list", "--json")
    assert (answer.code, answer.document, answer.err) == (0, [], "")
    assert not home.exists()


def test_list_newest_first(cli, store) -> None:
    session(store, "first")
    session(store, "second", SessionUpdate(state="completed"), at=T + 1)
    found = cli("sessions", "list", "--json").document
    assert [list(item) for item in found] == [
        ["session_id", "state", "live", "entry_point", "created_at", "updated_at"]
    ] * 2
    assert [(item["session_id"], item["state"], item["live"]) for item in found] == [
        ("second", "completed", False),
        ("first", "created", False),
    ]
    assert found[0]["created_at"] == "2023-11-14T22:13:21.000000Z"
    table = cli("sessions", "list").out.splitlines()
    assert table[0].split() == ["SESSION", "STATE", "HANDLER", "CREATED", "UPDATED"]
    assert table[2].startswith("first    created    app.py:handler  2023-11-14T22:13:20.000000Z  ")


def test_show(cli, store) -> None:
    session(store, "done", SessionUpdate(state="completed", result="{'n': 1}"))
    session(store, "broken", SessionUpdate(state="error", error=json.dumps(ERROR)))
    shown = cli("sessions", "show", "done", "--json").document
    assert shown["result"] == "{'n': 1}"
    assert (shown["error"], shown["waiting_for"], shown["parent"], shown["build_id"]) == (None, None, None, "b1")
    assert shown["counts"] == {"activities": 2, "values": 0, "sleeps": 0, "store": 0, "lines": 2}
    assert cli("sessions", "show", "broken", "--json").document["error"] == ERROR
    people = cli("sessions", "show", "brok").out
    assert "session_id:  broken\n" in people
    assert "  ValueError: no\n" in people


def test_logs(cli, store) -> None:
    session(store, "one")
    assert cli("sessions", "logs", "one").out == "hello\ncareful\n"
    first, second = cli("sessions", "logs", "one", "--json").document
    assert list(first) == ["seq", "at", "stream", "level", "text"]
    assert (second["stream"], second["level"], second["text"]) == ("log", "WARNING", "careful")


def test_journal(cli, store) -> None:
    session(store, "one")
    found = cli("sessions", "journal", "one", "--json").document
    assert list(found[1]) == [
        "seq", "lane", "kind", "name", "status", "attempt", "file", "line",
        "started_at", "duration_ms", "args", "result", "error",
    ]  # fmt: skip
    assert [(item["name"], item["status"]) for item in found] == [
        ("app.py:handler", "ok"),
        ("requests.get", "ok"),
        ("requests.post", "interrupted"),
    ]
    table = cli("sessions", "journal", "one").out.splitlines()
    assert table[0].split() == ["SEQ", "LANE", "KIND", "NAME", "STATUS", "TRY", "WHERE", "MS", "ARGS", "RESULT"]
    assert " ".join(table[2].split()) == r"2 0 activity requests.get ok 1 app.py:3 8.2 'https://x/\n' <Response [200]>"


def test_a_long_result_does_not_widen_the_table(cli, program) -> None:
    program("import subprocess\n\ndef handler(event):\n    subprocess.run(['true', 'x' * 1000])\n")
    session_id = cli("run", "app.py:handler").session_id
    table = cli("sessions", "journal", session_id)
    assert "xxxx…" in table.out
    assert max(map(len, table.out.splitlines())) < 400
    assert len(cli("sessions", "journal", session_id, "--json").document[1]["args"]) > 1000


def test_a_session_that_is_not_there(cli, store) -> None:
    session(store, "abc1")
    session(store, "abc2")
    for command in ("show", "logs", "journal", "cancel", "delete"):
        answer = cli("sessions", command, "gone")
        assert (answer.code, answer.out) == (2, "")
        assert answer.err == "ninelives: there is no session 'gone': see ninelives sessions list\n"
    error = cli("sessions", "show", "abc", "--json")
    assert error.code == 2
    assert error.document["error"]["type"] == "SessionNotFoundError"


def test_cancel_a_session_that_no_process_has(cli, store) -> None:
    session(store, "one")
    assert cli("sessions", "cancel", "one").out == "session one is cancelled\n"
    assert store.session("one").state == "cancelled"
    again = cli("sessions", "cancel", "one")
    assert (again.code, again.err) == (2, "ninelives: session one is over (cancelled): there is nothing to cancel\n")


def test_cancel_and_delete_a_session_that_a_process_has(cli, store, home) -> None:
    session(store, "one")
    command = [sys.executable, "-c", HOLDER, str(home), "one"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert cli("sessions", "list", "--json").document[0]["live"] is True
        refused = cli("sessions", "delete", "one")
        assert refused.code == 3
        assert refused.err.startswith(f"ninelives: session one is run by process {holder.pid}")
        assert cli("sessions", "cancel", "one", "--json").document["told"] is True
        assert holder.stdout.readline() == "told True\n"
    assert holder.returncode == 0


def test_delete(cli, store) -> None:
    session(store, "one", SessionUpdate(state="completed"))
    assert cli("sessions", "delete", "one", "--json").document == {"session_id": "one", "deleted": True}
    assert cli("sessions", "list", "--json").document == []


def test_a_reader_that_goes_away_is_no_error(store, cli) -> None:
    for number in range(200):
        session(store, f"session-{number:050}")
    command = f"{sys.executable} -m ninelives sessions list | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0"
    assert done.stderr == ""


def test_a_store_that_can_only_be_read_is_still_listed(cli, store, home) -> None:
    session(store, "one", SessionUpdate(state="completed", result="1"))
    store.close()
    for path in [home, *home.rglob("*")]:
        path.chmod(path.stat().st_mode & ~0o222)
    try:
        assert cli("sessions", "show", "one", "--json").document["result"] == "1"
    finally:
        for path in [home, *home.rglob("*")]:
            path.chmod(path.stat().st_mode | 0o200)


def test_a_damaged_store_is_one_line(cli, store, home) -> None:
    session(store, "one")
    store.close()
    for file in home.glob("*.db*"):
        file.write_bytes(b"not a database" * 1000)
    answer = cli("sessions", "list")
    assert (answer.code, answer.out) == (3, "")
    assert answer.err.startswith("ninelives: ")
    assert answer.err.count("\n") == 1


def test_a_session_that_ended_in_the_journal(cli, store) -> None:
    session(store, "one")
    journal = store.acquire("one")
    journal.commit([row(End(5, T + 5, "completed", shown="17"))])
    journal.release(SessionUpdate(state="completed", result="17"))
    last = cli("sessions", "journal", "one", "--json").document[-1]
    assert (last["kind"], last["name"], last["status"], last["result"]) == ("end", "completed", "ok", "17")
