"""Runs test programs as sessions in forked processes, and kills them with SIGKILL at a chosen journal write."""

from __future__ import annotations

import gc
import importlib
import json
import logging
import os
import re
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

from crash import plain
from crash.programs import Program
from ninelives.errors import NinelivesError
from ninelives.session.entries import Activity, Outcome, decode
from ninelives.session.link import Line, Put, Row
from ninelives.session.observer import Silent
from ninelives.session.scheduler import TICKS
from ninelives.storage import SessionUpdate, Store
from ninelives.worker import creating, direct, views
from ninelives.worker.isolated import Isolated
from ninelives.worker.link import DirectLink

#: Imported here once, so that not every process has to.
WARM = (
    "aiohttp",
    "anyio",
    "anyio._backends._asyncio",
    "asyncio",
    "cloudpickle",
    "concurrent.futures",
    "inspect",
    "pydantic",
)
for _name in WARM:
    importlib.import_module(_name)

OUTSIDE = Path(__file__).parent.parent / "outside"
SESSION = "test"

#: What each session of the tests draws when it starts, and what its idempotency keys make of it.
DRAWN = 7
IN_KEYS = "7902699be42c"


class Kill(NamedTuple):
    """Where a process dies: before or after its n-th journal write, from 1."""

    write: int
    after: bool


class Write(NamedTuple):
    """One journal write of a process."""

    #: lane and position of the activities that it starts, and of those that it finishes
    starts: list[str]
    finishes: list[str]
    #: bytes of the effects file before it
    effects: int


class Result(NamedTuple):
    """What a session came to, as it can be seen from outside."""

    prints: list[str]
    effects: list[str]
    ends: list[str]
    journal: list[str]
    #: what we say in its log; no program's expectations have it
    remarks: Sequence[str] = ()


class Place:
    """A folder with a program, a store and an effects file, all of it new."""

    def __init__(self, program: Program) -> None:
        in_memory = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(prefix="ninelives-", dir=in_memory if in_memory.is_dir() else None))
        self.home = self.folder / "home"
        self.code = self.folder / "code"
        self.work = self.folder / "work"
        self.work.mkdir()
        self.program = program
        self.processes = 0
        #: what its session draws when it starts
        self.drawn = DRAWN
        #: environment variables of its processes
        self.environment = {"EFFECTS": str(self.folder / "effects")}
        #: what activities that were cut off did, as parts of the effects file
        self.cut_off: list[tuple[int, int]] = []
        #: their lanes and positions
        self.cut_off_keys: set[str] = set()
        #: how many activities were cut off
        self.calls_cut_off = 0
        #: changes the journal as the next processes read it
        self.change: Callable[[list[Row]], list[Row]] | None = None
        program.write(self.code)

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder)

    def run(self, kill: Kill | None = None, *, retry_failed: bool = False, **environment: str) -> int:
        """Start the session, or go on with it, in a new process; returns its exit code, or minus the signal that ended it."""
        self.processes += 1
        code = in_child(lambda: self._session(kill, retry_failed, environment))
        if kill is not None and code == -signal.SIGKILL:
            self._see_what_was_cut_off(kill)
        return code

    def resume(self, session: str) -> int:
        """Go on with a session, in a new process; returns its exit code."""
        self.processes += 1
        return in_child(lambda: self._session(None, False, {}, session))

    def again(self, **environment: str) -> int:
        """Run a session that is over once more, in a new process, over the journal as `change` makes it."""
        with Store.open(self.home) as store:
            store.acquire(SESSION).release(SessionUpdate(state="interrupted", error=""))
        return self.run(**environment)

    def run_plain(self) -> plain.Ran:
        """Run the program in plain Python, in a new process."""
        in_child(self._plain)
        prints, ends, terminal = json.loads((self.folder / "plain").read_text())
        return plain.Ran(prints, self.effects(), ends, terminal)

    def writes(self) -> list[Write]:
        """Return the journal writes of the last process, in order; one before which it was killed is the last."""
        path = self.folder / f"writes-{self.processes}"
        return [Write(*json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []

    def terminal(self) -> dict[str, str]:
        """Return what the program wrote to its terminal."""
        return {name: plain.portable((self.folder / name).read_text(), self.code) for name in ("stdout", "stderr")}

    def effects(self, without: Sequence[tuple[int, int]] = ()) -> list[str]:
        """Return the lines of the effects file; those of loading modules only once, since modules load in each process.

        Args:
            without: parts of the file that are left out, some of `cut_off`.
        """
        path = self.folder / "effects"
        data = path.read_bytes() if path.exists() else b""
        for start, end in reversed(without):
            data = data[:start] + data[end:]
        lines = data.decode().splitlines()
        return [line for at, line in enumerate(lines) if not (line.startswith("load ") and line in lines[:at])]

    def done_again(self, part: tuple[int, int]) -> list[tuple[int, int]]:
        """Return what of the effects file may have been done again, given what may have been since a call began."""
        return [part]

    def effects_cut_off(self) -> list[str]:
        """Return the lines of the effects file since the first call began that was cut off, for each kill."""
        path = self.folder / "effects"
        data = path.read_bytes() if path.exists() else b""
        return [line for start, end in self.cut_off for line in data[start:end].decode().splitlines()]

    def result(self, session: str = SESSION) -> Result:
        """Return what a session came to."""
        with Store.open(self.home, read_only=True) as store:
            row = store.session(session)
            found = [line for _, line in store.lines(session)]
            lines = [line for line in found if line.lane != "-"]
            remarks = [line.text for line in found if line.lane == "-" and line.stream == "log"]
            journal = [_journal_line(view) for view in views.journal(store.rows(session), live=False)]
        if row.error:
            ends = [row.state, *plain.portable(json.loads(row.error)["traceback"], self.code).splitlines()]
        else:
            ends = [f"{row.state}: {row.result}"]
        prints = [f"{line.stream}{line.level and ' ' + line.level}: {line.text}" for line in lines]
        prints = [plain.portable(line, self.code) for line in plain.without_marks(prints)]
        if self.program.unordered:
            journal = sorted(map(_without_lane, journal))
            return Result(sorted(prints), sorted(self.effects()), ends, journal, sorted(remarks))
        return Result(prints, self.effects(), ends, journal, remarks)

    def error(self) -> dict[str, str]:
        """Return the recorded error of the session: type, message and traceback."""
        with Store.open(self.home, read_only=True) as store:
            error: dict[str, str] = json.loads(store.session(SESSION).error)
        return error

    def _plain(self) -> int:
        os.environ |= self.environment
        return plain.run(self.code, self.program.event, self.folder / "plain", SESSION)

    def _session(
        self, kill: Kill | None, retry_failed: bool, environment: dict[str, str], session: str = SESSION
    ) -> int:
        isolated, variables = self.place(environment)
        os.chdir(self.work)
        sys.path.insert(0, str(OUTSIDE))
        sys.stdout = open(self.folder / "stdout", "a")  # noqa: SIM115 - until the process ends
        sys.stderr = open(self.folder / "stderr", "a")  # noqa: SIM115
        creating.entropy = SimpleNamespace(getrandbits=lambda _: self.drawn)  # type: ignore[assignment]
        direct.DirectLink = self.link(kill)  # type: ignore[attr-defined]
        with Store.open(self.home) as store:
            if retry_failed or session != SESSION:
                return direct.resume(
                    store, session, retry_failed=retry_failed, vars=variables, observer=Silent(), isolated=isolated
                ).exit_code
            event = {"event_type": "test", "event_id": None, "integration_id": None, "data": self.program.event}
            request = direct.RunRequest(self.code / "main.py", "main", event, variables, session_id=SESSION)
            return direct.run(store, request, Silent(), isolated).exit_code

    def place(self, environment: dict[str, str]) -> tuple[Isolated | None, dict[str, str]]:
        """Return where a session runs, None being the calling process, and the variables of its program."""
        os.environ |= self.environment | environment
        return None, {}

    def link(self, kill: Kill | None) -> type[DirectLink]:
        """Return the link of a process that dies at a write."""
        return killing(kill, self.folder / f"writes-{self.processes}", self.folder / "effects", self.change)

    def effects_when_killed(self) -> int:
        """Return how many bytes the effects file had when the last process was killed."""
        path = self.folder / "effects"
        return path.stat().st_size if path.exists() else 0

    def running_when_killed(self, kill: Kill) -> dict[str, int]:
        """Return the calls that were running, and how many bytes the effects file had when each began, or less."""
        writes = self.writes()
        running: dict[str, int] = {}
        for write in writes if kill.after else writes[:-1]:
            running |= dict.fromkeys(write.starts, write.effects)
            for key in write.finishes:
                running.pop(key, None)
        return running

    def _see_what_was_cut_off(self, kill: Kill) -> None:
        running = self.running_when_killed(kill)
        self.cut_off_keys.update(running)
        self.calls_cut_off += len(running)
        if running:
            start, end = min(running.values()), self.effects_when_killed()
            if end > start:
                self.cut_off.append((start, end))


def killing(
    kill: Kill | None, log: Path, effects: Path, change: Callable[[list[Row]], list[Row]] | None = None
) -> type[DirectLink]:
    """Return a link that writes down its writes, and kills its process at one."""

    class KillingLink(DirectLink):
        count = 0

        def _at(self, rows: Sequence[Row], write: Callable[[], Any]) -> Any:
            if all(is_tick(row) for row in rows):
                # How often the clock of a busy program ticks depends on the machine. Killed before the next write, it dies after them.
                return write()
            KillingLink.count += 1
            _write_down(log, rows, effects)
            if kill == (self.count, False):
                os.kill(os.getpid(), signal.SIGKILL)
            written = write()
            if kill == (self.count, True):
                os.kill(os.getpid(), signal.SIGKILL)
            return written

        def load(self) -> Iterable[Row]:
            rows = super().load()
            return rows if change is None else change(list(rows))

        def note(self, rows: Sequence[Row], lines: Sequence[Line] = ()) -> None:
            note = super().note
            self._at(rows, lambda: note(rows, lines))

        def commit(
            self,
            rows: Sequence[Row],
            lines: Sequence[Line] = (),
            *,
            puts: Sequence[Put] = (),
            blobs: Sequence[str] = (),
        ) -> bool:
            commit = super().commit
            done: bool = self._at(rows, lambda: commit(rows, lines, puts=puts, blobs=blobs))
            return done

        def finish(self, rows: Sequence[Row], *, state: str, result: str, error: str) -> None:
            finish = super().finish
            self._at(rows, lambda: finish(rows, state=state, result=result, error=error))

    return KillingLink


def is_tick(row: Row) -> bool:
    """Return whether a row only says that the clock of a busy program ticked."""
    entry = decode(row[2])
    return isinstance(entry, Outcome) and entry.lane == TICKS


def unfinished(rows: Iterable[Row]) -> list[str]:
    """Return lane and position of the activities that a journal only starts."""
    entries = [decode(data) for _, _, data in rows]
    finished = {f"{entry.lane}:{entry.n}" for entry in entries if isinstance(entry, Outcome)}
    started = dict.fromkeys(f"{entry.lane}:{entry.n}" for entry in entries if isinstance(entry, Activity))
    return [key for key in started if key not in finished]


def _write_down(log: Path, rows: Sequence[Row], effects: Path) -> None:
    entries = [decode(data) for _, _, data in rows]
    starts = [f"{entry.lane}:{entry.n}" for entry in entries if isinstance(entry, Activity)]
    finishes = [f"{entry.lane}:{entry.n}" for entry in entries if isinstance(entry, Outcome)]
    with log.open("a") as file:
        file.write(json.dumps([starts, finishes, effects.stat().st_size if effects.exists() else 0]) + "\n")


def in_child(work: Callable[[], int]) -> int:
    """Do ``work`` in a forked process and return its exit code, or minus the signal that ended it; its errors show on our stderr."""
    sys.stdout.flush()
    sys.stderr.flush()
    # The child's garbage collector leaves our objects alone, so that it need not copy their pages: twice as fast.
    gc.freeze()
    pid = os.fork()
    if pid:
        gc.unfreeze()
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    code = 70
    # pytest's own: a program's process has none, so that one in a runner logs as one here does.
    logging.root.handlers.clear()
    try:
        code = work()
    except NinelivesError as error:
        sys.stderr.write(f"ninelives: {error}\n")
        code = int(error.exit_code)
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


def _without_lane(line: str) -> str:
    """Return a line of a journal without what may be another when lanes race: the lane, and what it came to."""
    return line.partition(" = ")[0].partition(" ")[2]


def _journal_line(view: views.JournalRow) -> str:
    text = " ".join(part for part in (view.lane or "-", view.kind, view.name, view.status) if part)
    if view.args and view.kind in ("activity", "store"):
        text += f" ({view.args})"
    if view.error:
        # anyio says which of its scopes cancelled, by address.
        text += re.sub(r"cancel scope [0-9a-f]+", "cancel scope …", f" ! {view.error}")
    elif view.result:
        text += f" = {view.result}"
    return text
