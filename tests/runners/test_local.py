"""The local manager: many sessions at once, parents that die, secrets that nobody sees."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from crash.isolated import environment

from ninelives.processes import MARKER, process_identity
from ninelives.runners import local
from ninelives.runners.environments import Environment
from ninelives.runners.local import LocalManager
from ninelives.runners.manager import Asked, Code
from ninelives.session.observer import Silent
from ninelives.storage import Store
from ninelives.worker.direct import Finished, RunRequest, run
from ninelives.worker.isolated import Isolated


class Service:
    """A worker that runs many sessions, each in a thread of its own."""

    def __init__(self, folder: Path, most: int, environment: Environment = environment()) -> None:  # noqa: B008
        self.code = folder / "code"
        self.code.mkdir()
        self.store = Store.open(folder / "home")
        self.manager = LocalManager(folder / "environments", most=most, environment=environment)
        self.finished: dict[str, Finished] = {}

    def write(self, text: str) -> None:
        """Write the program."""
        (self.code / "main.py").write_text(text)

    def run(
        self, name: str, vars: dict[str, str] | None = None, secret: frozenset[str] = frozenset(), **options: Any
    ) -> Finished:
        """Run a session to its end."""
        event = {"event_type": None, "event_id": None, "integration_id": None, "data": {"name": name}}
        request = RunRequest(self.code / "main.py", "main", event, vars or {}, secret, session_id=name)
        self.finished[name] = run(self.store, request, Silent(), Isolated(self.manager, back_off=(0, 0), **options))
        return self.finished[name]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path, most=3)
    yield made
    made.manager.close()
    made.store.close()


def test_more_sessions_than_runners_are_queued_and_all_complete(service: Service) -> None:
    service.write(
        "import os\n\n\ndef main(event):\n    print(event.data.name)\n    return [os.getcwd() and 1, event.data.name]\n"
    )
    names = [f"s{number}" for number in range(25)]
    threads = [threading.Thread(target=service.run, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: done.result for name, done in service.finished.items()} == {name: f"[1, '{name}']" for name in names}
    assert service.manager.health().runners == 0
    for name in names:
        assert [line.text for _, line in service.store.lines(name)] == [name]


def test_a_warm_parent_that_dies_is_replaced_and_its_sessions_go_on(service: Service, tmp_path: Path) -> None:
    service.write("import os\n\n\ndef main(event):\n    return open(os.environ['GATE']).read()\n")
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    thread = threading.Thread(target=service.run, args=("s", {"GATE": str(gate)}))
    thread.start()
    # Both ends of such a pipe open at the same time, so now the activity has begun.
    with gate.open("w"):
        (warm,) = service.manager._warm.values()
        (runner,) = service.manager._runners.values()
        os.kill(warm._process.pid, signal.SIGKILL)
        warm._process.wait()
        runner.forking.ended.wait()
    with gate.open("w") as file:
        file.write("went on")
    thread.join()
    assert service.finished["s"].result == "'went on'"


def test_a_warm_parent_that_is_stuck_is_replaced(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    service.write("def main(event):\n    return 1\n")
    assert service.run("first").state == "completed"
    (warm,) = service.manager._warm.values()
    os.kill(warm._process.pid, signal.SIGSTOP)
    monkeypatch.setattr(local, "LATE", 0.0)
    stuck = service.run("stuck", crashes=1, hello=0.05)
    assert stuck.state == "stopped"
    assert stuck.error is not None
    assert "a runner has said nothing for 0.05 s" in stuck.error["message"]
    assert service.run("stuck").result == "1"


def test_packages_are_imported_before_the_fork_if_that_is_all_they_do(tmp_path: Path) -> None:
    packages = tmp_path / "site-packages"
    packages.mkdir()
    modules = {
        "harmless": "",
        "noisy": "print('hello')",
        "shouting": "import os; os.write(2, b'HELLO')",
        "threaded": "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()",
        "broken": "raise ValueError('broken')",
        "deadly": "if __import__('os').getppid() > 1 and not __import__('os').environ.get('SPARE'): __import__('os').abort()",
        "after": "",
    }
    for name, text in modules.items():
        (packages / f"{name}.py").write_text(f"import os\nPID = os.getpid()\n{text}\n")
    made = environment()
    service = Service(tmp_path, most=3, environment=made._replace(paths=(str(packages), *made.paths)))
    imports = "".join(f"try:\n    import {name}\nexcept ValueError:\n    pass\n" for name in modules)
    own = ", ".join(f"{name}.PID == os.getpid()" for name in modules if name != "broken")
    service.write(f"import os\n{imports}\n\ndef main(event):\n    return [{own}]\n")
    try:
        for name in ("one", "two"):
            # harmless, noisy, shouting, threaded, deadly, after
            assert service.run(name, {"SPARE": "1"}).result == "[False, True, True, True, True, False]"
            assert [line.text for _, line in service.store.lines(name)] == ["hello"]
        (warm,) = service.manager._warm.values()
        assert len(list(Path(f"/proc/{warm._process.pid}/task").iterdir())) == 1
    finally:
        service.manager.close()
        service.store.close()


def test_secrets_are_in_no_process_list(service: Service, tmp_path: Path) -> None:
    service.write(
        "import os\n\n\ndef main(event):\n    print(os.environ['KEY'])\n    return open(os.environ['GATE']).read()\n"
    )
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    given = ("s", {"GATE": str(gate), "KEY": "s3cret-key"}, frozenset({"KEY"}))
    thread = threading.Thread(target=service.run, args=given)
    thread.start()
    with gate.open("w") as file:
        (runner,) = service.manager._runners.values()
        process = Path(f"/proc/{runner.forking.pid}")
        seen = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
        file.write("s3cret-key")
    thread.join()
    assert b"s3cret" not in seen
    assert service.finished["s"].result == "'***'"
    assert [line.text for _, line in service.store.lines("s") if line.stream == "stdout"] == ["***"]


def test_a_runner_that_nobody_knows(service: Service) -> None:
    assert service.manager.runner_health("77").alive is False
    service.manager.stop("77")


def test_a_runner_that_says_nothing_can_be_stopped(service: Service) -> None:
    service.write("def main(event):\n    return 1\n")
    runner = service.manager.start(Asked("s", b"token", 1), Code("", service.code), {})
    runner.forking.forked.wait()
    pid = runner.forking.pid
    assert service.manager.runner_health(runner.id).alive
    assert service.manager.health().runners == 1
    service.manager.stop(runner.id)
    assert process_identity(pid) is None
    assert not service.manager.runner_health(runner.id).alive
    assert service.manager.health().runners == 0
    assert MARKER not in os.environ
