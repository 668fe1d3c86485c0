"""The tail of a live session: rows and lines that need no sync of their own, in a file beside the database.

One ``os.write`` each, so they survive a kill; the next transaction puts them into the database, where they survive a
power loss. A *frame* is a length and a CRC-32 of 4 bytes each (little endian) and a msgpack array: the number of the
first line, the rows, the lines. A frame that was cut off by a kill, and what follows it, does not count.
"""

from __future__ import annotations

import errno
import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from ninelives.storage.database import explain_os_error
from ninelives.storage.records import AnyLine, AnyRow, Line, Row

#: A tail larger than this, in bytes, is emptied once all of it is in the database; more often would cost more time.
LARGE = 256 * 1024

_header = struct.Struct("<II")
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[int, list[Row], list[Line]])


class TailContent(NamedTuple):
    """What a tail holds, in the order in which it was noted; some or all of it may be in the database too."""

    rows: list[Row]
    #: with their numbers
    lines: list[tuple[int, Line]]
    #: length of the frames that count, in bytes
    size: int


class Tail:
    """The tail of a session that this process holds the lease of.

    Parameters:
        path: of the file, which is made when it is first needed.
        size: length of what counts in it, in bytes; the rest is cut off, or what follows it would not be found.
    """

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._descriptor = -1
        self.size = size

    def append(self, rows: Sequence[AnyRow], first_line: int, lines: Sequence[AnyLine]) -> None:
        """Write one frame.

        Raises:
            StoreFullError, StoreError: nothing of it is written.
        """
        payload = _encoder.encode((first_line, rows, lines))
        frame = _header.pack(len(payload), zlib.crc32(payload)) + payload
        try:
            if self._descriptor < 0:
                self._open()
            written = os.write(self._descriptor, frame)
            if written != len(frame):
                raise OSError(errno.ENOSPC, "short write")
        except OSError as error:
            self._cut()
            raise explain_os_error(error, self._path) from error
        self.size += len(frame)

    def empty(self) -> None:
        """Drop all frames: they are in the database."""
        if self._descriptor >= 0:
            os.ftruncate(self._descriptor, 0)
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
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        try:
            self._descriptor = os.open(self._path, flags, 0o600)
        except FileNotFoundError:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            self._descriptor = os.open(self._path, flags, 0o600)
        self._cut()

    def _cut(self) -> None:
        if self._descriptor >= 0:
            os.ftruncate(self._descriptor, self.size)


def read_tail(path: Path) -> TailContent:
    """Return what the tail holds, also while a session writes to it; a file that is not there holds nothing."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return TailContent([], [], 0)
    rows: list[Row] = []
    lines: list[tuple[int, Line]] = []
    view = memoryview(data)
    at = 0
    while at + _header.size <= len(data):
        length, checksum = _header.unpack_from(data, at)
        payload = view[at + _header.size : at + _header.size + length]
        # A length of nothing: zeros, which some file systems leave after a power loss.
        if not length or len(payload) != length or zlib.crc32(payload) != checksum:
            break
        first, frame_rows, frame_lines = _decoder.decode(payload)
        rows += frame_rows
        lines += enumerate(frame_lines, first)
        at += _header.size + length
    return TailContent(rows, lines, at)
