"""One recorded reading of the clock, in seconds: the least of the rounds, its part of the next commit included."""

import place
import stopwatch

from ninelives.storage import Store

ROUNDS = 20
N = 1_000

with Store.open(place.FOLDER / "home") as store:
    place.run(store, "steps.py:readings", {"rounds": ROUNDS, "n": N})
commit = min(stopwatch.times["commit of readings"]) - min(stopwatch.times["commit of nothing else"])
alone = min(stopwatch.times["reading"]) / N
place.report({"reading": alone + max(0.0, commit) / N, "reading without its commit": alone})
