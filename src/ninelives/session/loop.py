"""The event loop of a session's tasks: no selector, a first-in-first-out ready queue, and time from the scheduler.

Only user tasks run on it. Outside awaitables run on a real loop (`outsideloop`), which is driven on the same thread
whenever this one has nothing ready. Each timer is a keyed event that fires alone; each task is a lane.
"""

from __future__ import annotations

import asyncio
import math
import sys
from asyncio import events
from asyncio.events import _get_running_loop
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ninelives.errors import StoppedError
from ninelives.session.bridge import Future, hand_over
from ninelives.session.lanes import Lane, lane_here, thread_lane
from ninelives.session.outsideloop import OutsideLoop
from ninelives.session.stop import Halt
from ninelives.session.taskkeeper import TaskKeeper
from ninelives.session.tasks import LaneFuture, LaneTask

if TYPE_CHECKING:
    from ninelives.session.session import Session
    from ninelives.session.turn import Turn

#: What `asyncio.current_task` does, which is Python code before 3.12.
current_task: Callable[[Any], Any] = (
    asyncio.current_task if sys.version_info >= (3, 12) else vars(asyncio.tasks)["_current_tasks"].get
)

#: Unix time in seconds of the last moment that a calendar has.
LAST_TIME = 253_402_300_799.0


class LaneTimer(asyncio.TimerHandle):
    """A timer that knows the key of its delivery."""

    __slots__ = ("key",)
    key: tuple[str, int]


class SessionLoop(TaskKeeper):
    """Runs the tasks of one session.

    Args:
        session: the session.
        lane: the lane that runs the loop; its tasks are lanes under it.
    """

    def __init__(self, session: Session, lane: Lane) -> None:
        super().__init__(session, lane)
        self._thread_lane = thread_lane()
        self.outside = OutsideLoop()
        self._ready: deque[asyncio.Handle] = deque()
        #: of the thread lane that runs it; None when it does not run
        self._turn: Turn | None = None
        #: that lane waits until something is ready
        self._idle = False
        self._running = False
        self._stopping = False

    # What asyncio asks of a loop.

    def time(self) -> float:
        """Return the session's clock: seconds since the session started, at a standstill between deliveries."""
        return self._session.delivered_at - self._session.start.at

    def is_running(self) -> bool:
        """Return whether the loop runs."""
        return self._running

    def is_closed(self) -> bool:
        """Return whether the loop was closed."""
        return self._closed

    def close(self) -> None:
        """Close the loop, and the one under it.

        Raises:
            RuntimeError: it runs.
        """
        if self._running:
            raise RuntimeError("Cannot close a running event loop")
        self._closed = True
        self._ready.clear()
        self.outside.close()

    def create_future(self) -> asyncio.Future[Any]:
        """Return a new future of this loop."""
        # asyncio's own are no business of outside code, and there are very many.
        is_own = sys._getframe(1).f_globals.get("__name__", "").startswith("asyncio.")
        made: asyncio.Future[Any] = LaneFuture(loop=self) if is_own else Future(loop=self)
        return made

    def call_soon(self, callback: Callable[..., Any], *args: Any, context: Any = None) -> asyncio.Handle:
        """Run ``callback`` after what is ready now."""
        if self._closed:
            self._check_open()
        if self._running and self.outside.is_here():
            if hand_over(callback, args):
                return asyncio.Handle(callback, args, self, context)
            raise Halt(StoppedError(_WOKEN))
        handle = asyncio.Handle(callback, args, self, context)
        self._add(handle)
        return handle

    def _add(self, handle: asyncio.Handle) -> None:
        self._ready.append(handle)
        if self._idle:
            self._idle = False
            assert self._turn is not None
            self._session.baton.wake(self._turn)

    def call_soon_threadsafe(self, callback: Callable[..., Any], *args: Any, context: Any = None) -> asyncio.Handle:
        """Run ``callback`` soon; any lane may ask.

        Raises:
            Halt: a thread of outside code asks, which would not ask again on replay.
        """
        self._check_open()
        if thread_lane() is None:
            if hand_over(callback, args):
                return asyncio.Handle(callback, args, self, context)
            raise self._session.foreign(
                "a thread of outside code calls call_soon_threadsafe, and a restart would not do that again; "
                "await a call that returns the result instead"
            )
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self, delay: float, callback: Callable[..., Any], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        """Run ``callback`` after ``delay`` seconds, durably."""
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., Any], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        """Run ``callback`` at ``when`` of the session's clock, durably."""
        self._check_open()
        handle = LaneTimer(when, callback, args, self, context)
        if when == math.inf:
            # It never fires, and a program that waits for nothing else has a deadlock.
            handle.key = ("", 0)
            return handle
        lane = lane_here() or self.lane
        # The session's clock stands still while the program computes: what is asked of it counts from now on.
        until = min(self._session.clock.wall() + max(0.0, when - self.time()), LAST_TIME)
        handle.key = self._session.timers.start(lane, until, lambda: self._add(handle))
        return handle

    def _timer_handle_cancelled(self, handle: Any) -> None:
        self._session.scheduler.forget(handle.key)

    # Running.

    def run_until_complete(self, future: Any) -> Any:
        """Run until a future is done, and return its result.

        Raises:
            RuntimeError: a loop runs already, this one was closed, or the loop was stopped before.
        """
        self._check_open()
        made = not asyncio.isfuture(future)
        task: Any = asyncio.ensure_future(future, loop=self)
        before = self._enter()
        try:
            self._run_until(task)
        except BaseException:
            if made and task.done() and not task.cancelled():
                # It is raised here, and not logged as well.
                task.exception()
            raise
        finally:
            self._leave(before)
        if not task.done():
            raise RuntimeError("Event loop stopped before Future completed.")
        return task.result()

    def run_forever(self) -> None:
        """Run until `stop` is called."""
        self._check_open()
        before = self._enter()
        try:
            self._run()
        finally:
            self._leave(before)

    def stop(self) -> None:
        """Let the loop end after what is ready now."""
        self._stopping = True

    def end(self) -> None:
        """End what the program left behind, as `asyncio.run` does, and close the loop."""
        before = self._enter()
        try:
            self._session.check()
            self._cancel_the_rest()
            if self._generators:
                self._run_until(self.create_task(self.shutdown_asyncgens()))
            if self._executor is not None:
                self._run_until(self.create_task(self.shutdown_default_executor()))
            self._tell_of_failures()
        finally:
            self._leave(before)
            self._drop_the_rest()
            self.close()

    def _run(self) -> None:
        self._stopping = False
        while not self._stopping:
            self._run_once()
        self._stopping = False

    def _run_until(self, future: Any) -> None:
        future.add_done_callback(self._stop_with)
        try:
            self._run()
        finally:
            future.remove_done_callback(self._stop_with)

    def _stop_with(self, _: Any) -> None:
        self._stopping = True

    def _cancel_the_rest(self) -> None:
        left = self._left()
        if not left:
            return
        for task in left:
            task.cancel()
        self._run_until(asyncio.gather(*left, return_exceptions=True))
        for task in left:
            if not task.cancelled() and task.exception() is not None:
                message = "unhandled exception during asyncio.run() shutdown"
                self.call_exception_handler({"message": message, "exception": task.exception(), "task": task})

    def _enter(self) -> tuple[Any, Any]:
        if events._get_running_loop() is not None:
            raise RuntimeError("Cannot run the event loop while another loop is running")
        hooks = sys.get_asyncgen_hooks()
        self._turn = turn = self._session.baton.here()
        before, turn.lane.loop = turn.lane.loop, self
        if turn.lane is not self._thread_lane:
            # Made by one thread, run by another.
            self._thread_lane = self.lane = turn.lane
        self.outside.enter(turn)
        self._running = True
        events._set_running_loop(self)
        turn.lane.running = self
        sys.set_asyncgen_hooks(firstiter=self._begin_generator, finalizer=self._end_generator)
        return hooks, before

    def _leave(self, before: tuple[Any, Any]) -> None:
        hooks, loop = before
        sys.set_asyncgen_hooks(*hooks)
        turn, self._turn = self._turn, None
        assert turn is not None
        turn.lane.running = None
        events._set_running_loop(None)
        self._running = self._idle = False
        self.outside.leave()
        turn.lane.loop = loop or self

    def _run_once(self) -> None:
        """Run what is ready now, or deliver one outcome and run what it made ready.

        A program that always has something ready, and so never waits, gets a delivery after so many rounds.
        """
        session, ready = self._session, self._ready
        if not ready:
            assert self._turn is not None
            self._idle = True
            session.baton.wait(self._turn, lambda: "a task")
        else:
            session.baton.go_on()
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle.cancelled():
                handle._run()
            # An exception of the task refers to this frame: the task must not live as long as that.
            del handle
            # A task keeps what it raises to itself, a halt too.
            session.check()

    def has_only_this(self) -> bool:
        """Return whether nothing is ready, on no lane, but the step that asks."""
        baton = self._session.baton
        return not (self._ready or baton.ready or baton.many or self._stopping)

    def current_lane(self, thread_lane: Lane) -> Lane | None:
        """Return the lane of the running code: its task's; the thread's when no loop runs; None on the outside loop."""
        running = _get_running_loop()
        if running is None:
            return thread_lane
        if running is not self:
            return running.current_lane(thread_lane) if type(running) is SessionLoop else None
        return self.lane_of_task()

    def lane_of_task(self) -> Lane:
        """Return the lane of the task whose step runs; its own between steps."""
        task = current_task(self)
        return task.lane if type(task) is LaneTask else getattr(task, "lane", self.lane)


_WOKEN = (
    "an outside call sets an asyncio.Event, Queue or Future that a task of the session waits for, at a moment that no "
    "record has; let the call return it, or await the call where the task waits"
)
