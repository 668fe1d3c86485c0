"""One activity on disk, and one raw commit of SQLite, in seconds: means over rounds that take turns."""

import place
import stopwatch

from ninelives.store import Store

ROUNDS = 10
N = 200

stopwatch.open_raw(place.FOLDER / "raw.db")
with Store.open(place.FOLDER / "home") as store:
    place.run(store, "steps.py:activities", {"rounds": ROUNDS, "n": N})
means = {name: sum(stopwatch.times[name]) / (ROUNDS * N) for name in ("activity", "raw commit")}
place.report(means)
