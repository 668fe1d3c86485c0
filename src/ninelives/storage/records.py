"""What goes into the store and comes out of it."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

#: States of a session that is not over.
OPEN_STATES = frozenset({"created", "running", "waiting", "interrupted"})


class Row(NamedTuple):
    """One entry of a journal; the store never looks into ``data``."""

    seq: int
    kind: str
    data: bytes


class Line(NamedTuple):
    """One line of a session's log."""

    #: unix time in seconds
    at: float
    #: "stdout", "stderr" or "log"
    stream: str
    level: str
    text: str
    lane: str


#: What is written may be plain tuples of the same fields.
AnyRow = tuple[int, str, bytes]
AnyLine = tuple[float, str, str, str, str]


class Put(NamedTuple):
    """A change of one project value."""

    project: str
    key: str
    #: the encoded value; None deletes it
    data: bytes | None
    #: the version it must still have; 0: it must not exist; None: any
    expected: int | None = None


class NewSession(msgspec.Struct, frozen=True, kw_only=True):
    """What a session starts with."""

    session_id: str
    project: str
    entry_point: str
    build_id: str = ""
    code_dir: str = ""
    cwd: str = ""
    state: str = "created"
    #: unix time in seconds
    created_at: float
    #: unique together with project and entry_point; None: nothing to be unique about
    event_id: str | None = None
    #: minor version of Python, "3.11"
    python: str = ""
    parent: str = ""
    #: of a fork: the session it comes from, and the seq of the last entry that they share
    forked_from: str = ""
    forked_at: int = 0


#: Kind of the rows that an attempt writes though nothing has come of it.
STARTS = "activity"


class SessionUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a session; None leaves a field as it is."""

    state: str | None = None
    #: JSON text
    waiting_for: str | None = None
    #: rendered text
    result: str | None = None
    #: JSON text
    error: str | None = None
    build_id: str | None = None
    code_dir: str | None = None


class SessionRow(msgspec.Struct, frozen=True):
    """A session as the store knows it."""

    session_id: str
    project: str
    entry_point: str
    build_id: str
    code_dir: str
    cwd: str
    #: as shown: ``interrupted`` when it is not over and the process that ran it is dead
    state: str
    created_at: float
    updated_at: float
    event_id: str | None
    python: str
    waiting_for: str
    result: str
    error: str
    parent: str
    cancel_requested: bool
    #: the process that runs it, or died running it
    lease_pid: int | None
    lease_started: str | None
    #: of a fork: the session it comes from, which may be gone, and the seq of the last entry that they share
    forked_from: str
    forked_at: int
    #: a living process runs it
    live: bool
