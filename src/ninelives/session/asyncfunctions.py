"""What user code gets in place of those functions of `asyncio` that make loops, or whose order would not replay."""

from __future__ import annotations

import asyncio
import contextvars
from asyncio import events, futures
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from ninelives.errors import StoppedError
from ninelives.session import bridge, tasks
from ninelives.session.stop import Halt

if TYPE_CHECKING:
    from ninelives.session.loop import SessionLoop
    from ninelives.session.session import Session


def functions(session: Session) -> dict[str, Callable[..., Any]]:
    """Return them by the names they stand in for."""
    return {
        "asyncio.run": partial(run, session),
        "asyncio.Runner": partial(Runner, session),
        "asyncio.new_event_loop": session.new_event_loop,
        "asyncio.get_event_loop": partial(get_event_loop, session),
        "asyncio.set_event_loop": partial(set_event_loop, session),
        "asyncio.gather": tasks.gather,
        "asyncio.all_tasks": tasks.all_tasks,
        "asyncio.as_completed": tasks.AsCompleted,
        "asyncio.Future": partial(_on_loop, bridge.Future),
        **bridge.CLASSES,
        "asyncio.Task": partial(_on_loop, tasks.LaneTask),
        "asyncio.run_coroutine_threadsafe": partial(run_coroutine_threadsafe, session),
        "asyncio.BaseDefaultEventLoopPolicy.get_event_loop": partial(get_event_loop, session),
        "asyncio.BaseDefaultEventLoopPolicy.new_event_loop": session.new_event_loop,
        "asyncio.BaseEventLoop.run_forever": _refuse,
        "asyncio.BaseEventLoop.run_until_complete": _refuse,
        "anyio.run": partial(anyio_run, session),
        "uvloop.new_event_loop": session.new_event_loop,
        "uvloop.run": partial(run, session),
    }


def run(session: Session, main: Coroutine[Any, Any, Any], **_: Any) -> Any:
    """Do what `asyncio.run` does, on a loop of the session.

    Raises:
        RuntimeError: a loop runs already.
    """
    if events._get_running_loop() is not None:
        raise RuntimeError("asyncio.run() cannot be called from a running event loop")
    with Runner(session) as runner:
        return runner.run(main)


def anyio_run(session: Session, func: Callable[..., Any], *args: Any, backend: str = "asyncio", **_: Any) -> Any:
    """Do what `anyio.run` does, on a loop of the session.

    Raises:
        RuntimeError: a loop runs already.
        Halt: the backend is not asyncio.
    """
    if backend != "asyncio":
        raise Halt(StoppedError(f"anyio.run: a session's loop is asyncio's, not {backend}'s; leave the backend out"))
    return run(session, func(*args))


def _refuse(*_: Any) -> None:
    raise Halt(
        StoppedError(
            "a loop that is not the session's runs tasks that no record has; make loops with asyncio.run, "
            "asyncio.Runner or asyncio.new_event_loop"
        )
    )


class Runner:
    """Does what `asyncio.Runner` does, on a loop of the session."""

    def __init__(self, session: Session, *, debug: Any = None, loop_factory: Any = None) -> None:
        self._session = session
        self._loop: SessionLoop | None = None
        self._closed = False
        self._context: contextvars.Context | None = None

    def __enter__(self) -> Self:
        self.get_loop()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End what is left on the loop, and close it."""
        self._closed = True
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.end()

    def get_loop(self) -> SessionLoop:
        """Return the loop.

        Raises:
            RuntimeError: the runner was closed.
        """
        if self._closed:
            raise RuntimeError("Runner is closed")
        if self._loop is None:
            self._loop = self._session.new_event_loop()
            self._context = contextvars.copy_context()
        return self._loop

    def run(self, coro: Coroutine[Any, Any, Any], *, context: Any = None) -> Any:
        """Run a coroutine to its end, and return its result.

        Raises:
            RuntimeError: a loop runs already, or the runner was closed.
            ValueError: it is no coroutine.
        """
        if not asyncio.iscoroutine(coro):
            raise ValueError(f"a coroutine was expected, got {coro!r}")
        if events._get_running_loop() is not None:
            raise RuntimeError("Runner.run() cannot be called from a running event loop")
        loop = self.get_loop()
        return loop.run_until_complete(loop.create_task(coro, context=context or self._context))


def get_event_loop(session: Session) -> SessionLoop | asyncio.AbstractEventLoop:
    """Return the loop that runs, or else the session's."""
    return events._get_running_loop() or session.event_loop()


def set_event_loop(session: Session, loop: Any) -> None:
    """Let a loop be the one that `asyncio.get_event_loop` gives on this thread."""
    if loop is not None:
        session.baton.here().lane.loop = loop


def run_coroutine_threadsafe(session: Session, coro: Any, loop: Any) -> Any:
    """Do what `asyncio.run_coroutine_threadsafe` does; its future waits as lanes do.

    Raises:
        TypeError: it is no coroutine.
    """
    if not asyncio.iscoroutine(coro):
        raise TypeError("A coroutine object is required")
    future = session.private.get("concurrent.futures").Future()

    def begin() -> None:
        try:
            futures._chain_future(asyncio.ensure_future(coro, loop=loop), future)  # type: ignore[attr-defined]
        except BaseException as error:
            if future.set_running_or_notify_cancel():
                future.set_exception(error)
            raise

    loop.call_soon_threadsafe(begin)
    return future


def _on_loop(cls: type, *args: Any, loop: Any = None, **kwargs: Any) -> Any:
    loop = loop or asyncio.get_running_loop()
    if cls is tasks.LaneTask and kwargs.get("name") is None:
        kwargs["name"] = loop.next_task_name()
    return cls(*args, loop=loop, **kwargs)
