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
from typing import NamedTuple

from ninelives.errors import DeadlockError, DivergenceError
from ninelives.session.entries import Outcome
from ninelives.session.journal import Journal, Key
from ninelives.session.stop import Halt


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
        waits: called with what the session waits for and until when (unix seconds), and with "" when it goes on.
        places: says where the program waits, as file:line.
        ticked: called with a clock tick, now and on replay.
    """

    def __init__(
        self,
        journal: Journal,
        waits: Callable[[str, float | None], None],
        places: Callable[[], str],
        ticked: Callable[[Outcome], None],
    ) -> None:
        self.journal = journal
        #: drives outside awaitables for at most so many seconds, until something arrives; set by the event loop
        self.pump: Callable[[float | None], None] | None = None
        #: tells the pump that something has arrived
        self.on_arrival: Callable[[], None] | None = None
        self._waits = waits
        self._places = places
        self.ticked = ticked
        self._expected: dict[Key, Expected] = {}
        self._held: deque[Callable[[], None]] = deque()
        self._timers: list[tuple[float, int, Key]] = []
        self._order = 0
        self._arrivals: deque[tuple[float, Callable[[], None]]] = deque()
        self._arrived = threading.Condition()
        self._outstanding = 0
        #: after how many busy rounds the present delivery comes; 0 when no lane was ready
        self.rounds = 0
        self._tick_after = FIRST_TICK
        self._last_live = 0.0

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
        self._outstanding += 1

    def arrive(self, deliver: Callable[[], None]) -> None:
        """Hand in the outcome of a call that was outside; any thread may.

        Args:
            deliver: records it and delivers it; called when its turn comes.
        """
        with self._arrived:
            self._outstanding -= 1
            self._arrivals.append((time.time(), deliver))
            self._arrived.notify()
        if self.on_arrival is not None:
            self.on_arrival()

    def deliver_one(self) -> None:
        """Deliver one outcome; waits for it.

        Raises:
            Halt: the record has an outcome that nobody expects, or nothing can ever arrive.
        """
        self.rounds = 0
        recorded = self.journal.next_outcome()
        if recorded is not None:
            self._deliver_recorded(recorded)
            return
        self._start_held()
        deliver = self._next_live()
        self._note_live()
        deliver()

    def deliver_busy(self, rounds: int) -> bool:
        """Deliver one outcome to a program that always has something ready, if it is time for that.

        After every `BUSY_ROUNDS` what has arrived or is due is delivered, and the rounds are recorded, so that replay
        delivers at the same point. When there is nothing, the session's clock ticks from time to time.

        Args:
            rounds: how often the loop ran all that was ready since the last delivery.

        Returns:
            whether something was delivered.

        Raises:
            Halt: the record goes on with what this program does not wait for.
        """
        recorded = self.journal.next_outcome()
        if recorded is not None:
            return self._deliver_busy_again(recorded, rounds)
        if rounds % BUSY_ROUNDS:
            return False
        self._start_held()
        deliver = self._arrived_or_due(busy=True)
        now = time.time()
        if deliver is None:
            if rounds < MOST_ROUNDS and now - self._last_live < self._tick_after:
                return False
            self._tick_after = min(self._tick_after * 2, LAST_TICK)
            self._last_live = now
            self.tick(rounds)
            return True
        self._note_live(now)
        self.rounds = rounds
        deliver()
        return True

    def _deliver_busy_again(self, recorded: Outcome, rounds: int) -> bool:
        if recorded.rounds != rounds:
            if rounds > MOST_ROUNDS:
                raise Halt(self._unexpected(recorded))
            return False
        self._deliver_recorded(recorded)
        return True

    def _deliver_recorded(self, recorded: Outcome) -> None:
        if recorded.lane == TICKS:
            self.journal.deliver(recorded)
            self.ticked(recorded)
            return
        expected = self._expected.pop((recorded.lane, recorded.n), None)
        if expected is None:
            raise Halt(self._unexpected(recorded))
        self.journal.deliver(recorded)
        expected.replayed(recorded)

    def _start_held(self) -> None:
        while self._held:
            self._held.popleft()()

    def _note_live(self, now: float = 0.0) -> None:
        self._tick_after = FIRST_TICK
        self._last_live = now

    def tick(self, rounds: int) -> None:
        """Record that the clock went on while the program was busy."""
        outcome = Outcome(self.journal.seq(), time.time(), TICKS, 0, True)
        outcome.rounds = rounds
        self.journal.note(outcome, ahead=True)
        self.ticked(outcome)

    def _unexpected(self, outcome: Outcome) -> DivergenceError:
        operation = self.journal.operation(outcome.lane, outcome.n)
        what = f"{operation.name} " if operation is not None and hasattr(operation, "name") else ""
        return DivergenceError(
            f"divergence: the journal delivers {what}({outcome.lane}:{outcome.n}, entry {outcome.seq}) here, "
            "but the program does not wait for it; "
            "resume it with the code it was recorded with"
        )

    def _next_live(self) -> Callable[[], None]:
        told, began = False, 0.0
        while True:
            deliver = self._arrived_or_due(busy=False)
            if deliver is not None:
                break
            due = self._due()
            left = None if due is None else max(0.0, due - time.time())
            if left is None and not self._outstanding:
                raise Halt(self._deadlock())
            if not told and (left is None or left > TELL_FROM):
                began = began or time.monotonic()
                if time.monotonic() - began < TELL_FROM:
                    # Telling is a write: nobody is told of a call that soon comes back.
                    self._wait(TELL_FROM)
                    continue
                told = True
                self._waits(self._what(), due)
            self._wait(left)
        if told:
            self._waits("", None)
        return deliver

    def _arrived_or_due(self, *, busy: bool) -> Callable[[], None] | None:
        """Return the arrival or the due timer with the earlier time; None if there is neither.

        Args:
            busy: the program does not wait, so nobody else lets what runs outside arrive.
        """
        due = self._due()
        is_due = due is not None and due <= time.time()
        if (busy or is_due) and not self._arrivals and self._outstanding and self.pump is not None:
            # Without this, timers that are always due would keep arrivals from ever being seen.
            self.pump(0.0)
        if self._arrivals and (due is None or self._arrivals[0][0] <= due or not is_due):
            return self._arrivals.popleft()[1]
        if is_due:
            fired = self._expected.pop(heapq.heappop(self._timers)[2]).fired
            assert fired is not None
            return fired
        return None

    def _due(self) -> float | None:
        """Return when the next timer that somebody still expects is due."""
        while self._timers and self._timers[0][2] not in self._expected:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def _wait(self, left: float | None) -> None:
        if self.pump is not None:
            self.pump(left)
            return
        with self._arrived:
            if not self._arrivals:
                # Bounded, since the wall clock that timers go by may be set while we wait.
                self._arrived.wait(min(left, 60.0) if left is not None else 60.0)

    def _what(self) -> str:
        return ", ".join(sorted({expected.what for expected in self._expected.values()})[:5])

    def _deadlock(self) -> DeadlockError:
        where = self._places() or self._what() or "the program"
        return DeadlockError(
            f"deadlock: {where} waits for what can't come: no call, timer or task is left that could end the wait; "
            f"repair it and go on with 'ninelives resume {self.journal.link.session_id} --with-code DIR'"
        )


#: A shorter wait is not worth telling anybody about, in seconds.
TELL_FROM = 0.2

#: Rounds after which a program that never waits gets what has arrived or is due: few enough that nothing waits long,
#: many enough that programs which wait in the end hardly ever come to it.
BUSY_ROUNDS = 100

#: Rounds after which the clock ticks in any case; about 20 ms.
MOST_ROUNDS = 10_000

#: Seconds after which the clock of a busy program ticks first, and after which it does later on: short polls end soon,
#: long ones do not fill the journal.
FIRST_TICK, LAST_TICK = 0.001, 0.05

#: Lane of the outcomes that are clock ticks.
TICKS = "-"
