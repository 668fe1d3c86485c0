"""`run` and `resume`: what goes where, and what the exit code is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import SOURCES, command

#: Is in the middle of one activity until the gate is closed.
WAITING = """
from pathlib import Path

def handler(event):
    print("before", flush=True)
    Path("gate").read_text()
    print("after")
    return 5
"""


class Held:
    """A session in the middle of an activity: it reads from a pipe that nobody has written to."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        gate = folder / "gate"
        if not gate.exists():
            os.mkfifo(gate)
        self.process = subprocess.Popen(
            command(*arguments), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        # Both ends of such a pipe open at the same time, so now the activity has begun.
        self.gate = gate.open("w")

    def let_go(self) -> tuple[int, str, str]:
        """Let the activity end, and return the session's exit code and prints."""
        self.gate.close()
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err

    def end(self, number: int) -> tuple[int, str, str]:
        """Send a signal to the session's process instead, or none if it has got one."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=30)
        self.gate.close()
        return self.process.returncode, out, err


def test_prints_go_to_stdout_and_nothing_else(cli, program) -> None:
    program(
        """
        import sys

        def handler(event):
            print("hello", event["data"]["name"], event.data.name, event.event_type, event.integration_id)
            print("careful", file=sys.stderr)
            return {"n": 1}
        """
    )
    arguments = ["--data", '{"name": "you"}', "--event-type", "greeting", "--integration-id", "cli"]
    answer = cli("run", "app.py:handler", *arguments)
    assert (answer.code, answer.out) == (0, "hello you you greeting cli\n")
    assert answer.err == f"session: {answer.session_id}\ncareful\ncompleted: 0 activities done\n"
    assert cli("sessions", "show", answer.session_id, "--json").document["result"] == "{'n': 1}"


def test_json_is_one_document_on_stdout(cli, program) -> None:
    program(
        """
        import os, subprocess

        def handler(event):
            print("printed")
            subprocess.run(["echo", "from a child"])
            return 5
        """
    )
    answer = cli("run", "app.py:handler", "--json")
    assert answer.document == {
        "session_id": answer.session_id, "state": "completed", "exit_code": 0, "result": "5", "error": None,
        "already": False,
    }  # fmt: skip
    assert "printed\n" in answer.err
    assert "from a child\n" in answer.err


def test_what_the_program_raises_is_shown_without_our_frames(cli, program) -> None:
    program('def handler(event):\n    raise ValueError("no")\n')
    answer = cli("run", "app.py:handler")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.splitlines()[2] == "Traceback (most recent call last):"
    assert answer.err.endswith('line 2, in handler\n    raise ValueError("no")\nValueError: no\n')
    assert "ninelives/" not in answer.err
    again = cli("resume", answer.session_id)
    assert again.code == 1
    assert "the session is over already: error\n" in again.err
    assert again.err.endswith("ValueError: no\n")
    document = cli("resume", answer.session_id, "--json").document
    assert (document["state"], document["exit_code"], document["already"]) == ("error", 1, True)
    assert document["error"]["type"] == "ValueError"


@pytest.mark.parametrize(("raised", "code"), [("SystemExit(0)", 0), ("SystemExit", 0), ("SystemExit(7)", 7)])
def test_system_exit_is_the_exit_code(cli, program, raised, code) -> None:
    program(f"def handler(event):\n    raise {raised}\n")
    answer = cli("run", "app.py:handler")
    assert answer.code == code
    said = "error: the program ended itself with SystemExit(7): 0 activities done"
    assert (said in answer.err) == (code == 7)


def test_the_data_may_come_from_stdin_also_when_the_process_starts_itself_again(program, tmp_path, home) -> None:
    program("def handler(event):\n    print(event.data.n)\n")
    for data, code, out in (('{"n": "ü"}', 0, "ü\n"), ('{"n": 2}', 0, "2\n"), ("{", 2, "")):
        # Not known yet, the first time: the seed that the process is to have.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONHASHSEED"}
        done = subprocess.run(
            command("run", "app.py:handler", "--data", "@-"),
            cwd=tmp_path, env=environment | {"PYTHONPATH": SOURCES}, input=data.encode(),
            capture_output=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout.decode()) == (code, out), done.stderr
    assert done.stderr.decode().startswith("ninelives: stdin is not valid JSON: ")


def test_there_is_nothing_to_retry_of_a_completed_session(cli, program) -> None:
    program("def handler(event): ...\n")
    session = cli("run", "app.py:handler").session_id
    answer = cli("resume", session, "--retry-failed")
    assert (answer.code, answer.err) == (2, f"ninelives: session {session} is completed: there is nothing to retry\n")
    assert cli("resume", session).code == 0


def test_an_event_starts_one_session(cli, program) -> None:
    program('def handler(event):\n    print("ran", event.event_id)\n')
    first = cli("run", "app.py:handler", "--event-id", "e17")
    assert first.out == "ran e17\n"
    second = cli("run", "app.py:handler", "--event-id", "e17")
    assert (second.code, second.out) == (0, "")
    assert second.err == f"ninelives: this event has already started session {first.session_id}\n"
    document = cli("run", "app.py:handler", "--event-id", "e17", "--json").document
    assert document["error"]["session_id"] == first.session_id
    assert len(cli("sessions", "list", "--json").document) == 1


def test_a_folder_with_much_data_is_said_in_one_line(cli, program, tmp_path) -> None:
    program("def handler(event): ...\n")
    (tmp_path / "data").mkdir()
    for number in range(5):
        (tmp_path / f"data/{number}.bin").write_bytes(bytes(5 * 2**20))
    first, second, _ = cli("run", "app.py:handler").err.splitlines()
    assert first.startswith("session: ")
    assert second.startswith(f"ninelives: the code in {tmp_path} is large (6 files, 25.0 MiB), ")
    (tmp_path / ".ninelivesignore").write_text("data\n")
    assert "large" not in cli("run", "app.py:handler").err


def test_events_without_an_id_are_all_different(cli, program) -> None:
    program("def handler(event): ...\n")
    for _ in range(2):
        assert cli("run", "app.py:handler").code == 0
    assert len(cli("sessions", "list", "--json").document) == 2


def test_a_session_with_an_id_of_ones_own(cli, program) -> None:
    program('def handler(event):\n    print("ran")\n')
    assert cli("run", "app.py:handler", "--session", "nightly").out == "ran\n"
    again = cli("run", "app.py:handler", "--session", "nightly")
    assert (again.code, again.out) == (0, "")
    assert again.err == "session: nightly\nthe session is over already: completed\n"
    assert cli("run", "app.py:handler", "--session", "night").out == "ran\n"


def test_in_memory_keeps_nothing(cli, program, home) -> None:
    program('def handler(event):\n    print("ran")\n')
    assert cli("run", "app.py:handler", "--in-memory").out == "ran\n"
    assert not home.exists()


def test_secret_vars_are_the_programs_and_nobody_elses(cli, program, tmp_path) -> None:
    (tmp_path / "key").write_text("k3y-s3cret\n")
    program(
        """
        import os, urllib.parse

        def handler(event):
            print(len(os.environ["TOKEN"]), len(os.environ["KEY"]), os.environ["PLAIN"])
            os.path.exists("/" + os.environ["TOKEN"])
            return os.environ["KEY"]
        """
    )
    arguments = ["--var", "TOKEN", "--var", "KEY=@key", "--var", "PLAIN=open", "--session", "s"]
    answer = cli("run", "app.py:handler", *arguments, TOKEN="t0ken-s3cret")
    assert (answer.code, answer.out) == (0, "12 10 open\n")
    shown = "".join(cli("sessions", command, "s", "--json").out for command in ("show", "logs", "journal"))
    assert "s3cret" not in shown + answer.err


def test_sets_iterate_in_the_same_order_in_every_run(cli, program) -> None:
    program('def handler(event):\n    print(list({f"word{n}" for n in range(30)}))\n')
    orders = {
        cli("run", "app.py:handler").out,
        cli("run", "app.py:handler", PYTHONHASHSEED="12345").out,
        cli("run", "app.py:handler", PYTHONHASHSEED="0").out,
    }
    assert len(orders) == 1


def test_a_session_keeps_its_hash_seed_when_the_installation_has_another(cli, program, tmp_path, home) -> None:
    program(WAITING.replace('"before"', 'list({f"word{n}" for n in range(30)})'))
    held = Held(tmp_path, "run", "app.py:handler", "--session", "s")
    _, before, _ = held.end(signal.SIGKILL)
    seed = (home / "hash_seed").read_text()
    (home / "hash_seed").write_text("77")
    held = Held(tmp_path, "resume", "s", "--json")
    _, _, err = held.end(signal.SIGTERM)
    assert before not in err
    assert (home / "hash_seed").read_text() == seed
    assert cli("sessions", "logs", "s").out == before


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_by_a_signal_and_resumed(cli, program, tmp_path, number, code) -> None:
    program(WAITING)
    held = Held(tmp_path, "run", "app.py:handler", "--session", "s")
    ended, out, err = held.end(number)
    assert (ended, out) == (code, "before\n")
    assert err == "session: s\ninterrupted: go on with `ninelives resume s`\n"
    assert cli("sessions", "list", "--json").document[0]["state"] == "interrupted"
    assert Held(tmp_path, "resume", "s").let_go()[:2] == (0, "after\n")


def test_an_interrupted_session_with_json_is_still_one_document(cli, program, tmp_path) -> None:
    program(WAITING)
    _, out, _ = Held(tmp_path, "run", "app.py:handler", "--session", "s", "--json").end(signal.SIGTERM)
    document = json.loads(out)
    assert (document["session_id"], document["state"]) == ("s", "interrupted")


def test_killed_and_resumed(cli, program, tmp_path) -> None:
    program(WAITING)
    held = Held(tmp_path, "run", "app.py:handler", "--session", "s")
    assert cli("sessions", "list", "--json").document[0]["live"] is True
    assert [row["status"] for row in cli("sessions", "journal", "s", "--json").document][-1] == "started"
    busy = cli("resume", "s")
    assert busy.code == 3
    assert busy.err.startswith("ninelives: session s is run by process ")
    assert held.end(signal.SIGKILL)[0] == -signal.SIGKILL
    assert [row["status"] for row in cli("sessions", "journal", "s", "--json").document][-1] == "interrupted"
    assert Held(tmp_path, "resume", "s").let_go()[:2] == (0, "after\n")
    assert cli("sessions", "logs", "s").out == "before\nafter\n"


def test_a_live_session_is_cancelled(cli, program, tmp_path) -> None:
    program(WAITING)
    held = Held(tmp_path, "run", "app.py:handler", "--session", "s")
    assert cli("sessions", "cancel", "s", "--json").document["told"] is True
    code, out, err = held.end(0)
    assert (code, out) == (4, "before\n")
    assert err.splitlines() == [
        "session: s",
        "cancelled: somebody ended the session with `ninelives sessions cancel`; it does not go on",
    ]
    assert cli("sessions", "list", "--json").document[0]["state"] == "cancelled"
    assert cli("resume", "s").code == 2


def test_the_store_may_be_in_the_folder_of_the_program(cli, program, tmp_path, monkeypatch) -> None:
    # Reading the store's files as user code would close them, and with that drop the locks that SQLite and leases have.
    monkeypatch.setenv("NINELIVES_HOME", str(tmp_path / "state"))
    program(WAITING)
    held = Held(tmp_path, "run", "app.py:handler", "--session", "s")
    assert cli("sessions", "cancel", "s", "--json").document["told"] is True
    held.end(0)
    assert cli("sessions", "list", "--json").document[0]["state"] == "cancelled"


def test_retry_failed_and_with_code(cli, program, tmp_path) -> None:
    program("import os\ndef handler(event):\n    print(os.listdir('data'))\n")
    answer = cli("run", "app.py:handler", "--session", "s")
    assert (answer.code, answer.out) == (1, "")
    (tmp_path / "data").mkdir()
    assert cli("resume", "s").code == 1
    assert cli("resume", "s", "--retry-failed").out == "[]\n"
    program("def handler(event):\n    return 1 / 0\n")
    assert cli("run", "app.py:handler", "--session", "t").code == 1
    program("def handler(event):\n    print('repaired')\n", "fixed/app.py")
    assert cli("resume", "t", "--with-code", "fixed").out == "repaired\n"


def test_resume_of_what_is_not_there(cli) -> None:
    answer = cli("resume", "gone")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == "ninelives: there is no session 'gone': see ninelives sessions list\n"
    folder = cli("resume", "gone", "--with-code", "nowhere", "--json")
    assert folder.code == 2
    assert "'nowhere' does not exist" in folder.document["error"]["message"]


@pytest.mark.parametrize(
    ("source", "handler", "says"),
    [
        ("def other(event): ...\n", "handler", "handler"),
        ("handler = 3\n", "handler", "can't be called"),
        ("def handler(): ...\n", "handler", "event"),
        ("def handler(event:\n", "handler", "app.py:1"),
        ("import not_installed_package\ndef handler(event): ...\n", "handler", "not_installed_package"),
    ],
)
def test_a_program_that_cannot_be_loaded_is_one_line_and_leaves_nothing(cli, program, source, handler, says) -> None:
    program(source)
    answer = cli("run", f"app.py:{handler}")
    assert (answer.code, answer.out) == (2, "")
    *_, line = answer.err.splitlines()
    assert line.startswith("ninelives: ")
    assert says in line
    assert "Traceback" not in answer.err
    assert cli("sessions", "list", "--json").document == []


def test_a_closed_stdout_is_no_error(cli, program, tmp_path) -> None:
    import subprocess

    program("def handler(event):\n    print('nobody hears')\n")
    done = subprocess.run(
        f"{' '.join(command('run', 'app.py:handler'))} >&-",
        shell=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no device that is always full")
def test_a_stdout_that_cannot_be_written_is_said_once_and_the_log_is_whole(cli, program, tmp_path) -> None:
    program("def handler(event):\n    for n in range(3): print(n)\n    assert not event.data.get('fail')\n")
    for name, more, code in (("s", [], 3), ("t", ["--data", '{"fail": 1}'], 1)):
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                command("run", "app.py:handler", "--session", name, *more),
                cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
            )  # fmt: skip
        assert done.returncode == code, done.stderr
        first, second, *_ = done.stderr.splitlines()
        assert first == f"session: {name}"
        assert second == (
            "ninelives: stdout can't be written: No space left on device; "
            f"the program goes on, and `ninelives sessions logs {name}` has what it prints"
        )
        assert done.stderr.count("No space left") == 1
        assert cli("sessions", "logs", name).out == "0\n1\n2\n"


def test_a_reader_of_stdout_that_goes_away_is_no_error(cli, program, tmp_path) -> None:
    program("def handler(event):\n    for n in range(30_000): print(n)\n")
    process = subprocess.Popen(
        command("run", "app.py:handler", "--session", "s"),
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    assert process.stdout.readline() == "0\n"
    process.stdout.close()
    assert process.communicate()[1] == "session: s\ncompleted: 0 activities done\n"
    assert process.returncode == 0
    assert cli("sessions", "show", "s", "--json").document["counts"]["lines"] == 30_000


def test_a_store_that_another_process_writes_to_is_waited_for(cli, program, home, tmp_path, monkeypatch) -> None:
    import sqlite3

    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "holder.py").write_text(HOLDER)
    monkeypatch.setenv("PYTHONPATH", str(outside))
    program(
        """
        import os
        import holder

        def handler(event):
            holder.hold(os.environ["NINELIVES_HOME"])
            print("done")
        """,
        "code/app.py",
    )
    answer = cli("run", "code/app.py:handler", "--session", "s")
    assert answer.out == "done\n", answer.err
    kinds = [row["kind"] for row in cli("sessions", "journal", "s", "--json").document]
    assert "sleep" not in kinds
    with closing(sqlite3.connect(home / "ninelives.db")) as db:
        assert db.execute("select count(*) from sessions").fetchone() == (1,)


#: Outside code that returns while another process holds the store's write lock for a moment.
HOLDER = """
import subprocess
from contextlib import closing
import sys

HOLD = '''
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
print("held", flush=True)
time.sleep(0.3)
db.execute("COMMIT")
'''

def hold(home):
    child = subprocess.Popen([sys.executable, "-c", HOLD, home + "/ninelives.db"], stdout=subprocess.PIPE)
    child.stdout.readline()
"""
