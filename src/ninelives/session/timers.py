"""Durable sleep: a timer is recorded with the time at which it fires, so a restart waits only for what is left."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from ninelives.session import functions, keeping
from ninelives.session.entries import Outcome, Sleep
from ninelives.session.lanes import Lane, need_room
from ninelives.session.scheduler import Expected

if TYPE_CHECKING:
    from ninelives.session.session import Session

#: Seconds that are slept in one piece: the wall clock that timers go by may be set meanwhile.
_PIECE = 60.0


class Timers:
    """The timers of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def sleep(self, lane: Lane, seconds: float) -> None:
        """Sleep on a lane: durably, and only for what is left of it."""
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        baton = self._session.baton
        if seconds == 0:
            baton.pass_on()
            return
        turn = baton.here()
        self.start(lane, self._session.clock.wall() + seconds, lambda: baton.wake(turn))
        baton.wait(turn, lambda: "the end of its sleep")

    def start(self, lane: Lane, until: float, fire: Callable[[], None]) -> tuple[str, int]:
        """Start a durable timer of a lane, and return its key.

        Args:
            lane: the lane.
            until: unix time in seconds; a recorded timer has its own.
            fire: called when it is delivered.
        """
        session = self._session
        session.check()
        need_room()
        lane.n += 1
        key = (lane.name, lane.n)
        place = session.showing.place(sys._getframe(1))
        recorded = session.comparison.recorded_sleep(key, place)
        if recorded is None:
            recorded = Sleep(session.journal.seq(), session.clock.now(), *key, until, *place)
            session.journal.note(recorded, ahead=True)

        def fired() -> None:
            outcome = Outcome(session.journal.seq(), session.clock.now(), *key, True)
            outcome.lines = session.output.lines_of(lane.name)
            outcome.rounds = session.scheduler.forced()
            session.journal.commit(outcome)
            replayed(outcome)

        def replayed(outcome: Outcome) -> None:
            session.delivered(outcome)
            fire()

        session.scheduler.expect(key, Expected(replayed, fired, "sleep"))
        session.scheduler.timer(key, recorded.until)
        return key

    def wait_until(self, until: float, what: str) -> None:
        """Wait in place for a unix time in seconds; the session's lanes wait with it."""
        left = until - self._session.clock.now()
        if left <= 0:
            return
        self.tell(what, until, "a call that is to be made again")
        while left > 0:
            functions.really_sleep(min(left, _PIECE))
            left = until - self._session.clock.now()
        self.tell("", None)

    def tell(self, what: str, until: float | None, keeps: str | None = None) -> None:
        """Say what the session waits for, until when, and what keeps its process; an empty ``what``: it goes on."""
        waiting = ""
        if what:
            kept = keeping.keeps(self._session) if keeps is None else keeps
            waiting = json.dumps({"for": what, "until": until, "keeps": kept})
        self._session.link.waiting(waiting)
        self._session.observer.waiting(what, until)
