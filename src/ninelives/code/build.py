"""Builds: the user's code directory as an archive that is named by its content."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from ninelives.archive import Member, members, unpack
from ninelives.archive import pack as pack_members
from ninelives.code.ignore import Pattern, decide, parse
from ninelives.errors import ProgramError

__all__ = ["Build", "pack", "unpack"]

#: Files larger than this, in bytes, are data rather than code and are left out.
LARGEST_FILE = 5 * 2**20

#: A directory with more files, or more bytes in them, than this is not what the user means.
MOST_FILES = 10_000
MOST_BYTES = 200 * 2**20

_IGNORE_FILES = (".gitignore", ".ninelivesignore")
_NEVER = frozenset({"__pycache__", "node_modules", "site-packages"})


class Build(NamedTuple):
    """User code that does not change any more."""

    #: SHA-256 of the archive, hex
    id: str
    tar: bytes
    #: SHA-256 of each file, hex, by path relative to the code directory
    files: dict[str, str]
    #: why a file that one might expect is left out, by path
    skipped: dict[str, str]


class _Entry(NamedTuple):
    #: relative to the code directory, with slashes
    path: str
    size: int
    executable: bool


def pack(code_dir: Path, *, leave_out: Iterable[Path] = ()) -> Build:
    """Return the build of a code directory: the same files make the same build, whenever and wherever.

    Left out are hidden files, caches, virtual environments, ``node_modules``, what ``.gitignore`` and
    ``.ninelivesignore`` name, links that lead out of the directory, and files over 5 MiB.

    Args:
        code_dir: the directory.
        leave_out: folders and files that are none of the program, wherever they are: the store's (reading a database's
            files behind its back drops the locks that this process has on them), and secrets.

    Raises:
        ProgramError: the directory can't be read, is too large, or is the folder to be left out.
    """
    members, skipped = collect(code_dir, leave_out, LARGEST_FILE, MOST_BYTES)
    tar = pack_members(members)
    files = {member.path: hashlib.sha256(member.content).hexdigest() for member in members}
    return Build(hashlib.sha256(tar).hexdigest(), tar, files, skipped)


def collect(
    code_dir: Path, leave_out: Iterable[Path], file_size: int, build_size: int
) -> tuple[list[Member], dict[str, str]]:
    """Return the files of a program, sorted by path, and why a file that one might expect is not among them.

    Args:
        code_dir: the code directory.
        leave_out: as for `pack`.
        file_size: larger files, in bytes, are left out.
        build_size: more bytes than this are an error.

    Raises:
        ProgramError: as `pack`.
    """
    root = os.path.realpath(code_dir)
    left_out = frozenset(map(os.path.realpath, leave_out))
    if root in left_out:
        raise ProgramError(f"{root} is the folder of ninelives' own data: put the program into a folder of its own")
    skipped: dict[str, str] = {}
    try:
        entries = sorted(_limited(root, _walk(root, left_out, skipped, file_size), build_size))
        return [Member(entry.path, _read(root, entry.path), entry.executable) for entry in entries], skipped
    except OSError as error:
        where = f"{error.filename} can't be read ({error.strerror})"
        raise ProgramError(f"{where}: make it readable, or name it in .ninelivesignore") from error


def is_same_program(tar: bytes, code_dir: Path) -> bool:
    """Return whether the Python files of a build are in a directory as they are in the build.

    Other files may differ: a program may write beside itself.
    """
    for member in members(tar):
        if member.path.endswith(".py"):
            try:
                if (code_dir / member.path).read_bytes() != member.content:
                    return False
            except OSError:
                return False
    return True


def size_text(size: int) -> str:
    """Return a number of bytes as people say it."""
    for shift, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if size >> shift:
            return f"{size / (1 << shift):.4g} {unit}"
    return f"{size} bytes"


def _read(root: str, path: str) -> bytes:
    with open(os.path.join(root, path), "rb", buffering=0) as file:
        return file.readall()


def _limited(root: str, entries: Iterator[_Entry], build_size: int) -> Iterator[_Entry]:
    size = 0
    for count, entry in enumerate(entries, start=1):
        size += entry.size
        if count > MOST_FILES or size > build_size:
            raise ProgramError(
                f"{root} is too large to be a program (over {MOST_FILES:,} files or {size_text(build_size)}): "
                "put the program into a folder of its own, or name what does not belong to it in .ninelivesignore"
            )
        yield entry


def _walk(root: str, left_out: frozenset[str], skipped: dict[str, str], file_size: int) -> Iterator[_Entry]:
    #: folders yet to be read: where, relative path with a slash, ignore files that count there, real paths above it
    folders: list[tuple[str, str, _Ignores, frozenset[str]]] = [(root, "", (), frozenset({root}))]
    while folders:
        folder, prefix, ignores, above = folders.pop()
        with os.scandir(folder) as found:
            entries = {entry.name: entry for entry in found}
        if prefix and "pyvenv.cfg" in entries:
            continue
        ignores += tuple((len(prefix), _parse_file(folder, name)) for name in _IGNORE_FILES if name in entries)
        for name, entry in entries.items():
            path = prefix + name
            is_folder = _is_folder(entry)
            if name[0] == "." or name in _NEVER or name.endswith(".pyc") or _is_ignored(ignores, path, is_folder):
                continue
            if entry.is_symlink() and not _stays_in(root, entry.path):
                skipped[path] = "a link that leads out of the code directory, or nowhere"
            elif is_folder:
                real = os.path.realpath(entry.path) if entry.is_symlink() else entry.path
                if real not in above and real not in left_out:
                    folders.append((entry.path, path + "/", ignores, above | {real}))
            elif entry.is_file() and os.path.realpath(entry.path) not in left_out:
                if (status := entry.stat()).st_size > file_size:
                    skipped[path] = f"larger than {size_text(file_size)}"
                else:
                    yield _Entry(path, status.st_size, bool(status.st_mode & 0o100))


#: how many characters of a path lead to the folder of an ignore file, and the patterns in it
_Ignores = tuple[tuple[int, list[Pattern]], ...]


def _is_ignored(ignores: _Ignores, path: str, is_folder: bool) -> bool:
    decision = None
    for start, patterns in ignores:
        later = decide(patterns, path[start:], is_folder=is_folder)
        decision = decision if later is None else later
    return bool(decision)


def _parse_file(folder: str, name: str) -> list[Pattern]:
    with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
        return parse(file.read())


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link to itself.
        return False


def _stays_in(root: str, path: str) -> bool:
    real = os.path.realpath(path)
    return os.path.exists(real) and (real == root or real.startswith(root + os.sep))
