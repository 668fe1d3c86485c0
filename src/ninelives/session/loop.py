"""The event loop of a session's tasks: no selector, a first-in-first-out ready queue, and time from the scheduler.

Only user tasks run on it. Outside awaitables run on a real loop, which is driven on the same thread whenever this one
has nothing ready. Each timer is a keyed event that fires alone; each task is a lane.
"""

from __future__ import annotations

import _thread
import asyncio
import sys
import weakref
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

from ninelives.errors import StoppedError
from ninelives.session.entries import Outcome
from ninelives.session.lanes import Lane, active, lane_here
from ninelives.session.scheduler import Expected
from ninelives.session.stop import Halt

if TYPE_CHECKING:
    from ninelives.session.session import Session

Settled = tuple[bool, Any]

#: What asyncio takes for a loop. To the type checker it is anything: this loop has no selector, and half of the
#: methods make no sense.
_Base: Any = asyncio.AbstractEventLoop


class LaneTask(asyncio.Task):  # type: ignore[type-arg]
    """A task that is a lane. Its hash is a serial number: asyncio keeps tasks in sets, whose order must replay."""

    lane: Lane
    _serials = count(1)

    def __new__(cls, *_: Any, **__: Any) -> LaneTask:
        """Give it its serial number, before asyncio puts it into a set."""
        made = super().__new__(cls)
        made._serial = next(cls._serials)
        return made

    _serial: int

    def __hash__(self) -> int:
        return self._serial

    def __eq__(self, other: object) -> bool:
        return self is other


class LaneFuture(asyncio.Future):  # type: ignore[type-arg]
    """A future with a serial number as hash, for the same reason."""

    _serials = count(1)
    _serial: int

    def __new__(cls, *_: Any, **__: Any) -> LaneFuture:
        """Give it its serial number."""
        made = super().__new__(cls)
        made._serial = next(cls._serials)
        return made

    def __hash__(self) -> int:
        return self._serial

    def __eq__(self, other: object) -> bool:
        return self is other


class LaneTimer(asyncio.TimerHandle):
    """A timer that knows the key of its delivery."""

    __slots__ = ("key",)
    key: tuple[str, int]


class SessionLoop(_Base):  # type: ignore[misc]
    """Runs the tasks of one session.

    Args:
        session: the session.
        lane: the lane that runs the loop; its tasks are lanes under it.
    """

    def __init__(self, session: Session, lane: Lane) -> None:
        self._session = session
        self._lane = lane
        self._ready: deque[asyncio.Handle] = deque()
        self._running = False
        self._closed = False
        self._outside: asyncio.AbstractEventLoop | None = None
        self._turn = session.baton.here()
        #: its lane waits until something is ready
        self._idle = False
        self._executor: Any = None
        self._generators: dict[int, Any] = {}
        self._tasks: weakref.WeakSet[LaneTask] = weakref.WeakSet()

    # What asyncio asks of a loop.

    def time(self) -> float:
        """Return the session's clock: unix time in seconds, at a standstill between deliveries."""
        return self._session.delivered_at

    def get_debug(self) -> bool:
        """Return False: asyncio's debug mode reads clocks and frames that do not replay."""
        return False

    def is_running(self) -> bool:
        """Return whether the loop runs."""
        return self._running

    def is_closed(self) -> bool:
        """Return whether the loop was closed."""
        return self._closed

    def close(self) -> None:
        """Close the loop, and the one under it."""
        self._closed = True
        outside, self._outside = self._outside, None
        if outside is not None:
            left = asyncio.all_tasks(outside)
            for task in left:
                task.cancel()
            outside.run_until_complete(asyncio.gather(*left, return_exceptions=True)) if left else None
            self._turn.pump = self._turn.stir = None
            outside.close()

    def create_future(self) -> asyncio.Future[Any]:
        """Return a new future of this loop."""
        return LaneFuture(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, context: Any = None, **_: Any) -> Any:
        """Start a task: a new lane under the current one."""
        parent = lane_here() or self._lane
        made: Any = LaneTask(coro, loop=self, name=name or "", context=context)
        task: LaneTask = made
        task.lane = parent.child()
        self._tasks.add(task)
        return task

    def places(self) -> str:
        """Return where the tasks wait that have not ended, as file:line."""
        stacks = [task.get_stack() for task in self._tasks if not task.done()]
        found = {self._session.showing.place(stack[-1]) for stack in stacks if stack}
        return ", ".join(f"{file}:{line}" for file, line in sorted(found) if file)

    def call_soon(self, callback: Callable[..., Any], *args: Any, context: Any = None) -> asyncio.Handle:
        """Run ``callback`` after what is ready now."""
        handle = asyncio.Handle(callback, args, self, context)
        self._add(handle)
        return handle

    def _add(self, handle: asyncio.Handle) -> None:
        self._ready.append(handle)
        if self._idle:
            self._idle = False
            self._session.baton.wake(self._turn)

    def call_soon_threadsafe(self, callback: Callable[..., Any], *args: Any, context: Any = None) -> asyncio.Handle:
        """Run ``callback`` soon; any lane may ask.

        Raises:
            Halt: a thread of outside code asks, which would not ask again on replay.
        """
        if self._closed:
            raise RuntimeError("Event loop is closed")
        if _thread.get_ident() not in active.threads:
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
        handle = LaneTimer(when, callback, args, self, context)
        lane = lane_here() or self._lane
        handle.key = self._session.timers.start(lane, when, lambda: self._add(handle))
        return handle

    def _timer_handle_cancelled(self, handle: Any) -> None:
        self._session.scheduler.forget(handle.key)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Log what asyncio could not tell anybody else; what is left when the loop ends is nobody's mistake."""
        import logging

        if self._closed or not self._session.goes_on:
            return

        logging.getLogger("asyncio").error(context.get("message"), exc_info=context.get("exception"))

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        """See `call_exception_handler`."""
        self.call_exception_handler(context)

    async def shutdown_asyncgens(self) -> None:
        """End the asynchronous generators that were begun."""
        for generator in list(self._generators.values()):
            await generator.aclose()

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Let the threads end that `asyncio.to_thread` used."""
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=True)

    def set_default_executor(self, executor: Any) -> None:
        """Use ``executor`` for `asyncio.to_thread`."""
        self._executor = executor

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Call ``func`` on a thread of a pool: a lane."""
        pool = self._session.private.get("concurrent.futures.thread").ThreadPoolExecutor
        if executor is None:
            if self._executor is None:
                self._executor = pool(thread_name_prefix="asyncio")
            executor = self._executor
        if not isinstance(executor, pool):
            raise Halt(
                StoppedError(
                    f"run_in_executor: {self._session.classifier.name(type(executor))} is no ThreadPoolExecutor, and "
                    "its calls are not recorded; use a ThreadPoolExecutor, or put the call into one @activity"
                )
            )
        return asyncio.wrap_future(executor.submit(self._session.hooks["__guard__"](func), *args), loop=self)

    # Running.

    def run_until_complete(self, future: Any) -> Any:
        """Run a coroutine to its end and return its result; as `asyncio.run`, cancel what it left behind."""
        task = asyncio.ensure_future(future, loop=self)
        hooks = sys.get_asyncgen_hooks()
        self._enter()
        try:
            self._run_until([task])
            self._cancel_the_rest()
        finally:
            self._leave(hooks)
            self._drop_the_rest()
        return task.result()

    def _run_until(self, tasks: list[asyncio.Task[Any]]) -> None:
        while not all(task.done() for task in tasks):
            self._run_once()

    def _left(self) -> list[LaneTask]:
        return sorted((task for task in self._tasks if not task.done()), key=hash)

    def _cancel_the_rest(self) -> None:
        left = self._left()
        for task in left:
            task.cancel()
        self._run_until(list(left))
        if self._generators:
            self._run_until([self.create_task(self.shutdown_asyncgens())])
        if self._executor is not None:
            self._run_until([self.create_task(self.shutdown_default_executor())])

    def _drop_the_rest(self) -> None:
        """End what is left when the session leaves the user's code: it does no more."""
        for task in self._left():
            try:
                task.get_coro().close()
            except (Halt, RuntimeError):
                # Its ``finally`` wanted to go on.
                continue

    def _enter(self) -> None:
        self._running = True
        events._set_running_loop(self)
        sys.set_asyncgen_hooks(firstiter=self._begin_generator, finalizer=self._end_generator)

    def _leave(self, hooks: Any) -> None:
        sys.set_asyncgen_hooks(*hooks)
        events._set_running_loop(None)
        self._running = False

    def _begin_generator(self, generator: Any) -> None:
        self._generators[id(generator)] = generator

    def _end_generator(self, generator: Any) -> None:
        self._generators.pop(id(generator), None)
        if not self._closed:
            self.create_task(generator.aclose())

    def _run_once(self) -> None:
        baton = self._session.baton
        if not self._ready:
            self._idle = True
            baton.wait(self._turn, lambda: "a task")
        elif baton.many:
            baton.pass_on()
        while self._ready:
            handle = self._ready.popleft()
            if not handle.cancelled():
                handle._run()
            # A task keeps what it raises to itself, a halt too.
            self._session.check()

    def current_lane(self, thread_lane: Lane) -> Lane | None:
        """Return the lane of the running code: its task's; the thread's when no loop runs; None on the outside loop."""
        running = events._get_running_loop()
        if running is None:
            return thread_lane
        if running is not self:
            return None
        task = asyncio.current_task(self)
        return getattr(task, "lane", self._lane) if task is not None else self._lane

    # Outside awaitables.

    def expect(
        self, key: tuple[str, int], future: asyncio.Future[Any], what: str, give: Callable[[Outcome], Settled]
    ) -> None:
        """Settle ``future`` with the recorded outcome of ``key`` when it is delivered."""
        self._session.scheduler.expect(key, Expected(lambda outcome: _settle(future, *give(outcome)), None, what))

    def run_outside(
        self,
        key: tuple[str, int],
        future: asyncio.Future[Any],
        what: str,
        outside: Callable[[], Coroutine[Any, Any, Any]],
        finish: Callable[[bool, Any], Settled],
    ) -> None:
        """Run a coroutine on the outside loop, record what it came to, and settle ``future`` with it in its turn."""
        scheduler = self._session.scheduler
        tasks: list[asyncio.Task[Any]] = []

        def ended(task: asyncio.Task[Any]) -> None:
            ok, value = _outcome(task)
            if isinstance(value, Halt):
                # Nothing of it belongs in the journal.
                scheduler.arrive(self._session.check)
                return
            scheduler.arrive(lambda: self._deliver(future, finish, ok, value))

        # Made by the lane itself: then it drives it while it waits, also for a call that another lane's wait starts.
        loop = self._outside_loop()

        def begin() -> None:
            task = loop.create_task(outside())
            tasks.append(task)
            task.add_done_callback(ended)

        def start() -> None:
            if _thread.get_ident() == self._turn.real:
                begin()
            else:
                loop.call_soon_threadsafe(begin)

        def forward(settled: asyncio.Future[Any]) -> None:
            if settled.cancelled() and tasks:
                tasks[0].cancel()

        future.add_done_callback(forward)
        scheduler.left()
        scheduler.when_live(start)

    def _deliver(
        self, future: asyncio.Future[Any], finish: Callable[[bool, Any], Settled], ok: bool, value: Any
    ) -> None:
        _settle(future, *finish(ok, value))

    def _outside_loop(self) -> asyncio.AbstractEventLoop:
        if self._outside is None:
            self._outside = asyncio.new_event_loop()
            self._turn.pump, self._turn.stir = self._pump, partial(_stop_soon, self._outside)
        return self._outside

    def await_outside(self, awaitable: Any) -> Any:
        """Await on the outside loop, and wait for it: to make a live value again."""

        async def wait() -> Any:
            return await awaitable

        outside = self._outside_loop()
        events._set_running_loop(None)
        try:
            return outside.run_until_complete(wait())
        finally:
            events._set_running_loop(self if self._running else None)

    def _pump(self, seconds: float | None) -> None:
        """Drive the outside loop until something arrives, for at most ``seconds``."""
        outside, before = self._outside, events._get_running_loop()
        assert outside is not None
        timer = outside.call_later(seconds, outside.stop) if seconds is not None else None
        events._set_running_loop(None)
        try:
            outside.run_forever()
        finally:
            events._set_running_loop(before)
            if timer is not None:
                timer.cancel()


def _stop_soon(loop: asyncio.AbstractEventLoop) -> None:
    loop.call_soon_threadsafe(loop.stop)


def _outcome(task: asyncio.Task[Any]) -> Settled:
    if task.cancelled():
        return False, asyncio.CancelledError()
    error = task.exception()
    return (True, task.result()) if error is None else (False, error)


def _settle(future: asyncio.Future[Any], ok: bool, value: Any) -> None:
    if future.done():
        return
    if ok:
        future.set_result(value)
    elif isinstance(value, asyncio.CancelledError):
        future.cancel()
    else:
        future.set_exception(value)
