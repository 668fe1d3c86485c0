"""Runs test programs as sessions in forked processes, and kills them with SIGKILL at a chosen journal write."""

from __future__ import annotations

import io
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

from crash.programs import Program
from ninelives.errors import NinelivesError
from ninelives.session import functions
from ninelives.session.link import Line, Put, Row
from ninelives.session.observer import Silent
from ninelives.store import Store
from ninelives.worker import direct, views
from ninelives.worker.link import DirectLink

OUTSIDE = Path(__file__).parent.parent / "outside"
SESSION = "test"


class Kill(NamedTuple):
    """Where a process dies: before or after its n-th journal write, from 1."""

    write: int
    after: bool


class Result(NamedTuple):
    """What a session came to, as it can be seen from outside."""

    prints: list[str]
    effects: list[str]
    ends: str
    journal: list[str]


class Place:
    """A folder with a program, a store and an effects file, all of it new."""

    def __init__(self, program: Program) -> None:
        in_memory = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(prefix="ninelives-", dir=in_memory if in_memory.is_dir() else None))
        self.home = self.folder / "home"
        self.effects = self.folder / "effects"
        self.code = self.folder / "code"
        self.work = self.folder / "work"
        self.work.mkdir()
        self.writes = self.folder / "writes"
        self.program = program
        program.write(self.code)

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder)

    def run(self, kill: Kill | None = None) -> int:
        """Start the session, or go on with it, in a new process; returns how that ended, as `os.waitpid` says it."""
        return in_child(lambda: self._session(kill))

    def kinds(self) -> list[str]:
        """Return the kind of each journal write of the last undisturbed run, in order."""
        return self.writes.read_text().split()

    def _session(self, kill: Kill | None) -> int:
        os.environ["EFFECTS"] = str(self.effects)
        os.chdir(self.work)
        sys.path.insert(0, str(OUTSIDE))
        sys.stdout = open(self.folder / "stdout", "a")  # noqa: SIM115 - until the process ends
        sys.stderr = open(self.folder / "stderr", "a")  # noqa: SIM115
        direct.entropy = SimpleNamespace(randbits=lambda _: 7)  # type: ignore[assignment]
        direct.DirectLink = killing(kill, self.writes)  # type: ignore[misc]
        with Store.open(self.home) as store:
            event = {"event_type": "test", "event_id": None, "integration_id": None, "data": self.program.event}
            request = direct.RunRequest(self.code / "main.py", "main", event, session_id=SESSION)
            return direct.run(store, request, Silent()).exit_code

    def result(self) -> Result:
        """Return what the session came to."""
        with Store.open(self.home, read_only=True) as store:
            row = store.session(SESSION)
            lines = [line for _, line in store.lines(SESSION) if line.lane != "-"]
            journal = [_journal_line(view) for view in views.journal(store.rows(SESSION), live=False)]
        ends = f"{row.state}: {row.result or row.error}"
        effects = self.effects.read_text().splitlines() if self.effects.exists() else []
        return Result([f"{line.stream}{line.level and ' ' + line.level}: {line.text}" for line in lines], effects, ends, journal)


def killing(kill: Kill | None, writes: Path) -> type[DirectLink]:
    """Return a link that kills its process at a write."""

    class KillingLink(DirectLink):
        count = 0

        def _at(self, rows: Sequence[Row], write: Callable[[], Any]) -> Any:
            if not rows:
                return write()
            KillingLink.count += 1
            if kill == (self.count, False):
                os.kill(os.getpid(), signal.SIGKILL)
            written = write()
            if kill is None:
                with writes.open("a") as file:
                    file.write(" ".join(kind for _, kind, _ in rows)[:30].replace(" ", "+") + "\n")
            if kill == (self.count, True):
                os.kill(os.getpid(), signal.SIGKILL)
            return written

        def note(self, rows: Sequence[Row], lines: Sequence[Line] = ()) -> None:
            note = super().note
            self._at(rows, lambda: note(rows, lines))

        def commit(
            self, rows: Sequence[Row], lines: Sequence[Line] = (), *, puts: Sequence[Put] = (), blobs: Sequence[str] = ()
        ) -> bool:
            commit = super().commit
            done: bool = self._at(rows, lambda: commit(rows, lines, puts=puts, blobs=blobs))
            return done

        def finish(self, rows: Sequence[Row], *, state: str, result: str, error: str) -> None:
            finish = super().finish
            self._at(rows, lambda: finish(rows, state=state, result=result, error=error))

    return KillingLink


def in_child(work: Callable[[], int]) -> int:
    """Do ``work`` in a forked process and return its wait status; its own errors show on our stderr."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    code = 70
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


def _journal_line(view: views.JournalRow) -> str:
    text = " ".join(part for part in (view.lane or "-", view.kind, view.name, view.status) if part)
    if view.args and view.kind in ("activity", "store"):
        text += f" ({view.args})"
    if view.error:
        text += f" ! {view.error}"
    elif view.result:
        text += f" = {view.result}"
    return text
