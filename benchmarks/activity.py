"""One activity on disk, and one raw commit of SQLite, in seconds.

Short rounds of both take turns, so that both meet the same disk and machine; the median of the rounds' means counts.
"""

from statistics import median

import place
import stopwatch

from ninelives.storage import Store

ROUNDS = 40
N = 50

stopwatch.open_raw(place.FOLDER / "raw.db")
with Store.open(place.FOLDER / "home") as store:
    place.run(store, "steps.py:activities", {"rounds": ROUNDS, "n": N})
place.report({name: median(stopwatch.times[name]) / N for name in ("activity", "raw commit")})
