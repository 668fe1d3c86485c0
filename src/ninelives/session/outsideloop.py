"""The real loop under a session's loop: outside awaitables run on it, and outside code finds it running.

It is driven on the same thread, whenever the session's loop has nothing ready: a thread of its own costs four times as
much for each call.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from asyncio import events
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from ninelives.session.baton import Baton
    from ninelives.session.lanes import Lane
    from ninelives.session.loop import SessionLoop
    from ninelives.session.turn import Turn

Result = TypeVar("Result")

#: The loop that ran on a thread, the thread's lane, and the session's loop if that one ran.
_Before = tuple[Any, "Lane | None", "SessionLoop | None"]

#: First steps in a row that are made without driving the loop: what else runs on it must go on.
_STEPS = 20


class OutsideLoop:
    """The outside loop of a session's loop, made when it is first needed.

    The thread lane that runs the session's loop drives this one whenever it waits: for a delivery, or for the baton.
    """

    def __init__(self) -> None:
        self._made: asyncio.AbstractEventLoop | None = None
        self._turn: Turn | None = None
        self._is_driven = False
        self._timer: asyncio.TimerHandle | None = None
        self._stops_at = 0.0
        #: it is a loop of Python's own make, whose ways are known
        self._is_own = False
        #: the first step of the task that is being made
        self._taken: Callable[[], None] | None = None
        #: first steps that were made since the loop was driven
        self._steps = 0

    def enter(self, turn: Turn) -> None:
        """Let a thread lane drive the loop."""
        self._turn = turn
        if self._made is not None:
            turn.pump, turn.stir = self._pump, self._stir

    def leave(self) -> None:
        """Let it drive the loop no more."""
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.pump = turn.stir = None

    def loop(self) -> asyncio.AbstractEventLoop:
        """Return the real loop."""
        if self._made is None:
            self._made = asyncio.new_event_loop()
            self._is_own = type(self._made) is asyncio.SelectorEventLoop
            if self._turn is not None:
                self.enter(self._turn)
        return self._made

    def do(self, function: Callable[[], object]) -> None:
        """Do something with the loop and its tasks: now, or if another thread asks, when its own has come to it."""
        if self._turn is not None and self._turn.real == threading.get_ident():
            function()
        else:
            self.loop().call_soon_threadsafe(function)

    def step(self, steps: Coroutine[Any, Any, Any], context: Context, name: str) -> asyncio.Task[Any]:
        """Start a task; if the loop can be left alone so long, its first step is made here and now.

        That is when Python itself makes the first step of what is awaited, and many calls end in it. Driving the loop
        costs as much as all else that is done for them.

        Args:
            steps: what the task does.
            context: in which it does that.
            name: of the task.
        """
        loop: Any = self._made or self.loop()
        if not self._is_own or self._steps >= _STEPS or loop._task_factory is not None or loop._thread_id is not None:
            return loop.create_task(steps, context=context)  # type: ignore[no-any-return]
        self._steps += 1
        # It would make a handle of the step, and put that behind all others.
        loop.call_soon = self._take
        try:
            task = asyncio.Task(steps, loop=loop, name=name, context=context)
        finally:
            del loop.call_soon
        first, self._taken = self._taken, None
        assert first is not None
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(loop._asyncgen_firstiter_hook, loop._asyncgen_finalizer_hook)
        before = self._let_run(loop)
        loop._thread_id = threading.get_ident()
        try:
            context.run(first)
        finally:
            loop._thread_id = None
            self._restore(before)
            sys.set_asyncgen_hooks(*hooks)
        return task

    def _take(self, callback: Callable[..., Any], *args: Any, context: Any = None) -> Any:
        if self._taken is not None or args:
            # A finalizer's that ran in between.
            assert self._made is not None
            return asyncio.SelectorEventLoop.call_soon(self._made, callback, *args, context=context)  # type: ignore[arg-type]
        self._taken = callback
        return None

    async def with_baton(self, baton: Baton, work: Callable[[], Result]) -> Result:
        """Do something to the journal from the loop, while no lane writes to it."""
        return await self.aside(baton, work) if baton.many else work()

    async def aside(self, baton: Baton, work: Callable[[], Result]) -> Result:
        """Let something be done while the loop does not run: it may run the loop itself."""
        loop = self.loop()
        done: asyncio.Future[Result] = loop.create_future()

        def deliver() -> None:
            loop.call_soon_threadsafe(done.set_result, work())

        baton.session.scheduler.interrupt(deliver)
        return await done

    def has_tasks(self) -> bool:
        """Return whether something is left that runs on the loop by itself."""
        return self._made is not None and bool(asyncio.all_tasks(self._made))

    def is_here(self) -> bool:
        """Return whether the code that asks runs on the loop."""
        return self._made is not None and events._get_running_loop() is self._made

    def call(self, function: Callable[..., Result], *args: Any) -> Result:
        """Call outside code that is not awaited: it finds the loop on which its awaitables will run."""
        before = self._let_run(self._made or self.loop())
        try:
            return function(*args)
        finally:
            self._restore(before)

    def _let_run(self, loop: asyncio.AbstractEventLoop | None) -> _Before:
        """Let another loop than the session's be the one that runs on this thread, or none."""
        turn = self._turn
        lane = turn.lane if turn is not None and turn.real == threading.get_ident() else None
        running = lane.running if lane is not None else None
        if lane is None or running is None:
            before = events._get_running_loop()
        else:
            before, lane.running = running, None
        events._set_running_loop(loop)
        return before, lane, running

    @staticmethod
    def _restore(before: _Before) -> None:
        loop, lane, running = before
        events._set_running_loop(loop)
        if lane is not None:
            lane.running = running

    def _pump(self, seconds: float | None) -> None:
        """Drive the loop until something arrives.

        Args:
            seconds: for how long at most, and it may come back earlier; 0 does only what is ready, None waits.
        """
        loop = self._made
        assert loop is not None
        if seconds is not None:
            self._stop_after(loop, seconds)
        self._steps = 0
        before = self._let_run(None)
        self._is_driven = True
        try:
            loop.run_forever()
        finally:
            self._is_driven = False
            self._restore(before)

    def _stop_after(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        """Let the loop stop in time. A timer of an earlier call that fires before is good enough, and costs nothing."""
        if seconds <= 0:
            loop.call_soon(loop.stop)
            return
        now = loop.time()
        due = now + seconds
        if not now < self._stops_at <= due:
            if self._timer is not None:
                self._timer.cancel()
            self._timer, self._stops_at = loop.call_at(due, loop.stop), due

    def wait(self, awaitable: Any) -> Any:
        """Await on the loop, and wait for it: to make a live value again."""

        async def wait() -> Any:
            return await awaitable

        return self._run(self.loop(), wait())

    def close(self) -> None:
        """End what is left on the loop, as `asyncio.run` does, and close it."""
        loop, self._made, self._timer = self._made, None, None
        self._stops_at = 0.0
        if loop is None:
            return
        if self._turn is not None:
            self._turn.pump = self._turn.stir = None
        try:
            self._run(loop, _end(loop))
        finally:
            loop.close()

    def _run(self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any]) -> Any:
        before = self._let_run(None)
        task = loop.create_task(coroutine)
        task.add_done_callback(lambda _: loop.stop())
        try:
            while not task.done():
                # It also stops for what asked it to while it was driven.
                loop.run_forever()
        finally:
            self._restore(before)
        return task.result()

    def _stir(self) -> None:
        """Let who drives the loop look what has arrived, and whether it has the baton; any thread may ask."""
        loop, turn = self._made, self._turn
        if loop is None:
            return
        if turn is not None and turn.real == threading.get_ident():
            if self._is_driven:
                loop.stop()
            return
        try:
            # Also if it is not driven yet: it may be about to be.
            loop.call_soon_threadsafe(loop.stop)
        except RuntimeError:
            if not loop.is_closed():
                raise


async def _end(loop: asyncio.AbstractEventLoop) -> None:
    left = asyncio.all_tasks(loop) - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left:
        await asyncio.gather(*left, return_exceptions=True)
    await loop.shutdown_asyncgens()
    await loop.shutdown_default_executor()
