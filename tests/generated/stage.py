"""A place that can be used again, for many runs of one program, each with its kills."""

from __future__ import annotations

import functools
import importlib
import shutil
import signal
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from crash.harness import IN_KEYS, SESSION, Kill, Place

from ninelives.session.entries import Activity
from ninelives.session.entries import decode as decode_entry
from ninelives.storage import Store

# Imported once, so that not every process has to.
for _name in ("mmap", "ninelives.session.children"):
    importlib.import_module(_name)


#: A process that takes so many seconds hangs.
HANGS = 30


class Wound(NamedTuple):
    """Where to kill the next process, whatever the program: how far on its way to the end, in thousandths."""

    far: int
    after: bool

    def kill(self, writes: int) -> Kill:
        """Return the kill, in a process that is expected to make so many journal writes."""
        return Kill(1 + self.far * max(1, writes) // 1000, self.after)


class Stage(Place):
    """A place that keeps its program, as it was rewritten, when it starts over."""

    #: journal and log when the last process died
    _kept: tuple[list[bytes], list[str]] = ([], [])

    def start_over(self) -> None:
        """Forget the session and all that it did."""
        kept = (self.code, self.home)
        for path in self.folder.iterdir():
            if path not in kept:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path in self.home.iterdir():
            if path.name != "cache":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for name, data in _empty_home().items():
            (self.home / name).write_bytes(data)
        self.work.mkdir()
        self.processes = 0
        self.cut_off.clear()
        self.cut_off_keys.clear()
        self._kept = ([], [])

    def _session(self, kill: Kill | None, retry_failed: bool, environment: dict[str, str]) -> int:
        # A program that hangs is one that fails, with minus this signal as exit code.
        signal.alarm(HANGS)
        return super()._session(kill, retry_failed, environment)

    def rows(self) -> list[bytes]:
        """Return the entries of the journal as they are on disk."""
        with Store.open(self.home, read_only=True) as store:
            return [row.data for row in store.rows(SESSION)]

    def log(self) -> list[str]:
        """Return the lines of the log."""
        with Store.open(self.home, read_only=True) as store:
            return [f"{line.lane} {line.stream} {line.text}" for _, line in store.lines(SESSION) if line.lane != "-"]

    def attempts(self) -> dict[str, int]:
        """Return the number of each activity's last attempt, by its idempotency key."""
        entries = [decode_entry(data) for data in self.rows()]
        return {
            f"{SESSION}-{IN_KEYS}-{each.lane}-{each.n}": each.attempt for each in entries if isinstance(each, Activity)
        }

    def keys(self) -> set[tuple[str, int, str]]:
        """Return which attempts of activities had an effect: idempotency key, attempt, and the process that made it."""
        path = self.folder / "effects.keys"
        lines = path.read_text().splitlines() if path.exists() else []
        return {(key, int(attempt), process) for key, attempt, process in map(str.split, lines)}

    def wounded(self, wounds: Sequence[Wound], writes: int) -> list[Kill]:
        """Run the session with kills, as far as they come, and to its end; returns those that fell.

        Args:
            wounds: where the processes are killed, one after the other.
            writes: how many journal writes the session makes undisturbed.

        Raises:
            AssertionError: what was on disk when a process died is not there as it was when the next one has.
        """
        kills: list[Kill] = []
        for wound in wounds:
            kill = wound.kill(writes)
            code = self.run(kill)
            if code != -signal.SIGKILL:
                return kills
            kills.append(kill)
            writes -= len(self.writes())
            self._check_kept()
        self.run()
        self._check_kept()
        return kills

    def reopen(self) -> None:
        """Let the session be one whose process died just before it wrote the end."""
        with closing(sqlite3.connect(next(self.home.glob("*.db")))) as db, db:
            db.execute("DELETE FROM rows WHERE kind = 'end'")
            db.execute("UPDATE sessions SET state = 'running', result = '', error = '', lease_pid = 1")
        db.close()

    def _check_kept(self) -> None:
        now: tuple[list[bytes], list[str]] = self.rows(), self.log()
        for what, old, new in zip(("journal", "log"), self._kept, now, strict=True):
            assert new[: len(old)] == old, f"the {what} does not begin with what it was when a process died"
        self._kept = now


@functools.cache
def _empty_home() -> dict[str, bytes]:
    """Return the files of a new store, which takes longer to make than a session to run."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        with Store.open(home):
            pass
        return {path.name: path.read_bytes() for path in home.iterdir() if path.is_file()}
