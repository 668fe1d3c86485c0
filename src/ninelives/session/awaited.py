"""Calls that are awaited: run on the outside loop, recorded when they are done, and given again on replay."""

from __future__ import annotations

import asyncio
import time
from contextvars import copy_context
from functools import partial
from inspect import isawaitable, iscoroutine
from typing import TYPE_CHECKING, Any

from ninelives.session import transactions
from ninelives.session.activities import is_plain
from ninelives.session.awaiting import OutsideAwaitable
from ninelives.session.calls import Attempt
from ninelives.session.entries import Outcome
from ninelives.session.inplace import can_wait
from ninelives.session.lanes import RunningActivity, current_lane, running_activity, thread_lane
from ninelives.session.loop import SessionLoop
from ninelives.session.options import DEFAULT
from ninelives.session.scheduler import Expected
from ninelives.session.stop import Halt
from ninelives.session.tasks import OutsideFuture

if TYPE_CHECKING:
    from collections.abc import Callable

    from ninelives.session.activities import Activities
    from ninelives.session.changes import Reach
    from ninelives.session.session import Session


class Awaited:
    """The awaited calls of one session.

    Args:
        session: the session.
        activities: record what the calls come to.
    """

    def __init__(self, session: Session, activities: Activities) -> None:
        self.session = session
        self.activities = activities

    def begin(self, waits: OutsideAwaitable, entered: bool) -> Callable[[Any], None] | None:
        """Start what is awaited, once everything recorded was delivered, and wait for it in place if that can be.

        Returns:
            what cancels it, with a message; None if its outcome is recorded.
        """
        session, scheduler, begun = self.session, self.session.scheduler, waits.begun
        lane = thread_lane()
        loop = lane.running if lane is not None and lane.running is not None else session.event_loop()
        here = can_wait(loop)
        if type(begun) is Outcome:
            if here and not begun.rounds and session.journal.deliver(begun):
                scheduler.rounds = 0
                waits.settled = self.activities.give(waits.call, begun)
                if session.halted is not None:
                    raise session.halted
                return None
            # Others go on, and change what the call was given.
            reach = None if is_plain(begun) else self.activities.reach(waits.call)
            scheduler.expect(waits.call.key, Expected(partial(self._replayed, waits, reach), None, waits.call.name))
            cancel = None
        else:
            run = _Run(self, loop, waits, entered)
            if not (here and scheduler.may_take()):
                # Made here, by the thread that drives it, also for a call that another lane's wait starts.
                loop.outside.loop()
                scheduler.left()
                scheduler.when_live(run.start)
            elif (came := run.first_step()) is None:
                scheduler.left()
            elif loop.has_only_this() and scheduler.take():
                waits.settled = run.finish(*came, 0)
                came = None
                if session.halted is not None:
                    raise session.halted
                return None
            else:
                scheduler.left()
                run.hand_in(*came)
                came = None
            cancel = run.cancel
        if here:
            try:
                while waits.settled is None and loop.has_only_this():
                    scheduler.deliver_one()
                    session.check()
            except BaseException:
                if cancel is not None:
                    cancel(None)
                raise
        return cancel

    def future(self, forward: Callable[[Any], None] | None) -> OutsideFuture:
        """Return a future of the session's loop for what has been started.

        Args:
            forward: cancels it.
        """
        future = OutsideFuture(loop=self.session.running_loop() or self.session.event_loop())
        future.forward = forward
        return future

    def _replayed(self, waits: OutsideAwaitable, reach: Reach | None, outcome: Outcome) -> None:
        waits.settle(*self.activities.give(waits.call, outcome, reach))

    async def leave(self, name: str, context: Any, error: BaseException | None) -> Any:
        """Leave what a call returned to be entered; what another process entered is gone with it."""

        async def leave(error: BaseException | None) -> Any:
            if context is not None:
                return await context.__aexit__(error and type(error), error, error and error.__traceback__)
            return None

        lane = current_lane()
        if lane is None:
            return await leave(error)
        return await self.activities.call(lane, leave, f"{name}.__aexit__", DEFAULT, error)


class _Run:
    """One awaited call on the outside loop, until its outcome is recorded and who waits for it has it."""

    __slots__ = (
        "activities",
        "attempt",
        "began",
        "begun",
        "call",
        "came",
        "context",
        "entered",
        "given",
        "has_ended",
        "is_first",
        "late",
        "outside",
        "reach",
        "running",
        "session",
        "task",
        "unwanted",
        "waits",
    )

    def __init__(self, awaited: Awaited, loop: SessionLoop, waits: OutsideAwaitable, entered: bool) -> None:
        self.session = awaited.session
        self.activities = awaited.activities
        self.outside = loop.outside
        self.waits: OutsideAwaitable | None = waits
        self.call = call = waits.call
        self.given = waits.given
        assert type(waits.begun) is Attempt
        self.attempt = waits.begun
        self.entered = entered
        self.running = waits.running or RunningActivity(self.session, call.key, self.attempt.number)
        self.reach = self.activities.reach(call) if call.has_objects() else None
        if self.reach is not None:
            self.reach.watch()
        self.context = copy_context()
        self.task: asyncio.Task[Any] | None = None
        #: its first step was done
        self.begun = False
        #: messages of those who cancelled it before
        self.unwanted: list[Any] = []
        #: its first step is made now, by the one who waits, and what it came to in that
        self.is_first = False
        self.came: tuple[bool, Any] | None = None
        #: it was handed in; and the arguments of a cancellation that came after that
        self.has_ended = False
        self.late: tuple[Any, ...] | None = None
        self.began = time.perf_counter()

    def first_step(self) -> tuple[bool, Any] | None:
        """Start it, with its first step, while nothing else is ready or outside.

        Returns:
            what it came to in that: whether it succeeded, and its result or exception; None if it goes on.
        """
        self.is_first = True
        self.task = self.outside.step(self._steps(), self.context, self.call.name)
        self.is_first = False
        try:
            return self.came
        finally:
            # Frames of an error's traceback lead back to this one: it must not have the error.
            self.came = None

    def start(self) -> None:
        """Start it: now, if this thread drives the loop."""
        self.outside.do(self._start)

    def _start(self) -> None:
        if self.unwanted:
            self._never_began()
        else:
            self.task = self.outside.loop().create_task(self._steps(), context=self.context)

    def cancel(self, message: Any) -> None:
        """Cancel it, as soon as the thread that drives the loop comes to it."""
        self.outside.do(partial(self._cancel, message))

    def _cancel(self, message: Any) -> None:
        if self.has_ended:
            # As in asyncio: what has come, and was not taken yet, is not taken any more.
            self.late = () if message is None else (message,)
            return
        if self.task is None:
            self.unwanted.append(message)
            return
        if not self.begun and not self.unwanted:
            self.unwanted.append(message)
            self.task.add_done_callback(self._never_began)
        self.task.cancel(message)

    def _never_began(self, _: object = None) -> None:
        messages = [message for message in self.unwanted[:1] if message is not None]
        self.hand_in(False, asyncio.CancelledError(*messages))

    async def _steps(self) -> None:
        self.begun = True
        running_activity.set(self.running)
        options = self.call.options
        try:
            if self.given is None or self.entered or options.retries or options.timeout is not None:
                value = await (self._made_again() if self.given is None else self._tried(self.given))
            else:
                value = await self.given
        except GeneratorExit:
            # The loop is gone, and nobody waits.
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it raised is its result
            # Handed in from inside the task, since for its callbacks the loop would need one more round.
            if self.is_first:
                self.came = False, error
            else:
                self.hand_in(False, error)
        else:
            if self.is_first:
                self.came = True, value
            else:
                self.hand_in(True, value)

    def hand_in(self, ok: bool, value: Any) -> None:
        """Let what it came to be delivered when its turn comes."""
        self.has_ended = True
        self.session.scheduler.arrive(partial(self._deliver, ok, value))

    def _deliver(self, ok: bool, value: Any) -> None:
        """Record what it came to, and settle with it what is awaited."""
        # Who has the exception has this run: it must not lead back to it.
        waits, self.waits = self.waits, None
        assert waits is not None
        if self.late is not None and not isinstance(value, Halt):
            ok, value = False, asyncio.CancelledError(*self.late)
        waits.settle(*self.finish(ok, value, self.session.scheduler.forced()))

    def finish(self, ok: bool, value: Any, rounds: int) -> tuple[bool, Any]:
        """Record what it came to, and return it as replay will give it.

        Args:
            ok: whether it succeeded.
            value: its result or exception.
            rounds: in which round of a program that does not wait it came; 0 in one that does.

        Raises:
            Halt: the session can't go on.
        """
        if not ok:
            if isinstance(value, Halt):
                # Nothing of it belongs in the journal.
                raise self.session.halted or value
            if iscoroutine(self.given):
                # It may have been cancelled before it began.
                self.given.close()
        self.waits = None
        taken = time.perf_counter() - self.began
        return self.activities.finish(self.call, self.reach, self.running, ok, value, taken, rounds, awaited=True)

    async def _made_again(self) -> Any:
        """Make a call that was cut off while it was awaited."""
        call, reach = self.call, self.reach
        await self._with_baton(self._check)
        await asyncio.sleep(max(0.0, self.attempt.not_before - self.session.clock.now()))
        if self.session.live.any_stand_ins:
            # What has to be made again may have to be awaited.
            await self.outside.aside(self.session.baton, partial(self.activities.attempts.make_again, call))
        self.attempt = self.attempt._replace(not_before=0.0)
        await self._with_baton(partial(self.activities.attempts.begin, call, self.attempt))
        if reach is not None:
            reach.watch()
        again = self.activities.attempts.invoke(call)
        return await self._tried(again) if isawaitable(again) else again

    def _check(self) -> None:
        session = self.session
        if self.reach is not None:
            session.live.check_not_lost(self.reach.objects)
        if session.live.transactions:
            transactions.check(session, self.call, True)

    async def _tried(self, awaitable: Any) -> Any:
        """Await, and make the call again and await that, as the options say."""
        call, attempts = self.call, self.activities.attempts
        while True:
            if self.entered:
                awaitable = awaitable.__aenter__()
            try:
                if call.options.timeout is None:
                    return await awaitable
                return await asyncio.wait_for(awaitable, call.options.timeout)
            except Exception as error:
                if self.attempt.failures >= call.options.retries:
                    raise
                self.attempt = await self._with_baton(partial(attempts.back_off, call, self.attempt, error))
            await asyncio.sleep(max(0.0, self.attempt.not_before - self.session.clock.now()))
            self.running.attempt = self.attempt.number
            self.attempt = self.attempt._replace(not_before=0.0)
            await self._with_baton(partial(attempts.begin, call, self.attempt))
            awaitable = attempts.invoke(call)

    async def _with_baton(self, work: Callable[[], Any]) -> Any:
        return await self.outside.with_baton(self.session.baton, work)
