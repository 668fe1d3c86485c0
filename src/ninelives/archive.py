"""Archives of regular files in the tar format, the same bytes for the same files.

The format is ustar (POSIX.1-1988), with long names as GNU tar has them. `tarfile` reads and writes it too; importing
that takes longer than packing a project.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from ninelives.errors import BuildGoneError, StoreError, StoreFullError

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


def save(tar: bytes, file: Path) -> None:
    """Write an archive to a file, all of it or nothing; a file that is there already is replaced.

    Raises:
        StoreFullError, StoreError: it can't be written; nothing was left behind.
    """
    new = file.with_name(f".{os.urandom(16).hex()}")
    try:
        try:
            with open(new, "xb") as opened:
                opened.write(tar)
                opened.flush()
                os.fsync(opened.fileno())
            new.replace(file)
        finally:
            new.unlink(missing_ok=True)
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreFullError(f"no space is left for {file}: free some and try again") from error
        raise StoreError(f"{file} can't be written ({error.strerror}): give another file, with -o") from error


def unpack(tar: bytes, target: Path) -> None:
    """Unpack an archive made by `pack` into a new folder, all of it or nothing; a folder that is there already is left.

    Raises:
        BuildGoneError: the archive is damaged, a file of it would lie outside of the folder or has no place in it.
        OSError: the disk is full or can't be written.
    """
    import shutil

    folder = target.with_name(f".{os.urandom(16).hex()}")
    folder.mkdir(mode=0o700, parents=True)
    try:
        _unpack_into(folder, tar)
        folder.rename(target)
    except OSError:
        # Another process was faster.
        if not target.is_dir():
            raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def repair(tar: bytes, folder: Path) -> None:
    """Write those files of an unpacked archive again that are not as they are in the archive; leave all others.

    A power loss shortly after an archive was unpacked leaves files empty.

    Raises:
        BuildGoneError: the archive is damaged.
        OSError: the disk is full or can't be written.
    """
    for member in members(tar):
        path = folder / member.path
        try:
            if path.read_bytes() == member.content:
                continue
        except OSError:
            path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{os.urandom(16).hex()}")
        try:
            _write(new, member)
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)


#: What the system says of names that a disk cannot have, or not twice: the archive is at fault, not the disk.
_BAD_NAMES = frozenset({errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL})


def _unpack_into(folder: Path, tar: bytes) -> None:
    made = {folder}
    for member in members(tar):
        path = folder / member.path
        try:
            if path.parent not in made:
                path.parent.mkdir(parents=True, exist_ok=True)
                made.add(path.parent)
            _write(path, member)
        except OSError as error:
            if error.errno in _BAD_NAMES:
                raise _strange(member.path) from error
            raise


def _write(path: Path, member: Member) -> None:
    # Never through what is there already: in a new folder that would be a second member of the same name.
    with open(path, "xb") as file:
        file.write(member.content)
        os.fchmod(file.fileno(), 0o555 if member.executable else 0o444)


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
        size = _octal(block[124:135])
        if size < 0:
            raise BuildGoneError(f"the archive is damaged at byte {at}: restore it from a backup")
        content = tar[at + _BLOCK : at + _BLOCK + size]
        at += _BLOCK + size + -size % _BLOCK
        if block[156:157] == b"L" and long_name is None:
            long_name = content.removesuffix(b"\0")
            continue
        name = os.fsdecode(block[:_NAME_SIZE].rstrip(b"\0") if long_name is None else long_name)
        long_name = None
        # A prefix would be part of the name: other programs write one, `pack` does not.
        if block[156:157] != b"0" or any(block[345:500]) or len(content) != size or not _is_inside(name):
            raise _strange(name)
        yield Member(name, content, executable=block[100:107] == b"0000755")
    if long_name is not None:
        raise _strange(os.fsdecode(long_name))


def _octal(text: bytes) -> int:
    # `int` would take signs, spaces and underscores, too.
    return int(text, 8) if text.isdigit() and not {56, 57} & set(text) else -1


def _strange(name: str) -> BuildGoneError:
    return BuildGoneError(f"the archive has a member that does not belong there: {name!r}; make the build again")


def _is_inside(name: str) -> bool:
    return bool(name) and not name.startswith("/") and "\0" not in name and not {"", ".", ".."} & set(name.split("/"))
