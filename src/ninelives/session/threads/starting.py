"""In place of ``_thread`` for the copies: threads are lanes, locks pass the baton, identifiers are small numbers."""

from __future__ import annotations

import _thread
import sys
import threading
import types
from collections.abc import Callable, Mapping
from typing import Any

from ninelives.session.lanes import active, lane_here
from ninelives.session.stop import Halt
from ninelives.session.threads.locks import Lock, RLock, turn_here
from ninelives.session.turn import Turn

_real_start = _thread.start_new_thread

#: The threads that the real `threading` knows, by the identifiers of Python.
_known: dict[int, Any] = threading._active  # type: ignore[attr-defined]


def get_ident() -> int:
    """Return the identifier of the calling thread: the same on replay if it is a lane's."""
    lane = active.threads.get(_thread.get_ident())
    return _thread.get_ident() if lane is None or lane.turn is None else lane.turn.ident


def start_new_thread(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any] | None = None, /
) -> int:
    """Start a thread, which is a lane if a lane starts it; returns its identifier."""
    return _start(function, args, kwargs or {}, None)


def _start(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], handle: ThreadHandle | None
) -> int:
    starts = turn_here()
    if starts is None:
        return _real_start(_run_direct, (function, args, kwargs, handle))
    session = starts.lane.session
    session.check()
    lane = (lane_here() or starts.lane).child()
    turn = session.baton.turn_for(lane)
    if handle is not None:
        handle._begin(turn.ident)
    _real_start(_run, (turn, function, args, kwargs, handle))
    session.baton.start(turn)
    return turn.ident


def _run(
    turn: Turn,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    handle: ThreadHandle | None,
) -> None:
    session = turn.lane.session
    try:
        session.baton.begin(turn)
        thread = getattr(function, "__self__", None)
        if thread is not None:
            # For those who ask the real `threading` which thread this is: `logging` does.
            _known[turn.real] = thread
        function(*args, **kwargs)
    except (SystemExit, Halt):
        # The thread has ended; what stops the session is said by the session.
        pass
    except BaseException:  # noqa: BLE001 - as Python does with what a raw thread raises
        if session.goes_on:
            sys.excepthook(*sys.exc_info())
    finally:
        try:
            _ended(turn, handle)
        finally:
            _known.pop(turn.real, None)
            session.baton.finish(turn)


def _ended(turn: Turn, handle: ThreadHandle | None) -> None:
    if handle is not None:
        handle._set_done()
    elif turn.sentinel is not None and turn.sentinel.locked():
        turn.sentinel.release()


def _run_direct(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], handle: ThreadHandle | None
) -> None:
    """Run a thread that is no lane: one that module level, or code inside an activity, starts."""
    own = _direct.sentinel = [] if handle is None else None
    if handle is not None:
        handle._begin(_thread.get_ident())
    try:
        function(*args, **kwargs)
    except SystemExit:
        pass
    finally:
        if handle is not None:
            handle._set_done()
        for lock in own or ():
            if lock.locked():
                lock.release()


_direct = _thread._local()


def _set_sentinel() -> Lock:
    """Return the lock that is released when the calling thread has ended (before 3.13)."""
    lock = Lock()
    lane = active.threads.get(_thread.get_ident())
    if lane is not None and lane.turn is not None:
        lane.turn.sentinel = lock
    elif getattr(_direct, "sentinel", None) is not None:
        _direct.sentinel.append(lock)
    return lock


class ThreadHandle:
    """In place of ``_thread._ThreadHandle`` (since 3.13): joins a thread."""

    __slots__ = ("_done", "_ended", "_started", "ident")

    def __init__(self) -> None:
        self.ident: int | None = None
        self._ended = Lock()
        self._started = False
        self._done = False

    def _begin(self, ident: int) -> None:
        if not self._started:
            self._started = True
            self._ended.acquire()
        self.ident = ident

    def is_done(self) -> bool:
        """Return whether the thread has ended."""
        return self._done

    def _set_done(self) -> None:
        if not self._done:
            self._done = True
            if self._started:
                self._ended.release()

    def join(self, timeout: float | None = None, /) -> None:
        """Wait for the end of the thread, for at most ``timeout`` seconds."""
        if not self._started:
            raise RuntimeError("thread not started")
        if self.ident == get_ident() and not self._done:
            raise RuntimeError("Cannot join current thread")
        if not self._done and self._ended.acquire(True, -1 if timeout is None or timeout < 0 else timeout):
            self._ended.release()


def start_joinable_thread(
    function: Callable[[], Any], *, handle: ThreadHandle | None = None, daemon: bool = True
) -> ThreadHandle:
    """Start a thread that can be joined."""
    handle = handle or ThreadHandle()
    if handle._started:
        raise RuntimeError("thread already started")
    if not daemon:
        _not_daemons().append(handle)
    _start(function, (), {}, handle)
    return handle


def _make_thread_handle(ident: int) -> ThreadHandle:
    handle = ThreadHandle()
    handle._begin(ident)
    return handle


def _not_daemons() -> list[ThreadHandle]:
    turn = turn_here()
    return [] if turn is None else turn.lane.session.baton.not_daemons


def _shutdown() -> None:
    """Join all threads that are no daemons (since 3.13)."""
    handles = _not_daemons()
    while handles:
        handles.pop(0).join()


def thread_module() -> types.ModuleType:
    """Return a new module in place of ``_thread``."""
    module = types.ModuleType("_thread", _thread.__doc__)
    vars(module).update({name: value for name, value in vars(_thread).items() if name != "_excepthook"})
    ours: dict[str, Any] = {
        "LockType": Lock,
        "RLock": RLock,
        "allocate": Lock,
        "allocate_lock": Lock,
        "get_ident": get_ident,
        "lock": Lock,
        "start_new": start_new_thread,
        "start_new_thread": start_new_thread,
    }
    if sys.version_info >= (3, 13):
        ours |= {
            "_ThreadHandle": ThreadHandle,
            "_get_main_thread_ident": lambda: 1,
            "_make_thread_handle": _make_thread_handle,
            "_shutdown": _shutdown,
            "start_joinable_thread": start_joinable_thread,
        }
    else:
        ours["_set_sentinel"] = _set_sentinel
    vars(module).update(ours)
    return module
