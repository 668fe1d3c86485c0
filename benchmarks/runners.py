"""What is measured in isolated runners, whichever manager starts them: one activity beside a raw commit, and the start.

The start is timed by the clock that all processes have in common, from the request to the handler's first line.
"""

from __future__ import annotations

import time
from pathlib import Path
from statistics import fmean, median

import place
import stopwatch

from ninelives.storage import Store
from ninelives.worker.isolated import Isolated

ROUNDS = 40
N = 50
STARTS = 30
SETTLED = 1_500


def measure(store: Store, isolated: Isolated, folder: Path) -> None:
    """Run the sessions and report the numbers, in seconds.

    Args:
        store: the store.
        isolated: where they run.
        folder: of this measurement.
    """
    notes = folder / "notes"
    notes.touch()
    stopwatch.open_raw(folder / "raw.db")
    stopwatch.commit_raw(SETTLED)
    variables = {"BENCH_NOTES": str(notes), "BENCH_RAW": str(folder / "raw-of-runner.db")}
    began = []
    for _ in range(STARTS):
        began.append(time.monotonic())
        place.run(store, "noted.py:main", isolated=isolated, variables=variables)
    starts = [end - start for start, end in zip(began, map(float, notes.read_text().split()), strict=True)]
    notes.write_text("")
    rounds = {"rounds": ROUNDS, "n": N, "settled": SETTLED}
    place.run(store, "steps.py:isolated", rounds, isolated=isolated, variables=variables)
    times = [line.split() for line in notes.read_text().splitlines()]
    numbers = {
        name: fmean(float(seconds) for what, seconds in times if what == name) / N for name in ("activity", "raw")
    }
    place.report({"start": median(starts[5:]), "activity": numbers["activity"], "raw commit": numbers["raw"]})
