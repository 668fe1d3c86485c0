"""What asyncio asks of a loop besides running: tasks, exceptions nobody is told, generators, threads."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ninelives.errors import StoppedError
from ninelives.session.lanes import Lane
from ninelives.session.stop import Halt
from ninelives.session.tasks import LaneTask

if TYPE_CHECKING:
    from ninelives.session.session import Session

#: What asyncio takes for a loop. To the type checker it is anything: the session's loop has no selector, and half of
#: the methods make no sense.
_Base: Any = asyncio.AbstractEventLoop


class TaskKeeper(_Base):  # type: ignore[misc]
    """The part of a session's loop that keeps its tasks and generators.

    Args:
        session: the session.
        lane: the lane that runs the loop; its tasks are lanes under it.
    """

    #: as `asyncio.BaseEventLoop.default_exception_handler` asks
    _current_handle = None

    def __init__(self, session: Session, lane: Lane) -> None:
        self._session = session
        self.lane = lane
        self._closed = False
        self._generators: dict[int, weakref.ref[Any]] = {}
        self._begun = 0
        self._tasks: weakref.WeakSet[LaneTask] = weakref.WeakSet()
        self._task_factory: Any = None
        self._exception_handler: Any = None
        self._executor: Any = None

    def get_debug(self) -> bool:
        """Return False: asyncio's debug mode reads clocks and frames that do not replay."""
        return False

    def set_debug(self, enabled: bool) -> None:
        """Do nothing; see `get_debug`."""

    def next_serial(self) -> int:
        """Return the next number by which tasks and futures of the session hash."""
        self._session.serial += 1
        return self._session.serial

    def next_task_name(self) -> str:
        """Return the name of a task that is given none."""
        self._session.tasks += 1
        return f"Task-{self._session.tasks}"

    def create_task(self, coro: Any, *, name: Any = None, context: Any = None, **kwargs: Any) -> Any:
        """Start a task: a new lane under the current one.

        Raises:
            RuntimeError: the loop was closed.
            TypeError: a factory of the program's makes tasks that are none of this loop.
        """
        self._check_open()
        if name is None:
            name = self.next_task_name()
        if self._task_factory is None:
            task: Any = LaneTask(coro, loop=self, name=name, context=context, **kwargs)
        else:
            task = self._task_factory(self, coro, **({} if context is None else {"context": context}))
            if not isinstance(task, LaneTask):
                raise TypeError("in a session a task factory makes its tasks with asyncio.Task(coro, loop=loop)")
            task.set_name(name)
        self._tasks.add(task)
        return task

    def set_task_factory(self, factory: Any) -> None:
        """Let ``factory(loop, coro)`` make tasks; None makes the default ones.

        Raises:
            TypeError: it can't be called.
        """
        if factory is not None and not callable(factory):
            raise TypeError("task factory must be a callable or None")
        if factory is not None and factory is getattr(asyncio, "eager_task_factory", None):
            factory = _eager_task
        self._task_factory = factory

    def get_task_factory(self) -> Any:
        """Return the factory; None by default."""
        return self._task_factory

    def places(self) -> str:
        """Return where the tasks wait that have not ended, as file:line."""
        stacks = [task.get_stack() for task in self._tasks if not task.done()]
        found = {self._session.showing.place(stack[-1]) for stack in stacks if stack}
        return ", ".join(f"{file}:{line}" for file, line in sorted(found) if file)

    def get_exception_handler(self) -> Any:
        """Return the program's exception handler; None by default."""
        return self._exception_handler

    def set_exception_handler(self, handler: Any) -> None:
        """Let ``handler(loop, context)`` be told of what nobody else is told.

        Raises:
            TypeError: it can't be called.
        """
        if handler is not None and not callable(handler):
            raise TypeError(f"A callable object or None is expected, got {handler!r}")
        self._exception_handler = handler

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Log what asyncio could not tell anybody else; what is left when the loop ends is nobody's mistake."""
        if self._closed or not self._session.goes_on:
            return
        if isinstance(context.get("exception"), SystemExit | KeyboardInterrupt):
            # It ends the loop, and is told there.
            return
        if self._exception_handler is None:
            self.default_exception_handler(context)
        else:
            asyncio.BaseEventLoop.call_exception_handler(self, context)

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        """Log as asyncio does."""
        asyncio.BaseEventLoop.default_exception_handler(self, context)

    def add_signal_handler(self, sig: int, callback: Callable[..., Any], *args: Any) -> None:
        """Stop the session: signals are how its process is told to let it go, and come at no recorded point."""
        raise Halt(
            StoppedError(
                "loop.add_signal_handler: a session has no signal handlers, since its process ends and it goes on in "
                "another; leave the call out, and clean up in finally"
            )
        )

    def remove_signal_handler(self, sig: int) -> bool:
        """Return False: there are no signal handlers."""
        return False

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

    async def shutdown_asyncgens(self) -> None:
        """End the asynchronous generators that were begun."""
        while self._generators:
            number = next(iter(self._generators))
            generator = self._generators.pop(number)()
            if generator is None:
                continue
            try:
                await generator.aclose()
            except Exception as error:  # noqa: BLE001 - it is logged, as asyncio does
                message = f"an error occurred during closing of asynchronous generator {generator!r}"
                self.call_exception_handler({"message": message, "exception": error, "asyncgen": generator})

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("Event loop is closed")

    def _left(self) -> list[LaneTask]:
        return sorted((task for task in self._tasks if not task.done()), key=hash)

    def _drop_the_rest(self) -> None:
        """End what is left when the session leaves the user's code: it does no more."""
        for task in self._left():
            try:
                task.get_coro().close()
            except (Halt, RuntimeError):
                # Its ``finally`` wanted to go on.
                continue

    def _tell_of_failures(self) -> None:
        """Log the exceptions that nobody asked for of tasks that still exist; those of others were when they died."""
        for task in sorted(self._tasks, key=hash):
            if task.done() and getattr(task, "_log_traceback", False):
                task._log_traceback = False
                message = "Task exception was never retrieved"
                self.call_exception_handler({"message": message, "exception": task.exception(), "future": task})

    def _begin_generator(self, generator: Any) -> None:
        self._begun = number = self._begun + 1
        self._generators[number] = weakref.ref(generator, lambda _: self._generators.pop(number, None))

    def _end_generator(self, generator: Any) -> None:
        if not self._closed and self._session.goes_on:
            self.call_soon(self.create_task, generator.aclose())


def _eager_task(loop: TaskKeeper, coro: Any, *, context: Any = None) -> LaneTask:
    return LaneTask(coro, loop=loop, context=context, eager_start=True)
