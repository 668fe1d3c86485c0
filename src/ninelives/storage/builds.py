"""Builds: immutable, content-addressed archives of user code, unpacked when they are first run.

A build is removed when no session is on it. It is put there before a session refers to it, and may be removed in
between; so the transaction that refers to it puts it there again if need be. Builds are removed in a transaction too.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from ninelives import archive
from ninelives.errors import BuildGoneError
from ninelives.storage.blobs import new_path, private, sync
from ninelives.storage.database import explain_os_error


class Packed(Protocol):
    """What the store needs to know of a build."""

    @property
    def id(self) -> str:
        """SHA-256 of the archive, hex."""

    @property
    def tar(self) -> bytes:
        """The archive."""


class Builds:
    """The builds of one store.

    Parameters:
        folder: where they are kept; made when it is first needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        #: those whose files are known to be as they are in the archive
        self._checked: set[str] = set()
        #: what was put and not referred to yet
        self._put: dict[str, Packed] = {}

    def put(self, build: Packed) -> None:
        """Keep a build, for a session to refer to; one that is kept already is left as it is.

        Raises:
            StoreFullError, StoreError: it is not kept.
        """
        self._put[build.id] = build
        self._write(build)

    def keep(self, build_id: str) -> None:
        """Put a build again if it was removed meanwhile; called in the transaction that refers to it."""
        if build := self._put.get(build_id):
            self._write(build)

    def kept(self, build_id: str) -> None:
        """Forget a build that was put: that a session refers to it is on disk."""
        self._put.pop(build_id, None)

    def set_aside(self, is_used: Callable[[str], bool]) -> list[Path]:
        """Take away the builds that no session is on, and return what is left of them, to be removed after that.

        Called inside a transaction, when no session can be put on one.

        Args:
            is_used: returns whether a session is on a build.
        """
        found = {path.name: path for path in self._folder.glob("*")}
        unused = {name for name in found if _BUILD.fullmatch(name) and not is_used(name.removesuffix(".tar"))}
        aside = [path for name, path in found.items() if name not in unused and _is_left_behind(path)]
        for name in sorted(unused):
            # A folder that a kill left half removed must not be taken for the build.
            target = self._folder / f"{_REMOVED}{os.urandom(16).hex()}"
            found[name].rename(target)
            aside.append(target)
        return aside

    def _write(self, build: Packed) -> None:
        target = self._folder / f"{build.id}.tar"
        if target.exists():
            return
        self._folder.mkdir(mode=0o700, exist_ok=True)
        new = new_path(self._folder)
        try:
            with open(new, "xb", buffering=0, opener=private) as file:
                view = memoryview(build.tar)
                while view:
                    # A disk that is nearly full takes a part, and says so with the next one.
                    view = view[file.write(view) :]
                os.fsync(file.fileno())
            new.replace(target)
        except OSError as error:
            new.unlink(missing_ok=True)
            raise explain_os_error(error, target) from error
        sync(self._folder)

    def path(self, build_id: str) -> Path:
        """Return the folder with the build's files.

        Raises:
            BuildGoneError: it is gone or damaged.
            StoreFullError, StoreError: it can't be unpacked.
        """
        folder = self._folder / build_id
        if build_id in self._checked and folder.is_dir():
            return folder
        tar = self.tar(build_id)
        try:
            if folder.is_dir():
                archive.repair(tar, folder)
            else:
                archive.unpack(tar, folder)
        except OSError as error:
            raise explain_os_error(error, folder) from error
        self._checked.add(build_id)
        return folder

    def tar(self, build_id: str) -> bytes:
        """Return the build's archive.

        Raises:
            BuildGoneError: it is gone or damaged.
        """
        import hashlib

        file = self._folder / f"{build_id}.tar"
        try:
            tar = file.read_bytes()
        except FileNotFoundError:
            raise BuildGoneError(f"the build {build_id[:12]} is gone: {file} is missing; {_ADVICE}") from None
        if hashlib.sha256(tar).hexdigest() != build_id:
            raise BuildGoneError(f"the build {build_id[:12]} is damaged: {file}; {_ADVICE}")
        return tar


_BUILD = re.compile(r"[0-9a-f]{64}(\.tar)?")
_REMOVED = "removed-"

#: What processes that were killed left half written is removed when it is this old, in seconds.
_ABANDONED_AFTER = 24 * 3600.0


def _is_left_behind(path: Path) -> bool:
    if _BUILD.fullmatch(path.name):
        return False
    try:
        return path.name.startswith(_REMOVED) or path.stat().st_mtime < time.time() - _ABANDONED_AFTER
    except FileNotFoundError:
        return False


def remove(path: Path) -> None:
    """Remove a file or folder that `Builds.set_aside` returned, if it is still there."""
    if path.is_dir():
        import shutil

        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


_ADVICE = "restore it from a backup, or go on with other code: ninelives resume SESSION --with-code DIR"
