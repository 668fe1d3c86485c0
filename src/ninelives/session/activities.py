"""Runs activities: once, recorded, and given again on replay.

The order of writes is the promise. Before a call its start is noted (it survives a kill) and everything read ahead of
it is on disk; after it, its outcome is on disk before user code sees it. A process that dies in between leaves a
start without an outcome: the call is made again, as the next attempt, or the session stops if the user said it must
not be.
"""

from __future__ import annotations

import sys
import time
from functools import partial
from inspect import isawaitable, iscoroutine, iscoroutinefunction
from pickle import loads
from typing import TYPE_CHECKING, Any
from zlib import crc32

from ninelives.errors import InterruptedActivityError, StoppedError
from ninelives.session import files, render, transactions, uses
from ninelives.session.awaiting import OutsideAwaitable
from ninelives.session.calls import Attempt, Call
from ninelives.session.changes import Reach
from ninelives.session.contents import apply
from ninelives.session.entries import Activity, Outcome
from ninelives.session.exceptions import frames_of
from ninelives.session.lanes import Lane, RunningActivity, current_lane, directly, need_room, running_activity
from ninelives.session.options import DEFAULT, Options
from ninelives.session.standins import StandIn, real, reference
from ninelives.session.stop import Halt
from ninelives.session.timeout import time_limit

if TYPE_CHECKING:
    from ninelives.session.session import Session

#: Generators that only read, and are read to their end at once, so that a restart in the middle can go on.
_READ_WHOLE = frozenset(
    {"pathlib.Path.glob", "pathlib.Path.rglob", "pathlib.Path.iterdir", "pathlib.Path.walk", "os.walk", "glob.iglob"}
)

#: Pickle's opcode before every class and function (STACK_GLOBAL): without it no code of the program's runs.
_CLASS = b"\x93"

_NOTHING: dict[int, int] = {}

#: Of a call that was never begun.
_FIRST = Attempt(1, 0, 0.0)


class Activities:
    """The activities of one session."""

    def __init__(self, session: Session) -> None:
        self.session = session
        #: how many have finished, recorded ones included
        self.done = 0

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
        need_room()
        call = Call(function, name, options, args, kwargs)
        lane.n = n = lane.n + 1
        call.key = key = (lane.name, n)
        call.shown = shown = session.showing.shown(render.arguments(args, kwargs))
        call.digest = crc32(shown.encode()) if shown.isascii() else render.digest(shown)
        recorded = session.journal.operation(lane.name, n)
        outcome = session.journal.outcome(key) if recorded is not None else None
        if outcome is None or type(recorded) is not Activity or recorded.name != name or recorded.digest != call.digest:
            # Replay needs the place for nothing but errors, and would spend a tenth of its time on it.
            call.file, call.line = session.showing.place(sys._getframe(1))
            if recorded is not None:
                session.comparison.agree(recorded, Activity, call)
        if outcome is not None:
            ok, value = self._again(call, outcome)
        else:
            ok, value = self._now(call, recorded)  # type: ignore[arg-type]
        # Raised here, now and on replay, so that a traceback which the program prints has the same lines.
        if ok:
            return value
        raise value

    # Replay.

    def _again(self, call: Call, outcome: Outcome) -> tuple[bool, Any]:
        if outcome.awaited:
            return True, self._awaitable(call, None, None)
        if self._leaves(call):
            self.session.baton.await_outcome(call.key, call.name)
            return self.give(call, outcome)
        if not self.session.journal.deliver(outcome):
            call.file, call.line = self.session.showing.place(sys._getframe(2))
            raise Halt(self.session.comparison.out_of_order(call, outcome))
        return self.give(call, outcome)

    def give(self, call: Call, outcome: Outcome) -> tuple[bool, Any]:
        """Return what a recorded outcome holds: whether the call succeeded, and its result or exception."""
        session = self.session
        self.done += 1
        data = outcome.data
        if _CLASS not in data and data[:1] == b"\x80" and not outcome.changed:
            value = loads(data)
        else:
            with directly():
                value = self._decoded(call, outcome)
        session.delivered(outcome)
        uses.note_use(session, call, outcome, value)
        if outcome.spot is not None:
            file = value if type(value) is StandIn else files.file_of(call.function, call.kwargs)
            file = session.live.as_given(file)
            if type(file) is StandIn:
                reference(file).move(outcome.spot)
        session.observer.replaying(self.done, session.journal.total)
        return outcome.ok, value

    def _decoded(self, call: Call, outcome: Outcome) -> Any:
        data = outcome.data
        if data[:1] == b"\x80" and not outcome.changed:
            return self.session.values.decode(data, "", ())
        reach, live = self._reach(call), self.session.live
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
        reach = self._reach(call)
        token = running_activity.set(RunningActivity(self.session.id, call.key, 1))
        try:
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
        try:
            value = self._invoke(call)
            if type(value) not in render.ATOMS and isawaitable(value):
                return self.session.event_loop().outside.wait(value)
            return value
        except Halt:
            raise
        except BaseException as error:  # noqa: BLE001 - what it raised was its outcome, and is again
            return error

    # Live.

    def _now(self, call: Call, recorded: Activity | None) -> tuple[bool, Any]:
        session = self.session
        if recorded is not None:
            attempt = self._attempt(call, recorded)
        elif session.journal.exhausted:
            attempt = _FIRST
        else:
            raise Halt(session.comparison.not_recorded(call))
        leaves = self._leaves(call)
        if leaves:
            session.baton.await_live(call.name)
        elif recorded is not None and not session.journal.exhausted and session.running_loop() is not None:
            # It was awaited when it was cut off, and others went on: it is made again when they have come so far.
            return True, self._awaitable(call, None, attempt)
        reach = self._reach(call) if call.has_objects() else None
        if reach is not None:
            session.live.check_not_lost(reach.objects)
        if session.live.descriptors and call.name.startswith("os."):
            session.live.check_descriptors(call.name, call.args)
        if session.live.transactions:
            transactions.check(session, call, recorded is not None)
        while True:
            if attempt.not_before:
                wait = partial(session.timers.wait_until, attempt.not_before, f"{call.name} to be tried again")
                session.baton.away(wait) if leaves else wait()
                attempt = attempt._replace(not_before=0.0)
            session.observer.activity_started(call.name, call.key[1])
            session.journal.note_before_leaving(self._entry(call, attempt, ""))
            if reach is not None:
                reach.watch()
            if leaves:
                ok, value, running, taken = self._run_away(call, attempt.number)
            else:
                ok, value, running, taken = self._run(call, attempt.number)
            if ok and type(value) not in render.ATOMS and isawaitable(value):
                return True, self._awaitable(call, value, attempt)
            if ok or attempt.failures >= call.options.retries or not isinstance(value, Exception):
                rounds = session.scheduler.forced() if leaves else 0
                return self._finish(call, reach, running, ok, value, taken, rounds)
            attempt = self._back_off(call, attempt, value)

    def _attempt(self, call: Call, recorded: Activity) -> Attempt:
        if recorded.last_error:
            # The attempt before failed, and this one has not begun.
            return Attempt(recorded.attempt, recorded.failures, recorded.not_before)
        if call.options.if_interrupted == "stop" and not self.session.setting.retry_interrupted:
            raise Halt(
                InterruptedActivityError(
                    f"{call.file}:{call.line}: {call.name}, marked if_interrupted='stop', was cut off; "
                    f"see whether it took effect; to make it again: ninelives resume {self.session.id} --retry-failed"
                )
            )
        return Attempt(recorded.attempt + 1, recorded.failures, 0.0)

    def _begin(self, call: Call, attempt: Attempt) -> None:
        self.session.observer.activity_started(call.name, call.key[1])
        self.session.journal.note_before_leaving(self._entry(call, attempt, ""))

    def _back_off(self, call: Call, attempt: Attempt, error: Exception) -> Attempt:
        """Record that an attempt failed and that there is a next one."""
        until = time.time() + call.options.backoff * 2.0**attempt.failures
        after = Attempt(attempt.number + 1, attempt.failures + 1, until)
        shown = render.cut(self.session.showing.hide(render.error_text(error)))
        self.session.journal.note(self._entry(call, after, shown))
        return after

    def _entry(self, call: Call, attempt: Attempt, error: str) -> Activity:
        return Activity(
            self.session.journal.seq(),
            time.time(),
            call.key[0],
            call.key[1],
            call.name,
            call.digest,
            call.shown if len(call.shown) <= render.LIMIT else render.cut(call.shown),
            call.file,
            call.line,
            attempt.number,
            attempt.not_before,
            attempt.failures,
            error,
        )

    def _run(self, call: Call, attempt: int) -> tuple[bool, Any, RunningActivity, float]:
        running = RunningActivity(self.session.id, call.key, attempt)
        token = running_activity.set(running)
        began = time.perf_counter()
        try:
            return True, self._invoke(call), running, time.perf_counter() - began
        except Halt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it raises is its result
            return False, error, running, time.perf_counter() - began
        finally:
            running_activity.reset(token)

    def _leaves(self, call: Call) -> bool:
        """Return whether other lanes run while a call is outside.

        What is awaited does not, since the call has no outcome of its own; nor does what holds up an event loop anyway.
        """
        baton = self.session.baton
        if not baton.many or self.session.lanes[call.key[0]].turn is None:
            return False
        return not iscoroutinefunction(call.function)

    def _run_away(self, call: Call, attempt: int) -> tuple[bool, Any, RunningActivity, float]:
        live = self.session.live
        if live.any_stand_ins:
            # What has to be made again is made while no other lane runs.
            for value in (call.function, *call.args, *call.kwargs.values()):
                real(value)
        result = self.session.baton.away(partial(self._run, call, attempt))
        if result[0] and type(result[1]) not in render.ATOMS and isawaitable(result[1]):
            raise Halt(
                StoppedError(
                    f"{call.file}:{call.line}: {call.name} returned something to be awaited while other threads run; "
                    "call it from an async function"
                )
            )
        return result

    def _invoke(self, call: Call) -> Any:
        loop = self.session.running_loop()
        return self._invoke_here(call) if loop is None else loop.outside.call(self._invoke_here, call)

    def _invoke_here(self, call: Call) -> Any:
        function, args, kwargs = call.function, call.args, call.kwargs
        if self.session.live.any_stand_ins:
            uses.settle_file(self.session.live, call)
            uses.renew(call, self.session.live)
            if self.session.live.steps:
                self.session.live.repeat_late()
            function = real(function)
            args = tuple(map(_made, args))
            kwargs = {name: _made(value) for name, value in kwargs.items()}
        if call.name in _READ_WHOLE:
            return iter(list(function(*args, **kwargs)))
        if call.options.timeout is None:
            return function(*args, **kwargs)
        with time_limit(call.options.timeout, call.name):
            return function(*args, **kwargs)

    def _reach(self, call: Call) -> Reach:
        classifier = self.session.classifier
        return Reach(
            [call.function, *call.args, *call.kwargs.values()], classifier.user_class, classifier.user_function
        )

    def _finish(
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
            time.time(),
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
        if file is not None:
            outcome.spot = files.settle(real(file))
        transactions.record(session, call, value, outcome)
        lines = session.output.take(running) if running.lines or running.partial else ()
        session.journal.commit(outcome, lines=lines, blobs=(encoded.blob,) if encoded.blob else ())
        self.done += 1
        session.delivered(outcome)
        session.observer.activity_finished(self.done)
        for leaf in encoded.leaves:
            session.note_live_value(lane, call.name, leaf)
        if not changes:
            return ok, encoded.value
        given, changes = encoded.value
        for _, name in apply(changes, objects):
            session.warn_of_lost_change(lane, call.name, name)
        return ok, given

    # Awaited calls.

    def _awaitable(self, call: Call, given: Any, attempt: Attempt | None) -> OutsideAwaitable:
        return OutsideAwaitable(self._await, self._leave, call, given, attempt)

    def _await(self, call: Call, awaitable: Any, attempt: Attempt | None, entered: bool) -> Any:
        """Return a future of the session's loop for what an outside call returned to be awaited."""
        loop = self.session.event_loop()
        if attempt is None:
            return loop.expect(call, self.give)
        reach = self._reach(call) if call.has_objects() else None
        running = RunningActivity(self.session.id, call.key, attempt.number)
        began = time.perf_counter()

        async def outside() -> Any:
            running_activity.set(running)
            if awaitable is not None:
                return await self._attempts(call, awaitable, attempt, running, entered)
            return await self._made_again(call, reach, attempt, running, entered)

        def finish(ok: bool, value: Any) -> tuple[bool, Any]:
            if iscoroutine(awaitable):
                # It may have been cancelled before it began.
                awaitable.close()
            taken = time.perf_counter() - began
            return self._finish(call, reach, running, ok, value, taken, self.session.scheduler.forced(), awaited=True)

        if reach is not None:
            reach.watch()
        return loop.run_outside(outside, finish)

    async def _made_again(
        self, call: Call, reach: Reach | None, attempt: Attempt, running: RunningActivity, entered: bool
    ) -> Any:
        """Make a call that was cut off while it was awaited, on the outside loop."""
        import asyncio

        session = self.session
        with_baton = partial(session.event_loop().outside.with_baton, session.baton)

        def check() -> None:
            if reach is not None:
                session.live.check_not_lost(reach.objects)
            if session.live.transactions:
                transactions.check(session, call, True)

        await with_baton(check)
        await asyncio.sleep(max(0.0, attempt.not_before - time.time()))
        await with_baton(partial(self._begin, call, attempt._replace(not_before=0.0)))
        if reach is not None:
            reach.watch()
        again = self._invoke(call)
        return await self._attempts(call, again, attempt, running, entered) if isawaitable(again) else again

    async def _leave(self, name: str, context: Any, error: BaseException | None) -> Any:
        """Leave what a call returned to be entered; what another process entered is gone with it."""

        async def leave(error: BaseException | None) -> Any:
            if context is not None:
                return await context.__aexit__(error and type(error), error, error and error.__traceback__)
            return None

        lane = current_lane()
        if lane is None:
            return await leave(error)
        return await self.call(lane, leave, f"{name}.__aexit__", DEFAULT, error)

    async def _attempts(
        self, call: Call, awaitable: Any, attempt: Attempt, running: RunningActivity, entered: bool
    ) -> Any:
        """Await on the outside loop, trying again as the options say."""
        import asyncio

        with_baton = partial(self.session.event_loop().outside.with_baton, self.session.baton)
        while True:
            if entered:
                awaitable = awaitable.__aenter__()
            try:
                if call.options.timeout is None:
                    return await awaitable
                return await asyncio.wait_for(awaitable, call.options.timeout)
            except Exception as error:
                if attempt.failures >= call.options.retries:
                    raise
                attempt = await with_baton(partial(self._back_off, call, attempt, error))
            await asyncio.sleep(max(0.0, attempt.not_before - time.time()))
            running.attempt = attempt.number
            attempt = attempt._replace(not_before=0.0)
            await with_baton(partial(self._begin, call, attempt))
            awaitable = self._invoke(call)


def _made(value: Any) -> Any:
    return real(value) if type(value) is StandIn else value
