"""Runs activities: once, recorded, and given again on replay.

The order of writes is the promise. Before a call its start is noted (it survives a kill) and everything read ahead of
it is on disk; after it, its outcome is on disk before user code sees it. A process that dies in between leaves a
start without an outcome: the call is made again, as the next attempt, or the session stops if the user said it must
not be.
"""

from __future__ import annotations

import sys
from functools import cached_property, partial
from inspect import isawaitable, iscoroutinefunction
from pickle import loads
from types import CoroutineType, FunctionType
from typing import TYPE_CHECKING, Any
from zlib import crc32

from ninelives.session import files, render, transactions, uses
from ninelives.session.attempts import Attempts
from ninelives.session.awaiting import OutsideAwaitable
from ninelives.session.calls import Attempt, Call
from ninelives.session.changes import Reach
from ninelives.session.contents import apply
from ninelives.session.descriptors import concerns
from ninelives.session.entries import Activity, Outcome
from ninelives.session.exceptions import follow, frames_of, sever
from ninelives.session.lanes import ROOM, Lane, RunningActivity, directly, need_room, running_activity
from ninelives.session.objects import Name
from ninelives.session.options import Options
from ninelives.session.remarks import remarks
from ninelives.session.standins import StandIn, real, reference
from ninelives.session.stop import Halt

if TYPE_CHECKING:
    from ninelives.session.awaited import Awaited
    from ninelives.session.session import Session

#: Pickle's opcode before every class and function (STACK_GLOBAL): without it no code of the program's runs.
_CLASS = 0x93

#: First byte of a plain pickle.
_PLAIN = 0x80

_NOTHING: dict[int, Name] = {}

#: Of a call that was never begun.
_FIRST = Attempt(1, 0, 0.0)


class Activities:
    """The activities of one session."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.attempts = Attempts(session)
        #: how many have finished, recorded ones included
        self.done = 0

    @cached_property
    def awaited(self) -> Awaited:
        """The calls that are awaited."""
        # Late: it needs asyncio, which takes 20 ms to import.
        from ninelives.session.awaited import Awaited

        return Awaited(self.session, self)

    def call(self, lane: Lane, function: Any, name: str, options: Options, /, *args: Any, **kwargs: Any) -> Any:
        """Make a call to the outside, or give what it came to before.

        Args:
            lane: the calling lane.
            function: what is called.
            name: its dotted name.
            options: how it is run.
            args: its arguments.
            kwargs: the same, by name.

        Raises:
            BaseException: what the call raised, now or when it was recorded.
            Halt: the session can't go on.
        """
        session = self.session
        if session.halted is not None:
            raise session.halted
        try:
            # As `need_room` does, without one more frame.
            sys._getframe(sys.getrecursionlimit() - ROOM - 1)
        except ValueError:
            pass
        else:
            need_room()
        call = Call(function, name, options, args, kwargs)
        lane.n = n = lane.n + 1
        call.key = key = (lane.name, n)
        if args or kwargs:
            call.shown = shown = session.showing.shown(render.arguments(args, kwargs))
            call.digest = crc32(shown.encode()) if shown.isascii() else render.digest(shown)
        else:
            call.shown, call.digest = "", 0
        recorded, outcome = session.journal.recorded(key)
        if outcome is None or type(recorded) is not Activity or recorded.name != name or recorded.digest != call.digest:
            # Replay needs the place for nothing but errors, and would spend a tenth of its time on it.
            call.file, call.line = session.showing.place(sys._getframe(1))
            if recorded is not None:
                session.comparison.agree(recorded, Activity, call)
        if outcome is not None:
            if outcome.awaited:
                return OutsideAwaitable(self.awaited, call, None, outcome, None)
            ok, value = self._again(call, outcome)
        else:
            ok, value = self._now(call, recorded)  # type: ignore[arg-type]
        # Raised here, now and on replay, so that a traceback which the program prints has the same lines.
        if ok:
            return value
        context = value.__context__
        try:
            raise value
        finally:
            follow(value, context)

    # Replay.

    def _again(self, call: Call, outcome: Outcome) -> tuple[bool, Any]:
        if self.session.baton.many and self._leaves(call):
            self.session.baton.await_outcome(call.key, call.name)
            return self.give(call, outcome)
        if not self.session.journal.deliver(outcome):
            call.file, call.line = self.session.showing.place(sys._getframe(2))
            raise Halt(self.session.comparison.out_of_order(call, outcome))
        return self.give(call, outcome)

    def give(self, call: Call, outcome: Outcome, reach: Reach | None = None) -> tuple[bool, Any]:
        """Return what a recorded outcome holds: whether the call succeeded, and its result or exception.

        Args:
            call: the call.
            outcome: its outcome.
            reach: what the call could reach when it left; None if that is what it can reach now.
        """
        session = self.session
        self.done += 1
        data = outcome.data
        if _CLASS not in data and data and data[0] == _PLAIN and not outcome.changed:
            value = loads(data)
        else:
            with directly():
                value = self._decoded(call, outcome, reach)
        session.delivered(outcome)
        if outcome.bridged:
            session.bridge.do(outcome)
        if outcome.in_transaction is not None or type(call.function) is not FunctionType or concerns(call.name):
            uses.note_use(session, call, outcome, value)
        if outcome.spot is not None:
            file = value if type(value) is StandIn else files.file_of(call.function, call.kwargs)
            file = session.live.as_given(file)
            if type(file) is StandIn:
                reference(file).move(outcome.spot)
        session.observer.replaying(self.done, session.journal.total)
        return outcome.ok, value

    def _decoded(self, call: Call, outcome: Outcome, reach: Reach | None) -> Any:
        data = outcome.data
        if is_plain(outcome):
            return self.session.values.decode(data, "", ())
        reach, live = reach or self.reach(call), self.session.live
        live.was_asked = False
        value = self.session.values.decode(data, outcome.blob, reach.objects)
        if live.was_asked:
            live.remake_with(call.key, partial(self._remake, call, outcome.changed), call.name in files.OPENERS)
        if outcome.changed:
            value, changes = value
            for changed, name in apply(changes, reach.objects):
                live.lose(changed, name)
        return value

    def _remake(self, call: Call, changed: bool) -> list[Any]:
        """Call again for the live leaves of a recorded result, and of what the call changed."""
        reach = self.reach(call)
        token = running_activity.set(RunningActivity(self.session, call.key, 1))
        try:
            self.session.live.descriptors.renew(call)
            if call.name in files.OPENERS:
                call.function = files.reopening(real(call.function), call.args, call.kwargs)
                call.args, call.kwargs = (), {}
            reach.watch()
            value = self._outcome_of(call)
            recorded = (value, reach.changes()) if changed else value
            return self.session.values.leaves(call.key, recorded, reach.index)
        finally:
            running_activity.reset(token)

    def _outcome_of(self, call: Call) -> Any:
        handled = sys.exc_info()[1]
        try:
            value = self.attempts.invoke(call)
            if type(value) not in render.ATOMS and isawaitable(value):
                return self.session.event_loop().outside.wait(value)
            return value
        except Halt:
            raise
        except BaseException as error:  # noqa: BLE001 - what it raised was its outcome, and is again
            sever(error, handled)
            return error

    # Live.

    def _now(self, call: Call, recorded: Activity | None) -> tuple[bool, Any]:
        session, attempts = self.session, self.attempts
        if recorded is not None:
            attempt = attempts.after(call, recorded)
        elif session.journal.exhausted:
            attempt = _FIRST
        else:
            raise Halt(session.comparison.not_recorded(call))
        leaves = session.baton.many and self._leaves(call)
        if leaves:
            session.baton.await_live(call.name)
        elif recorded is not None and not session.journal.exhausted and session.running_loop() is not None:
            # It was awaited when it was cut off, and others went on: it is made again when they have come so far.
            return True, OutsideAwaitable(self.awaited, call, None, attempt, None)
        reach = self.reach(call) if call.has_objects() else None
        if reach is not None:
            session.live.check_not_lost(reach.objects)
        session.live.descriptors.renew(call)
        if session.live.transactions:
            transactions.check(session, call, recorded is not None)
        while True:
            if attempt.not_before:
                wait = partial(session.timers.wait_until, attempt.not_before, f"{call.name} to be tried again")
                session.baton.away(wait) if leaves else wait()
                attempt = attempt._replace(not_before=0.0)
            attempts.begin(call, attempt)
            if reach is not None:
                reach.watch()
            ok, value, running, taken = (attempts.run_away if leaves else attempts.run)(call, attempt.number)
            if ok and (type(value) is CoroutineType or (type(value) not in render.ATOMS and isawaitable(value))):
                return True, OutsideAwaitable(self.awaited, call, value, attempt, running)
            if ok or attempt.failures >= call.options.retries or not isinstance(value, Exception):
                rounds = session.scheduler.forced() if leaves else 0
                try:
                    return self.finish(call, reach, running, ok, value, taken, rounds)
                finally:
                    # The frames of its traceback lead back to this one: an error must not keep itself by it.
                    del value
            attempt = attempts.back_off(call, attempt, value)

    def _leaves(self, call: Call) -> bool:
        """Return whether other lanes run while a call is outside, if there are others.

        What is awaited does not, since the call has no outcome of its own; nor does what holds up an event loop anyway.
        """
        if self.session.lanes[call.key[0]].turn is None:
            return False
        return not iscoroutinefunction(call.function)

    def reach(self, call: Call) -> Reach:
        """Return the objects that a call can reach."""
        classifier = self.session.classifier
        return Reach(
            [call.function, *call.args, *call.kwargs.values()], classifier.user_class, classifier.user_function
        )

    def finish(
        self,
        call: Call,
        reach: Reach | None,
        running: RunningActivity,
        ok: bool,
        value: Any,
        taken: float,
        rounds: int,
        awaited: bool = False,
    ) -> tuple[bool, Any]:
        """Put the outcome on disk, and return it as replay will give it."""
        session = self.session
        token = running_activity.set(running)
        try:
            changes = reach.changes() if reach is not None else []
            known, objects = (reach.index, reach.objects) if reach is not None else (_NOTHING, [])
            if not ok and id(value) in known:
                changes.append((known[id(value)], "traceback", frames_of(value.__traceback__, session.own_frame)))
            shown = session.showing.shown(render.result(value) if ok else render.error_text(value))
            encoded = session.values.encode(call.key, (value, changes) if changes else value, known, objects)
        finally:
            running_activity.reset(token)
        lane = call.key[0]
        outcome = Outcome(
            session.journal.seq(),
            self.session.clock.now(),
            lane,
            call.key[1],
            ok,
            encoded.data,
            encoded.blob,
            shown if len(shown) <= render.LIMIT else render.cut(shown),
            bool(changes),
            round(taken * 1000, 3),
            awaited,
            session.output.lines_of(lane),
        )
        outcome.rounds = rounds
        file = value if isinstance(value, files.FILE) else files.file_of(call.function, call.kwargs)
        if file is value and call.name in files.OPENERS:
            session.live.opened(call.key)
        if file is not None:
            outcome.spot = files.settle(real(file))
        transactions.record(session, call, value, outcome)
        session.live.descriptors.forget(call, value)
        if session.has_bridge:
            outcome.bridged = session.bridge.taken()
        lines = session.output.take(running) if running.lines or running.partial else []
        if encoded.leaves or changes:
            lines = lines + remarks(session.output, call.name, encoded.leaves, changes)
        session.journal.commit(outcome, lines=lines, blobs=(encoded.blob,) if encoded.blob else ())
        self.done += 1
        session.delivered(outcome)
        if outcome.bridged:
            session.bridge.do(outcome)
        session.observer.activity_finished(self.done)
        if not changes:
            return ok, encoded.value
        given, changes = encoded.value
        apply(changes, objects)
        return ok, given


def is_plain(outcome: Outcome) -> bool:
    """Return whether an outcome needs nothing that the call could reach."""
    return outcome.data[:1] == b"\x80" and not outcome.changed
