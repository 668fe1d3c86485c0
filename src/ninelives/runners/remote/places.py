"""What a host with runners keeps on its disk: builds, and the working directories of sessions."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

from ninelives.errors import BuildGoneError
from ninelives.storage.builds import Builds, Packed

#: Seconds after which what no session has used is removed, when the manager starts: it is brought again if need be.
UNUSED = 30 * 24 * 3600.0


def build(builds: Builds, build_id: str) -> Path:
    """Return the folder with a build's files.

    Raises:
        BuildGoneError: it has not been brought.
        StoreError: it can't be unpacked.
    """
    folder = builds.path(build_id)
    _used(folder)
    _used(folder.with_name(f"{build_id}.tar"))
    return folder


def keep_build(builds: Builds, packed: Packed) -> None:
    """Keep a build that was brought.

    Raises:
        BuildGoneError: it is not the one that it was said to be.
        StoreError: it can't be kept.
    """
    if hashlib.sha256(packed.tar).hexdigest() != packed.id:
        raise BuildGoneError("the build that came is not the one that was asked for: try again")
    builds.put(packed)
    builds.kept(packed.id)


def working_directory(home: Path, session_id: str) -> Path:
    """Return the working directory of a session, which is there as long as the session is."""
    folder = _sessions(home) / session_id
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _used(folder)
    return folder


def has_session(home: Path, session_id: str) -> bool:
    """Return whether a session has a working directory here."""
    return (_sessions(home) / session_id).is_dir()


def tidy(home: Path) -> None:
    """Remove what has not been used for long."""
    for folder in (home / "builds", _sessions(home)):
        for path in folder.glob("*"):
            with suppress(FileNotFoundError):  # another manager of this home does the same
                if path.stat().st_mtime < time.time() - UNUSED:
                    if path.is_dir():
                        shutil.rmtree(path, ignore_errors=True)
                    else:
                        path.unlink()


def _sessions(home: Path) -> Path:
    return home / "sessions"


def _used(path: Path) -> None:
    with suppress(FileNotFoundError):
        os.utime(path)
