"""Lanes, and which one runs now.

A lane is one thread or task of a session, named by who started it and in which order: ``0``, ``0.1``, ``0.1.2``. Code
inside a running activity, or on a thread that outside code started, is on no lane: there every call is direct.
"""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ninelives.session.link import Line
    from ninelives.session.loop import SessionLoop
    from ninelives.session.session import Session
    from ninelives.session.turn import Turn


#: Beginning of the names by which modules that are being loaded read and print; the rest is the module's file.
LOADING = "load:"


class Lane:
    """One lane of a session, with its own count of operations and its own random generator."""

    __slots__ = ("_fresh", "_random", "children", "loop", "n", "name", "running", "seeded", "session", "turn")

    def __init__(self, session: Session, name: str) -> None:
        self.session = session
        self.name = name
        #: operations so far
        self.n = 0
        #: lanes it has started
        self.children = 0
        self._random: random.Random | None = None
        self._fresh: random.Random | None = None
        #: whether the program has seeded its generator
        self.seeded = False
        #: of a thread: its turn, and its event loop
        self.turn: Turn | None = None
        self.loop: SessionLoop | None = None
        #: that loop, while it is the one that Python says runs on the thread: to ask Python is a system call
        self.running: SessionLoop | None = None
        session.lanes[name] = self

    @property
    def fresh(self) -> random.Random:
        """Its generator for what a program does not seed; that it is used changes nothing for the other one."""
        if self._fresh is None:
            self._fresh = random.Random(f"{self.session.seed}:{self.name}:fresh")
        return self._fresh

    @property
    def random(self) -> random.Random:
        """The lane's generator, seeded from the session's seed and the lane's name."""
        if self._random is None:
            self._random = random.Random(f"{self.session.seed}:{self.name}")
        return self._random

    def child(self) -> Lane:
        """Return the lane of the next thread or task that this one starts."""
        self.children += 1
        return Lane(self.session, f"{self.name}.{self.children}")


class RunningActivity:
    """What code inside a running activity may ask for."""

    __slots__ = ("attempt", "key", "lines", "partial", "session")

    def __init__(self, session: Session, key: tuple[str, int], attempt: int) -> None:
        self.session = session
        self.key = key
        self.attempt = attempt
        #: what was printed inside it: recorded with its outcome, dropped when it is cut off
        self.lines: list[Line] = []
        #: by stream, the beginning of a line not yet ended
        self.partial: dict[str, str] = {}

    @property
    def lane(self) -> str:
        """The lane of its log lines: one of its own, since replay does not print them again."""
        return f"{self.key[0]}:{self.key[1]}"

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt of this call, and for no other call."""
        return f"{self.session.key}-{self.key[0]}-{self.key[1]}"


#: The activity that the current code is part of. Tasks and threads started with a copied context are part of it too.
running_activity: ContextVar[Any] = ContextVar("running_activity", default=None)

#: In place of a `RunningActivity` where calls are direct because we run, not the program: values are encoded, logs
#: are formatted.
DIRECT = object()

#: The same for code of the program in which activities are inhibited.
INHIBITED = object()


@contextmanager
def directly() -> Iterator[None]:
    """Let every call be direct meanwhile."""
    token = running_activity.set(DIRECT)
    try:
        yield
    finally:
        running_activity.reset(token)


class _Active:
    """The session of this process and the threads it runs on.

    User modules live in ``sys.modules``, and prints go to one ``sys.stdout``: one process runs one session at a time.
    """

    def __init__(self) -> None:
        self.session: Session | None = None
        self.threads: dict[int, Lane] = {}

    def enter(self, session: Session, lane: Lane) -> None:
        if self.session is not None:
            raise RuntimeError("this process already runs a session; one process runs one session at a time")
        self.session = session
        self.threads[threading.get_ident()] = lane

    def leave(self) -> None:
        self.session = None
        self.threads.clear()


active = _Active()
_threads = active.threads
_ident = threading.get_ident


#: Frames that what we do around a call takes at most.
ROOM = 60


def need_room() -> None:
    """Go on only if there is room on the stack for what we do: a call that is half recorded would be no good.

    Raises:
        RecursionError: there is not; at the same depth of the program's own calls, live and on replay.
    """
    try:
        sys._getframe(sys.getrecursionlimit() - ROOM)
    except ValueError:
        # The stack is not that deep.
        return
    raise RecursionError("maximum recursion depth exceeded")


def thread_lane() -> Lane | None:
    """Return the lane of the calling thread, whichever task runs on it."""
    return active.threads.get(_ident())


def current_lane() -> Lane | None:
    """Return the lane that the calling code is on, or None where calls are direct."""
    return lane_here() if running_activity.get() is None else None


def lane_here() -> Lane | None:
    """Return the lane of the calling thread or task, inside a running activity too."""
    # Of no thread when there is no session.
    lane = _threads.get(_ident())
    if lane is None or lane.loop is None:
        return lane
    return lane.loop.current_lane(lane) if lane.running is None else lane.running.lane_of_task()
