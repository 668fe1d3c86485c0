"""The frames of a tail: how they are written and read, and how damage is told from what a power loss leaves behind.

A *frame* is a mark, a length and a CRC-32 of 4 bytes each (little endian) and a msgpack array: its number, the number
of the last frame that was on disk when it was written, how many transactions its session had had, the number of the
first line, the rows, the lines. Numbers rise by one. The frames that count are those from the beginning of the file on,
up to the first that is not whole or does not go on from the one before.

Behind them there may be zeros, what is left of older frames, or what a power loss left of frames that were not synced:
that is cut off, and nobody has been promised any of it. All else that is missing was lost by something other than us: a
frame that a later one, or the database, knows to have been on disk; the whole file; a file that does not go with the
database, since one of them was restored from a backup.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from ninelives.storage.records import AnyLine, AnyRow, Line, Row

_MARK = b"\x9dlf\n"

_header = struct.Struct("<4sII")
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[int, int, int, int, list[Row], list[Line]])

#: As many bytes at the beginning of a frame as make sure that it does not count when they are zero.
HEADER_SIZE = _header.size


class Known(NamedTuple):
    """What the database knows of a session's tail: see ``migrations/003_tails_and_builds.sql``."""

    commits: int = 0
    begun: int = 0
    stored: int = 0
    synced: int = 0
    #: the machine has not been started again since: there was no power loss
    is_of_this_boot: bool = False


class TailContent(NamedTuple):
    """What a tail holds, in the order in which it was noted; some or all of it may be in the database too."""

    rows: list[Row]
    #: with their numbers
    lines: list[tuple[int, Line]]
    #: length of the frames that count, in bytes
    size: int
    #: numbers of the first and of the last of them
    first: int = 0
    number: int = 0
    #: how many transactions the session had had before the first and before the last of them
    first_commits: int = 0
    commits: int = 0
    #: number of the last frame that some frame, also one that does not count, knows to have been on disk
    synced: int = 0
    #: number of the last whole frame anywhere
    last: int = 0
    #: something is behind them
    has_rest: bool = False
    is_missing: bool = False


class _Frame(NamedTuple):
    number: int
    synced: int
    commits: int
    first_line: int
    rows: list[Row]
    lines: list[Line]


def frame(
    number: int, synced: int, commits: int, rows: Sequence[AnyRow], first_line: int, lines: Sequence[AnyLine]
) -> bytes:
    """Return a frame."""
    payload = _encoder.encode((number, synced, commits, first_line, rows, lines))
    return _header.pack(_MARK, len(payload), zlib.crc32(payload)) + payload


def read_tail(path: Path) -> TailContent:
    """Return what the tail holds, also while a session writes to it; a file that is not there holds nothing."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return TailContent([], [], 0, is_missing=True)
    frames: list[_Frame] = []
    at = 0
    while found := _frame_at(data, at):
        if frames and found[0].number != frames[-1].number + 1:
            break
        frames.append(found[0])
        at = found[1]
    rows = [row for frame in frames for row in frame.rows]
    lines = [line for frame in frames for line in enumerate(frame.lines, frame.first_line)]
    behind = _frames_behind(data, at)
    synced = max((frame.synced for frame in (*frames[-1:], *behind)), default=0)
    last = max((frame.number for frame in (*frames[-1:], *behind)), default=0)
    has_rest = data.count(0, at) < len(data) - at
    if not frames:
        return TailContent(rows, lines, at, synced=synced, last=last, has_rest=has_rest)
    first, final = frames[0], frames[-1]
    return TailContent(
        rows, lines, at, first.number, final.number, first.commits, final.commits, synced, last, has_rest
    )


def _frame_at(data: bytes, at: int) -> tuple[_Frame, int] | None:
    """Return the whole frame that is at a place, and where it ends."""
    if at + HEADER_SIZE > len(data):
        return None
    mark, length, checksum = _header.unpack_from(data, at)
    end = at + HEADER_SIZE + length
    if mark != _MARK or end > len(data):
        return None
    payload = memoryview(data)[at + HEADER_SIZE : end]
    return (_Frame(*_decoder.decode(payload)), end) if zlib.crc32(payload) == checksum else None


def _frames_behind(data: bytes, at: int) -> list[_Frame]:
    """Return the whole frames behind a place."""
    frames: list[_Frame] = []
    while (at := data.find(_MARK, at)) >= 0:
        if found := _frame_at(data, at):
            frames.append(found[0])
        at = found[1] if found else at + 1
    return frames


def damage(content: TailContent, known: Known) -> str:
    """Return what is wrong with a tail, as the end of a sentence about it; "" if nothing is.

    Args:
        content: the tail.
        known: what the database knew when, or after, it was read.
    """
    if content.commits > known.commits:
        return "is newer than ninelives.db, which was restored from a backup"
    if not known.begun:
        # A process died between its last transaction and removing the tail.
        return ""
    if content.is_missing:
        return "is missing"
    if content.number and content.first_commits < known.begun:
        return "is older than ninelives.db"
    if content.first > known.stored + 1:
        return "does not begin where ninelives.db ends"
    # A process writes its frames in order; only a power loss may take one of them and leave a later one.
    sure = content.last if known.is_of_this_boot else content.synced
    if content.number < sure and sure > known.stored:
        return f"is damaged: its frame {content.number + 1}, at byte {content.size}, can't be read"
    if content.number < known.synced:
        return "is damaged, or older than ninelives.db"
    return ""
