"""Faults of runners and workers, and limits: each has a defined end, and nothing is lost or done twice."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Iterable
from pathlib import Path

from crash import programs
from crash.harness import SESSION
from crash.isolated import WorkerKilled, warm_parent
from sampling import sampled

from ninelives.protocol import messages as m
from ninelives.runner.control import Limits
from ninelives.storage import Store
from ninelives.worker import isolated
from ninelives.worker.conversation import Conversation

STEPS = programs.parse(
    "steps",
    """\
Has messages of every kind.
=== main.py
import effects
import ninelives


def main(event):
    print("begins")
    effects.append("first")
    ninelives.set_value("key", 1)
    ninelives.sleep(0)
    print(len(effects.give(b"x" * 400_000)))
    effects.append("second")
    return ninelives.get_value("key")
""",
)


class StepKilled(WorkerKilled):
    """Its runner is killed at the n-th batch of messages, or the first with a kind of message, before it is handled or after."""

    step: int | str = 0
    after = False

    def isolated(self) -> isolated.Isolated:
        place = self

        class Killing(Conversation):
            count = 0
            killed = False

            def handle(self, batch: Iterable[m.FromRunner]) -> list[m.Message]:
                batch = list(batch)
                Killing.count += 1
                (place.folder / "steps").write_text(str(Killing.count))
                said = [type(message).__name__ for message in batch]
                hit = not Killing.killed and (place.step == Killing.count or place.step in said)
                Killing.killed |= hit
                if hit and not place.after:
                    place.kill()
                    return []
                answers = super().handle(batch)
                if hit:
                    place.kill()
                return answers

        isolated.Conversation = Killing  # type: ignore[misc]
        return super().isolated()

    def kill(self) -> None:
        runner = self.manager.started[-1]
        runner.forking.forked.wait()
        assert runner.forking.pid, runner.forking.error
        with contextlib.suppress(ProcessLookupError):  # it has said its last word
            os.kill(runner.forking.pid, signal.SIGKILL)
        runner.forking.ended.wait()
        (self.folder / "killed-at").write_text(json.dumps(self.effects()))
        if not self.after:
            # It died before it said this.
            runner.carrier.close()


def test_a_runner_is_killed_at_every_step() -> None:
    with StepKilled(STEPS) as place:
        assert place.run() == 0
        undisturbed, steps = place.result(), int((place.folder / "steps").read_text())
    kinds = [
        "Hello",
        "Load",
        "Loaded",
        "Show",
        "Note",
        "Commit",
        "WritePiece",
        "FinishWriting",
        "Finish",
        "Done",
    ]
    for step in [*kinds, *sampled(range(1, steps + 1), 3)]:
        for after in (False, True):
            with StepKilled(STEPS) as place:
                place.step, place.after = step, after
                assert place.run() == 0, (step, after)
                killed = place.folder / "killed-at"
                if type(step) is int and not killed.exists():
                    # How many messages go into a batch depends on how fast the machine is.
                    continue
                done = json.loads(killed.read_text())
                result = place.result()
                assert result._replace(effects=[]) == undisturbed._replace(effects=[]), (step, after)
                # The activity that was cut off may have been done, and is done again.
                again = [done, *([[*done[:-1]]] if done else [])]
                rest = [undisturbed.effects[len(kept) :] for kept in again]
                assert result.effects in [done + left for left in rest], (step, after)


DIES = programs.parse(
    "dies",
    """\
Dies while a file is there.
=== main.py
import os

import effects
import ninelives

ninelives.register_no_activity([os.path.exists, os.abort, os.write])


def main(event):
    effects.append("before")
    if os.path.exists(os.environ["EFFECTS"] + ".bad"):
        os.write(2, b"the disk is on fire\\n")
        os.abort()
    effects.append("after")
""",
)


def test_a_session_whose_process_always_dies_is_stopped_and_can_go_on() -> None:
    with WorkerKilled(DIES) as place:
        bad = place.folder / "effects.bad"
        bad.touch()
        assert place.run() == 4
        error = place.error()
        assert error["type"] == "CrashedError"
        assert "was killed by SIGABRT, 3 times at the same place" in error["message"]
        assert "Fatal Python error: Aborted" in error["message"]
        assert f"ninelives resume {SESSION}" in error["message"]
        assert "\n" not in error["message"]
        assert place.terminal()["stderr"].count("the disk is on fire") == 3
        assert place.effects() == ["before"]
        bad.unlink()
        assert place.run() == 0
        assert place.effects() == ["before", "after"]
        assert place.result().ends == ["completed: None"]


def _limited(text: str, limits: Limits) -> tuple[int, dict[str, str], WorkerKilled]:
    place = WorkerKilled(programs.parse("limited", f"Is limited.\n=== main.py\n{text}"))
    place.limits = limits
    with place:
        return place.run(), place.error(), place


SPINS = """\
def main(event):
    while True:
        pass
"""


def test_too_much_cpu_time() -> None:
    code, error, _ = _limited(SPINS, Limits(cpu=1))
    assert (code, error["type"]) == (4, "LimitError")
    assert "used more CPU time than its limit of 1 s" in error["message"]


def test_too_much_time() -> None:
    code, error, _ = _limited(SPINS, Limits(time=0.5))
    assert (code, error["type"]) == (4, "LimitError")
    assert "took longer than its limit of 0.5 s" in error["message"]


def test_too_much_memory() -> None:
    code, error, _ = _limited("def main(event):\n    return len(bytearray(1 << 30))\n", Limits(memory=1 << 28))
    assert (code, error["type"]) == (1, "MemoryError")
    assert error["message"] == "the session needs more memory than its limit of 256 MiB"
    assert error["traceback"].endswith("MemoryError: the session needs more memory than its limit of 256 MiB\n")


def test_a_program_that_breaks_the_protocol_has_died() -> None:
    text = """\
import os
import sys

import ninelives


@ninelives.activity
def rude():
    os.write(sys.stdout.terminal._link._carrier.fileno(), bytes([1, 0, 0, 0, 0xC1]))


def main(event):
    rude()
"""
    with WorkerKilled(programs.parse("rude", f"Is rude.\n=== main.py\n{text}")) as place:
        assert place.run() == 4
        assert place.error()["type"] == "CrashedError"
        assert "sent what is no message of this version" in place.error()["message"]


CHILDREN = programs.parse(
    "children",
    """\
Has a child, which has a child, and waits.
=== main.py
import effects
import subprocess


def main(event):
    subprocess.Popen(["sh", "-c", "sleep 1000 & echo $! >> $EFFECTS.pids; wait"])
    effects.append("started")
    subprocess.run(["sh", "-c", "while ! [ -s $EFFECTS.pids ]; do sleep 0.01; done; echo $PPID > $EFFECTS.ready; sleep 1000"])
""",
)


def test_nothing_outlives_a_runner_whose_worker_is_killed() -> None:
    with WorkerKilled(CHILDREN) as place:
        warm_parent()
        ready, pids = (place.folder / f"effects.{name}" for name in ("ready", "pids"))
        os.mkfifo(ready)
        worker = os.fork()
        if not worker:
            place._session(None, False, {})
            os._exit(1)
        runner = int(ready.read_text())
        watched = [os.pidfd_open(pid) for pid in (runner, int(pids.read_text()))]
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)
        for descriptor in watched:
            # Readable when the process has ended; a test that waits for ever is ended by pytest's own limit.
            _wait(descriptor)
            os.close(descriptor)
        with Store.open(place.home, read_only=True) as store:
            assert store.session(SESSION).state == "interrupted"


def test_children_of_a_runner_are_gone_when_its_session_stops() -> None:
    files = {"main.py": CHILDREN.files["main.py"].replace("; echo $PPID > $EFFECTS.ready; sleep 1000", "")}
    files["main.py"] += "    while True:\n        pass\n"
    with WorkerKilled(CHILDREN._replace(files=files)) as place:
        place.limits = Limits(cpu=1)
        assert place.run() == 4
        assert place.error()["type"] == "LimitError"
        child = Path(place.folder / "effects.pids").read_text().strip()
        assert _is_gone(child)


def _is_gone(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def _wait(descriptor: int) -> None:
    import select

    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    assert poll.poll(30_000), "it has not ended"


def test_the_environment_is_that_of_the_vars() -> None:
    text = """\
import os


def main(event):
    print(sorted(name for name in os.environ))
    print(os.environ["MODE"])
"""
    program = programs.parse("environment", f"Says what its environment is.\n=== main.py\n{text}")
    with WorkerKilled(program) as place:
        os.environ["NOT_FOR_THE_SESSION"] = "1"
        try:
            assert place.run(MODE="one") == 0
        finally:
            del os.environ["NOT_FOR_THE_SESSION"]
        assert place.result().prints == [
            "stdout: ['EFFECTS', 'LANG', 'MODE', 'PATH', 'PYTHONHASHSEED']",
            "stdout: one",
        ]


def test_sessions_share_no_state() -> None:
    text = """\
import effects
import json


def main(event):
    seen = getattr(json, "seen", 0)
    json.seen = seen + 1
    print(seen, effects.append("x"))
"""
    program = programs.parse("state", f"Leaves something in a module.\n=== main.py\n{text}")
    for _ in range(2):
        with WorkerKilled(program) as place:
            assert place.run() == 0
            assert place.result().prints == ["stdout: 0 1"]
