"""A worker with many sessions: queued, let go while they wait, and taken up again by the next worker."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from crash.isolated import environment
from sampling import MODE

from ninelives.runners.local import LocalManager
from ninelives.storage import Store
from ninelives.worker.direct import Finished
from ninelives.worker.service import Terms, Worker
from worker.hosting import request

TESTS = Path(__file__).parent.parent


class Service:
    """A worker in this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Store.open(folder / "home")
        self.manager = LocalManager(folder / "environments", environment=environment(), most=100)
        self.ended: queue.Queue[Finished] = queue.Queue()
        self.said: list[str] = []
        self.open()

    def open(self) -> None:
        """Begin, or go on, with a new worker."""
        terms = Terms(most=4, let_go=0.2, back_off=(0.01, 0.1))
        self.worker = Worker(self.store, self.manager, terms, report=self.said.append, ended=self.ended.put)

    def write(self, text: str) -> None:
        """Write the program."""
        (self.folder / "code").mkdir(exist_ok=True)
        (self.folder / "code" / "main.py").write_text(text)

    def start(self, *names: str) -> None:
        """Start sessions."""
        for name in names:
            self.worker.start(request(self.folder, name))

    def come_to(self, count: int = 1) -> dict[str, str]:
        """Return what the next sessions came to that end."""
        found = [self.ended.get() for _ in range(count)]
        return {done.session_id: done.result or (done.error or {})["message"] for done in found}

    def lines(self, name: str) -> list[str]:
        """Return the log of a session."""
        return [line.text for _, line in self.store.lines(name)]

    def close(self) -> None:
        """End it."""
        self.worker.close()
        self.manager.close()
        self.store.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path)
    yield made
    made.close()


def test_sessions_queue_for_runners_and_all_complete(service: Service) -> None:
    service.write("import effects\n\n\ndef main(event):\n    return effects.append(event.data.name)\n")
    names = [f"s{number}" for number in range(1000 if MODE == "all" else 60)]
    service.start(*names)
    assert service.come_to(len(names)) == {name: str(len(name)) for name in names}
    assert sorted((service.folder / "effects").read_text().split()) == sorted(names)
    assert service.manager.health().runners == 0


SLEEPS = """\
import time

import effects


def main(event):
    print(effects.append("before"))
    time.sleep(0.6)
    print(effects.append("after"))
    return event.data.name
"""


def test_a_session_that_sleeps_has_no_runner_and_goes_on_in_another_one(service: Service) -> None:
    service.write(SLEEPS.replace('effects.append("before")', 'effects.append("before"), open("here", "w").write("x")'))
    seen: list[int] = []
    stop = service.manager.stop

    def stopped(runner_id: str) -> None:
        stop(runner_id)
        seen.append(service.manager.health().runners)

    service.manager.stop = stopped  # type: ignore[method-assign]
    service.start("a")
    assert service.come_to() == {"a": "'a'"}
    assert len(seen) == 2, "one runner before the sleep, one after it"
    assert seen == [0, 0]
    assert (service.folder / "effects").read_text().split() == ["before", "after"]
    assert service.lines("a")[-2:] == ["6 1", "5"]
    folder = Path(service.store.session("a").cwd)
    assert (folder / "here").read_text() == "x"
    service.store.delete("a")
    assert not folder.exists()


KEPT = {
    "a cursor": (
        "connection = sqlite3.connect(':memory:')\n    cursor = connection.execute('SELECT 7')",
        "cursor.fetchone()[0]",
    ),
    "a transaction": (
        "connection = sqlite3.connect('x.db')\n    connection.execute('CREATE TABLE t AS SELECT 6 AS x')\n"  # noqa: ISC004
        "    connection.execute('UPDATE t SET x = 7')",
        "connection.execute('SELECT x FROM t').fetchone()[0]",
    ),
    "a process": (
        "process = subprocess.Popen(['cat'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)",
        "int(process.communicate(b'7')[0])",
    ),
    "a process that nobody holds": ("subprocess.Popen(['sleep', '100']).pid", "7"),
    "a pipe": ("r, w = os.pipe()\n    os.write(w, b'7')", "int(os.read(r, 1))"),
    "a line that has begun": ("print('7', end='')", "7"),
}


@pytest.mark.parametrize("what", KEPT)
def test_a_session_keeps_the_runner_that_holds_what_it_needs(service: Service, what: str) -> None:
    before, after = KEPT[what]
    service.write(
        "import os, sqlite3, subprocess, time\n\n\ndef main(event):\n"
        f"    {before}\n    time.sleep(0.6)\n    return {after}, os.environ['MARK']\n"
    )
    starts: list[str] = []
    start = service.manager.start

    def started(session, code, vars):  # type: ignore[no-untyped-def]
        starts.append(session.session_id)
        return start(session, code, {**vars})

    service.manager.start = started  # type: ignore[method-assign]
    asked = request(service.folder, "a")
    service.worker.start(asked._replace(vars={**asked.vars, "MARK": "m"}))
    assert service.come_to() == {"a": "(7, 'm')"}
    assert starts == ["a"]


def test_an_open_file_is_opened_again_after_a_wait(service: Service) -> None:
    service.write(
        "import time\n\n\ndef main(event):\n    with open('f', 'w') as file:\n        file.write('one ')\n"
        "        time.sleep(0.6)\n        file.write('two')\n    return open('f').read()\n"
    )
    service.start("a")
    assert service.come_to() == {"a": "'one two'"}


def test_a_worker_that_ends_gives_its_sessions_back(service: Service, tmp_path: Path) -> None:
    service.write(
        "import os\n\nimport effects\n\n\ndef main(event):\n    effects.append('begun')\n"
        "    return open(os.environ['EFFECTS'] + '.gate').read()\n"
    )
    gate = tmp_path / "effects.gate"
    os.mkfifo(gate)
    service.start("a", "b")
    # Both have come so far that they read.
    with open(gate, "w"):
        service.worker.close()
    states = {row.session_id: row.state for row in service.store.sessions()}
    assert set(states.values()) <= {"interrupted", "completed", "created"}
    assert service.manager.health().runners == 0
    gate.unlink()
    gate.write_text("open")
    left = sum(state != "completed" for state in states.values())
    service.open()
    assert service.worker.adopt() == left
    assert service.come_to(len(states)).keys() == {"a", "b"}


def test_a_program_that_can_not_be_loaded_stops_its_session(service: Service) -> None:
    service.write("import nothing_of_that_name\n\n\ndef main(event):\n    return 1\n")
    service.start("a")
    assert "nothing_of_that_name" in service.come_to()["a"]
    row = service.store.session("a")
    assert (row.state, row.live) == ("stopped", False)


def test_a_session_that_is_deleted_while_it_waits_is_forgotten(service: Service) -> None:
    service.write(SLEEPS.replace("0.6", "1.0"))
    ended = threading.Event()
    stop = service.manager.stop

    def stopped(runner_id: str) -> None:
        stop(runner_id)
        ended.set()

    service.manager.stop = stopped  # type: ignore[method-assign]
    service.start("a")
    ended.wait()
    while service.store.session("a").live:
        pass
    service.store.delete("a")
    service.write("def main(event):\n    return 'next'\n")
    service.start("b")
    assert service.come_to() == {"b": "'next'"}


class Hosted:
    """A worker that is a process."""

    def __init__(self, folder: Path, count: int) -> None:
        paths = os.pathsep.join([str(TESTS), *(path for path in sys.path if path.endswith("src"))])
        self.process = subprocess.Popen(
            [sys.executable, "-m", "worker.hosting", str(folder), str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": paths},
        )

    def line(self) -> str:
        """Return the next line that it prints; "" at its end."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def kill(self) -> None:
        """Kill it, and wait for its end."""
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


@contextmanager
def hosted(folder: Path, count: int) -> Iterator[Hosted]:
    made = Hosted(folder, count)
    try:
        yield made
    finally:
        made.kill()


STEPS = """\
import time

import effects


def main(event):
    name = event.data.name
    for step in range(5):
        effects.append(f"{name} {step}")
        time.sleep(0.4 if step == 2 else 0.01)
    return name
"""


DEADLY = """\
import os

import effects
import ninelives


def main(event):
    name = event.data.name
    effects.append(name)
    if name == "s1":
        ends_its_worker()
    return name


@ninelives.activity
def ends_its_worker():
    # The parent of the runner's parent.
    with open(f"/proc/{os.getppid()}/stat") as parent:
        os.kill(int(parent.read().rpartition(")")[2].split()[1]), 9)
"""


def test_a_session_that_ends_its_whole_worker_is_stopped_after_some_times(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "main.py").write_text(DEADLY)
    # The other one is over before: a session that is always at the same place then is stopped too.
    with hosted(tmp_path, 1) as worker:
        while not worker.line().startswith("ended s0"):
            pass
    for attempt in range(4):
        with hosted(tmp_path, 2) as worker:
            if attempt < 3:
                worker.process.wait()
                continue
            ended = {}
            while line := worker.line():
                what, *more = line.split(" ", 3)
                if what == "ended":
                    ended[more[0]] = more[1:]
                if "s1" in ended:
                    break
    state, error = ended["s1"]
    assert state == "stopped"
    assert "the worker died 3 times soon after it began with this session at the same place" in error
    assert "ninelives resume s1" in error
    with Store.open(tmp_path / "home", read_only=True) as store:
        assert store.session("s0").state == "completed"


def test_a_worker_killed_with_many_live_sessions_leaves_all_of_them_to_the_next(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "main.py").write_text(STEPS)
    count = 50
    effects = tmp_path / "effects"
    done: set[str] = set()
    for _ in range(2):
        with hosted(tmp_path, count) as worker:
            while worker.line() != "started\n":
                pass
            effects.touch()
            before = len(effects.read_text().splitlines())
            # Somewhere in the middle: a quarter of what there is to do has been done since.
            while len(effects.read_text().splitlines()) < min(before + 60, count * 5 - 10):
                pass
            worker.kill()
    with hosted(tmp_path, count) as worker:
        with Store.open(tmp_path / "home", read_only=True) as store:
            done |= {row.session_id for row in store.sessions() if row.state == "completed"}
        while len(done) < count:
            line = worker.line()
            assert line.startswith(("started", "ended")), line
            what, *more = line.split()
            if what == "ended":
                assert more[1] == "completed", more
                done.add(more[0])
    with Store.open(tmp_path / "home", read_only=True) as store:
        assert {row.state for row in store.sessions()} == {"completed"}
        rows = {row.session_id: store.rows(row.session_id) for row in store.sessions()}
    times = Counter(effects.read_text().splitlines())
    assert len(times) == count * 5
    # Done twice only where a kill fell into it: twice at most, and that is recorded as an attempt.
    cut = sum(number - 1 for number in times.values())
    attempts = sum(kind == "activity" for recorded in rows.values() for _, kind, _ in recorded)
    assert attempts >= count * 5 + cut
