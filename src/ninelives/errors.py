"""Every error ninelives raises: its docstring is its default message, its exit code what the command line ends with."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the command line."""

    COMPLETED = 0
    #: the user's program raised
    RAISED = 1
    #: wrong use of the command line, or a program that can't be loaded
    USAGE = 2
    #: our side can't go on: store, lease, disk
    UNAVAILABLE = 3
    #: a rule forbids going on without a person, or a person has cancelled it
    STOPPED = 4
    #: interrupted by Ctrl-C
    INTERRUPTED = 130
    #: interrupted by SIGTERM
    TERMINATED = 143


class NinelivesError(Exception):
    """ninelives can't go on."""

    exit_code = ExitCode.UNAVAILABLE

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)


class UsageError(NinelivesError):
    """The command can't be carried out as it was given."""

    exit_code = ExitCode.USAGE


class ProgramError(UsageError):
    """The user's program can't be loaded."""


class StoreError(NinelivesError):
    """The store can't be used."""


class StoreBusyError(StoreError):
    """Another process holds the store's write lock."""


class StoreReadOnlyError(StoreError):
    """The store is read-only."""


class StoreFullError(StoreError):
    """The disk that holds the store is full."""


class StoreCorruptError(StoreError):
    """The store is damaged."""


class StoreNewerError(StoreError):
    """The store was written by a newer version of ninelives."""


class BuildGoneError(StoreError):
    """The build of this session is gone."""


class SessionNotFoundError(UsageError):
    """There is no such session."""


class SessionExistsError(UsageError):
    """There is a session of this id already."""


class SessionBusyError(NinelivesError):
    """The session runs in another process."""


class EventSeenError(NinelivesError):
    """This event has already started a session of this handler."""

    exit_code = ExitCode.COMPLETED

    def __init__(self, session_id: str) -> None:
        super().__init__(f"this event has already started session {session_id}")
        self.session_id = session_id


class StoppedError(NinelivesError):
    """A rule forbids going on without a person."""

    exit_code = ExitCode.STOPPED


class DivergenceError(StoppedError):
    """The program does not do what its journal recorded."""


class NotRestorableError(StoppedError):
    """A live value can't be made again."""


class InterruptedActivityError(StoppedError):
    """An activity that must not run twice was cut off in the middle."""


class DeadlockError(StoppedError):
    """Every lane waits, and nothing is outstanding."""


class PythonVersionError(StoppedError):
    """The session was recorded on another Python minor version."""


class JournalNewerError(StoppedError):
    """The journal was written by a newer version of ninelives."""


class ProtocolError(NinelivesError):
    """A runner and its worker do not understand each other."""


class WrongTokenError(ProtocolError):
    """The token is not one that this worker gave to a runner of this session."""


class SlowPeerError(ProtocolError):
    """The other side of a connection does not go on."""


class CarrierClosedError(NinelivesError):
    """The other side of a connection is gone."""


class RunnerError(NinelivesError):
    """A runner can't be started."""


class EngineError(RunnerError):
    """The Docker engine can't be used."""


class EnvironmentBuildError(UsageError):
    """The packages that a project asks for can't be installed."""


class WorkerStopsError(NinelivesError):
    """The worker ends; its sessions go on with the next one."""


class CrashedError(StoppedError):
    """The session's process died again and again at the same place."""


class LimitError(StoppedError):
    """The session used more than it may."""
