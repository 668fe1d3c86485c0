"""Which thread of a session runs the user's code: the one that holds the baton.

Every thread lane is a real thread with a turn. It holds the baton until it waits; then the lane that has been ready the
longest gets it. The lane that waits last, with no other ready, delivers the next outcome. So the order in which lanes
run follows from the order of the outcomes, and that is what the journal holds.
"""

from __future__ import annotations

import _thread
import sys
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ninelives.code import rewrite
from ninelives.session import watchdog
from ninelives.session.lanes import Lane, active, current_lane
from ninelives.session.scheduler import BUSY_ROUNDS, Expected
from ninelives.session.turn import Turn

if TYPE_CHECKING:
    from ninelives.session.entries import Outcome
    from ninelives.session.session import Session

T = TypeVar("T")

#: Seconds that a thread gets to unwind when the session is over.
_UNWIND = 5.0


class Baton:
    """The turns of one session."""

    def __init__(self, session: Session, lane: Lane) -> None:
        self.session = session
        self.ready: deque[Turn] = deque()
        self._count = 0
        #: handles of the threads that the session waits for at its end (since 3.13)
        self.not_daemons: list[Any] = []
        self.turns: list[Turn] = []
        self.main = self.turn_for(lane)
        self.main.real = _thread.get_ident()
        #: who has the baton; None: every lane is outside
        self.holder: Turn | None = self.main
        #: guarded operations since the last tick, and how often the baton was passed: they tell who spins
        self.operations = 0
        self.passes = 0
        #: whether there is more than one thread lane
        self.many = False
        self._paused: dict[Turn, None] = {}
        self._between = _thread.allocate_lock()
        self._over = False

    # Turns.

    def turn_for(self, lane: Lane) -> Turn:
        """Return the turn of a new thread lane."""
        self._count += 1
        lane.turn = turn = Turn(lane, self._count)
        self.turns.append(turn)
        if len(self.turns) == 2:
            self._become_many(True)
        return turn

    def start(self, turn: Turn) -> None:
        """Let a new thread run when its turn comes; called by the lane that starts it."""
        self._paused[turn] = None
        self.ready.append(turn)

    def begin(self, turn: Turn) -> None:
        """Wait for the first turn; called by the new thread.

        Raises:
            BaseException: the session is over.
        """
        turn.real = _thread.get_ident()
        turn.pause()
        turn.granted = False
        active.threads[turn.real] = turn.lane
        self.session.check()

    def finish(self, turn: Turn) -> None:
        """Give the baton away for good: the thread has ended."""
        active.threads.pop(turn.real, None)
        self.turns.remove(turn)
        if self._over:
            self.main.gate.release()
            return
        if len(self.turns) == 1:
            self._become_many(False)
        self._give_away(self.main if not self.session.goes_on else None)

    def _become_many(self, many: bool) -> None:
        """Count guarded operations only while there is somebody to pass the baton to."""
        self.many = many
        if many:
            watchdog.watch(self)
        builtins, hooks = self.session.builtins, self.session.hooks
        builtins[rewrite.CALL] = self._counting(hooks[rewrite.CALL]) if many else hooks[rewrite.CALL]

    def _counting(self, guard: Callable[[Any], Any]) -> Callable[[Any], Any]:
        self.operations = 0

        def counting(f: Any) -> Any:
            if current_lane() is not None:
                self.operations += 1
                if self.operations >= BUSY_ROUNDS:
                    self.operations = 0
                    self._tick()
            return guard(f)

        return counting

    # Waiting.

    def here(self) -> Turn:
        """Return the turn of the calling thread, which holds the baton."""
        turn = active.threads[_thread.get_ident()].turn
        assert turn is not None
        return turn

    def wake(self, turn: Turn) -> None:
        """Let a lane that waits run after those that are ready."""
        self.ready.append(turn)

    def wake_first(self, turn: Turn) -> None:
        """Let a lane run before all others: it records what was delivered to it."""
        self.ready.appendleft(turn)

    def wait(self, turn: Turn, waits_for: Callable[[], str] | None = None) -> None:
        """Let others run until somebody wakes this lane.

        Args:
            turn: of the calling thread, which holds the baton.
            waits_for: says what for, for people.

        Raises:
            BaseException: the session leaves the user's code.
        """
        self.session.check()
        turn.waits_for = waits_for
        ready = self.ready
        while True:
            if ready:
                following = ready.popleft()
                if following is turn:
                    break
                self._hand(turn, following)
                if turn.granted:
                    break
            else:
                self.session.scheduler.deliver_one()
            self.session.check()
        turn.granted = False
        turn.waits_for = None
        self.session.check()

    def _hand(self, turn: Turn, following: Turn) -> None:
        with self._between:
            self._paused[turn] = None
            self._paused.pop(following, None)
            following.granted = True
            self.holder = following
        self.passes += 1
        following.resume()
        turn.pause()

    def pass_on(self) -> None:
        """Let those run that are ready, and go on after them."""
        if self.ready and not self.session.loading:
            turn = self.here()
            self.ready.append(turn)
            self.wait(turn)

    def _tick(self) -> None:
        """Let others run, and outcomes in, though the lane goes on; called at a count that replays."""
        if self.session.loading:
            # Python holds a lock while a module loads: a lane that imports the same would wait for it with the baton.
            return
        self.session.scheduler.poll(BUSY_ROUNDS)
        self.pass_on()

    def go_on(self) -> None:
        """Let others run, and outcomes in, though an event loop has something ready."""
        self.session.scheduler.poll(1, ticks=True)
        self.pass_on()

    def is_wanted(self) -> bool:
        """Return whether a lane is ready, or something has come for one; any thread may ask."""
        return bool(self.ready) or self.session.scheduler.has_come()

    # Outside.

    def away(self, work: Callable[[], T]) -> T:
        """Do what is outside while other lanes run; return when it is this lane's turn to take the outcome."""
        turn = self.here()
        scheduler = self.session.scheduler
        scheduler.left()
        self._give_away(None)
        try:
            return work()
        finally:
            scheduler.arrive(lambda: self.wake_first(turn))
            self._take_back(turn)

    def await_outcome(self, key: tuple[str, int], what: str) -> None:
        """Let others run until the recorded outcome of ``key`` is delivered."""
        turn = self.here()

        def replayed(_: Outcome) -> None:
            self.wake_first(turn)

        self.session.scheduler.expect(key, Expected(replayed, None, what))
        self.wait(turn, lambda: what)

    def await_live(self, what: str) -> None:
        """Let others run until everything recorded was delivered: only then a call that was cut off is made again."""
        if not self.session.journal.exhausted:
            turn = self.here()
            self.session.scheduler.when_live(lambda: self.wake_first(turn))
            self.wait(turn, lambda: what)

    def _give_away(self, to: Turn | None) -> None:
        with self._between:
            if to is not None and to in self._paused:
                following: Turn | None = to
            elif self.ready:
                following = self.ready.popleft()
                following.granted = True
            else:
                # Nobody is ready: any lane that waits looks after deliveries.
                following = next(iter(self._paused), None)
            self.holder = following
            if following is not None:
                # Its call may have ended without its thread having come back yet.
                self._paused.pop(following, None)
        if following is not None:
            following.resume()

    def _take_back(self, turn: Turn) -> None:
        with self._between:
            if self._over:
                # The session has ended without this call: nothing of the program runs any more.
                free = None
            else:
                free = self.holder is None
                if free:
                    self.holder = turn
                elif not turn.granted:
                    self._paused[turn] = None
        if free is None:
            _park()
        if not free:
            turn.pause()
            if turn.granted:
                turn.granted = False
                self.session.check()
                return
        self.wait(turn)

    # The end.

    def end(self) -> None:
        """Unwind the threads that still wait; called by the main lane when the session does no more."""
        with self._between:
            self._over = True
        for turn in list(self._paused):
            if turn is not self.main:
                self.holder = turn
                turn.resume()
                self.main.gate.acquire(timeout=_UNWIND)
        self._paused.clear()
        self.ready.clear()

    def places(self) -> str:
        """Return where the lanes wait, and what for."""
        frames = sys._current_frames()
        return ", ".join(filter(None, (self._place(turn, frames.get(turn.real)) for turn in self.turns)))

    def _place(self, turn: Turn, frame: Any) -> str:
        file, line = self.session.showing.place(frame) if frame is not None else ("", 0)
        waits = f" for {turn.waits_for()}" if turn.waits_for is not None else ""
        return f"lane {turn.lane.name} at {file}:{line}{waits}" if file else f"lane {turn.lane.name}{waits}"


def _park() -> None:
    """Stop the calling thread for good; its process ends without it."""
    lock = _thread.allocate_lock()
    while True:
        lock.acquire()
