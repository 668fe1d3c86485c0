"""Builds: immutable, content-addressed archives of user code, unpacked when they are first run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from ninelives import archive
from ninelives.errors import BuildGoneError
from ninelives.storage.blobs import new_path, sync
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

    def put(self, build: Packed) -> None:
        """Keep a build; one that is kept already is left as it is.

        Raises:
            StoreFullError, StoreError: it is not kept.
        """
        target = self._folder / f"{build.id}.tar"
        if target.exists():
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = new_path(self._folder)
        try:
            with open(new, "xb", buffering=0) as file:
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


_ADVICE = "restore it from a backup, or go on with other code: ninelives resume SESSION --with-code DIR"
