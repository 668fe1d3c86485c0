"""Awaited activities, in seconds: live, beyond the same call that is not awaited; on replay; and in 10,000 tasks.

Replay begins in a warm process, as that of calls that are not awaited: asyncio is imported.

Live, rounds of both take turns, and the median of the rounds' means counts. On replay, the least of several. It is the
time of the session's thread, syncs left out: both make the same writes, and what a disk takes for them says nothing
about awaiting.
"""

from statistics import median

import place
import stopwatch

from ninelives.storage import Store

ROUNDS = 40
N = 50
REPLAYS = 5
MANY = 10_000


def replayed(handler: str) -> float:
    (place.FOLDER / "notes").unlink(missing_ok=True)

    def run() -> None:
        with Store.open(place.FOLDER / "home") as store:
            place.run(store, "tasks.py:nothing")
            stopwatch.start()
            place.run(store, f"tasks.py:{handler}", {"n": MANY}, session_id=handler)

    for _ in range(1 + REPLAYS):
        place.in_child(run)
    return min(stopwatch.notes()[1:])


one, many = replayed("replayed") / MANY, replayed("many")
stopwatch.leave_syncs_out()
with Store.open(place.FOLDER / "home") as store:
    place.run(store, "tasks.py:live", {"rounds": ROUNDS, "n": N})
live = {name: median(stopwatch.times[name]) / N for name in ("activity", "awaited activity")}
place.report({"live beyond": live["awaited activity"] - live["activity"], "replay": one, "tasks": many, **live})
