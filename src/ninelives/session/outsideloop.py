"""The real loop under a session's loop: outside awaitables run on it, and outside code finds it running.

It is driven on the same thread, whenever the session's loop has nothing ready: a thread of its own costs four times as
much for each call.
"""

from __future__ import annotations

import asyncio
import threading
from asyncio import events
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from ninelives.session.scheduler import Scheduler

Result = TypeVar("Result")


class OutsideLoop:
    """The outside loop of a session's loop, made when it is first needed.

    Args:
        scheduler: gets what arrives.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._made: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._timer: asyncio.TimerHandle | None = None
        self._stops_at = 0.0

    def loop(self) -> asyncio.AbstractEventLoop:
        """Return the real loop."""
        if self._made is None:
            self._made = asyncio.new_event_loop()
            self._scheduler.pump = self.pump
            self._scheduler.on_arrival = self._stop
        return self._made

    def is_here(self) -> bool:
        """Return whether the code that asks runs on the loop."""
        return self._made is not None and events._get_running_loop() is self._made

    def call(self, function: Callable[..., Result], *args: Any) -> Result:
        """Call outside code that is not awaited: it finds the loop on which its awaitables will run."""
        before = events._get_running_loop()
        events._set_running_loop(self._made or self.loop())
        try:
            return function(*args)
        finally:
            events._set_running_loop(before)

    def pump(self, seconds: float | None) -> None:
        """Drive the loop until something arrives.

        Args:
            seconds: for how long at most, and it may come back earlier; 0 does only what is ready, None waits.
        """
        loop = self._made
        assert loop is not None
        if seconds is not None:
            self._stop_after(loop, seconds)
        before = events._get_running_loop()
        self._thread = threading.get_ident()
        events._set_running_loop(None)
        try:
            loop.run_forever()
        finally:
            self._thread = 0
            events._set_running_loop(before)

    def _stop_after(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        """Let the loop stop in time. A timer of an earlier call that fires before is good enough, and costs nothing."""
        if seconds <= 0:
            loop.call_soon(loop.stop)
            return
        due = loop.time() + seconds
        if not loop.time() < self._stops_at <= due:
            if self._timer is not None:
                self._timer.cancel()
            self._timer, self._stops_at = loop.call_at(due, loop.stop), due

    def wait(self, awaitable: Any) -> Any:
        """Await on the loop, and wait for it: to make a live value again."""

        async def wait() -> Any:
            return await awaitable

        before = events._get_running_loop()
        loop = self.loop()
        events._set_running_loop(None)
        try:
            return loop.run_until_complete(wait())
        finally:
            events._set_running_loop(before)

    def close(self) -> None:
        """End what is left on the loop, as `asyncio.run` does, and close it."""
        loop, self._made, self._timer = self._made, None, None
        self._stops_at = 0.0
        if loop is None:
            return
        self._scheduler.pump = self._scheduler.on_arrival = None
        before = events._get_running_loop()
        events._set_running_loop(None)
        try:
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            if left:
                loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            loop.close()
            events._set_running_loop(before)

    def _stop(self) -> None:
        loop = self._made
        if loop is None or not loop.is_running():
            return
        if threading.get_ident() == self._thread:
            loop.stop()
        else:
            loop.call_soon_threadsafe(loop.stop)
