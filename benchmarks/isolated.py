"""In isolated local runners, warm, in seconds: one activity beside a raw commit, and the start of a session.

The start is timed by the clock that all processes have in common, from the request to the handler's first line.
"""

import time
from statistics import fmean, median

import place
import stopwatch

from ninelives.runners.local import LocalManager
from ninelives.session.children import watch_children
from ninelives.storage import Store
from ninelives.worker.isolated import Isolated

ROUNDS = 40
N = 50
STARTS = 30
SETTLED = 1_500

notes = place.FOLDER / "notes"
notes.touch()
watch_children()
manager = LocalManager(place.FOLDER / "environments", cache=place.FOLDER / "home" / "cache")
isolated = Isolated(manager)
stopwatch.open_raw(place.FOLDER / "raw.db")
stopwatch.commit_raw(SETTLED)
try:
    with Store.open(place.FOLDER / "home") as store:
        variables = {"BENCH_NOTES": str(notes), "BENCH_RAW": str(place.FOLDER / "raw-of-runner.db")}
        began = []
        for _ in range(STARTS):
            began.append(time.monotonic())
            place.run(store, "noted.py:main", isolated=isolated, variables=variables)
        starts = [end - start for start, end in zip(began, map(float, notes.read_text().split()), strict=True)]
        notes.write_text("")
        place.run(
            store,
            "steps.py:isolated",
            {"rounds": ROUNDS, "n": N, "settled": SETTLED},
            isolated=isolated,
            variables=variables,
        )
        times = [line.split() for line in notes.read_text().splitlines()]
finally:
    manager.close()
numbers = {name: fmean(float(seconds) for what, seconds in times if what == name) / N for name in ("activity", "raw")}
place.report({"start": median(starts[5:]), "activity": numbers["activity"], "raw commit": numbers["raw"]})
