"""The most memory of a process, as multiples of the one large result that it gets: bytes, str, or a list of bytes."""

import resource
import sys

import place

from ninelives.store import Store

SIZE = 100 * 2**20


def peak() -> int:
    """Return the most memory this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


kind = sys.argv[2]
with Store.open(place.FOLDER / "home") as store:
    place.run(store, "empty.py:nothing")
    before = peak()
    place.run(store, "large.py:main", {"kind": kind, "size": SIZE})
place.report({"memory": peak() / SIZE, "memory of the process itself": before / SIZE})
