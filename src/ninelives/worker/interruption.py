"""Ctrl-C, SIGTERM and cancelling: the session's process stops at once, without running the user's code any further.

Unwinding through the user's ``finally`` blocks would make calls that replay does not make. So the lease is given
back, and the process exits.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ninelives.errors import ExitCode, StoreError
from ninelives.session.observer import Observer
from ninelives.storage import Journal, SessionUpdate
from ninelives.worker.link import DirectLink

_CODES = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}


@contextmanager
def handled(link: DirectLink, journal: Journal, observer: Observer) -> Iterator[None]:
    """Handle the signals while a session runs; they are the main thread's business, so elsewhere nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pid = os.getpid()

    def stop(number: int, _: Any) -> None:
        if os.getpid() != pid:
            # A forked child of an activity: it is no session.
            os._exit(128 + number)
        link.interrupt(lambda: _stop(signal.Signals(number), journal, observer))

    before = {number: signal.signal(number, stop) for number in _CODES}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: signal.Signals, journal: Journal, observer: Observer) -> None:
    state = "interrupted"
    try:
        state = "cancelled" if journal.cancel_requested() else "interrupted"
        journal.release(SessionUpdate(state=state, waiting_for=""))
    except StoreError as error:
        # What is recorded is safe, and a dead process's lease is free.
        state = f"ninelives: {error}"
    observer.ended(journal.session_id, state, int(_CODES[number]))
    sys.stdout.flush()
    os._exit(_CODES[number])
