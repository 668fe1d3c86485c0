"""One recorded activity on replay, in seconds: from the call that goes on with the session, in a warm process.

The least of several replays, each in a process of its own, which dies where the one before it died.
"""

import place
import stopwatch

from ninelives.storage import Store

REPLAYS = 5
N = 10_000


def run() -> None:
    with Store.open(place.FOLDER / "home") as store:
        place.run(store, "empty.py:nothing")
        stopwatch.start()
        place.run(store, "steps.py:replayed", {"n": N}, session_id="replayed")


for _ in range(1 + REPLAYS):
    place.in_child(run)
place.report({"replay": min(stopwatch.notes()[1:]) / N})
