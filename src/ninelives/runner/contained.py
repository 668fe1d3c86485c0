"""Process 1 of a runner's container: takes the session from its manager, forks the runner, and ends as that does.

Process 1 itself can't be the runner: the kernel spares it most signals, also those that limits send, and it is the
parent of every orphan. When it ends, the kernel ends everything else in the container.

Runners can write no compiled code, so it is left behind when their image is made, by `warm_packages` and `warm_code`.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from ninelives.runner import control
from ninelives.runner.process import Origin, run

#: Where the manager's socket is mounted.
SOCKET = "/run/ninelives/socket"

#: Descriptors that come with the session: connection, stdin, stdout, stderr.
_DESCRIPTORS = 4

#: Seconds that may be spent on rewriting code before anybody needs it.
_PATIENCE = 2.0

#: What shells add to the number of the signal that ended a process.
SIGNALLED = 128

_PR_SET_PDEATHSIG = 1


def main() -> NoReturn:
    """Run the session that the manager has for this container, and end as its runner does."""
    os._exit(_serve())


def _serve() -> int:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as manager:
        manager.connect(SOCKET)
        data, descriptors, _, _ = socket.recv_fds(manager, control.LARGEST, _DESCRIPTORS)
    if len(descriptors) != _DESCRIPTORS:
        # The manager is gone.
        return 0
    session = control.to_parent.decode(data)
    runner = os.fork()
    if not runner:
        _be_runner(session, descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    return _reap(runner)


def _be_runner(session: control.Fork, descriptors: list[int]) -> NoReturn:
    status = 70
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        os.setsid()
        for at, descriptor in enumerate(descriptors[1:]):
            os.dup2(descriptor, at)
            os.close(descriptor)
        connection = socket.socket(fileno=descriptors[0])
        connection.set_inheritable(False)
        status = run(connection, Origin(session.session_id, session.token, session.limits, session.marks))
    except BaseException:  # noqa: BLE001 - the process ends here; its last words are read by the manager
        import traceback

        os.write(2, traceback.format_exc().encode("utf-8", "backslashreplace"))
    finally:
        os._exit(status)


def _reap(runner: int) -> int:
    """Wait for all orphans until the runner has ended, and return its exit code as shells have it."""
    while True:
        pid, status = os.wait()
        if pid == runner:
            code = os.waitstatus_to_exitcode(status)
            return SIGNALLED - code if code < 0 else code


def warm_packages() -> None:
    """Leave compiled code behind of all packages, and of what sessions import of the standard library."""
    import compileall
    import sysconfig

    from ninelives.runner.warm import import_own

    sys.dont_write_bytecode = False
    compileall.compile_dir(sysconfig.get_path("purelib"), quiet=2)
    import_own()


def warm_code(folder: str, cache: str) -> None:
    """Leave rewritten code behind of a user's files, small ones first, for as long as there is time; none is run.

    The rest is rewritten in each session that imports it.

    Args:
        folder: the user's code.
        cache: where rewritten code is kept.
    """
    from ninelives.code.exports import user_files
    from ninelives.code.importer import RewriteCache

    rewritten = RewriteCache(Path(cache))
    until = time.monotonic() + _PATIENCE
    for file in sorted(user_files(Path(folder)), key=lambda file: file.stat().st_size):
        if time.monotonic() > until:
            return
        # What is no Python of this version is found out when it is imported, if it is.
        with suppress(SyntaxError, ValueError, RecursionError):
            rewritten.compile(file.read_bytes(), str(file))
