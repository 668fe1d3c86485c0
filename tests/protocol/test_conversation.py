"""The worker's side of a call, over a real store: what it answers to runners that behave, and to those that do not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ninelives.errors import ProtocolError, StoreFullError, WrongTokenError
from ninelives.protocol import messages as m
from ninelives.protocol.states import State
from ninelives.protocol.tokens import Tokens
from ninelives.session.entries import FORMAT, Start
from ninelives.session.journal import row
from ninelives.session.observer import Silent
from ninelives.storage import NewSession, Store
from ninelives.worker.conversation import Conversation, Terms
from ninelives.worker.link import DirectLink

START = Start(1, 1.0, FORMAT, "main.py:main", {}, 1, 1, "3.11")


class Call:
    """A call with a new session."""

    def __init__(self, store: Store) -> None:
        store.create(
            NewSession(session_id="one", project="p", entry_point="main.py:main", created_at=1.0), (row(START),)
        )
        self.store = store
        self.journal = store.acquire("one")
        self.tokens = Tokens()
        self.token = self.tokens.issue("one")
        self.shown: list[tuple[str, bytes]] = []
        self.decided = 0
        self.welcome = m.Welcome(m.VERSION, "/code", "/")
        terms = Terms(self.tokens, "3.11", self.welcome, self._decide, lambda *shown: self.shown.append(shown))
        self.link = DirectLink(store, self.journal, "p")
        self.conversation = Conversation(self.link, terms, Silent())

    def _decide(self) -> None:
        self.decided += 1

    def say(self, *messages: Any) -> list[Any]:
        return self.conversation.handle(messages)

    def hello(self, **fields: Any) -> m.Hello:
        return m.Hello(**({"version": m.VERSION, "token": self.token, "session_id": "one", "python": "3.11"} | fields))


@pytest.fixture
def call(tmp_path: Path) -> Iterator[Call]:
    with Store.open(tmp_path / "home") as store:
        yield Call(store)


@pytest.fixture
def connected(call: Call) -> Call:
    assert call.say(call.hello(marker="1:2")) == [call.welcome]
    assert call.conversation.marker == "1:2"
    return call


def test_a_whole_call(connected: Call) -> None:
    say = connected.say
    assert say(m.Load()) == [m.Rows([tuple(row(START))])]
    assert say(m.CountLines()) == [m.LineCounts({})]
    assert say(m.Loaded()) == []
    assert connected.conversation.state is State.RUNNING
    assert say(m.Show("stdout", b"hi\n"), m.Note([], [(1.0, "stdout", "", "hi", "0")])) == []
    assert connected.shown == [("stdout", b"hi\n")]
    assert say(m.Begin([(2, "activity", b"a")])) == [m.Saved()]
    assert say(m.Commit([(3, "outcome", b"o")], puts=[("key", b"v", 0)])) == [m.Saved()]
    assert say(m.GetValue("key"), m.ListKeys()) == [m.Found(b"v", 1), m.Keys(["key"])]
    assert say(m.GetValue("none")) == [m.Found()]
    assert say(m.Commit([(4, "outcome", b"o")], puts=[("key", b"v", 7)])) == [m.Saved(done=False)]
    assert say(m.Waiting('{"for": "sleep", "until": 5.0}')) == []
    assert connected.store.session("one").state == "waiting"
    assert say(m.Waiting("")) == []
    assert say(m.Finish([(4, "end", b"e")], "completed", "None")) == [m.Saved()]
    assert say(m.Done("completed", 0, "None", None)) == []
    assert connected.conversation.is_over
    session = connected.store.session("one")
    assert (session.state, session.result) == ("completed", "None")
    assert [entry.kind for entry in connected.store.rows("one")] == ["start", "activity", "outcome", "end"]
    assert [line.text for _, line in connected.store.lines("one")] == ["hi"]


def test_a_journal_comes_in_pieces(connected: Call) -> None:
    rows = [(seq, "value", bytes(100_000)) for seq in range(2, 12)]
    connected.link.commit(rows)
    got: list[Any] = []
    after, answers = 0, 0
    while True:
        (answer,) = connected.say(m.Load(after))
        got += answer.rows
        answers += 1
        if not answer.more:
            break
        after = got[-1][0]
    assert [tuple(one) for one in got[1:]] == rows
    assert answers == 4


def test_a_large_value_comes_and_goes_in_pieces(connected: Call) -> None:
    say = connected.say
    assert say(m.WritePiece(1, b"a" * 1000), m.WritePiece(2, b"dropped"), m.DropWriting(2), m.WritePiece(1, b"b")) == []
    (written,) = say(m.FinishWriting(1))
    assert say(m.Commit([(2, "outcome", b"")], blobs=[written.sha256])) == [m.Saved()]
    assert say(m.ReadPiece(3, written.sha256, 900)) == [m.Piece(b"a" * 900)]
    assert say(m.ReadPiece(3, written.sha256, 900)) == [m.Piece(b"a" * 100 + b"b")]
    assert say(m.ReadPiece(3, written.sha256, 900)) == [m.Piece(b"")]
    assert say(m.CloseReading(3)) == []
    (refused,) = say(m.ReadPiece(4, "0" * 64, 900))
    assert (refused.kind, "missing" in refused.text) == ("StoreCorruptError", True)


def test_what_a_dead_runner_began_to_write_is_dropped(connected: Call) -> None:
    connected.say(m.WritePiece(1, b"a"))
    connected.conversation.closed()
    assert connected.conversation.state is State.GONE
    assert list((connected.store.home / "blobs" / "new").iterdir()) == []  # type: ignore[operator]


def test_what_goes_wrong_with_something_told_is_the_next_answer(
    connected: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise StoreFullError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(connected.link, "note", full)
        assert connected.say(m.Note([(2, "value", b"")])) == []
    assert connected.say(m.Note([(3, "value", b"")]), m.Show("stdout", b"x")) == []
    assert connected.say(m.Begin([(4, "activity", b"")])) == [m.Refused("StoreFullError", "the disk is full")]
    assert [entry.seq for entry in connected.store.rows("one")] == [1], "nothing after it is recorded"
    assert connected.say(m.Failed("StoreFullError", "the disk is full")) == []
    assert type(connected.conversation.failed) is StoreFullError


@pytest.mark.parametrize("field", [{"token": bytes(32)}, {"token": b""}, {"session_id": "two"}])
def test_a_runner_with_a_wrong_token(call: Call, field: dict[str, Any]) -> None:
    with pytest.raises(WrongTokenError):
        call.say(call.hello(**field))


def test_another_version(call: Call) -> None:
    with pytest.raises(ProtocolError, match=f"version 99 of the protocol, the worker {m.VERSION}"):
        call.say(call.hello(version=99))


def test_another_python(call: Call) -> None:
    (refused,) = call.say(call.hello(python="3.10"))
    assert (refused.kind, "needs Python 3.11" in refused.text) == ("PythonVersionError", True)


def test_a_second_hello(connected: Call) -> None:
    with pytest.raises(ProtocolError, match="'hello' in the state 'connected'"):
        connected.say(connected.hello())


@pytest.mark.parametrize("message", [m.Load(), m.Begin([]), m.Ping(), m.Show("stdout", b"x")])
def test_nobody_is_heard_before_hello(call: Call, message: Any) -> None:
    with pytest.raises(ProtocolError, match="in the state 'wait'"):
        call.say(message)
    assert call.shown == []


def test_what_came_before_a_message_in_the_wrong_order_counts(connected: Call) -> None:
    with pytest.raises(ProtocolError):
        connected.say(m.Note([(2, "value", b"v")]), m.Done("completed", 0, "", None))
    assert len(connected.store.rows("one")) == 2
    assert connected.conversation.ended is None


def test_a_runner_that_dies_after_its_end_is_recorded_has_ended(connected: Call) -> None:
    connected.say(m.Loaded(), m.Finish([(2, "end", b"")], "error", "", '{"type": "ValueError", "message": "no"}'))
    connected.conversation.closed()
    assert connected.conversation.ended == m.Done("error", 1, "", {"type": "ValueError", "message": "no"})


def test_a_decision_is_recorded_once_it_is_asked_for(connected: Call) -> None:
    assert connected.say(m.Decide()) == [m.Saved()]
    assert (connected.decided, connected.conversation.decided) == (1, True)
