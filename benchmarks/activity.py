"""One activity on disk, and one raw commit of SQLite, in seconds.

Short rounds of both take turns, so that both meet the same disk and machine. All rounds count: some of ours bring the
tail of the journal into the database, some of SQLite's write its log back.
"""

from statistics import fmean

import place
import stopwatch

from ninelives.storage import Store

ROUNDS = 40
N = 50

#: A log that grows costs twice as much to sync as one that has its length: SQLite's has it after so many commits.
SETTLED = 1_500

stopwatch.open_raw(place.FOLDER / "raw.db")
stopwatch.commit_raw(SETTLED)
stopwatch.times.clear()
with Store.open(place.FOLDER / "home") as store:
    place.run(store, "steps.py:activities", {"rounds": ROUNDS, "n": N})
place.report({name: fmean(stopwatch.times[name]) / N for name in ("activity", "raw commit")})
