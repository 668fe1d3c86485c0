"""Many sessions in isolated local runners: activities a second of all of them, and how late they wake, in seconds."""

import math
import queue
import time
from pathlib import Path

import place

from ninelives.runners.local import LocalManager
from ninelives.session.children import watch_children
from ninelives.storage import Store
from ninelives.worker.creating import RunRequest
from ninelives.worker.direct import Finished
from ninelives.worker.service import Terms, Worker

SESSIONS = 100
N = 400

#: Sessions that wake, how many of them a second, and what each has recorded before.
WAKE = 500
RATE = 100
RECORDED = 10

NOTES = place.FOLDER / "notes"


def request(handler: str, data: dict[str, float]) -> RunRequest:
    event = {"event_type": "benchmark", "event_id": None, "integration_id": None, "data": data}
    return RunRequest(Path(place.HERE, "programs", "many.py"), handler, event, {"BENCH_NOTES": str(NOTES)})


def activities(worker: Worker, ended: "queue.Queue[Finished]") -> float:
    """Return the activities a second of sessions that all run at the same time, their starts included."""
    began = time.monotonic()
    for _ in range(SESSIONS):
        worker.start(request("main", {"n": N}))
    for _ in range(SESSIONS):
        assert ended.get().state == "completed"
    return SESSIONS * N / (time.monotonic() - began)


def lateness(worker: Worker, ended: "queue.Queue[Finished]") -> float:
    """Return how late 99 of 100 sessions are at most, that wake one after the other."""
    NOTES.write_text("")
    # After all of them have come so far.
    first = time.time() + WAKE * 0.03 + 5
    for number in range(WAKE):
        worker.start(request("sleeper", {"n": RECORDED, "until": first + number / RATE}))
    if time.time() > first - 1:
        raise RuntimeError("the sessions did not come to their sleep in time")
    for _ in range(WAKE):
        assert ended.get().state == "completed"
    late = sorted(float(line) for line in NOTES.read_text().split())
    return late[math.ceil(0.99 * len(late)) - 1]


def main() -> None:
    watch_children()
    NOTES.touch()
    manager = LocalManager(place.FOLDER / "environments", cache=place.FOLDER / "home" / "cache", most=SESSIONS)
    ended: queue.Queue[Finished] = queue.Queue()
    with Store.open(place.FOLDER / "home") as store:
        worker = Worker(store, manager, Terms(most=SESSIONS, let_go=0.5), report=print, ended=ended.put)
        worker.start(request("main", {"n": 1}))
        ended.get()
        try:
            place.report({"activities": activities(worker, ended), "late": lateness(worker, ended)})
        finally:
            worker.close()
            manager.close()


main()
