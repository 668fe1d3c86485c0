"""`run` and `resume` with `--runner docker`: the same output and the same exit codes as in this process."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest
from runners.engine import IMAGE, needs_engine

from tests.cli import conftest
from tests.cli.test_run import *  # noqa: F403 - the tests themselves

pytestmark = needs_engine

#: Of how many tests that run in this process, too, one runs here in CI, and of how many of all on other Pythons.
AGAIN_EVERY = 4
QUICK_EVERY = 8

#: Its program reads the environment of the command, which no runner has.
del test_a_store_that_another_process_writes_to_is_waited_for  # noqa: F821

#: It changes a file that saves this process a start under another hash seed; a container gets the right one at once.
del test_a_session_keeps_its_hash_seed_when_the_installation_has_another  # noqa: F821

# Their programs wait for files beside them, and a container has a folder of its own.
del test_interrupted_by_a_signal_and_resumed  # noqa: F821
del test_an_interrupted_session_with_json_is_still_one_document  # noqa: F821
del test_killed_and_resumed  # noqa: F821
del test_a_live_session_is_cancelled  # noqa: F821
del test_the_store_may_be_in_the_folder_of_the_program  # noqa: F821
del test_retry_failed_and_with_code  # noqa: F821


@pytest.fixture(autouse=True)
def runner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `run` and `resume` use a runner."""
    monkeypatch.setenv(conftest.RUNNER, "docker")
    monkeypatch.setenv("NINELIVES_RUNNER_DOCKER_IMAGE", IMAGE)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_container_ends_with_its_worker(cli, program, home, tmp_path, number, code) -> None:
    program(WAITING)  # noqa: F405
    work = home / "docker" / "sessions" / "s" / "work"
    work.mkdir(parents=True)
    os.mkfifo(work / "gate")
    (work / "gate").chmod(0o666)
    command = conftest.command("run", "app.py:handler", "--session", "s")
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with (work / "gate").open("w"):
        process.send_signal(number)
        out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (code, "before\n")
    assert cli("sessions", "show", "s", "--json").document["state"] == "interrupted"
    (work / "gate").unlink()
    (work / "gate").touch()
    done = cli("resume", "s")
    assert (done.code, done.out) == (0, "after\n")
    assert cli("sessions", "delete", "s").code == 0
    assert not work.parent.exists()


def test_an_engine_that_is_not_there_is_one_line(cli, program, tmp_path) -> None:
    program("def handler(event): ...\n")
    answer = cli("run", "app.py:handler", DOCKER_HOST=f"unix://{tmp_path}/socket")
    assert (answer.code, answer.out) == (3, "")
    assert answer.err == (
        f"ninelives: no Docker engine runs at {tmp_path}/socket: start it (sudo systemctl start docker), or set DOCKER_HOST\n"
    )
