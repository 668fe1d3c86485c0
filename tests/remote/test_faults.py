"""What happens when a part of it fails: runner, worker, manager, the network between them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from remote.hosts import LATE, PORT, Network, Process

#: Of how many tests one runs on other Pythons: they are about hosts.
QUICK_EVERY = 8

#: Three activities that are seen from outside; the second waits at a gate, and says in which process.
STEPS = """\
import os


def one():
    log("one")
    return 1


def two(gate):
    log(f"two {os.getpid()}")
    with open(gate) as file:
        return file.read()


def log(text):
    with open(os.environ["EFFECTS"], "a") as file:
        file.write(text + "\\n")


def main(event):
    print("first", one())
    print("second", two(os.environ["GATE"]))
    return "done"
"""


class Steps:
    """The program above, on a network."""

    def __init__(self, network: Network, started: list[Process]) -> None:
        self.network = network
        self.started = started
        self.gate = network.folder / "gate"
        self.effects_file = network.folder / "effects"
        os.mkfifo(self.gate)
        code = network.folder / "code"
        code.mkdir()
        (code / "main.py").write_text(
            STEPS.replace("\ndef ", "\n@activity\ndef ")
            .replace("@activity\ndef log", "def log")
            .replace("@activity\ndef main", "def main")
            .replace("import os\n", "import os\n\nfrom ninelives import activity\n", 1)
        )
        self.handler = f"{code / 'main.py'}:main"
        self.variables = ("--var", f"GATE={self.gate}", "--var", f"EFFECTS={self.effects_file}")

    def run(self) -> Process:
        """Run it until it waits at the gate."""
        process = self.network.worker.start(
            "run", self.handler, "--runner", "remote", "--session", "s", *self.variables
        )
        self.started.append(process)
        self.await_pids(1)
        return process

    def resume(self) -> Process:
        process = self.network.worker.start("resume", "s", "--runner", "remote")
        self.started.append(process)
        return process

    def await_pids(self, count: int) -> list[int]:
        """Wait until so many attempts were at the gate, and return their processes."""
        until = time.monotonic() + LATE
        while True:
            pids = [int(line.split()[1]) for line in self.effects() if line.startswith("two ")]
            if len(pids) >= count:
                return pids
            for process in self.started:
                process.take_what_is_there()
            said = [process.said for process in self.started]
            assert self.started[-1].process.poll() is None, said
            assert time.monotonic() < until, said

    def let_pass(self) -> None:
        with self.gate.open("w") as file:
            file.write("passed")

    def effects(self) -> list[str]:
        return self.effects_file.read_text().splitlines() if self.effects_file.exists() else []


@pytest.fixture
def steps(network: Network, started: list[Process]) -> Steps:
    return Steps(network, started)


def manager(steps: Steps, host: str = "one") -> Process:
    process: Process = getattr(steps.network, host).manager()
    steps.started.append(process)
    return process


def is_running(pid: int) -> bool:
    return (
        Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    )


def finishes(steps: Steps, process: Process, before: int) -> None:
    """The session goes on in a new runner, when nothing is left of the one before."""
    pids = steps.await_pids(before + 1)
    assert not [pid for pid in pids[:-1] if is_running(pid)]
    steps.let_pass()
    assert process.end() == 0, process.stderr
    assert process.stdout.endswith("second passed\n")
    assert [line.split()[0] for line in steps.effects()] == ["one", *["two"] * (before + 1)]


def test_the_runner_is_killed(steps: Steps) -> None:
    manager(steps)
    process = steps.run()
    os.kill(steps.await_pids(1)[0], signal.SIGKILL)
    finishes(steps, process, 1)


def test_the_worker_is_killed(steps: Steps) -> None:
    manager(steps)
    steps.run().kill()
    finishes(steps, steps.resume(), 1)


def test_the_manager_is_killed_and_comes_back(steps: Steps) -> None:
    process, there = manager(steps), steps.run()
    process.kill()
    there.await_line("waiting for a runner manager")
    manager(steps)
    steps.started.append(there)
    finishes(steps, there, 1)


def test_the_manager_is_killed_and_another_takes_over(steps: Steps) -> None:
    steps.network.endpoints(steps.network.one, steps.network.two)
    both = [manager(steps, "one"), manager(steps, "two")]
    process = steps.run()
    for one in both:
        one.take_what_is_there()
    (used,) = [one for one in both if "wanted by" in one.stderr]
    used.kill()
    finishes(steps, process, 1)


def test_the_manager_is_told_to_end(steps: Steps) -> None:
    process, there = manager(steps), steps.run()
    (pid,) = steps.await_pids(1)
    assert process.kill(signal.SIGTERM) == 143
    assert not is_running(pid)
    manager(steps)
    steps.started.append(there)
    finishes(steps, there, 1)


def test_the_network_is_cut(steps: Steps) -> None:
    """No side is told. The worker goes on elsewhere, when the runner that it can't reach has surely ended."""
    steps.network.endpoints(steps.network.one, steps.network.two)
    both = {"one": manager(steps, "one"), "two": manager(steps, "two")}
    process = steps.run()
    for one in both.values():
        one.take_what_is_there()
    (used,) = [name for name, one in both.items() if "wanted by" in one.stderr]
    getattr(steps.network, used).cut()
    finishes(steps, process, 1)
    both[used].await_line("its runner is gone")


def test_the_worker_is_cut_off_and_killed(steps: Steps) -> None:
    """A manager that hears nothing of a worker ends its runners."""
    there = manager(steps)
    process = steps.run()
    (pid,) = steps.await_pids(1)
    steps.network.one.cut()
    process.kill()
    there.await_line("its runner is gone")
    assert not is_running(pid)
    steps.network.one.mend()
    finishes(steps, steps.resume(), 1)


def test_no_manager_is_there(steps: Steps) -> None:
    steps.network.endpoints(steps.network.one, steps.network.two)
    process = steps.network.worker.start("run", steps.handler, "--runner", "remote", *steps.variables)
    steps.started.append(process)
    assert process.end() == 3
    (line,) = process.stderr.splitlines()
    addresses = [f"{host.address}:{PORT}" for host in (steps.network.one, steps.network.two)]
    assert line.startswith("ninelives: no runner manager can take the session: ")
    assert all(f"{address}: connection refused" in line for address in addresses)


def test_the_manager_cannot_reach_the_worker(steps: Steps) -> None:
    manager(steps)
    steps.network.worker.configure(
        steps.network.certificates,
        "worker",
        runner={"remote_endpoints": [f"{steps.network.one.address}:{PORT}"]},
        worker={"address": "127.0.0.1:0"},
    )
    process = steps.network.worker.start("run", steps.handler, "--runner", "remote", *steps.variables)
    steps.started.append(process)
    assert process.end() == 3
    assert "can't reach the worker at 127.0.0.1:" in process.stderr
    assert "worker.address" in process.stderr


def test_the_run_is_interrupted(steps: Steps) -> None:
    manager(steps)
    process = steps.run()
    (pid,) = steps.await_pids(1)
    assert process.kill(signal.SIGINT) == 130
    assert not is_running(pid)
    finishes(steps, steps.resume(), 1)


def test_what_a_runner_started_ends_with_it(network: Network, started: list[Process]) -> None:
    there = network.one.manager()
    started.append(there)
    code = network.folder / "code"
    code.mkdir()
    (code / "main.py").write_text(
        "import os, subprocess\n\n\ndef main(event):\n"
        "    subprocess.Popen(['sleep', '1000'], start_new_session=True, stdout=2)\n"
        "    print('pid', os.getpid())\n    open(os.environ['GATE']).read()\n"
    )
    os.mkfifo(network.folder / "gate")
    process = network.worker.start(
        "run", f"{code / 'main.py'}:main", "--runner", "remote", "--var", f"GATE={network.folder / 'gate'}"
    )
    started.append(process)
    (child,) = children(int(process.await_line("pid ").split()[1]))
    process.kill()
    there.await_line("its runner is gone")
    assert not is_running(child)


def children(pid: int) -> list[int]:
    return [
        int(found) for task in Path(f"/proc/{pid}/task").iterdir() for found in (task / "children").read_text().split()
    ]


#: Prints 12 MB, and says past its worker how far it is.
FLOOD = """\
import os

import ninelives


def main(event):
    for number in range(3_000):
        print("x" * 4_000)
        note(number)


@ninelives.inhibit_activities
def note(number):
    descriptor = os.open(os.environ["COUNT"], os.O_CREAT | os.O_WRONLY)
    os.pwrite(descriptor, b"%09d" % number, 0)
    os.close(descriptor)
"""


def test_a_worker_that_takes_nothing_holds_the_runner_up(network: Network, started: list[Process]) -> None:
    """Nobody reads what the worker shows, so it waits, the bridge with it, and so does the program: nothing piles up."""
    there = network.one.manager()
    started.append(there)
    code = network.folder / "code"
    code.mkdir()
    (code / "main.py").write_text(FLOOD)
    count = network.folder / "count"
    process = network.worker.start("run", f"{code / 'main.py'}:main", "--runner", "remote", "--var", f"COUNT={count}")
    started.append(process)
    before, memory = -1, rss(there.pid)
    while not count.exists() or not count.read_text() or before != (before := int(count.read_text())):
        assert not process.process.poll(), process.end() or process.said
        process.wait_a_second()
    assert before < 1_500
    assert rss(there.pid) - memory < 40_000
    assert process.end() == 0
    assert process.stdout.count("\n") == 3_000


def rss(pid: int) -> int:
    """Return how many KiB of memory a process has."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])
