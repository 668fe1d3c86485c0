"""Delivers outcomes to lanes, one at a time: the only freedom a session has is their order, and the journal holds it.

A lane that waits says which key it expects. When no lane is ready, one outcome is delivered: on replay the next
recorded one; after that, the arrival or the due timer with the earliest time, which is recorded first. It knows
nothing of asyncio: a session's event loop and its synchronous code both sit on it.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ninelives.errors import DeadlockError, DivergenceError
from ninelives.session.entries import Outcome
from ninelives.session.journal import Journal, Key
from ninelives.session.stop import Halt

if TYPE_CHECKING:
    from ninelives.session.baton import Baton


class Expected(NamedTuple):
    """What happens when the outcome of a key is delivered."""

    #: on replay, with the recorded outcome
    replayed: Callable[[Outcome], None]
    #: live, for a timer: records that it fired, and delivers
    fired: Callable[[], None] | None
    #: shown to people who ask what the session waits for
    what: str


class Scheduler:
    """The deliveries of one session.

    Args:
        journal: holds the recorded order, and gets the new one.
        places: says where the program waits, as file:line.
        waits: called with what the session waits for and until when (unix seconds), and with "" when it goes on.
    """

    def __init__(self, journal: Journal, waits: Callable[[str, float | None], None], places: Callable[[], str]) -> None:
        self.journal = journal
        self.baton: Baton
        #: deliveries that did not come though a lane ran on, counted since the last one
        self._rounds = 0
        self._forced = 0
        #: the program has come to everything that is recorded
        self._is_live = False
        self._waits = waits
        self._places = places
        self._expected: dict[Key, Expected] = {}
        self._held: deque[Callable[[], None]] = deque()
        self._timers: list[tuple[float, int, Key]] = []
        self._order = 0
        self._arrivals: deque[tuple[float, Callable[[], None]]] = deque()
        self._arrived = threading.Condition()
        self._outstanding = 0

    def expect(self, key: Key, expected: Expected) -> None:
        """Say what is done with the outcome of ``key``."""
        self._expected[key] = expected

    def timer(self, key: Key, due: float) -> None:
        """Let the expected ``key`` fire at a unix time in seconds, or soon after."""
        self._order += 1
        heapq.heappush(self._timers, (due, self._order, key))

    def forget(self, key: Key) -> None:
        """Nobody waits for ``key`` any more."""
        self._expected.pop(key, None)

    def when_live(self, start: Callable[[], None]) -> None:
        """Start a call to the outside: now, or once everything recorded has been delivered."""
        if self.journal.exhausted:
            start()
        else:
            self._held.append(start)

    def left(self) -> None:
        """Count a call that is now outside."""
        with self._arrived:
            self._outstanding += 1

    def arrive(self, deliver: Callable[[], None]) -> None:
        """Hand in the outcome of a call that was outside; any thread may.

        Args:
            deliver: records it and delivers it; called when its turn comes.
        """
        self._hand_in(deliver, 1)

    def interrupt(self, deliver: Callable[[], None]) -> None:
        """Hand in what is to be done when no lane is ready; any thread may."""
        self._hand_in(deliver, 0)

    def _hand_in(self, deliver: Callable[[], None], ended: int) -> None:
        with self._arrived:
            self._outstanding -= ended
            self._arrivals.append((time.time(), deliver))
            self._arrived.notify()
        holder = self.baton.holder
        if holder is not None and holder.stir is not None:
            holder.stir()

    def deliver_one(self) -> None:
        """Deliver one outcome; waits for it.

        Raises:
            Halt: the record has an outcome that nobody expects, or nothing can ever arrive.
        """
        self._rounds = self._forced = 0
        recorded = self.journal.next_outcome()
        if recorded is not None:
            self._again(recorded)
        elif self._held:
            self._start_held()
        else:
            self._next_live()()

    def poll(self) -> None:
        """Deliver an outcome though lanes are ready, if one has come; the journal holds in which round it was."""
        self._rounds += 1
        recorded = self.journal.next_outcome()
        if recorded is not None:
            if recorded.rounds == self._rounds:
                self._rounds = 0
                self._again(recorded)
            return
        if not self._is_live:
            # What was begun behind the last recorded outcome was begun before the next one came.
            lanes = self.baton.session.lanes
            if self.journal.left_over({name: lane.n for name, lane in lanes.items()}) is not None:
                return
            self._is_live = True
        if self._held:
            self._start_held()
            return
        deliver = self._take()
        if deliver is not None:
            self._forced, self._rounds = self._rounds, 0
            deliver()

    def has_come(self) -> bool:
        """Return whether a call has ended or a timer is due; any thread may ask."""
        return bool(self._arrivals) or (bool(self._timers) and self._timers[0][0] <= time.time())

    def forced(self) -> int:
        """Return the round in which the outcome that is delivered now was forced; 0 if no lane was ready."""
        forced, self._forced = self._forced, 0
        return forced

    def _again(self, recorded: Outcome) -> None:
        expected = self._expected.pop((recorded.lane, recorded.n), None)
        if expected is None:
            raise Halt(self._unexpected(recorded))
        self.journal.deliver()
        expected.replayed(recorded)

    def _start_held(self) -> None:
        while self._held:
            self._held.popleft()()

    def _unexpected(self, outcome: Outcome) -> DivergenceError:
        operation = self.journal.operation(outcome.lane, outcome.n)
        what = f"{operation.name} " if operation is not None and hasattr(operation, "name") else ""
        return DivergenceError(
            f"divergence: the journal delivers {what}({outcome.lane}:{outcome.n}, entry {outcome.seq}) here, "
            "but the program does not wait for it; "
            "resume it with the code it was recorded with"
        )

    def _next_live(self) -> Callable[[], None]:
        told = False
        while True:
            deliver = self._take()
            if deliver is not None:
                break
            due = self._due()
            left = None if due is None else max(0.0, due - time.time())
            if left is None and not self._outstanding:
                raise Halt(self._deadlock())
            if not told and (left is None or left > TELL_FROM):
                told = True
                self._waits(self._what(), due)
            self._wait(left)
        if told:
            self._waits("", None)
        return deliver

    def _take(self) -> Callable[[], None] | None:
        """Return the delivery of the arrival or the due timer with the earliest time; None if there is neither."""
        due = self._due()
        if self._arrivals and (due is None or self._arrivals[0][0] <= due):
            return self._arrivals.popleft()[1]
        if due is None or due > time.time():
            return None
        fired = self._expected.pop(heapq.heappop(self._timers)[2]).fired
        assert fired is not None
        return fired

    def _due(self) -> float | None:
        """Return when the next timer that somebody still expects is due."""
        while self._timers and self._timers[0][2] not in self._expected:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def _wait(self, left: float | None) -> None:
        holder = self.baton.holder
        if holder is not None and holder.pump is not None:
            holder.pump(left)
            return
        with self._arrived:
            if not self._arrivals:
                # Bounded, since the wall clock that timers go by may be set while we wait.
                self._arrived.wait(min(left, 60.0) if left is not None else 60.0)

    def _what(self) -> str:
        return ", ".join(sorted({expected.what for expected in self._expected.values()})[:5])

    def _deadlock(self) -> DeadlockError:
        where = self._places() or self._what() or "the program"
        waits = "wait" if self.baton.many else "waits"
        return DeadlockError(
            f"deadlock: {where} {waits} for what can't come: no call, timer or task is left that could end the wait; "
            f"repair it and go on with 'ninelives resume {self.journal.link.session_id} --with-code DIR'"
        )


#: A shorter wait is not worth telling anybody about, in seconds.
TELL_FROM = 0.2
