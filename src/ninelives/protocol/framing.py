"""Frames: how messages become bytes and come back, whatever carries the bytes.

A *batch* is one message or more that are handled together: a msgpack array of them. It travels in one frame, or, if it
is large, in several. A frame is a length of 4 bytes (little endian), whose highest bit says that the batch goes on in
the next frame, and that many bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import msgspec

from ninelives.errors import ProtocolError
from ninelives.protocol.messages import FromRunner, FromWorker, Message

#: Bytes of one frame, without its length: small enough that a peer with other things to do gets to them.
LARGEST_FRAME = 1 << 20

#: Bytes of one batch. Values from 256 KiB on travel as pieces of their own, so only a handler's result comes close.
LARGEST_BATCH = 1 << 28

_MORE = 1 << 31
_header = struct.Struct("<I")
_encoder = msgspec.msgpack.Encoder()

Received = TypeVar("Received")


def frames(batch: Sequence[Message]) -> list[bytes]:
    """Return a batch as frames, each whole.

    Raises:
        ProtocolError: it is too large.
    """
    data = _encoder.encode(batch)
    size = len(data)
    if size <= LARGEST_FRAME:
        return [_header.pack(size) + data]
    if size > LARGEST_BATCH:
        raise ProtocolError(
            f"{size:,} bytes are too much for one message, at most {LARGEST_BATCH:,}: keep large results in files, "
            "or in what an activity returns"
        )
    pieces = [data[at : at + LARGEST_FRAME] for at in range(0, size, LARGEST_FRAME)]
    last = len(pieces) - 1
    return [_header.pack(len(piece) | (_MORE if at < last else 0)) + piece for at, piece in enumerate(pieces)]


class Assembler(Generic[Received]):
    """Makes batches of the bytes that come in.

    Args:
        decoder: of a batch.
        peer: who sends, for errors.
    """

    def __init__(self, decoder: msgspec.msgpack.Decoder[list[Received]], peer: str) -> None:
        self._decode = decoder.decode
        self._peer = peer
        self._rest = bytearray()
        self._pieces: list[bytes] = []
        self._size = 0

    @property
    def is_between(self) -> bool:
        """Whether nothing of a batch has come that is not whole yet."""
        return not self._rest and not self._pieces

    def feed(self, data: bytes) -> list[list[Received]]:
        """Take the next bytes and return the batches that are whole now.

        Raises:
            ProtocolError: a frame or a batch is too large, or holds what is no message of this version.
        """
        if not self._rest and not self._pieces and len(data) >= _header.size:
            # Nearly always: one frame, and all of it.
            (length,) = _header.unpack_from(data)
            if length == len(data) - _header.size and length <= LARGEST_FRAME:
                return [self._batch(memoryview(data)[_header.size :])]
        self._rest += data
        return self._whole()

    def _whole(self) -> list[list[Received]]:
        found: list[list[Received]] = []
        at, rest = 0, self._rest
        while len(rest) - at >= _header.size:
            (length,) = _header.unpack_from(rest, at)
            more, length = bool(length & _MORE), length & ~_MORE
            if length > LARGEST_FRAME:
                raise ProtocolError(f"{self._peer} sent a frame of {length:,} bytes, at most {LARGEST_FRAME:,} may be")
            if len(rest) - at - _header.size < length:
                break
            piece = bytes(rest[at + _header.size : at + _header.size + length])
            at += _header.size + length
            self._size += length
            if self._size > LARGEST_BATCH:
                raise ProtocolError(f"{self._peer} sent a message of over {LARGEST_BATCH:,} bytes")
            self._pieces.append(piece)
            if not more:
                data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
                self._pieces, self._size = [], 0
                found.append(self._batch(data))
        del rest[:at]
        return found

    def _batch(self, data: bytes | memoryview) -> list[Received]:
        try:
            return self._decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ProtocolError(
                f"{self._peer} sent what is no message of this version ({error}): use the same version on both sides"
            ) from error


def from_runner() -> Assembler[FromRunner]:
    """Return what makes batches of a runner's bytes."""
    return Assembler(_from_runner, "the runner")


def from_worker() -> Assembler[FromWorker]:
    """Return what makes batches of a worker's bytes."""
    return Assembler(_from_worker, "the worker")


_from_runner: Any = msgspec.msgpack.Decoder(list[FromRunner])
_from_worker: Any = msgspec.msgpack.Decoder(list[FromWorker])
