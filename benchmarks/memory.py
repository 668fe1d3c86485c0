"""The most memory of a process, as multiples of the one large result that it gets: bytes, str, or a list of bytes.

Once when the result is made and recorded, and once in a new process, when it is replayed.
"""

import os
import sys

import place
import stopwatch

from ninelives.storage import Store

SIZE = 100 * 2**20

kind = sys.argv[2]
os.environ["BENCH_DIED"] = str(place.FOLDER / "died")
os.environ["BENCH_PEAK"] = str(place.FOLDER / "peak")


def run() -> None:
    with Store.open(place.FOLDER / "home") as store:
        place.run(store, "large.py:main", {"kind": kind, "size": SIZE}, session_id="large")


if os.fork() == 0:
    run()
    os._exit(1)
os.wait()
recorded = int((place.FOLDER / "peak").read_text())
run()
place.report({"recorded": recorded / SIZE, "replayed": stopwatch.peak() / SIZE})
