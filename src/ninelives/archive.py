"""Archives of regular files in the tar format, the same bytes for the same files.

The format is ustar (POSIX.1-1988), with long names as GNU tar has them. `tarfile` reads and writes it too; importing
that takes longer than packing a project.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from ninelives.errors import BuildGoneError

_BLOCK = 512
_NAME_SIZE = 100


class Member(NamedTuple):
    """A file of an archive."""

    #: relative, with slashes
    path: str
    content: bytes
    executable: bool


def pack(members: Iterable[Member]) -> bytes:
    """Return the archive of the files, in the given order; times and owners are left out."""
    parts: list[bytes] = []
    for member in members:
        name = os.fsencode(member.path)
        if len(name) > _NAME_SIZE:
            parts += (_header(b"././@LongLink", len(name) + 1, b"L", 0o644), name, bytes(_BLOCK - len(name) % _BLOCK))
        mode = 0o755 if member.executable else 0o644
        parts += (_header(name[:_NAME_SIZE], len(member.content), b"0", mode), member.content)
        parts.append(bytes(-len(member.content) % _BLOCK))
    parts.append(bytes(2 * _BLOCK))
    return b"".join(parts)


def unpack(tar: bytes, target: Path) -> None:
    """Unpack an archive made by `pack` into a new folder, all of it or nothing; a folder that is there already is left.

    Raises:
        BuildGoneError: the archive is damaged, or a file of it would lie outside of the folder.
    """
    import shutil

    folder = target.with_name(f".{os.urandom(16).hex()}")
    folder.mkdir(mode=0o700, parents=True)
    try:
        for member in members(tar):
            path = folder / member.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(member.content)
            path.chmod(0o555 if member.executable else 0o444)
        folder.rename(target)
    except OSError:
        # Another process was faster.
        if not target.is_dir():
            raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _header(name: bytes, size: int, kind: bytes, mode: int) -> bytes:
    fields = b"".join((
        name.ljust(_NAME_SIZE, b"\0"),
        b"%07o\0" % mode,
        b"0000000\0" * 2,
        b"%011o\0" % size,
        b"00000000000\0",
        b" " * 8,
        kind,
        bytes(_NAME_SIZE),
        b"ustar\x0000",
    ))  # fmt: skip
    fields = fields.ljust(_BLOCK, b"\0")
    return fields[:148] + b"%06o\0 " % sum(fields) + fields[156:]


def members(tar: bytes) -> Iterator[Member]:
    """Yield what an archive holds.

    Raises:
        BuildGoneError: the archive is damaged.
    """
    at = 0
    long_name = None
    while (block := tar[at : at + _BLOCK]) != bytes(_BLOCK):
        if len(block) < _BLOCK or block[148:154] != b"%06o" % sum(block[:148] + b" " * 8 + block[156:]):
            raise BuildGoneError(f"the archive is damaged at byte {at}: restore it from a backup")
        size = int(block[124:135], 8)
        content = tar[at + _BLOCK : at + _BLOCK + size]
        at += _BLOCK + size + -size % _BLOCK
        if block[156:157] == b"L":
            long_name = content.rstrip(b"\0")
            continue
        name = os.fsdecode(long_name or block[:_NAME_SIZE].rstrip(b"\0"))
        long_name = None
        if block[156:157] != b"0" or len(content) != size or not _is_inside(name):
            raise BuildGoneError(f"the archive has a member that does not belong there: {name!r}; make the build again")
        yield Member(name, content, executable=block[100:107] == b"0000755")


def _is_inside(name: str) -> bool:
    return bool(name) and not name.startswith("/") and not {"", ".", ".."} & set(name.split("/"))
