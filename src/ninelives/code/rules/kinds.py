"""The kinds of outside callables: what to do with a call of each."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What the guard does with an outside callable."""

    #: run directly: the result depends on the arguments only, and nothing outside of the process changes
    DETERMINISTIC = "deterministic"
    #: as deterministic, but it calls what it is given, or iterates over it, or reads or writes it as a file: its
    #: arguments are guarded
    HANDED = "handed"
    #: run directly, on replay too: what it changes is this process, not the world
    CONFIGURES = "configures"
    #: run directly: it calls user code, whose calls are guarded; arguments are guarded as for `handed`
    DRIVES = "drives"
    #: run directly: it looks at the frame of its caller, or at the process's own code, and must find the user's
    READS_FRAME = "reads_frame"
    #: what the object it belongs to is: user code if the class of its `self` is (for a generator or a coroutine: if its
    #: code is), else the kind of the same method under the name of that class (`Rules.inherited`)
    AS_SELF = "as_self"
    #: recorded as a value: a reading of the clock. Those that convert a time and only default to the present
    #: (`time.localtime`) need no record when a time is given, but a record does no harm
    CLOCK = "clock"
    #: recorded as a value: bytes or choices that nobody can predict
    ENTROPY = "entropy"
    #: run on the generator of the lane
    RANDOM = "random"
    #: the session does it, durably
    SESSION = "session"
    #: run directly: the environment is configuration, not input
    ENVIRONMENT = "environment"
    #: starts a lane
    THREAD = "thread"
    #: of a class: reading an attribute or an item of its objects may ask a server, and is recorded; a call is an
    #: activity
    LAZY = "lazy"
    #: has a rule of its own
    SPECIAL = "special"
    #: run once and recorded
    ACTIVITY = "activity"
