"""Frames and what carries them: pieces, limits, and peers that do not behave."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ninelives.errors import CarrierClosedError, ProtocolError, SlowPeerError
from ninelives.protocol import framing
from ninelives.protocol import messages as m
from ninelives.protocol.carrier import to_runner, to_worker
from ninelives.protocol.framing import LARGEST_FRAME, frames, from_runner, from_worker
from protocol.test_states import MESSAGES

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    one, other = socket.socketpair()
    yield one, other
    one.close()
    other.close()


def test_every_message_comes_back_as_it_was() -> None:
    batch = [message for message in MESSAGES.values() if isinstance(message, m.Message)]
    assert from_runner().feed(b"".join(frames(batch))) == [batch]


def test_a_large_batch_travels_in_pieces() -> None:
    batch = [m.Commit([(1, "outcome", bytes(2 * LARGEST_FRAME + 5))])]
    sent = frames(batch)
    assert [len(frame) <= LARGEST_FRAME + 4 for frame in sent] == [True, True, True]
    assembler = from_runner()
    assert assembler.feed(sent[0]) == []
    assert not assembler.is_between
    assert assembler.feed(sent[1]) == []
    assert assembler.feed(sent[2]) == [batch]
    assert assembler.is_between


@given(st.lists(st.integers(0, 300), min_size=1, max_size=5), st.lists(st.integers(1, 40), min_size=1))
def test_bytes_may_come_in_any_pieces(sizes: list[int], cuts: list[int]) -> None:
    batches = [[m.Show("stdout", bytes(size)), m.Ping()] for size in sizes]
    data = b"".join(frame for batch in batches for frame in frames(batch))
    assembler, got, at = from_runner(), [], 0
    while at < len(data):
        size = cuts[len(got) % len(cuts)]
        got += assembler.feed(data[at : at + size])
        at += size
    assert got == batches


def test_a_frame_that_is_too_large_is_refused_before_it_has_come() -> None:
    with pytest.raises(ProtocolError, match="frame of 1,048,577 bytes, at most 1,048,576"):
        from_runner().feed(struct.pack("<I", LARGEST_FRAME + 1))


def test_a_batch_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = [m.Show("stdout", bytes(3 * LARGEST_FRAME))]
    sent = frames(batch)
    monkeypatch.setattr(framing, "LARGEST_BATCH", 2 * LARGEST_FRAME)
    with pytest.raises(ProtocolError, match="at most 2,097,152"):
        frames(batch)
    assembler = from_runner()
    assembler.feed(sent[0])
    assembler.feed(sent[1])
    with pytest.raises(ProtocolError, match="over 2,097,152 bytes"):
        assembler.feed(sent[2])


@pytest.mark.parametrize(
    "data",
    [
        b"\x91\x91\xa7unknown",  # a message of a newer version
        b"\x91\x92\xa4show\xa6stdout",  # a field is missing
        b"\x91\x93\xa4show\xa6stdout\x05",  # a field of another type
        b"\x93",  # cut off
        b"\xc1",  # no msgpack
        b"",
    ],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError, match="no message of this version"):
        from_runner().feed(struct.pack("<I", len(data)) + data)


def test_a_newer_version_may_add_fields_at_the_end() -> None:
    data = b"\x91\x95\xa4show\xa6stdout\xc4\x01x\x05\x06"
    assert from_runner().feed(struct.pack("<I", len(data)) + data) == [[m.Show("stdout", b"x")]]


def test_messages_go_both_ways(pair: Pair) -> None:
    worker, runner = to_runner(pair[0]), to_worker(pair[1])
    runner.send([m.Load(), m.Ping()])
    assert worker.read() == [[m.Load(), m.Ping()]]
    worker.send([m.Rows([(1, "start", b"x")])])
    worker.send([m.Pong()])
    assert runner.read() == [[m.Rows([(1, "start", b"x")])], [m.Pong()]]


def test_a_glance_takes_what_is_there_and_waits_for_nothing(pair: Pair) -> None:
    worker, runner = to_runner(pair[0]), to_worker(pair[1])
    runner.send([m.Ping()])
    assert worker.glance() == [[m.Ping()]]
    assert worker.glance() == []
    runner.send([m.Ping()])
    assert worker.glance() == [], "one in vain makes the next rarer"
    assert worker.glance() == [[m.Ping()]]
    pair[1].send(frames([m.Ping()])[0][:-1])
    assert worker.glance() == []
    assert worker.glance() == [], "a frame that has begun is read"
    pair[1].send(frames([m.Ping()])[0][-1:])
    assert worker.read() == [[m.Ping()]]
    runner.close()
    with pytest.raises(CarrierClosedError):
        worker.glance()


def test_what_was_sent_comes_before_the_end(pair: Pair) -> None:
    worker, runner = to_runner(pair[0]), to_worker(pair[1])
    runner.send([m.Ping()])
    runner.close()
    assert worker.read() == [[m.Ping()]]
    with pytest.raises(CarrierClosedError):
        worker.read()
    with pytest.raises(CarrierClosedError):
        worker.send([m.Pong()])


def test_a_peer_that_begins_a_frame_and_does_not_go_on(pair: Pair) -> None:
    worker = to_runner(pair[0], patience=0.05)
    pair[1].send(frames([m.Ping()])[0][:-1])
    assert worker.read() == []
    with pytest.raises(SlowPeerError, match=r"not gone on for 0\.05 s"):
        worker.read()


def test_a_peer_that_takes_nothing(pair: Pair) -> None:
    worker = to_runner(pair[0], patience=0.05)
    with pytest.raises(SlowPeerError, match=r"taken nothing for 0\.05 s"):
        worker.send([m.Piece(bytes(8 << 20))])


def test_the_worker_s_messages_are_no_runner_s() -> None:
    with pytest.raises(ProtocolError):
        from_runner().feed(frames([m.Pong()])[0])
    with pytest.raises(ProtocolError):
        from_worker().feed(frames([m.Ping()])[0])
