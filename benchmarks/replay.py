"""One recorded activity on replay, in seconds: from the call that goes on with the session, in a warm process."""

import os

import place
import stopwatch

from ninelives.storage import Store

N = 10_000
os.environ["BENCH_DIED"] = str(place.FOLDER / "died")

if os.fork() == 0:
    with Store.open(place.FOLDER / "home") as store:
        place.run(store, "steps.py:replayed", {"n": N}, session_id="replayed")
    os._exit(1)
os.wait()
with Store.open(place.FOLDER / "home") as store:
    place.run(store, "empty.py:nothing")
    stopwatch.start()
    place.run(store, "steps.py:replayed", session_id="replayed")
place.report({"replay": stopwatch.times["replay"][0] / N})
