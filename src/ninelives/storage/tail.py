"""The tail of a live session: its latest rows and lines, in a file beside the database.

A frame is written by one system call, so it survives a kill; after a sync it survives a power loss. Syncing a few
hundred bytes of a file of one's own costs less than a transaction, and sessions do not wait for each other. What is in
the tail goes into the database with the session's next transaction, at the latest when the tail is large.

The file is longer than its frames: a sync that does not change a file's length is three times as fast. `frames.py` says
what a frame is, and how damage is told from what a power loss leaves behind.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

from ninelives.errors import StoreCorruptError
from ninelives.storage.blobs import sync as sync_path
from ninelives.storage.database import explain_os_error
from ninelives.storage.frames import HEADER_SIZE, Known, TailContent, damage, frame, read_tail
from ninelives.storage.records import AnyLine, AnyRow

#: A tail of this many bytes goes into the database and is begun anew.
LARGE = 256 * 1024

#: Bytes by which the file grows.
_PIECE = 32 * 1024


class Tail:
    """The tail of a session that this process holds the lease of; made by `open_tail`.

    Parameters:
        path: of the file, which is there.
        number: of the last frame.
        synced: number of the last frame that is surely on disk.
        size: length of the frames, in bytes.
    """

    def __init__(self, path: Path, number: int, synced: int, size: int) -> None:
        self._path = path
        self._descriptor = -1
        self._length = 0
        self.number = number
        self.synced = synced
        self.size = size

    def append(
        self, rows: Sequence[AnyRow], first_line: int, lines: Sequence[AnyLine], *, commits: int, sync: bool
    ) -> None:
        """Write one frame.

        Args:
            rows: in it.
            first_line: number of the first line.
            lines: in it.
            commits: transactions of the session so far.
            sync: return when it, and all before it, is on disk.

        Raises:
            StoreFullError, StoreError: nothing of it counts.
        """
        data = frame(self.number + 1, self.synced, commits, rows, first_line, lines)
        size = self.size + len(data)
        try:
            if self._descriptor < 0:
                self._open()
            if size > self._length:
                self._grow(size)
            _write(self._descriptor, data, self.size)
            if sync:
                _sync(self._descriptor)
        except BaseException as error:
            self._forget_frame()
            if isinstance(error, OSError):
                raise explain_os_error(error, self._path) from error
            raise
        self.size = size
        self.number += 1
        if sync:
            self.synced = self.number

    def cut(self) -> None:
        """Fill with zeros what is behind the frames: nothing of it may count when others are written before it.

        Raises:
            StoreFullError, StoreError: it may not be cut off.
        """
        try:
            if self._descriptor < 0:
                self._open()
            _write(self._descriptor, bytes(max(0, self._length - self.size)), self.size)
            _sync(self._descriptor)
        except OSError as error:
            raise explain_os_error(error, self._path) from error

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
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._length = os.fstat(self._descriptor).st_size

    def _grow(self, size: int) -> None:
        length = -(-size // _PIECE) * _PIECE
        _write(self._descriptor, bytes(length - self._length), self._length)
        self._length = length

    def _forget_frame(self) -> None:
        """Make sure that a frame that failed does not count: it may be whole, and only its sync has failed."""
        if self._descriptor >= 0:
            try:
                os.pwrite(self._descriptor, bytes(HEADER_SIZE), self.size)
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


def open_tail(path: Path, known: Known, session_id: str) -> tuple[Tail, TailContent]:
    """Return the tail of a session and what counts in it; one that the database knows of no tail of gets an empty one.

    A new file is on disk when this returns, so that its absence says something. What is behind the frames is still
    there: it is to be cut off (`Tail.cut`) when the database knows that this process has the tail.

    Raises:
        StoreCorruptError: it is not as this process's predecessor left it; nothing was changed.
        StoreFullError, StoreError: it can't be made.
    """
    content = read_tail(path)
    if wrong := damage(content, known):
        raise damaged(path, wrong, session_id)
    if not known.begun:
        try:
            _make(path)
        except OSError as error:
            raise explain_os_error(error, path) from error
        return Tail(path, 0, 0, 0), TailContent([], [], 0)
    if content.number <= known.stored:
        # All of it is in the database. Frames that were never synced may have been lost behind it, so it is begun anew.
        return Tail(path, known.stored, 0, 0), content._replace(has_rest=content.has_rest or content.size > 0)
    return Tail(path, content.number, content.synced, content.size), content


def damaged(path: Path, wrong: str, session_id: str) -> StoreCorruptError:
    """Return the error that says what is wrong with a tail, and what to do.

    Args:
        path: of the tail.
        wrong: from `ninelives.storage.frames.damage`.
        session_id: whose it is.
    """
    return StoreCorruptError(
        f"results of session {session_id} are lost: {path} {wrong}; "
        "restore the whole folder of ninelives.db from a backup, or delete the session"
    )


def _make(path: Path) -> None:
    """Make an empty file and bring it to disk, with its entry in the folder."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o600)
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        sync_path(path.parent.parent)
        descriptor = os.open(path, flags, 0o600)
    try:
        _write(descriptor, bytes(_PIECE), 0)
        _sync(descriptor)
    finally:
        os.close(descriptor)
    sync_path(path.parent)
