"""Locks of user code: lanes that wait for one pass the baton, and get it in the order in which they came.

Underneath is a real lock, so code on no lane (inside an activity, on a thread of outside code) may use them too.
"""

from __future__ import annotations

import _thread
from collections import deque
from itertools import count
from typing import Any

from ninelives.errors import StoppedError
from ninelives.session.lanes import INHIBITED, Lane, active, lane_here, running_activity
from ninelives.session.stop import Halt
from ninelives.session.turn import Turn

_ident = _thread.get_ident
_threads = active.threads
_allocate = _thread.allocate_lock
_running = running_activity.get

#: Hashes of locks that lanes make, and of all others: Python keeps locks in sets, whose order must replay.
_serials = count(1)
_other_serials = count(-2, -1)

#: Seconds for which a lane waits in place for a lock that an activity has.
_LONG = 60.0


def lane_thread() -> Lane | None:
    """Return the thread lane that the calling code runs on; None inside an activity and on other threads."""
    lane = _threads.get(_ident())
    if lane is None:
        return None
    running = _running()
    return lane if running is None or running is INHIBITED else None


def turn_here() -> Turn | None:
    """Return the turn of the calling thread; None where calls are direct, and while modules load."""
    lane = lane_thread()
    return None if lane is None or lane.session.loading else lane.turn


class _Waiter:
    __slots__ = ("got", "key", "turn")

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.got = False
        #: of the timer that ends the wait
        self.key: tuple[str, int] | None = None


class Lock:
    """In place of ``_thread.lock``."""

    __slots__ = ("__weakref__", "_by", "_real", "_serial", "_waiters")

    def __init__(self) -> None:
        self._real = _allocate()
        self._waiters: deque[_Waiter] = deque()
        #: the lane that has it; None when it is free, or code on no lane has it
        self._by: Lane | None = None
        self._serial = next(_serials if _ident() in _threads and _running() is None else _other_serials)

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """See `threading.Lock.acquire`."""
        if timeout == -1 and self._real.acquire(False):
            self._by = lane_thread()
            return True
        return self._wait(blocking, timeout)

    def __enter__(self) -> bool:
        if self._real.acquire(False):
            # As `lane_thread`, without its call: this is what every ``with lock`` does.
            running = _running()
            self._by = _threads.get(_ident()) if running is None or running is INHIBITED else None
            return True
        return self._wait(True, -1)

    def release(self) -> None:
        """See `threading.Lock.release`."""
        if self._waiters:
            self._hand_over()
        else:
            self._by = None
            self._real.release()

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> None:
        if self._waiters:
            self._hand_over()
        else:
            self._by = None
            self._real.release()

    def locked(self) -> bool:
        """See `threading.Lock.locked`."""
        return self._real.locked()

    acquire_lock = acquire
    release_lock = release
    locked_lock = locked

    def _wait(self, blocking: bool, timeout: float) -> bool:
        turn = turn_here()
        if turn is None:
            return self._real.acquire(blocking, timeout)
        if not blocking or timeout != -1:
            # Wrong arguments are the real lock's business.
            at_once = not blocking or timeout <= 0
            if self._real.acquire(blocking, timeout) if at_once else self._real.acquire(False):
                self._by = turn.lane
                return True
            if at_once:
                return False
        session = turn.lane.session
        session.check()
        if self._by is None:
            return self._wait_in_place(turn)
        waiter = _Waiter(turn)
        if timeout > 0:
            lane = lane_here() or turn.lane
            waiter.key = session.timers.start(lane, session.clock.wall() + timeout, lambda: self._give_up(waiter))
        self._waiters.append(waiter)
        session.baton.wait(turn, self._what)
        return waiter.got

    def _wait_in_place(self, turn: Turn) -> bool:
        # An activity has it: on replay, where it does not run, the lock is free at this point.
        if not self._real.acquire(True, _LONG):
            raise Halt(
                StoppedError(
                    f"an activity has held a lock for {_LONG:g} s that lane {turn.lane.name} waits for; "
                    "use the lock only inside of activities, or only outside"
                )
            )
        self._by = turn.lane
        return True

    def _hand_over(self) -> None:
        """Give the lock to the first who waits; his time-out no longer counts."""
        turn = self._waiters[0].turn
        session = turn.lane.session
        if turn_here() is None and session.goes_on:
            raise session.foreign(
                "a thread of outside code, or code inside an activity, releases a lock, sets an event or fills a queue "
                f"that lane {turn.lane.name} waits for, and a restart would not do that again; "
                "return the value from the activity instead"
            )
        waiter = self._waiters.popleft()
        if waiter.key is not None:
            session.scheduler.forget(waiter.key)
        waiter.got = True
        self._by = turn.lane
        session.baton.wake(turn)

    def _give_up(self, waiter: _Waiter) -> None:
        self._waiters.remove(waiter)
        waiter.turn.lane.session.baton.wake(waiter.turn)

    def _what(self) -> str:
        return f"a lock that lane {self._by.name} has" if self._by is not None else "a lock"

    def _at_fork_reinit(self) -> None:
        self._real = _allocate()
        self._waiters.clear()
        self._by = None

    def __hash__(self) -> int:
        return self._serial

    def __eq__(self, other: object) -> bool:
        return self is other

    def __reduce__(self) -> Any:
        raise TypeError("cannot pickle '_thread.lock' object")

    def __repr__(self) -> str:
        return f"<{'locked' if self.locked() else 'unlocked'} _thread.lock object at {id(self):#x}>"


class RLock:
    """In place of ``_thread.RLock``."""

    __slots__ = ("__weakref__", "_count", "_lock", "_owner")

    def __init__(self) -> None:
        self._lock = Lock()
        self._owner = 0
        self._count = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """See `threading.RLock.acquire`."""
        me = _ident()
        if self._owner == me:
            self._count += 1
            return True
        if not self._lock.acquire(blocking, timeout):
            return False
        self._owner = me
        self._count = 1
        return True

    __enter__ = acquire

    def release(self) -> None:
        """See `threading.RLock.release`."""
        if self._owner != _ident():
            raise RuntimeError("cannot release un-acquired lock")
        self._count -= 1
        if not self._count:
            self._owner = 0
            self._lock.release()

    def __exit__(self, *_: object) -> None:
        self.release()

    # What `threading.Condition` asks of it.

    def _is_owned(self) -> bool:
        return self._owner == _ident()

    def _recursion_count(self) -> int:
        return self._count if self._owner == _ident() else 0

    def _release_save(self) -> tuple[int, int]:
        if not self._count:
            raise RuntimeError("cannot release un-acquired lock")
        state = self._count, self._owner
        self._count = self._owner = 0
        self._lock.release()
        return state

    def _acquire_restore(self, state: tuple[int, int]) -> None:
        self._lock.acquire()
        self._count, self._owner = state

    def _at_fork_reinit(self) -> None:
        self._lock._at_fork_reinit()
        self._owner = self._count = 0

    def __reduce__(self) -> Any:
        raise TypeError("cannot pickle '_thread.RLock' object")

    def __repr__(self) -> str:
        state = "locked" if self._count else "unlocked"
        return f"<{state} _thread.RLock object owner={self._owner} count={self._count} at {id(self):#x}>"


for _cls, _name in ((Lock, "lock"), (RLock, "RLock")):
    # What they stand for: this is how they are shown.
    _cls.__module__ = "_thread"
    _cls.__qualname__ = _cls.__name__ = _name
