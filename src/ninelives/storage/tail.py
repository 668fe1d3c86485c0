"""The tail of a live session: its latest rows and lines, in a file beside the database.

A frame is written by one system call, so it survives a kill; after a sync it survives a power loss. Syncing a few
hundred bytes of a file of one's own costs less than a transaction, and sessions do not wait for each other. What is in
the tail goes into the database with the session's next transaction, at the latest when the tail is large.

A *frame* is a length and a CRC-32 of 4 bytes each (little endian) and a msgpack array: its number, the number of the
first line, the rows, the lines. The file is longer than its frames: a sync that does not change a file's length is
three times as fast. So zeros follow the last frame, or what is left of older frames, whose numbers do not go on. A
frame that was cut off does not count, nor does what follows it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from ninelives.storage.database import explain_os_error
from ninelives.storage.records import AnyLine, AnyRow, Line, Row

#: A tail of this many bytes goes into the database and is begun anew.
LARGE = 256 * 1024

#: Bytes by which the file grows.
_PIECE = 32 * 1024

_header = struct.Struct("<II")
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[int, int, list[Row], list[Line]])


class TailContent(NamedTuple):
    """What a tail holds, in the order in which it was noted; some or all of it may be in the database too."""

    rows: list[Row]
    #: with their numbers
    lines: list[tuple[int, Line]]
    #: length of the frames that count, in bytes
    size: int
    #: number of the last of them
    number: int


class Tail:
    """The tail of a session that this process holds the lease of.

    Parameters:
        path: of the file, which is made when it is first needed.
        content: what counts in it.
    """

    def __init__(self, path: Path, content: TailContent) -> None:
        self._path = path
        self._descriptor = -1
        self._length = 0
        self._number = content.number
        #: the file's entry in its folder is on disk
        self._is_entered = False
        self.size = content.size

    def append(self, rows: Sequence[AnyRow], first_line: int, lines: Sequence[AnyLine], *, sync: bool) -> None:
        """Write one frame.

        Args:
            rows: in it.
            first_line: number of the first line.
            lines: in it.
            sync: return when it, and all before it, is on disk.

        Raises:
            StoreFullError, StoreError: nothing of it counts.
        """
        payload = _encoder.encode((self._number + 1, first_line, rows, lines))
        frame = _header.pack(len(payload), zlib.crc32(payload)) + payload
        size = self.size + len(frame)
        try:
            if self._descriptor < 0:
                self._open()
            if size > self._length:
                self._grow(size)
            _write(self._descriptor, frame, self.size)
            if sync:
                _sync(self._descriptor)
                if not self._is_entered:
                    self._enter()
        except BaseException as error:
            self._forget_frame()
            if isinstance(error, OSError):
                raise explain_os_error(error, self._path) from error
            raise
        self.size = size
        self._number += 1

    def rewind(self) -> None:
        """Begin anew: all frames are in the database."""
        self.size = 0

    def close(self) -> None:
        """Close the file and leave it where it is."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def remove(self) -> None:
        """Close and remove the file."""
        self.close()
        self._path.unlink(missing_ok=True)
        self.size = 0

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
        try:
            self._descriptor = os.open(self._path, flags, 0o600)
        except FileNotFoundError:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            self._descriptor = os.open(self._path, flags, 0o600)
        self._length = os.fstat(self._descriptor).st_size

    def _grow(self, size: int) -> None:
        length = -(-size // _PIECE) * _PIECE
        _write(self._descriptor, bytes(length - self._length), self._length)
        self._length = length

    def _enter(self) -> None:
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._is_entered = True

    def _forget_frame(self) -> None:
        """Make sure that a frame that failed does not count: it may be whole, and only its sync has failed."""
        if self._descriptor >= 0:
            try:
                os.pwrite(self._descriptor, bytes(_header.size), self.size)
            except OSError:
                # The disk takes nothing more; what is written next is written over it.
                return


def _write(descriptor: int, data: bytes, at: int) -> None:
    if os.pwrite(descriptor, data, at) != len(data):
        raise OSError(errno.ENOSPC, "short write")


#: On macOS a plain fsync leaves the data in the disk's cache; there ``fdatasync`` does not exist.
_FULL_SYNC: int | None = getattr(fcntl, "F_FULLFSYNC", None)


def _sync(descriptor: int) -> None:
    if _FULL_SYNC is None:
        os.fdatasync(descriptor)
    else:
        fcntl.fcntl(descriptor, _FULL_SYNC)


def read_tail(path: Path) -> TailContent:
    """Return what the tail holds, also while a session writes to it; a file that is not there holds nothing."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return TailContent([], [], 0, 0)
    rows: list[Row] = []
    lines: list[tuple[int, Line]] = []
    view = memoryview(data)
    at = number = 0
    while at + _header.size <= len(data):
        length, checksum = _header.unpack_from(data, at)
        payload = view[at + _header.size : at + _header.size + length]
        # A length of nothing: the zeros behind the last frame.
        if not length or len(payload) != length or zlib.crc32(payload) != checksum:
            break
        frame_number, first, frame_rows, frame_lines = _decoder.decode(payload)
        if at and frame_number != number + 1:
            break
        number = frame_number
        rows += frame_rows
        lines += enumerate(frame_lines, first)
        at += _header.size + length
    return TailContent(rows, lines, at, number)
