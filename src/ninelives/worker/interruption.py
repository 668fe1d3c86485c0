"""Ctrl-C, SIGTERM and cancelling: the session's process stops at once, without running the user's code any further.

Unwinding through the user's ``finally`` blocks would make calls that replay does not make. So the lease is given back,
and the process exits. A thread does that: Python's own signal handlers would wait for an outside call to return.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ninelives.errors import ExitCode, RunnerError, StoreError
from ninelives.session.observer import Observer
from ninelives.storage import Journal, SessionUpdate
from ninelives.worker.link import DirectLink

#: the descriptor that signals are written to, while a session of this process is watched
_watching: list[int] = []

_CODES = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}


@contextmanager
def handled(
    link: DirectLink, journal: Journal, observer: Observer, stop: Callable[[], None] | None = None
) -> Iterator[None]:
    """Handle the signals while a session runs; they are the main thread's business, so elsewhere nothing changes.

    Args:
        link: of the session.
        journal: of the session.
        observer: told of its end.
        stop: ends the session's runner; None: it runs in this process.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    read, write = os.pipe()
    os.set_blocking(write, False)
    before = {number: signal.signal(number, _in_children(os.getpid())) for number in _CODES}
    _watching.append(write)
    wakeup = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    given = (read, link, journal, observer, stop)
    watcher = threading.Thread(target=_watch, args=given, name="interruption", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        _watching.clear()
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(write)
        watcher.join()
        os.close(read)


def _in_children(pid: int) -> Any:
    """Return a handler that ends a forked child of an activity, as it would end without us; here the watcher acts."""

    def end(number: int, _: Any) -> None:
        if os.getpid() != pid:
            os._exit(128 + number)

    return end


def _forget_wakeup() -> None:
    """In a forked child of a session's process: its signals are no business of the session."""
    if _watching and threading.current_thread() is threading.main_thread():
        signal.set_wakeup_fd(-1)


def _watch(read: int, link: DirectLink, journal: Journal, observer: Observer, stop: Callable[[], None] | None) -> None:
    while data := os.read(read, 1):
        if data[0] in _CODES:
            _stop(signal.Signals(data[0]), link, journal, observer, stop)


def _stop(
    number: signal.Signals,
    link: DirectLink,
    journal: Journal,
    observer: Observer,
    stop: Callable[[], None] | None,
) -> None:
    # What is being written is written to its end; after that the session's thread finds the gate closed for good.
    link.gate.acquire()
    code = _CODES[number]
    try:
        if stop is not None:
            # Before the lease is given back: whoever takes it must not meet the runner.
            stop()
        state = "interrupted"
        if journal.cancel_requested():
            # Codes of signals say that the session may go on.
            state, code = "cancelled", ExitCode.STOPPED
        journal.release(SessionUpdate(state=state, waiting_for=""))
    except (StoreError, RunnerError) as error:
        # What is recorded is safe, and a dead process's lease is free.
        state = f"ninelives: {error}"
    observer.ended(journal.session_id, state, int(code))
    sys.stdout.flush()
    os._exit(code)


os.register_at_fork(after_in_child=_forget_wakeup)
