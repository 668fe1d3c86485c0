"""The outside of the benchmarks' programs: what they call, and what times them."""

from __future__ import annotations

import gc
import importlib.util
import os
import resource
import signal
import sqlite3
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

RESULT = "x" * 200
RUNS = 5
CALLS = 200_000

#: Seconds by name, one for each time it was measured.
times: dict[str, list[float]] = defaultdict(list)

#: What `compare` found: seconds of a call beyond the plain call, by name.
beyond: dict[str, float] = {}

_began = [0.0, 0.0, 0.0]
_raw: list[sqlite3.Connection] = []


def start() -> None:
    _began[:] = [time.perf_counter(), time.thread_time(), 0.0]


def stop(name: str) -> None:
    times[name].append(time.perf_counter() - _began[0])


def stop_work(name: str) -> None:
    """Stop, counting the thread's own time only, without that of syncs if `leave_syncs_out` was called."""
    times[name].append(time.thread_time() - _began[1] - _began[2])


def leave_syncs_out() -> None:
    """Let `stop_work` not count the time that the system takes to sync a file: it differs from one to the next."""
    sync = os.fdatasync

    def timed(descriptor: int) -> None:
        began = time.thread_time()
        sync(descriptor)
        _began[2] += time.thread_time() - began

    os.fdatasync = timed


def give() -> str:
    """Do nothing, and return 200 bytes: an activity at its cheapest."""
    return RESULT


def large(kind: str, size: int) -> Any:
    """Return a result of about ``size`` bytes that does not compress."""
    if kind == "bytes":
        return os.urandom(size)
    if kind == "str":
        return os.urandom(size // 2).hex()
    piece = 1024
    return [os.urandom(piece) for _ in range(size // piece)]


def peak() -> int:
    """Return the most memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def note_peak() -> None:
    """Write `peak` down for another process to read."""
    _note(peak())


def note_time() -> None:
    """Write down the seconds since `start`, for another process to read."""
    _note(time.perf_counter() - _began[0])


def note_times(name: str) -> None:
    """Write down the seconds since `start`, with a name, for another process to read."""
    took = time.perf_counter() - _began[0]
    with _notes().open("a") as file:
        file.write(f"{name} {took}\n")


def open_own_raw() -> None:
    """Open a database of this process for `commit_raw`."""
    open_raw(Path(os.environ["BENCH_RAW"]))


def note_work() -> None:
    """Write down the thread's own seconds since `start`, for another process to read."""
    _note(time.thread_time() - _began[1])


def notes() -> list[float]:
    """Return what this process and those before it wrote down."""
    return [float(line) for line in _notes().read_text().split()]


def _note(number: float) -> None:
    with _notes().open("a") as file:
        file.write(f"{number}\n")


def _notes() -> Path:
    return Path(os.environ["BENCH_NOTES"])


def die() -> None:
    """Kill this process with SIGKILL."""
    os.kill(os.getpid(), signal.SIGKILL)


def open_raw(path: Path) -> None:
    """Open a database as the store's is opened: WAL, synchronous=FULL."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, data BLOB)")
    _raw.append(db)


def commit_raw(n: int) -> None:
    """Commit ``n`` times one row of 200 bytes: the least that being on disk costs."""
    db, data = _raw[0], RESULT.encode()
    start()
    for _ in range(n):
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT INTO rows (data) VALUES (?)", (data,))
        db.execute("COMMIT")
    stop("raw commit")


def compare(loops: dict[str, Callable[[int], None]]) -> None:
    """Time loops beside the same loops of the same file, not rewritten: the minimum of the runs of each."""
    file = sys.modules[next(iter(loops.values())).__module__].__file__
    assert file is not None
    plain = _plain(file)
    gc.collect()
    gc.disable()
    for name, guarded in loops.items():
        pairs = [(_timed(plain.LOOPS[name]), _timed(guarded)) for _ in range(RUNS)]
        least_plain, least_guarded = (min(column) for column in zip(*pairs, strict=True))
        beyond[name] = (least_guarded - least_plain) / CALLS
    gc.enable()


def _timed(loop: Callable[[int], None]) -> float:
    loop(10)
    # The thread's own time: what other programs take of the machine does not count.
    began = time.thread_time()
    loop(CALLS)
    return time.thread_time() - began


def _plain(file: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("plain_calls", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def give_later() -> str:
    """Do nothing, and return 200 bytes: an awaited activity at its cheapest."""
    return RESULT


def note_late(due: float) -> None:
    """Write down how late it is, in seconds after a unix time."""
    with open(os.environ["BENCH_NOTES"], "a") as file:
        file.write(f"{time.time() - due}\n")
