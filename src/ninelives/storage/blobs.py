"""Large values, outside of the journal table: one file for each content, named by its SHA-256, compressed with zlib.

A blob that was written but not referenced yet is a file in ``new``, whose name begins with its session's number. The
transaction that references it gives it its name; so a blob that another session drops at the same moment can't be lost,
and what a kill leaves in ``new`` is known for what it is: nobody has the session's lease, or somebody else.
"""

from __future__ import annotations

import io
import os
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO

from ninelives.errors import StoreCorruptError
from ninelives.storage.database import explain_os_error

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

#: Bytes that are compressed or decompressed at a time.
_PIECE = 256 * 1024

#: Fast rather than small: level 6 takes four times as long for a tenth less.
_LEVEL = 1


class Blobs:
    """The blobs of one store.

    Parameters:
        folder: where they are kept; made when it is first needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._new = folder / "new"
        self._lock = threading.Lock()
        self._finished: dict[str, list[Path]] = {}

    def writer(self, session: int) -> BlobWriter:
        """Return a file-like object to write one blob to.

        Args:
            session: number of the session that is to reference it; this process has its lease.
        """
        for folder in (self._folder, self._new):
            folder.mkdir(mode=0o700, exist_ok=True)
        return BlobWriter(self, self._new, session)

    def open(self, sha256: str) -> io.BufferedReader:
        """Return the content as a file to read; it is decompressed piece by piece.

        Raises:
            StoreCorruptError: it is missing; while it is read, it is damaged.
        """
        for path in (self._path(sha256), *self._finished.get(sha256, ())):
            try:
                file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed by the reader
            except FileNotFoundError:
                continue
            return io.BufferedReader(_Reader(path, file), _PIECE)
        raise self._missing(sha256)

    def add_finished(self, sha256: str, path: Path) -> None:
        """Remember a blob that is written and not referenced yet."""
        with self._lock:
            self._finished.setdefault(sha256, []).append(path)

    def keep(self, sha256: str) -> None:
        """Give a finished blob its name, if it has not got it; called in the transaction that references it.

        Raises:
            StoreCorruptError: there is no such blob.
        """
        path = self._path(sha256)
        if path.exists():
            return
        finished = self._finished.get(sha256)
        if not finished:
            raise self._missing(sha256)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            os.link(finished[0], path)
        except FileExistsError:
            return
        except OSError:
            # A file system without hard links.
            import shutil

            with open(path.with_suffix(".new"), "wb", opener=private) as copy, finished[0].open("rb") as file:
                shutil.copyfileobj(file, copy)
            sync(path.with_suffix(".new"))
            path.with_suffix(".new").replace(path)
        sync(path.parent)
        sync(self._folder)

    def kept(self, sha256: str) -> None:
        """Drop the file in ``new`` of a blob whose reference is on disk."""
        with self._lock:
            finished = self._finished.get(sha256, [])
            path = finished.pop() if finished else None
            if not finished:
                self._finished.pop(sha256, None)
        if path:
            path.unlink(missing_ok=True)

    def remove(self, sha256: str) -> None:
        """Remove a blob that nothing references; called with the store's write lock."""
        self._path(sha256).unlink(missing_ok=True)

    def sweep(self, is_held: Callable[[int], bool]) -> None:
        """Remove what killed processes left in ``new``.

        Args:
            is_held: returns whether a living process has the lease of a session.
        """
        # First the files, then the leases: what was there before, and has no holder now, will never be referenced.
        for path in list(self._new.glob("*-*")):
            if not is_held(int(path.name.partition("-")[0])):
                path.unlink(missing_ok=True)

    def drop_unreferenced(self, session: int) -> None:
        """Remove what is in ``new`` of a session; called with its lease, before or after all use of it."""
        for path in list(self._new.glob(f"{session}-*")):
            path.unlink(missing_ok=True)

    def renew_lock(self) -> None:
        """Make a lock that nobody holds, in a forked child; what the parent has finished is the parent's."""
        self._lock = threading.Lock()
        self._finished = {}

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256

    def _missing(self, sha256: str) -> StoreCorruptError:
        return StoreCorruptError(f"a recorded value is missing: {self._path(sha256)}; restore it from a backup")


class BlobWriter:
    """Compresses and hashes what is written to it, without holding it in memory.

    Leaving a ``with`` block without `finish` removes what was written.
    """

    def __init__(self, blobs: Blobs, folder: Path, session: int) -> None:
        self._blobs = blobs
        import hashlib

        self._path = new_path(folder, f"{session}-")
        self._file: BinaryIO | None = open(self._path, "xb", 0, opener=private)  # noqa: SIM115 - closed by finish or abort
        self._compressor = zlib.compressobj(_LEVEL)
        self._hash = hashlib.sha256()

    def write(self, data: ReadableBuffer) -> int:
        """Write bytes; return how many.

        Raises:
            StoreFullError, StoreError: the blob is of no use any more.
        """
        view = memoryview(data).cast("B")
        for at in range(0, len(view), _PIECE):
            piece = view[at : at + _PIECE]
            self._hash.update(piece)
            self._store(self._compressor.compress(piece))
        return len(view)

    def finish(self) -> str:
        """Put the blob on disk; return its SHA-256, hex.

        Raises:
            StoreFullError, StoreError: the blob is of no use any more.
        """
        self._store(self._compressor.flush())
        file = self._open_file()
        try:
            os.fsync(file.fileno())
        except OSError as error:
            self.abort()
            raise explain_os_error(error, self._path) from error
        file.close()
        self._file = None
        sha256 = self._hash.hexdigest()
        self._blobs.add_finished(sha256, self._path)
        return sha256

    def abort(self) -> None:
        """Remove what was written, unless it is finished."""
        if self._file:
            self._file.close()
            self._file = None
            self._path.unlink(missing_ok=True)

    def __enter__(self) -> BlobWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.abort()

    def _open_file(self) -> BinaryIO:
        if self._file is None:
            raise ValueError("the blob is finished or aborted")
        return self._file

    def _store(self, data: bytes) -> None:
        file = self._open_file()
        view = memoryview(data)
        try:
            while view:
                view = view[file.write(view) :]
        except OSError as error:
            self.abort()
            raise explain_os_error(error, self._path) from error


class _Reader(io.RawIOBase):
    """Decompresses into the buffer it is given."""

    def __init__(self, path: Path, file: io.FileIO) -> None:
        self._path = path
        self._file = file
        self._decompressor = zlib.decompressobj()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        done = 0
        while done < len(view):
            piece = self._piece(min(len(view) - done, _PIECE))
            if not piece:
                break
            view[done : done + len(piece)] = piece
            done += len(piece)
        return done

    def close(self) -> None:
        self._file.close()
        super().close()

    def _piece(self, limit: int) -> bytes:
        decompressor = self._decompressor
        while not decompressor.eof:
            data = decompressor.unconsumed_tail or self._file.read(_PIECE)
            try:
                piece = decompressor.decompress(data, limit)
            except zlib.error as error:
                raise self._damaged() from error
            if piece:
                return piece
            if not data:
                raise self._damaged()
        return b""

    def _damaged(self) -> StoreCorruptError:
        return StoreCorruptError(f"a recorded value is damaged: {self._path}; restore it from a backup")


def new_path(folder: Path, prefix: str = "") -> Path:
    """Return a path in the folder that nothing else uses; the name begins with the prefix."""
    return folder / f"{prefix}{os.urandom(16).hex()}"


def private(path: str, flags: int) -> int:
    """Open a file, as `open` wants it from its ``opener``; a new one is its user's alone."""
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def sync(path: Path) -> None:
    """Bring a file or folder to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
