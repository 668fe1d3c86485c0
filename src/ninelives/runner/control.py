"""What a runner manager and a warm parent say to each other, over a socket that keeps messages apart."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, array_like=True, frozen=True):
    """What a session's process may use; None: any."""

    #: seconds of CPU time
    cpu: float | None = None
    #: bytes of memory of its process
    memory: int | None = None
    #: seconds from its start to its end
    time: float | None = None
    #: how many processes and threads there are
    processes: int | None = None

    def without_processes(self) -> Limits:
        """Return the same limits but for processes: somebody else holds the session to these."""
        return Limits(self.cpu, self.memory, self.time)


class Fork(msgspec.Struct, array_like=True, tag="fork"):
    """To the warm parent: start a process for a session. Brings connection, stdin, stdout, stderr, maybe starts."""

    #: the manager's number for the process
    number: int
    session_id: str
    token: bytes
    limits: Limits
    #: what marks the children of the worker (`ninelives.processes`), or ""
    marks: str = ""
    #: modules of packages that the program imports
    imports: list[str] = []


class Ready(msgspec.Struct, array_like=True, tag="ready"):
    """From the warm parent, once: it can fork."""

    #: minor version of Python, "3.11"
    python: str
    #: folder of its groups of processes (`ninelives.runner.cgroups`); "": there can be none
    groups: str = ""


class Forked(msgspec.Struct, array_like=True, tag="forked"):
    """From the warm parent: the process is there; 0: it could not be made. Brings a descriptor of the process."""

    number: int
    pid: int
    #: why it could not be made
    error: str = ""
    #: folder of the group of processes that it and its children are in; "": none
    group: str = ""


class Exited(msgspec.Struct, array_like=True, tag="exited"):
    """From the warm parent: the process has ended."""

    number: int
    #: as `os.waitpid` gives it
    status: int


#: Bytes of the largest of them.
LARGEST = 64 * 1024

encode = msgspec.msgpack.Encoder().encode
to_parent: msgspec.msgpack.Decoder[Fork] = msgspec.msgpack.Decoder(Fork)
from_parent: msgspec.msgpack.Decoder[Ready | Forked | Exited] = msgspec.msgpack.Decoder(Ready | Forked | Exited)
