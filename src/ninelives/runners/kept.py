"""Which environments are kept: those that a process uses, and those that were used last.

Who uses one holds a lock on its file `KEY.used`, whose time says when that began; the kernel lets go of it whatever
becomes of the process. Who builds one is alone with `KEY.lock`. A lock on a file that was removed since is no lock.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

#: Environments that are kept though nobody uses them.
KEPT = 10

_KEY = re.compile("[0-9a-f]{32}")


class Kept:
    """The environments in a folder.

    Args:
        home: the folder.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = threading.Lock()
        #: locks on environments that this process uses, by key
        self._used: dict[str, int] = {}

    def use(self, key: str) -> None:
        """Keep an environment until `close`; it need not be there yet.

        Args:
            key: of it.

        Raises:
            OSError: the folder can't be written to.
        """
        path = self._home / f"{key}.used"
        with self._lock:
            if key not in self._used:
                self._used[key] = _locked(path, fcntl.LOCK_SH)
            os.utime(self._used[key])

    def close(self) -> None:
        """Take note that this process uses none of them any more."""
        with self._lock:
            while self._used:
                os.close(self._used.popitem()[1])

    def tidy(self, keep: int = KEPT) -> None:
        """Remove those that nobody uses, but for those that were used last, and what killed builds left.

        Args:
            keep: how many of them are kept.
        """
        for aside in self._home.glob("*.old"):
            shutil.rmtree(aside, ignore_errors=True)
        for half in self._home.glob("*.new"):
            with _tried(half.with_suffix(".lock")) as is_alone:
                if is_alone:
                    shutil.rmtree(half, ignore_errors=True)
        keys = {path.stem for path in self._home.iterdir() if _KEY.fullmatch(path.stem)}
        times = {key: self._used_at(key) for key in keys}
        last = sorted(times, key=times.__getitem__, reverse=True)[:keep]
        for key, time in times.items():
            if key not in last or not time:
                self._remove(key)

    def _remove(self, key: str) -> None:
        folder = self._home / key
        used, lock, aside = (folder.with_suffix(suffix) for suffix in (".used", ".lock", ".old"))
        with _tried(used) as is_unused, _tried(lock) as is_alone:
            if not is_unused or not is_alone:
                return
            with suppress(FileNotFoundError):  # it was never built
                folder.rename(aside)
            for path in (used, lock):
                path.unlink()
        shutil.rmtree(aside, ignore_errors=True)

    def _used_at(self, key: str) -> float:
        """Return when an environment was used last, in seconds; 0: it is not there."""
        for path in (self._home / f"{key}.used", self._home / key) if (self._home / key).is_dir() else ():
            with suppress(FileNotFoundError):
                return path.stat().st_mtime
        return 0.0


@contextmanager
def alone(path: Path) -> Iterator[int]:
    """Wait until no other builder, in this process or another, is at it.

    Gives the descriptor of the lock: a process that has it, too, holds it until it ends.
    """
    descriptor = _locked(path, fcntl.LOCK_EX)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _locked(path: Path, kind: int) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, kind)
            if _is_at(path, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


@contextmanager
def _tried(path: Path) -> Iterator[bool]:
    """Lock a file for the block, unless others have; say whether it is."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_locked = _is_at(path, descriptor)
        except BlockingIOError:
            is_locked = False
        yield is_locked
    finally:
        os.close(descriptor)


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether an open file is still the one of this path."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False
