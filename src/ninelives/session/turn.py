"""A thread lane's turn: what lets its thread run on, and what it waits by."""

from __future__ import annotations

import _thread
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ninelives.session.lanes import Lane


class Turn:
    """One thread lane, as the baton sees it.

    Args:
        lane: the lane.
        ident: its number among the threads of the session: what the program gets as the thread's identifier.
    """

    __slots__ = ("gate", "granted", "ident", "lane", "pump", "real", "sentinel", "stir", "waits_for")

    def __init__(self, lane: Lane, ident: int) -> None:
        self.lane = lane
        self.ident = ident
        #: the identifier that Python gives the real thread
        self.real = 0
        self.gate = _thread.allocate_lock()
        self.gate.acquire()
        #: it was ready when it got the baton; if not, it is to deliver outcomes
        self.granted = False
        #: drives the outside loop under the lane's event loop, for at most so many seconds
        self.pump: Callable[[float | None], None] | None = None
        #: lets ``pump`` return
        self.stir: Callable[[], None] | None = None
        #: says what it waits for, for people
        self.waits_for: Callable[[], str] | None = None
        #: the lock that Python would release when the thread has ended (before 3.13)
        self.sentinel: Any = None

    def resume(self) -> None:
        """Let the thread run on."""
        self.gate.release()
        stir = self.stir
        if stir is not None:
            stir()

    def pause(self) -> None:
        """Wait for the baton. Outside coroutines that its event loop awaits go on meanwhile."""
        while self.pump is not None:
            if self.gate.acquire(False):
                return
            self.pump(None)
        self.gate.acquire()
