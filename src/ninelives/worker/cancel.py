"""Cancels sessions, whether a process has them or not."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass

from ninelives.errors import SessionBusyError, UsageError
from ninelives.storage import SessionUpdate, Store

#: States that a session never leaves, so that there is nothing to cancel.
_OVER = frozenset({"completed", "error", "cancelled"})


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What became of a request to cancel."""

    session_id: str
    #: ``cancelled``, or the state of a live session whose process was told to stop
    state: str
    #: a process had the session and was told; it cancels the session at its next journal write
    told: bool


def cancel(store: Store, session_id: str) -> Cancelled:
    """Cancel a session.

    Args:
        store: the store, open for writing.
        session_id: the session's id, or the unique beginning of one.

    Raises:
        SessionNotFoundError: there is no such session.
        UsageError: the session is over.
    """
    session = store.session(session_id)
    if session.state in _OVER:
        raise UsageError(f"session {session.session_id} is over ({session.state}): there is nothing to cancel")
    if not session.live:
        try:
            store.acquire(session.session_id).release(SessionUpdate(state="cancelled", waiting_for=""))
        except SessionBusyError:
            # Some process took the session since we looked: it is told, as any that has one.
            session = store.session(session.session_id)
        else:
            return Cancelled(session.session_id, "cancelled", told=False)
    store.request_cancel(session.session_id)
    _tell(session.lease_pid)
    return Cancelled(session.session_id, session.state, told=True)


def _tell(pid: int | None) -> None:
    """Wake the process that has the session, so that it looks at the request now, also in the middle of an activity."""
    if not pid:
        return
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        # It ended since we looked; the request is recorded, and whoever takes the session up next finds it.
        return
    except PermissionError:
        raise UsageError(f"process {pid} has the session and belongs to another user: cancel as that user") from None
