"""The most memory of a process, as multiples of the one large result that it gets: bytes, str, or a list of bytes.

Once when the result is made and recorded, and once in a new process, when it is replayed.
"""

import sys

import place
import stopwatch

from ninelives.storage import Store

SIZE = 100 * 2**20


def run() -> None:
    with Store.open(place.FOLDER / "home") as store:
        place.run(store, "large.py:main", {"kind": sys.argv[2], "size": SIZE}, session_id="large")


for _ in range(2):
    place.in_child(run)
recorded, replayed = stopwatch.notes()
place.report({"recorded": recorded / SIZE, "replayed": replayed / SIZE})
