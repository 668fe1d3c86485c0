"""Who may run a session: the process that holds one byte of a file locked, at the session's number.

The kernel frees such a lock when the process dies, however it dies, and a forked child does not have its parent's. So
neither a reused pid, a reboot, a zombie nor an orphan can hold a lease, and containers that share the folder see each
other. The lock belongs to the process and is lost as soon as it closes the file anywhere, hence one open file for all
stores of a process in the same folder.
"""

from __future__ import annotations

import fcntl
import os
import struct
import sys
import threading
from pathlib import Path

from ninelives.storage.database import explain_os_error

_LINUX: bool = sys.platform.startswith("linux")

#: struct flock, as fcntl(2) of Linux, and that of the BSDs and macOS, have it (64 bits).
_FLOCK = "hhqqi4x" if _LINUX else "qqihh"

_registry: dict[str, _LeaseFile] = {}
_registry_lock = threading.Lock()


class _LeaseFile:
    """The file of one folder, open as long as a store of this process uses it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = -1
        self._writable = False
        self.users = 0
        #: the sessions that this process holds
        self.held: set[int] = set()

    def lock(self, session: int) -> bool:
        if not self._writable:
            # Nothing is held yet that closing the file could give up.
            self.close()
            try:
                self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise explain_os_error(error, Path(self._path)) from error
            self._writable = True
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, session)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def unlock(self, session: int) -> None:
        fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, session)

    def is_locked(self, session: int) -> bool:
        """Return whether another process has the lock."""
        if self._descriptor < 0:
            try:
                self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                # Made by the first who takes a lease.
                return False
        return _is_locked(self._descriptor, session)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class Leases:
    """The leases of one store.

    Parameters:
        home: the store's folder; None: a store in memory, whose sessions nobody else sees.
    """

    def __init__(self, home: Path | None) -> None:
        self._path = os.path.realpath(home / "leases") if home else ""
        self._memory: set[int] = set()
        with _registry_lock:
            if self._path and self._path not in _registry:
                _registry[self._path] = _LeaseFile(self._path)
            if self._path:
                _registry[self._path].users += 1

    def take(self, session: int) -> bool:
        """Return whether this process holds the session's lease now and did not before.

        Raises:
            StoreFullError, StoreError: the file of the leases can't be made.
        """
        with _registry_lock:
            file = _registry.get(self._path)
            held = file.held if file else self._memory
            if session in held:
                return False
            if file and not file.lock(session):
                return False
            held.add(session)
            return True

    def give_back(self, session: int) -> None:
        """End this process's lease of the session."""
        with _registry_lock:
            file = _registry.get(self._path)
            if file and session in file.held:
                file.unlock(session)
            (file.held if file else self._memory).discard(session)

    def is_held(self, session: int) -> bool:
        """Return whether a living process, this one included, holds the session's lease."""
        with _registry_lock:
            file = _registry.get(self._path)
            if file is None:
                return session in self._memory
            return session in file.held or file.is_locked(session)

    def close(self) -> None:
        """Give up all leases when no other store of this process uses the same folder."""
        with _registry_lock:
            file = _registry.get(self._path)
            if file is None:
                return
            file.users -= 1
            if not file.users:
                del _registry[self._path]
                file.close()


def _is_locked(descriptor: int, session: int) -> bool:
    if _LINUX:
        answer = fcntl.fcntl(descriptor, fcntl.F_GETLK, struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, session, 1, 0))
        return bool(struct.unpack(_FLOCK, answer)[0] != fcntl.F_UNLCK)
    answer = fcntl.fcntl(descriptor, fcntl.F_GETLK, struct.pack(_FLOCK, session, 1, 0, fcntl.F_WRLCK, os.SEEK_SET))
    return bool(struct.unpack(_FLOCK, answer)[3] != fcntl.F_UNLCK)


def _forget_after_fork() -> None:
    global _registry_lock  # noqa: PLW0603
    _registry_lock = threading.Lock()
    for file in _registry.values():
        file.held.clear()


os.register_at_fork(after_in_child=_forget_after_fork)
