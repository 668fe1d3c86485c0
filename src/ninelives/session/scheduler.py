"""Delivers outcomes to lanes, one at a time: the only freedom a session has is their order, and the journal holds it.

A lane that waits says which key it expects. When no lane is ready, one outcome is delivered: on replay the next
recorded one; after that, the arrival or the due timer with the earliest time, which is recorded first. It knows
nothing of asyncio: a session's event loop and its synchronous code both sit on it.
"""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ninelives.errors import DeadlockError, DivergenceError
from ninelives.session.arrivals import Arrivals
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
        now: returns the unix time in seconds, which never goes back.
        places: says where the program waits, as file:line.
        waits: called with what the session waits for and until when (unix seconds), and with "" when it goes on.
        ticked: called with a clock tick, now and on replay.
    """

    def __init__(
        self,
        journal: Journal,
        now: Callable[[], float],
        waits: Callable[[str, float | None], None],
        places: Callable[[], str],
        ticked: Callable[[Outcome], None],
    ) -> None:
        self.journal = journal
        self.now = now
        self.baton: Baton
        #: how long lanes have run since the last outcome and never waited, in rounds
        self.rounds = 0
        #: in which round the present delivery comes; 0 when no lane was ready
        self._forced = 0
        #: the program has come to everything that is recorded
        self._is_live = False
        self._tick_after = FIRST_TICK
        self._last_live = 0.0
        self._waits = waits
        self._places = places
        self._ticked = ticked
        self._expected: dict[Key, Expected] = {}
        self._held: deque[Callable[[], None]] = deque()
        self._timers: list[tuple[float, int, Key]] = []
        self._order = 0
        self._arrivals = Arrivals(now)
        #: counts a call that is now outside
        self.left: Callable[[], None] = self._arrivals.left

    @property
    def is_outside(self) -> bool:
        """Whether calls are outside."""
        return self._arrivals.outstanding > 0

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

    def arrive(self, deliver: Callable[[], None]) -> None:
        """Hand in the outcome of a call that was outside; any thread may.

        Args:
            deliver: records it and delivers it; called when its turn comes.
        """
        self._arrivals.hand_in(deliver, 1)
        self._stir()

    def interrupt(self, deliver: Callable[[], None]) -> None:
        """Hand in what is to be done when no lane is ready; any thread may."""
        self._arrivals.hand_in(deliver, 0)
        self._stir()

    def _stir(self) -> None:
        holder = self.baton.holder
        if holder is not None and holder.stir is not None:
            holder.stir()

    def deliver_one(self) -> None:
        """Deliver one outcome; waits for it.

        Raises:
            Halt: the record has an outcome that nobody expects, or nothing can ever arrive.
        """
        recorded = self.journal.next_outcome()
        if recorded is not None:
            if recorded.rounds:
                # It was delivered to a program that did not wait.
                raise Halt(self.unexpected(recorded))
            self._again(recorded)
        elif self._held:
            self._start_held()
        else:
            deliver = self._next_live()
            self._note_live(0)
            deliver()

    def may_take(self) -> bool:
        """Return whether nobody else can have come first to a call that begins and ends now, when no lane is ready."""
        return not (self._held or self._arrivals.outstanding) and self.journal.exhausted

    def take(self) -> bool:
        """Count what came just now as delivered, when no lane is ready.

        Returns:
            False if something else is to be delivered before it.
        """
        if self._arrivals.queue:
            return False
        if self._timers and (due := self._due()) is not None and due <= self.now():
            return False
        self.rounds = 0
        self._note_live(0)
        return True

    def poll(self, rounds: int, *, ticks: bool = False) -> None:
        """Deliver an outcome though lanes are ready, if it is time for that and one has come.

        It is time after every `BUSY_ROUNDS`. The journal holds in which round it was, so that replay delivers at the
        same point.

        Args:
            rounds: for how long the lane has run on since it asked last.
            ticks: let the session's clock tick from time to time when nothing has come.

        Raises:
            Halt: the record goes on with what this program does not wait for.
        """
        before = self.rounds
        self.rounds += rounds
        recorded = self.journal.next_outcome()
        is_time = self.rounds // BUSY_ROUNDS > before // BUSY_ROUNDS
        if recorded is not None:
            if recorded.rounds == self.rounds:
                self._again(recorded)
            elif ticks and is_time and self.rounds > MOST_ROUNDS:
                raise Halt(self.unexpected(recorded))
        elif is_time and self._has_come_to_all(ticks):
            self._poll_live(ticks)

    def _has_come_to_all(self, ticks: bool) -> bool:
        """Return whether the program has begun all that is recorded: that was begun before the next outcome came."""
        if not self._is_live:
            lanes = self.baton.session.lanes
            left = self.journal.left_over({name: lane.n for name, lane in lanes.items()})
            # A busy program that does not come to it by then does not do what it did: that is said at its end.
            self._is_live = left is None or (ticks and self.rounds > MOST_ROUNDS)
        return self._is_live

    def _poll_live(self, ticks: bool) -> None:
        if self._held:
            self._start_held()
            return
        deliver = self._arrived_or_due(self._due(), busy=True)
        now = self.now()
        if deliver is not None:
            self._note_live(self.rounds, now)
            deliver()
        elif ticks and (self.rounds >= MOST_ROUNDS or now - self._last_live >= self._tick_after):
            after = min(self._tick_after * 2, LAST_TICK)
            self._note_live(self.rounds, now, after)
            self._tick()

    def _note_live(self, rounds: int, now: float = 0.0, tick_after: float | None = None) -> None:
        self._forced = rounds
        self._last_live = now
        self._tick_after = FIRST_TICK if tick_after is None else tick_after

    def _tick(self) -> None:
        """Record that the clock went on while the program was busy."""
        outcome = Outcome(self.journal.seq(), self.now(), TICKS, 0, True)
        outcome.rounds = self.forced()
        self.journal.note(outcome, ahead=True)
        self._ticked(outcome)

    def has_come(self) -> bool:
        """Return whether a call has ended or a timer is due; any thread may ask."""
        return bool(self._arrivals.queue) or (bool(self._timers) and self._timers[0][0] <= self.now())

    def forced(self) -> int:
        """Return the round in which the outcome that is recorded now was forced; 0 if no lane was ready.

        Rounds are counted from here: not every delivery is an outcome, and replay has only those.
        """
        self.rounds = 0
        return self._forced

    def _again(self, recorded: Outcome) -> None:
        self.rounds = 0
        if recorded.lane == TICKS:
            self.journal.deliver(recorded)
            self._ticked(recorded)
            return
        if recorded.lane == BRIDGED:
            self.journal.deliver(recorded)
            self.baton.session.bridge.deliver(recorded)
            return
        expected = self._expected.pop((recorded.lane, recorded.n), None)
        if expected is None:
            raise Halt(self.unexpected(recorded))
        self.journal.deliver(recorded)
        expected.replayed(recorded)

    def _start_held(self) -> None:
        while self._held:
            self._held.popleft()()

    def unexpected(self, outcome: Outcome) -> DivergenceError:
        """Return the error of a recorded outcome that the program does not wait for."""
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
            due = self._due() if self._timers else None
            deliver = self._arrived_or_due(due, busy=False)
            if deliver is not None:
                break
            left = None if due is None else max(0.0, due - self.now())
            if left is None and not self._arrivals.outstanding and not self.baton.session.may_be_bridged():
                raise Halt(self._deadlock())
            if not told and (left is None or left > TELL_FROM):
                now = time.monotonic()
                began = began or now
                if now - began < TELL_FROM:
                    # Telling is a write: nobody is told of a call that soon comes back.
                    self._wait(TELL_FROM)
                    continue
                told = True
                self._waits(self._what(), due)
            self._wait(left)
        if told:
            self._waits("", None)
        return deliver

    def _arrived_or_due(self, due: float | None, *, busy: bool) -> Callable[[], None] | None:
        """Return the arrival or the due timer with the earlier time; None if there is neither.

        Args:
            due: when the next timer is.
            busy: the lane does not wait, so nobody else lets arrive what runs under its event loop.
        """
        arrivals, queue = self._arrivals, self._arrivals.queue
        is_due = due is not None and due <= self.now()
        if (busy or is_due) and not queue and arrivals.outstanding and (pump := self._pump()) is not None:
            # Without this, timers that are always due would keep arrivals from ever being seen.
            pump(0.0)
        if queue and (due is None or not is_due or queue[0][0] <= due):
            return queue.popleft()[1]
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
        pump = self._pump()
        if pump is not None:
            pump(left)
        else:
            # Bounded, since the wall clock that timers go by may be set while we wait.
            self._arrivals.wait(min(left, 60.0) if left is not None else 60.0)

    def _pump(self) -> Callable[[float | None], None] | None:
        """Return what drives the outside loop under the lane that has the baton."""
        holder = self.baton.holder
        return holder.pump if holder is not None else None

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

#: Rounds after which a program that never waits gets what has arrived or is due: few enough that nothing waits long,
#: many enough that programs which wait in the end hardly ever come to it. A round is one of an event loop, or one
#: guarded operation of a thread.
BUSY_ROUNDS = 100

#: Rounds after which the clock ticks in any case; about 20 ms.
MOST_ROUNDS = 10_000

#: Seconds after which the clock of a busy program ticks first, and after which it does later on: short polls end soon,
#: long ones do not fill the journal.
FIRST_TICK, LAST_TICK = 0.001, 0.05

#: Lane of the outcomes that are clock ticks.
TICKS = "-"

#: Lane of the outcomes that are what outside code did to an object of the session (`bridge`).
BRIDGED = "~"
