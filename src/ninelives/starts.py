"""A file in which a runner says which activities it starts: it survives a kill of the runner and of its worker.

A runner that asked its worker before each activity would wait for it twice each time. So it writes the start here, and
tells its worker with the outcome. What the worker has not heard of is read from here by whoever goes on.

A *frame* is a length and a CRC-32 of 4 bytes each (little endian) and a msgpack array of rows. Frames that the worker
has heard of are written over; what is left of them is known, and does no harm.
"""

from __future__ import annotations

import errno
import os
import struct
import zlib
from collections.abc import Sequence

import msgspec

Row = tuple[int, str, bytes]

#: Kind of the only rows that count: who writes here is the user's process, which may write anything.
KIND = "activity"

#: Bytes that are read at most, and the largest number of a row.
_LARGEST = 64 * 2**20
_LAST = 2**31

_header = struct.Struct("<II")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Row]).decode


class Starts:
    """The file, as a runner has it.

    Args:
        descriptor: of the file.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._size = 0

    def write(self, rows: Sequence[Row]) -> None:
        """Write rows down.

        Raises:
            OSError: the disk takes nothing more.
        """
        payload = _encode(rows)
        data = _header.pack(len(payload), zlib.crc32(payload)) + payload
        written = os.pwrite(self._descriptor, data, self._size)
        if written != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._size += written

    def heard(self) -> None:
        """Write over what is there from now on: the worker has it."""
        self._size = 0


def read(path: str | os.PathLike[str]) -> list[Row]:
    """Return the rows in a file, up to the first that is no start of an activity; one that is not there has none."""
    try:
        with open(path, "rb") as file:
            data = file.read(_LARGEST)
    except FileNotFoundError:
        return []
    rows: list[Row] = []
    at = 0
    while at + _header.size < len(data):
        length, checksum = _header.unpack_from(data, at)
        payload = data[at + _header.size : at + _header.size + length]
        if len(payload) < length or not length or zlib.crc32(payload) != checksum:
            break
        try:
            found = _decode(payload)
        except msgspec.MsgspecError:
            break
        if any(kind != KIND or not 0 < seq < _LAST for seq, kind, _ in found):
            break
        rows += found
        at += _header.size + length
    return rows
