"""What a runner manager is: the one boundary between a worker and the places where runners are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from ninelives.protocol.carrier import Carrier
from ninelives.protocol.messages import FromRunner
from ninelives.runner.control import Limits
from ninelives.runners.container import Container

__all__ = ["Asked", "Code", "Container", "Health", "Limits", "Manager", "Runner", "RunnerHealth"]


class Asked(NamedTuple):
    """The session that a runner is wanted for."""

    session_id: str
    #: what the runner shows to be let in (`ninelives.protocol.tokens`)
    token: bytes
    #: PYTHONHASHSEED
    hash_seed: int
    #: minor version of Python that the session was recorded on, "3.11"; "": the project's or ours
    python: str = ""
    limits: Limits = Limits()
    #: descriptor that the program reads as its stdin, for managers that can hand one over; None: nothing to read
    stdin: int | None = None
    #: descriptor of the session's file of starts (`ninelives.starts`), likewise; None: the runner asks its worker
    starts: int | None = None


class Code(NamedTuple):
    """The user's code, as the worker has it."""

    #: id of the build
    build: str
    #: the code directory on the worker's machine
    folder: Path
    container: Container = Container()


class RunnerHealth(NamedTuple):
    """How a runner is."""

    alive: bool
    #: as `os.waitpid` gives it, when the runner has ended and that is known
    status: int | None = None
    #: why it has ended, in a few words: "was killed by SIGKILL", "used more CPU time than its limit of 10 s"
    why: str = ""
    #: a limit of the session ended it
    limited: bool = False


class Health(NamedTuple):
    """How a manager is."""

    ok: bool
    #: how many of its runners are alive
    runners: int
    #: what is wrong, in a few words
    why: str = ""


class Runner(Protocol):
    """A runner that was started, as the worker has it."""

    @property
    def id(self) -> str:
        """Unique among the runners of its manager."""
        ...

    @property
    def carrier(self) -> Carrier[FromRunner]:
        """The connection to it; closed by `Manager.stop`."""
        ...

    @property
    def outputs(self) -> Mapping[str, int]:
        """Descriptors to read what its processes print past the session from: ``stdout``, ``stderr``; maybe none."""
        ...

    @property
    def code_dir(self) -> Path:
        """The code directory, as the runner sees it."""
        ...

    @property
    def cwd(self) -> Path | None:
        """The working directory, as the runner sees it; None: the one that the worker names."""
        ...

    @property
    def cache(self) -> Path | None:
        """Where the runner may keep rewritten code, as it sees it; None: nowhere."""
        ...


class Manager(Protocol):
    """Starts, watches and stops runners. Its methods may be called from any thread."""

    def prepare(self, code: Code, python: str = "") -> str:
        """Build what runners of the code need, if it is not there: what takes long is done here, not at the start.

        Args:
            code: the user's code.
            python: minor version of Python that is needed, "3.11"; "": the project's, or ours.

        Returns:
            the minor version of Python that its sessions run on.

        Raises:
            ProgramError: what the project asks for is no good.
            EnvironmentBuildError: the project's packages can't be installed.
        """
        ...

    def start(self, session: Asked, code: Code, vars: Mapping[str, str]) -> Runner:
        """Start a runner for a session; it may not have said anything yet.

        What `prepare` does is done first, if it was not.

        Args:
            session: which session.
            code: what it runs.
            vars: variables that the place itself has to set when it starts the runner; a manager whose runners get
                them in `Welcome` has no use for them.

        Raises:
            ProgramError: what the project asks for is no good.
            EnvironmentBuildError: the project's packages can't be installed.
            RunnerError: no runner can be started.
        """
        ...

    def runner_health(self, runner_id: str, *, patience: float = 0.0) -> RunnerHealth:
        """Return how a runner is; one that this manager does not know, any more or at all, is not alive.

        Args:
            runner_id: of a runner.
            patience: seconds to wait for its end, if it is ending.
        """
        ...

    def stop(self, runner_id: str) -> None:
        """End a runner at once, close its connection, and forget it; it may have ended already, or be unknown.

        Raises:
            RunnerError: it does not end.
        """
        ...

    def health(self) -> Health:
        """Return how the manager is."""
        ...

    def close(self) -> None:
        """Stop all runners, and end."""
        ...
