"""Tasks and futures of a session's loop, whose order in sets replays, and what asyncio makes of several of them.

asyncio keeps tasks and futures in sets. By default they hash by address, so sets of them iterate in another order in
each process; these have a serial number as hash.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ninelives.session.lanes import Lane, lane_here

if TYPE_CHECKING:
    from ninelives.session.loop import SessionLoop


#: Whether `asyncio.as_completed` can be used with ``async for``.
_HAS_ASYNC = sys.version_info >= (3, 13)


class _Numbered:
    """Hashes by a serial number, which is given when it is first asked for: most futures are never in a set."""

    _serial = 0

    def __hash__(self) -> int:
        if not self._serial:
            loop: SessionLoop = self.get_loop()  # type: ignore[attr-defined]
            self._serial = loop.next_serial()
        return self._serial


class LaneTask(_Numbered, asyncio.Task):  # type: ignore[type-arg]
    """A task that is a lane, under the lane that makes it."""

    lane: Lane
    #: of Python: it was cancelled, and is told at its next step
    _must_cancel: bool

    def __new__(cls, *_: Any, loop: Any = None, **__: Any) -> LaneTask:
        """Give it its lane: an eager task begins to run while it is made."""
        made = super().__new__(cls)
        running: Any = loop or asyncio.get_running_loop()
        made.lane = (lane_here() or running.lane).child()
        return made


class LaneFuture(_Numbered, asyncio.Future):  # type: ignore[type-arg]
    """A future of a session's loop."""


class OutsideFuture(LaneFuture):
    """What an outside call comes to. Cancelling it is a message to the call, which has an outcome all the same."""

    #: hands on to the call that it is no longer wanted
    forward: Callable[[Any], None] | None = None

    def cancel(self, msg: Any = None) -> bool:
        """Cancel the call; this future is done when the call is."""
        if self.done():
            return False
        if self.forward is not None:
            self.forward(msg)
        return True

    def settle(self, ok: bool, value: Any) -> None:
        """Take what the call came to."""
        if self.done():
            return
        if ok:
            self.set_result(value)
        elif isinstance(value, asyncio.CancelledError):
            super().cancel(*value.args[:1])
        else:
            self.set_exception(value)


class LaneGathering(_Numbered, asyncio.tasks._GatheringFuture):  # type: ignore[misc, name-defined]
    """What `asyncio.gather` returns."""


def gather(*awaitables: Any, return_exceptions: bool = False) -> Any:
    """Do what `asyncio.gather` does."""
    made: Any = asyncio.gather(*awaitables, return_exceptions=return_exceptions)
    if type(made) is asyncio.tasks._GatheringFuture:  # type: ignore[attr-defined]
        made.__class__ = LaneGathering
    return made


def all_tasks(loop: Any = None) -> set[Any]:
    """Return what `asyncio.all_tasks` does, as a set whose order replays."""
    made: set[Any] = set()
    made.update(sorted(asyncio.all_tasks(loop), key=hash))
    return made


class AsCompleted(Iterator[Any], AsyncIterator[Any]):
    """What `asyncio.as_completed` returns; that of Python 3.11 keeps coroutines in a set.

    Args:
        awaitables: what is waited for.
        timeout: seconds after which the rest raise ``TimeoutError``; None waits for ever.
    """

    def __init__(self, awaitables: Iterable[Any], *, timeout: float | None = None) -> None:
        if asyncio.isfuture(awaitables) or asyncio.iscoroutine(awaitables):
            raise TypeError(f"expect an iterable of futures, not {type(awaitables).__name__}")
        loop = asyncio.get_event_loop()
        # Each once, as asyncio has it, in the order in which they are given.
        futures = [asyncio.ensure_future(one, loop=loop) for one in {id(one): one for one in awaitables}.values()]
        self._waiting = dict.fromkeys(futures)
        self._left = len(self._waiting)
        self._done: deque[Any] = deque()
        self._takers: deque[asyncio.Future[None]] = deque()
        self._loop = loop
        for future in self._waiting:
            future.add_done_callback(self._completed)
        self._timer = loop.call_later(timeout, self._timed_out) if timeout is not None and futures else None

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if not self._left:
            raise StopIteration
        self._left -= 1
        return self._result_of_next()

    def __aiter__(self) -> AsyncIterator[Any]:
        if not _HAS_ASYNC:
            raise TypeError("'async for' over asyncio.as_completed() needs Python 3.13")
        return self

    async def __anext__(self) -> Any:
        if not self._left:
            raise StopAsyncIteration
        self._left -= 1
        return await self._next_future()

    async def _result_of_next(self) -> Any:
        return (await self._next_future()).result()

    async def _next_future(self) -> Any:
        while not self._done:
            taker = self._loop.create_future()
            self._takers.append(taker)
            try:
                await taker
            except BaseException:
                if taker in self._takers:
                    self._takers.remove(taker)
                if self._done:
                    # It was woken, and does not take what it was woken for.
                    self._wake()
                raise
        future = self._done.popleft()
        if self._done:
            self._wake()
        if future is None:
            raise TimeoutError
        return future

    def _completed(self, future: Any) -> None:
        if future not in self._waiting:
            return
        del self._waiting[future]
        self._done.append(future)
        self._wake()
        if not self._waiting and self._timer is not None:
            self._timer.cancel()

    def _timed_out(self) -> None:
        for future in self._waiting:
            future.remove_done_callback(self._completed)
            self._done.append(None)
        self._waiting.clear()
        self._wake()

    def _wake(self) -> None:
        while self._takers:
            taker = self._takers.popleft()
            if not taker.done():
                taker.set_result(None)
                return


# Shown in the representation of a task or future, as Python's own are.
for _cls, _name in ((LaneTask, "Task"), (LaneFuture, "Future"), (OutsideFuture, "Future")):
    _cls.__name__ = _cls.__qualname__ = _name
LaneGathering.__name__ = LaneGathering.__qualname__ = "_GatheringFuture"
