"""Measures ninelives, its peer beside it, and prints one table. `make bench` runs it; see docs/benchmarks.md.

Each measurement is a script of its own in a process of its own, with new folders on the disk that this environment is
on: a disk in memory would make every commit look free. They run one after another; leave the machine alone meanwhile.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from table import Row, render

HERE = Path(__file__).resolve().parent

#: The guard's targets differ for what the program defines itself.
USERS_OWN = ("function", "method", "class")

#: What `sorted` and `list` are given is guarded too.
HANDED = ("sorted", "list")

#: What is read, not called.
READ = ("attribute", "item")

#: Of Python's own variables: where ninelives is, if it is not the one of this environment.
_KEPT = frozenset({"PYTHONPATH"})

Numbers = dict[str, float]


def measure(script: str, *arguments: str) -> Numbers:
    """Run one script and return its numbers.

    Raises:
        SystemExit: it failed; its output has been shown.
    """
    folder = tempfile.mkdtemp(prefix="bench-", dir=sys.prefix)
    command = [sys.executable, str(HERE / f"{script}.py"), folder, *arguments]
    environment = {name: value for name, value in os.environ.items() if name in _KEPT or not name.startswith("PYTHON")}
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=False)
    finally:
        shutil.rmtree(folder)
    if done.returncode:
        sys.exit(f"{script}.py failed with exit code {done.returncode}: what it says above is why")
    numbers: Numbers = json.loads(done.stdout.splitlines()[-1])
    return numbers


def guard() -> list[Row]:
    rows = []
    for name, seconds in measure("guard").items():
        what = "handed builtin" if name in HANDED else "user's own" if name in USERS_OWN else "deterministic"
        guarded = "guarded reading" if name in READ else "guarded call"
        rows.append(
            Row(
                f"{guarded} beyond the plain one: {what}, {name}",
                seconds,
                0.2e-6 if name in USERS_OWN else 0.3e-6,
                "µs",
            )
        )
    return rows


def activity() -> list[Row]:
    found, peer = measure("activity"), measure("dbos_steps")
    commit = found["raw commit"]
    note = f"= {found['activity'] / commit:.2f} × a commit of {commit * 1e3:.2f} ms"
    return [
        Row(
            "one activity, on disk, one session",
            found["activity"],
            1.3 * commit,
            "ms",
            note,
            "DBOS on SQLite",
            peer["step"],
        )
    ]


def isolated() -> list[Row]:
    found = measure("isolated")
    commit = found["raw commit"]
    note = f"= {found['activity'] / commit:.2f} × a commit of {commit * 1e3:.2f} ms"
    return [
        Row("– in an isolated local runner", found["activity"], 1.7 * commit, "ms", note),
        Row("a session's start in an isolated local runner, warm", found["start"], 15e-3, "ms"),
    ]


def remote() -> list[Row]:
    found = measure("remote")
    commit = found["raw commit"]
    note = f"= {found['activity'] / commit:.2f} × a commit of {commit * 1e3:.2f} ms"
    return [
        Row("– in a runner of another host, on one machine", found["activity"], 3e-3, "ms", note),
        Row("a session's start there, warm", found["start"], 40e-3, "ms"),
    ]


def many() -> list[Row]:
    found = measure("many")
    each = 1 / found["activities"]
    return [
        Row(
            "an activity of 100 sessions in local runners",
            each,
            1 / 8_000,
            "µs",
            f"= {found['activities']:,.0f} a second",
        ),
        Row("how late sessions wake, 100 a second, p99", found["late"], 0.5, "ms"),
    ]


def sleeping() -> list[Row]:
    return [Row("what 100,000 sessions that sleep add to a worker", measure("sleeping")["sleeping"] / 1e6, 250.0, "MB")]


def reading() -> list[Row]:
    found = measure("reading")
    what = "a recorded value (time.time())"
    return [
        Row(
            what,
            found["reading without its commit"],
            10e-6,
            "µs",
            f"({found['reading'] * 1e6:.1f} with its part of the next commit)",
        )
    ]


def replay() -> list[Row]:
    return [Row("replay of one recorded activity, load included", measure("replay")["replay"], 10e-6, "µs")]


def awaiting() -> list[Row]:
    found = measure("awaiting")
    return [
        Row("an awaited activity, live, beyond one that is not awaited", found["live beyond"], 20e-6, "µs"),
        Row("replay of one awaited activity", found["replay"], 9e-6, "µs"),
        Row("replay of 10,000 tasks with one awaited activity each", found["tasks"], 0.4, "ms"),
    ]


def changes() -> list[Row]:
    found = measure("changes")
    rows = [Row(f"finding changed arguments, {name}", found[name], 5e-6, "µs") for name in found if name[:5] == "small"]
    for name in dict.fromkeys(name.rpartition(", ")[0] for name in found if name[:5] != "small"):
        *smaller, largest = [found[one] for one in found if one.startswith(f"{name}, ")]
        note = f"= {largest / min(smaller):.2f} × that of each of fewer"
        rows.append(Row(f"finding changed arguments, for each item: {name}", largest, 2 * min(smaller), "µs", note))
    return rows


def start() -> list[Row]:
    return [Row("a session's start, warm, to the handler's first line", measure("start")["start"], 2e-3, "ms")]


def threads() -> list[Row]:
    found = measure("threads")
    return [
        Row("copies of threading, queue and concurrent.futures for a session", found["copies"], 2e-3, "ms"),
        Row("an uncontended `with lock`", found["lock"], 0.9e-6, "µs"),
        Row("a thread switch", found["switch"], 22e-6, "µs"),
    ]


def command() -> list[Row]:
    return [Row("`ninelives run` of an empty handler, whole process", measure("command")["command"], 250e-3, "ms")]


def memory() -> list[Row]:
    rows = []
    for kind, shown in (("bytes", "bytes"), ("str", "str"), ("list", "list of 1 KiB bytes")):
        found = measure("memory", kind)
        rows += [
            Row(f"most memory with a 100 MiB result, {how}: {shown}", times, 3.0, "×") for how, times in found.items()
        ]
    return rows


MEASUREMENTS: dict[str, Callable[[], list[Row]]] = {
    made.__name__: made
    for made in (
        guard,
        activity,
        isolated,
        many,
        sleeping,
        remote,
        reading,
        replay,
        awaiting,
        changes,
        start,
        threads,
        command,
        memory,
    )
}


def main(names: list[str]) -> None:
    """Measure everything, or what is named, and print the table."""
    unknown = set(names) - MEASUREMENTS.keys()
    if unknown:
        sys.exit(f"{', '.join(sorted(unknown))}: no such measurement; there are {', '.join(MEASUREMENTS)}")
    rows = []
    for name in names or MEASUREMENTS:
        sys.stderr.write(f"measuring: {name}\n")
        rows += MEASUREMENTS[name]()
    sys.stdout.write(f"{render(rows)}\n\nPython {platform.python_version()}, {os.cpu_count()} cores\n")


if __name__ == "__main__":
    main(sys.argv[1:])
