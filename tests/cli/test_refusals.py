"""What `resume` refuses to go on with: one line each, the right exit code, and nothing lost."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

#: Outside code: kills its process, unless there is a file that says it may go on.
DIES_ONCE = """
import os
import signal

def die_once():
    if not os.path.exists("go"):
        os.kill(os.getpid(), signal.SIGKILL)
"""

WAITS = """
    from dying import die_once

    def handler(event):
        print("begun")
        die_once()
        print("done")
"""


@pytest.fixture(autouse=True)
def dying(tmp_path_factory, monkeypatch) -> None:
    """Let programs import outside code that dies once."""
    folder = tmp_path_factory.mktemp("outside")
    (folder / "dying.py").write_text(DIES_ONCE)
    monkeypatch.setenv("PYTHONPATH", str(folder))


@pytest.fixture
def killed(cli, program) -> str:
    """A session whose process was killed in the middle of an activity."""
    program(WAITS)
    answer = cli("run", "app.py:handler", "--session", "s")
    assert answer.code == -9
    return "s"


def change(home: Path, sql: str, *values: object) -> None:
    """Change the store as another version of ninelives, or another Python, would have left it."""
    with closing(sqlite3.connect(home / "ninelives.db")) as db, db:
        db.execute(sql, values)
    db.close()


def refused(answer, code: int, text: str) -> None:
    assert answer.code == code
    lines = [line for line in answer.err.splitlines() if not line.startswith("session: ")]
    assert len(lines) == 1, answer.err
    assert lines[0].startswith("ninelives: ")
    assert text in lines[0]
    assert answer.out == ""


def test_another_minor_version_of_python(cli, home, killed) -> None:
    change(home, "UPDATE sessions SET python = '3.9'")
    refused(cli("resume", killed), 4, "was recorded on Python 3.9, and this is Python 3.")
    assert cli("sessions", "show", killed, "--json").document["state"] == "interrupted"


def test_a_journal_of_a_newer_version(cli, home, tmp_path, killed) -> None:
    change(home, "INSERT INTO rows SELECT max(id) + 1000, 'teleport', x'90' FROM rows")
    refused(cli("resume", killed), 4, "was written by a newer version of ninelives")
    change(home, "DELETE FROM rows WHERE kind = 'teleport'")
    (tmp_path / "go").touch()
    assert cli("resume", killed).out == "done\n"


def test_a_build_that_is_gone(cli, home, program, tmp_path, killed) -> None:
    for build in (home / "builds").glob("*.tar"):
        build.unlink()
    refused(cli("resume", killed), 3, "is gone: ")
    (tmp_path / "go").touch()
    program(WAITS, "repaired/app.py")
    assert cli("resume", killed, "--with-code", "repaired").out == "done\n"


@pytest.mark.parametrize("how", ["overwritten", "removed"])
def test_recorded_results_that_are_lost(cli, home, tmp_path, killed, how) -> None:
    (tail,) = (home / "tails").iterdir()
    whole = tail.read_bytes()
    if how == "removed":
        tail.unlink()
    else:
        tail.write_bytes(whole[:20] + b"garbage" + whole[27:])
    (tmp_path / "go").touch()
    for command in (("resume", "s"), ("run", "app.py:handler", "--session", "s"), ("sessions", "journal", "s")):
        answer = cli(*command)
        refused(answer, 3, "results of session s are lost: ")
        assert "done" not in answer.out
    tail.write_bytes(whole)
    assert cli("resume", "s").code == 0


def test_code_that_was_changed_is_not_used(cli, program, tmp_path, killed) -> None:
    program(WAITS.replace('print("done")', 'print("changed")'))
    (tmp_path / "go").touch()
    assert cli("resume", killed).out == "done\n"


def test_what_a_program_writes_beside_itself_is_no_change_of_its_code(cli, program, tmp_path) -> None:
    program(
        """
        from pathlib import Path

        from dying import die_once

        HERE = Path(__file__).parent

        def handler(event):
            (HERE / "notes.txt").write_text("note")
            die_once()
            print((HERE / "notes.txt").read_text())
        """
    )
    assert cli("run", "app.py:handler", "--session", "s").code == -9
    (tmp_path / "go").touch()
    assert cli("resume", "s").out == "note\n"


def test_a_process_that_a_restart_cannot_go_on_with(cli, program, tmp_path) -> None:
    program(
        """
        import subprocess

        from dying import die_once

        def handler(event):
            child = subprocess.Popen(["sh", "-c", "echo started >> started.txt"])
            die_once()
            child.wait()
        """
    )
    assert cli("run", "app.py:handler", "--session", "s").code == -9
    (tmp_path / "go").touch()
    refused(cli("resume", "s"), 4, "subprocess.Popen can't be made again after a restart; put the calls that use it")
    assert (tmp_path / "started.txt").read_text().count("started") <= 1


def test_an_activity_that_changes_globals_is_warned_about(cli, program) -> None:
    program(
        """
        import ninelives

        COUNT = 0

        @ninelives.activity
        def count():
            global COUNT
            COUNT += 1

        def handler(event):
            count()
            count()
        """
    )
    answer = cli("run", "app.py:handler")
    assert answer.code == 0
    assert answer.err.count("app.count is an activity and changes globals") == 1


def test_configuration_of_the_environment_may_change(cli, program, tmp_path) -> None:
    program(
        """
        import os
        import shutil

        from dying import die_once

        def handler(event):
            print(shutil.which(os.environ["TOKEN"]))
            die_once()
            print("done")
        """
    )
    assert cli("run", "app.py:handler", "--session", "s", TOKEN="first-token").code == -9
    (tmp_path / "go").touch()
    assert cli("resume", "s", TOKEN="second-token").out == "done\n"


def test_a_program_whose_tasks_wait_for_each_other(cli, program) -> None:
    program(
        """
        import asyncio

        async def handler(event):
            await asyncio.get_running_loop().create_future()
        """
    )
    refused(cli("run", "app.py:handler"), 4, "deadlock: app.py:5 waits for what can't come")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("def handler(event):\n    yield 1\n", "handler is a generator, of which nothing would run"),
        ("x = 1\0\n", "SyntaxError"),
    ],
)
def test_programs_that_could_not_run(cli, tmp_path, text, problem) -> None:
    (tmp_path / "app.py").write_text(text)
    answer = cli("run", "app.py:handler")
    refused(answer, 2, problem)
    assert cli("sessions", "list", "--json").document == []


def test_a_missing_package_is_named_wherever_it_is_imported(cli, program) -> None:
    program("def handler(event):\n    import nosuchpackage\n")
    answer = cli("run", "app.py:handler")
    assert answer.code == 1
    assert "add the package that has 'nosuchpackage' to the project's requirements" in answer.err


def test_a_traceback_begins_with_the_users_own_line(cli, program) -> None:
    program("1 / 0\ndef handler(event):\n    pass\n")
    lines = cli("run", "app.py:handler").err.splitlines()
    at = lines.index("Traceback (most recent call last):")
    assert lines[at + 1].endswith('app.py", line 1, in <module>')


def test_an_id_belongs_to_one_handler(cli, program) -> None:
    program("def one(event):\n    pass\ndef two(event):\n    pass\n")
    assert cli("run", "app.py:one", "--session", "s").code == 0
    refused(cli("run", "app.py:two", "--session", "s"), 2, "session s runs app.py:one, not app.py:two")
    refused(cli("run", "app.py:one", "--event-id", ""), 2, "--event-id is empty")


FAILS = """
    def handler(event):
        print("one")
        raise LookupError("the first")
"""


@pytest.mark.parametrize(
    ("repaired", "code"),
    [
        ("def handler(event)\n", 2),
        ("import nosuchpackage\n", 2),
        ("def other(event):\n    pass\n", 2),
    ],
)
def test_code_that_cannot_be_loaded_repairs_nothing(cli, program, repaired, code) -> None:
    program(FAILS)
    assert cli("run", "app.py:handler", "--session", "s").code == 1
    before = cli("sessions", "show", "s", "--json").document
    program(repaired, "repaired/app.py")
    assert cli("resume", "s", "--with-code", "repaired").code == code
    after = cli("sessions", "show", "s", "--json").document
    assert {**after, "updated_at": ""} == {**before, "updated_at": ""}
    assert "LookupError: the first" in cli("resume", "s").err


def test_code_that_does_something_else_repairs_nothing(cli, program, tmp_path, killed) -> None:
    build = cli("sessions", "show", killed, "--json").document["build_id"]
    program("import os\ndef handler(event):\n    os.getpid()\n", "repaired/app.py")
    assert cli("resume", killed, "--with-code", "repaired").code == 4
    assert cli("sessions", "show", killed, "--json").document["build_id"] == build
    (tmp_path / "go").touch()
    assert cli("resume", killed).out == "done\n"


def test_there_is_nothing_to_retry(cli, program) -> None:
    program(FAILS)
    assert cli("run", "app.py:handler", "--session", "s").code == 1
    refused(cli("resume", "s", "--retry-failed"), 2, "no activity that failed or was cut off")
    assert cli("resume", "s").code == 1


def test_a_secret_of_several_lines_is_hidden_in_every_form(cli, program, tmp_path) -> None:
    secret = "-----BEGIN-----\nc2VjcmV0LWtleQ==\nmore-of-it=\n-----END-----"
    (tmp_path / "key.pem").write_text(secret)
    program(
        """
        import os
        import shutil

        def handler(event):
            key = os.environ["KEY"]
            print(key)
            shutil.which(key)
            shutil.which(key.splitlines()[1])
            raise ValueError(key)
        """
    )
    answer = cli("run", "app.py:handler", "--session", "s", "--var", "KEY=@key.pem")
    assert answer.code == 1
    shown = [cli("sessions", what, "s", "--json").out for what in ("show", "journal", "logs")]
    for text in [answer.err, *shown]:
        assert "c2VjcmV0" not in text
        assert "more-of-it" not in text
    import os

    builds = b"".join(path.read_bytes() for path in (Path(os.environ["NINELIVES_HOME"]) / "builds").glob("*.tar"))
    assert b"c2VjcmV0" not in builds
