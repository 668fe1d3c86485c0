"""The docker manager on a real engine: what containers may do, how they end, and what is left of them: nothing."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ninelives.errors import NinelivesError
from ninelives.runner.control import Limits
from ninelives.runners.docker.engine import Engine
from ninelives.runners.docker.places import Place
from ninelives.session.observer import Silent
from ninelives.storage import Store
from ninelives.worker.direct import resume
from ninelives.worker.isolated import Isolated
from runners.containers import Service
from runners.engine import IMAGE, needs_engine

pytestmark = needs_engine

#: Of how many tests one runs on other Pythons: what is tested is the engine's side.
QUICK_EVERY = 8


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path)
    yield made
    made.manager.close()
    made.store.close()
    assert made.containers() == []


LOOKS_AROUND = """
import os
import socket

import ninelives


def fails(path):
    try:
        open(path, "w").close()
    except OSError as error:
        return error.strerror


@ninelives.activity
def look():
    status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines())
    open("mine", "w").close()
    open("/tmp/mine", "w").close()
    return {
        "uids": status["Uid"].split(),
        "capabilities": {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16},
        "no new privileges": status["NoNewPrivs"],
        "network": sorted(os.listdir("/sys/class/net")),
        "read-only": [fails(path) for path in ("/x", "/code/x", "/run/ninelives/x")],
        "folder": [os.getcwd(), os.listdir()],
        "variables": sorted(os.environ),
        "path": os.environ["PATH"].split(":")[0],
    }


def main(event):
    return json.dumps(look())
"""


def test_a_container_may_do_little(service: Service) -> None:
    user = str(os.getuid() or 65534)
    assert service.returned(LOOKS_AROUND, vars={"TOKEN": "s3cret"}) == {
        "uids": [user] * 4,
        "capabilities": True,
        "no new privileges": "1",
        "network": ["lo"],
        "read-only": ["Read-only file system"] * 3,
        "folder": ["/session", ["mine"]],
        "variables": ["HOME", "HOSTNAME", "LANG", "PATH", "PYTHONHASHSEED", "TOKEN"],
        "path": "/ninelives/environment/bin",
    }


def test_a_network_is_there_if_the_project_asks_for_it(service: Service) -> None:
    (service.code / "ninelives.yaml").write_text("docker: {network: true}\n")
    assert service.returned(LOOKS_AROUND)["network"] == ["eth0", "lo"]


def test_what_a_program_leaves_in_its_folder_lasts_as_long_as_its_session(service: Service) -> None:
    text = """
import os


def main(event):
    for path in ("mine", "/tmp/mine"):
        if os.path.exists(path):
            os.remove(path)
        else:
            open(path, "w").close()
    if os.environ.get("BAD"):
        raise ValueError
"""
    assert service.run(text, vars={"BAD": "1"}).state == "error"
    place = service.home / "sessions" / "s"
    assert (place / "work" / "mine").exists()
    assert (place / "tmp" / "mine").exists()
    again = resume(
        service.store,
        "s",
        code_dir=service.code,
        vars={"BAD": ""},
        observer=Silent(),
        isolated=Isolated(service.manager),
    )
    assert again.state == "completed"
    assert (place / "work" / "mine").exists(), "the calls were not made again"
    Place(service.home, "s").remove()
    assert not place.exists()
    assert service.run(name="other").state == "completed"


def test_a_program_that_leaves_nothing(service: Service) -> None:
    assert service.run("def main(event):\n    return 1\n").result == "1"
    assert list((service.home / "sessions").iterdir()) == []
    assert list((service.home / "sockets").iterdir()) == []
    assert service.home.stat().st_mode & 0o777 == 0o700


def test_too_much_memory_of_all_processes(service: Service) -> None:
    # Memory that processes share is no part of what each of them has.
    text = """
import mmap

import ninelives


@ninelives.activity
def use():
    shared = mmap.mmap(-1, 1 << 28)
    for _ in range(1 << 8):
        shared.write(bytes(1 << 20))


def main(event):
    use()
"""
    done = service.run(text, limits=Limits(memory=1 << 27))
    assert (done.state, done.exit_code) == ("stopped", 4)
    assert done.error is not None
    assert done.error["type"] == "LimitError"
    message = "the session used more memory than its limit of 128 MiB: give it a higher one, and resume it"
    assert done.error["message"] == message
    assert service.run(limits=Limits(memory=1 << 30)).state == "completed"


def test_too_much_memory_of_one_process(service: Service) -> None:
    done = service.run("def main(event):\n    return len(bytearray(1 << 30))\n", limits=Limits(memory=1 << 28))
    assert done.error is not None
    assert done.error["message"] == "the session needs more memory than its limit of 256 MiB"
    assert f'File "{service.code}/main.py", line 2, in main' in done.error["traceback"]


def test_too_much_time(service: Service) -> None:
    done = service.run("def main(event):\n    while True:\n        pass\n", limits=Limits(time=1.5))
    assert done.error is not None
    assert "took longer than its limit of 1.5 s" in done.error["message"]


def test_too_much_cpu_time(service: Service) -> None:
    done = service.run("def main(event):\n    while True:\n        pass\n", limits=Limits(cpu=1))
    assert done.error is not None
    assert "used more CPU time than its limit of 1 s" in done.error["message"]


def test_a_fork_bomb(service: Service) -> None:
    text = """
import os
import signal
import sys

import ninelives


@ninelives.activity
def bomb():
    started = 0
    while True:
        try:
            if not os.fork():
                signal.pause()
        except OSError as error:
            return f"{error.strerror} after {started}"
        started += 1


def main(event):
    return bomb()
"""
    result = service.run(text, limits=Limits(processes=20)).result
    assert result.startswith("'Resource temporarily unavailable after ")
    assert 10 <= int(result.strip("'").split()[-1]) < 20
    bomb = "import os\n\nimport ninelives\n\n\n@ninelives.activity\ndef bomb():\n    while True:\n        try:\n            os.fork()\n"
    bomb += "        except OSError:\n            pass\n\n\ndef main(event):\n    bomb()\n"
    done = service.run(bomb, "bomb", limits=Limits(time=2, processes=20))
    assert done.error is not None
    assert "took longer than its limit of 2 s" in done.error["message"]
    assert service.containers() == []


def test_last_words_of_a_container_that_always_dies(service: Service) -> None:
    text = "import os\n\nimport ninelives\n\nninelives.register_no_activity([os.abort])\n\n\ndef main(event):\n    os.abort()\n"
    done = service.run(text, crashes=2)
    assert done.error is not None
    assert "was killed by SIGABRT, 2 times at the same place" in done.error["message"]
    assert "Fatal Python error: Aborted" in done.error["message"]


WAITS = """
import ninelives


@ninelives.activity
def wait():
    return open("gate").read()


def main(event):
    return wait()
"""


def _gate(service: Service) -> Path:
    """Return a pipe in the folder of the session: both its ends are opened at the same time."""
    place = Place(service.home, "s")
    place.make()
    gate = place.work / "gate"
    os.mkfifo(gate)
    gate.chmod(0o666)
    return gate


def test_a_worker_that_is_killed_leaves_a_container_that_ends_and_is_removed(tmp_path: Path) -> None:
    service = Service(tmp_path)
    gate = _gate(service)
    service.store.close()
    worker = os.fork()
    if not worker:
        service.store = Store.open(tmp_path / "home")
        service.manager = service.made()
        service.run(WAITS)
        os._exit(1)
    with gate.open("w"):
        (left,) = service.containers()
        process = os.pidfd_open(Engine().state(left["Id"])["Pid"])
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)
        _ended(process)
    (left,) = service.containers()
    service.store = Store.open(tmp_path / "home")
    try:
        service.manager = service.made()
        assert service.containers() == [], "whoever comes next removes it"
        assert list((service.home / "sockets").iterdir()) == []
        thread = threading.Thread(target=service.run)
        thread.start()
        gate.write_text("went on")
        thread.join()
        assert service.store.session("s").result == "'went on'"
    finally:
        service.manager.close()
        service.store.close()


def _ended(process: int) -> None:
    import select

    poll = select.poll()
    poll.register(process, select.POLLIN)
    assert poll.poll(30_000), "it has not ended"
    os.close(process)


def test_an_engine_that_goes_away_while_a_session_runs(service: Service) -> None:
    gate = _gate(service)
    thread = threading.Thread(target=service.run, args=(WAITS,))
    thread.start()
    with gate.open("w") as file:
        service.manager._engine._path = f"{service.folder}/nowhere"
        file.write("went on")
    thread.join()
    assert service.store.session("s").result == "'went on'"
    assert service.manager.health().ok is False
    assert len(service.containers()) == 1
    service.manager._engine._path = Engine()._path
    service.manager._engine.remove(service.containers()[0]["Id"])


def test_a_container_of_a_session_that_has_a_new_worker_is_removed(service: Service) -> None:
    name = f"ninelives-{service.manager._name}-s"
    Engine().create(name, {"Image": IMAGE, "Entrypoint": ["sleep", "1000"], "Labels": {}})
    assert service.run("def main(event):\n    return 1\n").result == "1"


def test_secrets_are_not_in_what_the_engine_knows(service: Service) -> None:
    gate = _gate(service)
    thread = threading.Thread(target=service.run, args=(WAITS,), kwargs={"vars": {"TOKEN": "s3cret"}})
    thread.start()
    with gate.open("w"):
        (runner,) = service.manager._runners.values()
        known = json.dumps(Engine()._ask("GET", f"/containers/{runner.id}/json"))
    thread.join()
    assert "PYTHONHASHSEED" in known
    assert "s3cret" not in known


def test_a_manifest_that_asks_for_nonsense(service: Service) -> None:
    for text in ("docker: yes\n", "docker: {images: x}\n", "docker: {image: 1}\n", "docker: {network: 1}\n"):
        (service.code / "ninelives.yaml").write_text(text)
        with pytest.raises(NinelivesError, match=r"ninelives\.yaml: 'docker'"):
            service.run("def main(event):\n    return 1\n")


def test_stdin_can_only_be_read(service: Service, tmp_path: Path) -> None:
    text = "import os, sys\n\n\ndef main(event):\n    return [sys.stdin.read(), os.path.isdir('/proc/self/fd/0')]\n"
    (tmp_path / "input").write_text("given")
    with (tmp_path / "input").open() as file:
        assert service.run(text, stdin=file.fileno()).result == "['given', False]"
    folder = os.open(tmp_path, os.O_RDONLY)
    assert service.run(name="folder", stdin=folder).result == "['', False]"
    os.close(folder)


def test_more_sessions_than_containers_are_queued_and_all_complete(service: Service) -> None:
    service.manager = service.made(most=2)
    (service.code / "main.py").write_text("import os\n\n\ndef main(event):\n    return os.getcwd()\n")
    threads = [threading.Thread(target=service.run, args=("", f"s{number}")) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [service.store.session(f"s{number}").result for number in range(6)] == ["'/session'"] * 6


def test_how_the_manager_is(service: Service) -> None:
    assert service.manager.health() == (True, 0, "")
    assert service.manager.runner_health("nobody").alive is False
    service.manager.stop("nobody")
