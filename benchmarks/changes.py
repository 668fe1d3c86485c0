"""What finding changed arguments costs a call, in seconds, by what it is given; of large arguments, for each item.

Looking for what the call can reach, the snapshot before it and the comparison after it are timed, and nothing else of
the call. The least of many rounds counts, in the thread's own time.
"""

import gc
import time
from collections.abc import Callable
from types import FunctionType
from typing import Any

import place
import stopwatch

from ninelives.session.changes import Reach

ROUNDS = 50
ITEMS = (1_000, 10_000, 100_000)


class Point:
    def __init__(self, names: list[str]) -> None:
        self.x, self.y, self.names = 1, 2, names


def is_ours(cls: type) -> bool:
    return cls is Point


def is_none_of_ours(_: FunctionType) -> bool:
    return False


def detect(value: Any) -> None:
    reach = Reach([stopwatch.give, value], is_ours, is_none_of_ours)
    reach.watch()
    if reach.changes():
        raise RuntimeError("nothing was changed")


def least(value: Any, calls: int) -> float:
    found = []
    for _ in range(ROUNDS):
        began = time.thread_time()
        for _ in range(calls):
            detect(value)
        found.append((time.thread_time() - began) / calls)
    return min(found)


small = {
    "a list of 3": [1, 2, 3],
    "a dict of 3": {"name": "a", "number": 1, "of": None},
    "an object of the user's with a list": Point(["a"]),
}
large: dict[str, Callable[[int], Any]] = {
    "list of numbers": lambda n: list(range(n)),
    "dict of numbers": lambda n: {str(i): i for i in range(n)},
    "list of dicts": lambda n: [{"number": i} for i in range(n)],
}
# A session's collector comes after fixed numbers of deliveries, not in between.
gc.disable()
numbers = {f"small: {name}": least(value, 500) for name, value in small.items()}
for name, make in large.items():
    numbers |= {f"{name}, {n:,}": least(make(n), 1) / n for n in ITEMS}
place.report(numbers)
