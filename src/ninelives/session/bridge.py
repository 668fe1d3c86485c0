"""Events, queues and futures of the session that outside code sets: each such call is a delivery of its own.

Outside code (on the outside loop, on a thread of its own, inside an activity) does not run on replay, so what it does
to an object for which a task waits would be missing. These objects are given a name when the program makes them: the
lane and a count. What outside code does to one waits until no lane is ready, is recorded with that name, and is done
then; on replay the record does it, at the same point.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from ninelives.errors import StoppedError
from ninelives.session.entries import Outcome
from ninelives.session.lanes import DIRECT, INHIBITED, active, current_lane, lane_here, running_activity
from ninelives.session.scheduler import BRIDGED
from ninelives.session.stop import Halt
from ninelives.session.tasks import LaneFuture

if TYPE_CHECKING:
    from ninelives.session.session import Session

#: The lane that made an object, and which of its objects that is.
Name = tuple[str, int]


class Bridge:
    """What outside code did to objects of one session.

    Args:
        session: the session.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._named: WeakValueDictionary[Name, Any] = WeakValueDictionary()
        self._counts: dict[str, int] = {}
        self._deliveries = 0
        self._sent: deque[tuple[Name, str, tuple[Any, ...]]] = deque()

    def name(self, made: Any) -> None:
        """Give an object that the program makes its name."""
        lane = current_lane()
        if lane is not None:
            count = self._counts[lane.name] = self._counts.get(lane.name, 0) + 1
            made.bridged = (lane.name, count)
            self._named[made.bridged] = made

    def send(self, made: Any, method: str, args: tuple[Any, ...]) -> None:
        """Do something to an object when its turn comes; any thread may ask."""
        self._sent.append((made.bridged, method, args))
        self._session.scheduler.interrupt(self._record)

    def taken(self) -> bytes:
        """Return what an outcome holds of what outside code has done by now; nothing if it did nothing.

        What a call did is one record with what it came to, or an earlier one: a call that is over is not made again.

        Raises:
            Halt: it gave what can't be saved.
        """
        sent = []
        while self._sent:
            sent.append(self._sent.popleft())
        data = self._session.values.pack(sent) if sent else b""
        if data is None:
            raise Halt(
                StoppedError(
                    f"outside code gives an object that can't be saved to {sent[0][1]} of an object of the session; "
                    "let it give plain data"
                )
            )
        return data

    def _record(self) -> None:
        session = self._session
        session.check()
        data = self.taken()
        if not data:
            # It went with the end of a call.
            return
        outcome = Outcome(session.journal.seq(), time.time(), BRIDGED, self._deliveries + 1, True)
        outcome.bridged = data
        outcome.rounds = session.scheduler.forced()
        session.journal.commit(outcome)
        self.deliver(outcome)

    def deliver(self, outcome: Outcome) -> None:
        """Do what a delivery says, now and on replay."""
        self._deliveries = outcome.n
        self._session.delivered(outcome)
        self.do(outcome)

    def do(self, outcome: Outcome) -> None:
        """Do what outside code did, by the copies that replay has.

        What the program has forgotten by now is left alone: nobody can see the difference.
        """
        for name, method, args in self._session.values.unpack(outcome.bridged):
            made = self._named.get(name)
            if made is not None and not (isinstance(made, asyncio.Future) and made.done()):
                getattr(made.stock, method)(made, *args)

    def may_come(self) -> bool:
        """Return whether outside code is left that may do something to an object of the session."""
        if not self._named:
            return False
        loops = {lane.loop for lane in self._session.lanes.values() if lane.loop is not None}
        return any(loop.outside.has_tasks() for loop in loops) or bool(self._foreign_threads())

    def _foreign_threads(self) -> set[threading.Thread]:
        pools: Any = sys.modules.get("concurrent.futures.thread")
        # Threads of pools stay when they have nothing to do; what they do is a call that somebody waits for.
        idle = set(pools._threads_queues) if pools is not None else set()
        found = set(threading.enumerate()) - self._session.threads_before - idle
        return {thread for thread in found if thread.ident not in active.threads and thread.is_alive()}


def hand_over(callback: Any, args: tuple[Any, ...]) -> bool:
    """Do what outside code asks a loop of the session to call, if that is a method of an object that has a name."""
    made = getattr(callback, "__self__", None)
    if not isinstance(made, _Bridged) or made.bridged is None or _outside_of(made) is None:
        return False
    callback(*args)
    return True


def _outside_of(made: Any) -> Session | None:
    """Return the session to which an object belongs, if outside code asks."""
    session, running = active.session, running_activity.get()
    if session is None or made.bridged is None or session.halted is not None:
        return None
    if running is DIRECT or running is INHIBITED:
        # That runs on replay as well.
        return None
    return session if running is not None or lane_here() is None else None


class _Bridged:
    """An object that outside code may use."""

    #: its name; None if outside code made it
    bridged: Name | None = None
    #: what it is to asyncio
    stock: type

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if active.session is not None:
            active.session.bridge.name(self)


def _method(stock: type, name: str) -> Any:
    own = getattr(stock, name)

    def call(self: Any, *args: Any) -> Any:
        session = _outside_of(self)
        if session is None:
            return own(self, *args)
        if name == "put_nowait" and self.maxsize > 0:
            raise session.foreign(_BOUNDED)
        session.bridge.send(self, name, args)
        return None

    return _as_of(stock, call, name)


def _put(stock: type) -> Any:
    own: Any = stock.put  # type: ignore[attr-defined]

    async def put(self: Any, item: Any) -> None:
        if _outside_of(self) is None:
            await own(self, item)
        else:
            self.put_nowait(item)

    return _as_of(stock, put, "put")


def _refused(stock: type, name: str) -> Any:
    own = getattr(stock, name)

    def call(self: Any, *args: Any) -> Any:
        session = _outside_of(self)
        if session is None:
            return own(self, *args)
        raise session.foreign(
            f"outside code calls {name} of an object of the session, and a restart would not do that again; "
            "let it return what it has, and do it in your own code"
        )

    return _as_of(stock, call, name)


def _as_of(stock: type, function: Any, name: str) -> Any:
    function.__name__, function.__qualname__ = name, f"{stock.__name__}.{name}"
    function.__module__ = stock.__module__
    return function


def _bridged(stock: type, base: type, bridged: str, refused: str) -> type:
    """Return the class that user code gets in place of one of asyncio's.

    Args:
        stock: that one.
        base: what it is made of.
        bridged: methods that outside code may call.
        refused: those that it may not.
    """
    methods = {name: _method(stock, name) for name in bridged.split()}
    methods |= {name: _refused(stock, name) for name in refused.split()}
    if "put_nowait" in methods:
        methods["put"] = _put(stock)
    members = {**methods, "stock": stock, "__module__": stock.__module__, "__qualname__": stock.__qualname__}
    return type(stock.__name__, (_Bridged, base), members)


_BOUNDED = (
    "outside code puts into a queue that has a size, and may have to wait for room at a moment that no record has; "
    "give it a queue without one"
)

Future: Any = _bridged(asyncio.Future, LaneFuture, "set_result set_exception", "")

#: By name, what user code gets.
CLASSES: dict[str, Any] = {
    "asyncio.Event": _bridged(asyncio.Event, asyncio.Event, "set clear", ""),
    **{
        f"asyncio.{stock.__name__}": _bridged(stock, stock, "put_nowait task_done", "get_nowait")
        for stock in (asyncio.Queue, asyncio.LifoQueue, asyncio.PriorityQueue)
    },
}
