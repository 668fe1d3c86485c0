"""From asking for a new session to its handler's first line, in seconds: the median of warm starts."""

from statistics import median

import place
import stopwatch

from ninelives.storage import Store

STARTS = 30

with Store.open(place.FOLDER / "home") as store:
    for _ in range(STARTS):
        stopwatch.start()
        place.run(store, "first_line.py:main")
place.report({"start": median(stopwatch.times["start"][5:])})
