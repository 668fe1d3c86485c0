"""The states of a call, which is what one runner and its worker say to each other, and the messages each allows.

The table is the rule: a message that a state has no edge for is in the wrong order, and ends the call.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from ninelives.errors import ProtocolError
from ninelives.protocol import messages as m


class State(Enum):
    """Where a call is."""

    #: the runner was started and has said nothing yet
    WAIT = "wait"
    #: it said who it is, reads the journal and loads the user's modules
    CONNECTED = "connected"
    #: the handler runs
    RUNNING = "running"
    #: the session waits for a time or an event
    WAITING = "waiting"
    #: the end of the session is on disk
    SAVED = "saved"
    #: the runner said how the handler ended
    DONE = "done"
    #: the runner said why the session can't go on
    ERROR = "error"
    #: the connection ended before the runner was done
    GONE = "gone"


class Closed:
    """Stands for the end of the connection among the messages of the table."""


#: States in which nothing more is said.
OVER = frozenset({State.DONE, State.ERROR, State.GONE})

#: Messages that leave a session as it is, wherever it runs.
_ANYWHERE = (
    m.CountLines,
    m.Note,
    m.Begin,
    m.Commit,
    m.Decide,
    m.WritePiece,
    m.FinishWriting,
    m.DropWriting,
    m.ReadPiece,
    m.CloseReading,
    m.GetValue,
    m.ListKeys,
    m.Show,
    m.Replaying,
    m.Started,
    m.Finished,
    m.Ping,
)


def _stays(state: State, messages: tuple[type[Any], ...]) -> dict[type[Any], State]:
    return dict.fromkeys(messages, state)


#: State by state and message; `Waiting` leads to RUNNING when it says nothing to wait for.
TABLE: dict[State, dict[type[Any], State]] = {
    State.WAIT: {m.Hello: State.CONNECTED, Closed: State.GONE},
    State.CONNECTED: {
        **_stays(State.CONNECTED, (m.Load, m.Waiting, *_ANYWHERE)),
        m.Loaded: State.RUNNING,
        m.Finish: State.SAVED,
        m.Failed: State.ERROR,
        Closed: State.GONE,
    },
    State.RUNNING: {
        **_stays(State.RUNNING, _ANYWHERE),
        m.Waiting: State.WAITING,
        m.Finish: State.SAVED,
        m.Failed: State.ERROR,
        Closed: State.GONE,
    },
    State.WAITING: {
        **_stays(State.WAITING, _ANYWHERE),
        m.Waiting: State.WAITING,
        m.Finish: State.SAVED,
        m.Failed: State.ERROR,
        Closed: State.GONE,
    },
    State.SAVED: {
        **_stays(State.SAVED, (m.Show, m.Note, m.Finished, m.Ping)),
        m.Done: State.DONE,
        Closed: State.GONE,
    },
    State.DONE: {Closed: State.DONE},
    State.ERROR: {Closed: State.ERROR},
    State.GONE: {Closed: State.GONE},
}


def after(state: State, message: Any) -> State:
    """Return the state after a message, or after `Closed`.

    Args:
        state: the state before it.
        message: what the runner sent; for the end of the connection, a `Closed`.

    Raises:
        ProtocolError: the state does not allow it.
    """
    next_state = TABLE[state].get(type(message))
    if next_state is None:
        raise ProtocolError(f"a runner said {name(message)!r} in the state {state.value!r}, which does not allow it")
    if next_state is State.WAITING and type(message) is m.Waiting and not message.what:
        return State.RUNNING
    return next_state


def name(message: Any) -> str:
    """Return what a message is called."""
    return str(message.__struct_config__.tag) if isinstance(message, m.Message) else "closed"
