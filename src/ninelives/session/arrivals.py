"""What has come from the outside, waits to be delivered, and when it came. Any thread hands in."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

Deliver = Callable[[], None]


class Arrivals:
    """The arrivals of one session, the earliest first.

    Attributes:
        outstanding: how many calls are outside.
        queue: when each one came, in unix seconds, and what delivers it.
    """

    def __init__(self) -> None:
        self.outstanding = 0
        self.queue: deque[tuple[float, Deliver]] = deque()
        # The lock itself is taken where it is only counted: that is done in C, a condition's is not.
        self._lock = threading.Lock()
        self._came = threading.Condition(self._lock)
        self._is_awaited = False

    def left(self) -> None:
        """Count a call that is now outside."""
        with self._lock:
            self.outstanding += 1

    def hand_in(self, deliver: Deliver, ended: int) -> None:
        """Take what is to be delivered.

        Args:
            deliver: called when its turn comes.
            ended: how many calls have come back with it.
        """
        with self._lock:
            self.outstanding -= ended
            self.queue.append((time.time(), deliver))
            if self._is_awaited:
                self._came.notify()

    def wait(self, seconds: float) -> None:
        """Wait until something has come, for so many seconds at most."""
        with self._lock:
            if not self.queue:
                self._is_awaited = True
                self._came.wait(seconds)
                self._is_awaited = False
