"""The states of a call: every edge of the table, and every message that a state does not allow."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from ninelives.errors import ProtocolError
from ninelives.protocol import messages as m
from ninelives.protocol.states import OVER, TABLE, Closed, State, after, name

#: One of each message that a runner sends.
MESSAGES: dict[type[Any], Any] = {
    m.Hello: m.Hello(m.VERSION, b"token", "session", "3.11"),
    m.Load: m.Load(),
    m.CountLines: m.CountLines(),
    m.Loaded: m.Loaded(),
    m.Note: m.Note([(2, "value", b"")], [(1.0, "stdout", "", "text", "0")]),
    m.Begin: m.Begin([(2, "activity", b"")]),
    m.Commit: m.Commit([(3, "outcome", b"")], puts=[("key", b"", None)], blobs=["ab"]),
    m.Decide: m.Decide(),
    m.Finish: m.Finish([(4, "end", b"")], "completed", "None"),
    m.Waiting: m.Waiting('{"for": "sleep", "until": 1.0}'),
    m.WritePiece: m.WritePiece(1, b"piece"),
    m.FinishWriting: m.FinishWriting(1),
    m.DropWriting: m.DropWriting(1),
    m.ReadPiece: m.ReadPiece(1, "ab", 10),
    m.CloseReading: m.CloseReading(1),
    m.GetValue: m.GetValue("key"),
    m.ListKeys: m.ListKeys(),
    m.Show: m.Show("stdout", b"text"),
    m.Replaying: m.Replaying(1, 2),
    m.Started: m.Started("time.sleep", 1),
    m.Finished: m.Finished(1),
    m.Ping: m.Ping(),
    m.Done: m.Done("completed", 0, "None", None),
    m.Failed: m.Failed("StoppedError", "text"),
    Closed: Closed(),
}

EDGES = [(state, kind) for state, edges in TABLE.items() for kind in edges]
NO_EDGES = [(state, kind) for state in State for kind in MESSAGES if kind not in TABLE[state]]

#: The edges that lead to another state, written down here once more: the table must not change by accident.
CHANGES = {
    ("wait", "hello"): "connected",
    ("connected", "loaded"): "running",
    ("running", "waiting"): "waiting",
    ("connected", "finish"): "saved",
    ("running", "finish"): "saved",
    ("waiting", "finish"): "saved",
    ("saved", "done"): "done",
    ("connected", "failed"): "error",
    ("running", "failed"): "error",
    ("waiting", "failed"): "error",
    ("wait", "closed"): "gone",
    ("connected", "closed"): "gone",
    ("running", "closed"): "gone",
    ("waiting", "closed"): "gone",
    ("saved", "closed"): "gone",
}


def _shown(edge: tuple[State, type[Any]]) -> str:
    return f"{edge[0].value}-{name(MESSAGES[edge[1]])}"


def test_every_message_of_a_runner_is_here() -> None:
    assert set(MESSAGES) == {*get_args(m.FromRunner), Closed}
    assert set(TABLE) == set(State)


@pytest.mark.parametrize("edge", EDGES, ids=_shown)
def test_an_edge(edge: tuple[State, type[Any]]) -> None:
    state, kind = edge
    message = MESSAGES[kind]
    assert after(state, message).value == CHANGES.get((state.value, name(message)), state.value)


@pytest.mark.parametrize("edge", NO_EDGES, ids=_shown)
def test_no_edge(edge: tuple[State, type[Any]]) -> None:
    state, kind = edge
    with pytest.raises(ProtocolError, match=f"said '{name(MESSAGES[kind])}' in the state '{state.value}'"):
        after(state, MESSAGES[kind])


def test_a_session_that_waits_no_longer_runs() -> None:
    assert after(State.WAITING, m.Waiting("")) is State.RUNNING
    assert after(State.RUNNING, m.Waiting("")) is State.RUNNING


def test_nothing_is_said_when_it_is_over() -> None:
    assert {state for state in State if set(TABLE[state]) == {Closed}} == OVER
