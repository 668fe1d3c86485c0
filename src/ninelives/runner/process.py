"""A runner's process: one session, from the first word to its worker to the last."""

from __future__ import annotations

import _thread
import atexit
import faulthandler
import math
import os
import resource
import select
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import NamedTuple

from ninelives.errors import CarrierClosedError, NinelivesError, ProtocolError
from ninelives.protocol import messages as m
from ninelives.protocol.carrier import to_worker
from ninelives.runner.control import Limits
from ninelives.runner.link import MessageLink
from ninelives.runner.shown import Terminal, Watched
from ninelives.session import children, entries
from ninelives.session.entries import Forgotten
from ninelives.session.journal import Journal
from ninelives.session.session import Ended, Session, Setting
from ninelives.starts import Starts

#: Exit code of a runner whose worker is gone.
WORKER_GONE = 75

#: Seconds of CPU time between the signal that says what the limit is and the one that nothing survives.
_GRACE = 5

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


class Origin(NamedTuple):
    """What a runner is started with."""

    session_id: str
    token: bytes
    limits: Limits
    #: what marks the processes of those above it
    above: str
    #: descriptor of the file of starts (`ninelives.starts`); None: the worker is asked
    starts: int | None = None


def run(connection: socket.socket, origin: Origin) -> int:
    """Run a session and return the exit code of the process.

    Args:
        connection: to the worker.
        origin: which session.
    """
    faulthandler.enable(2)
    _restrict(origin.limits)
    _thread.start_new_thread(_end_with_worker, (connection.fileno(),))
    starts = None if origin.starts is None else Starts(origin.starts)
    link = MessageLink(to_worker(connection), origin.session_id, starts)
    observer = Watched(link)
    try:
        ended = _run(link, observer, origin)
        _exit_functions()
        link.tell(m.Done(ended.state, ended.exit_code, ended.result, ended.error, observer.done))
    except CarrierClosedError:
        return WORKER_GONE
    except NinelivesError as error:
        _exit_functions()
        link.tell(m.Failed(type(error).__name__, str(error)))
        return int(error.exit_code)
    return 0


def _run(link: MessageLink, observer: Watched, origin: Origin) -> Ended:
    marker = children.watch_children(origin.above)
    welcome = link.ask(m.Hello(m.VERSION, origin.token, origin.session_id, PYTHON, marker), m.Welcome)
    if welcome.version != m.VERSION:
        raise ProtocolError(f"the worker speaks version {welcome.version} of the protocol, the runner {m.VERSION}")
    observer.watched = welcome.watched
    _take_place(link, welcome)
    return _session(link, welcome, observer)


def _take_place(link: MessageLink, welcome: m.Welcome) -> None:
    """Take the session's environment, folder and streams."""
    os.environ.update(welcome.vars)
    if os.path.isdir(welcome.cwd):
        os.chdir(welcome.cwd)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - for as long as the process lives
    sys.stdout = Terminal(link, "stdout", 1, is_terminal="stdout" in welcome.terminals)
    sys.stderr = Terminal(link, "stderr", 2, is_terminal="stderr" in welcome.terminals)


def _session(link: MessageLink, welcome: m.Welcome, observer: Watched) -> Ended:
    setting = Setting(
        Path(welcome.code_dir),
        Path(welcome.cache) if welcome.cache else None,
        observer,
        sys.stdout,
        sys.stderr,
        frozenset(welcome.secrets),
        welcome.former_dir,
        welcome.repaired,
        welcome.resumed,
        welcome.retry_interrupted,
        welcome.rules,
    )
    forgotten = entries.decode(welcome.forgotten) if welcome.forgotten else None
    assert forgotten is None or isinstance(forgotten, Forgotten)
    recorded = Journal(link, forgotten, link.decide if welcome.undecided else None)
    return Session(link, setting, recorded).run()


def _exit_functions() -> None:
    """Do what the interpreter does at its end, while it can still be shown."""
    shut_down = threading._shutdown  # type: ignore[attr-defined]
    shut_down()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()


def _restrict(limits: Limits) -> None:
    if limits.memory is not None:
        # What it writes to, and not, as RLIMIT_AS does, every library that is mapped.
        resource.setrlimit(resource.RLIMIT_DATA, (limits.memory, limits.memory))
    if limits.cpu is not None:
        seconds = math.ceil(limits.cpu)
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + _GRACE))
    if limits.processes is not None:
        # The kernel counts all of the user's, and does not hold root to it: none that runs now is to count.
        most = _running() + limits.processes
        resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
    # A dump of the memory would have the session's secrets in it.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _running() -> int:
    """Return how many processes and threads there are on this machine."""
    return int(Path("/proc/loadavg").read_text().split()[3].partition("/")[2])


def _end_with_worker(descriptor: int) -> None:
    """Wait for the end of the connection, and end the process with it, whatever the user's code is at."""
    poll = select.poll()
    poll.register(descriptor, select.POLLRDHUP)
    poll.poll()
    # Children are ended by their reaper.
    os.kill(os.getpid(), signal.SIGKILL)
