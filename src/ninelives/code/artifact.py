"""Builds that are handed on as files: a program with what it exports and what it needs, the same bytes everywhere.

Such a file is a build as a session has it, with one member more, the first: what the build says of itself. So whoever
starts a session needs to read the first kilobytes only, and no Python of the program's own version.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec

from ninelives.archive import Member, members
from ninelives.archive import pack as pack_members
from ninelives.code.build import LARGEST_FILE, MOST_BYTES, collect, size_text
from ninelives.code.exports import Export, source_exports
from ninelives.code.requirements import find_needs
from ninelives.errors import BuildGoneError, ProgramError

#: A hidden name: no file of a program has one.
ABOUT = ".ninelives-build.json"

FORMAT = 1

#: Bytes of a path, and of each name in it: what every disk can hold, with room for the folder it is unpacked into.
LONGEST_PATH = 1_000
LONGEST_NAME = 250


class About(msgspec.Struct, frozen=True):
    """What a build says of itself."""

    format: int
    exports: list[Export]
    #: versions of Python, like ``>=3.11``; None: any
    python: str | None
    #: one requirement each, as for pip
    requirements: list[str]
    #: of the same form; they ask for nothing, and only restrict versions
    constraints: list[str]


class Artifact(NamedTuple):
    """A build as a file holds it."""

    #: SHA-256 of the archive, hex
    id: str
    tar: bytes
    about: About
    #: without what it says of itself
    files: list[str]


def make(
    code_dir: Path, *, leave_out: Iterable[Path] = (), file_size: int = LARGEST_FILE, build_size: int = MOST_BYTES
) -> Artifact:
    """Return the build of a code directory, to be handed on. Nothing of it is imported or run.

    What `ninelives.code.build.pack` leaves out silently is an error here, unless an ignore file names it.

    Args:
        code_dir: the code directory.
        leave_out: folders and files that are none of the program.
        file_size: the largest file, in bytes.
        build_size: the largest build, in bytes.

    Raises:
        ProgramError: it can't be read, is too large, has a link that leads out of it, a name that not every disk can
            have, a file that is not valid Python, or requirements that are none.
    """
    found, skipped = collect(code_dir, leave_out, file_size, build_size)
    for path, reason in sorted(skipped.items()):
        more = f" (and {len(skipped) - 1} more)" if len(skipped) > 1 else ""
        raise ProgramError(f"{code_dir / path} is {reason}{more}: remove it, or name it in .ninelivesignore")
    if problem := bad_name(member.path for member in found):
        raise ProgramError(f"{code_dir}: {problem}: rename it, or name it in .ninelivesignore")
    contents = {member.path: member.content for member in found}
    exports = [
        export
        for path, content in contents.items()
        if path.endswith(".py")
        for export in source_exports(content, path, str(code_dir / path))
    ]
    try:
        needs = find_needs(contents)
    except ProgramError as error:
        raise ProgramError(f"{code_dir}/{error}") from None
    about = About(FORMAT, exports, needs.python, needs.requirements, needs.constraints)
    tar = pack_members([Member(ABOUT, msgspec.json.encode(about), executable=False), *found])
    if len(tar) > build_size:
        raise ProgramError(f"{code_dir} makes a build over {size_text(build_size)}: raise limits.build_size")
    return Artifact(hashlib.sha256(tar).hexdigest(), tar, about, list(contents))


def read(tar: bytes, *, build_size: int = MOST_BYTES) -> Artifact:
    """Return the build that a file holds, wherever it comes from.

    Args:
        tar: content of the file.
        build_size: the largest build, in bytes.

    Raises:
        BuildGoneError: it is none, is damaged, is too large or could not be unpacked everywhere.
    """
    if len(tar) > build_size:
        raise BuildGoneError(f"the build is over {size_text(build_size)}: raise limits.build_size, or make it smaller")
    found = list(members(tar))
    if not found or found[0].path != ABOUT:
        raise BuildGoneError("this is no build: make one with ninelives build")
    try:
        said = msgspec.json.decode(found[0].content, type=About)
    except msgspec.MsgspecError as error:
        raise BuildGoneError(f"the build says nothing of itself that can be read ({error}): make it again") from None
    if said.format != FORMAT:
        raise BuildGoneError(f"the build was made by another ninelives (format {said.format}): update it")
    paths = [member.path for member in found]
    if problem := bad_name(paths):
        raise BuildGoneError(f"the build can't be unpacked everywhere: {problem}: make it again")
    return Artifact(hashlib.sha256(tar).hexdigest(), tar, said, paths[1:])


def bad_name(paths: Iterable[str]) -> str | None:
    """Return what is wrong with the first path that not every disk can have beside the others; None: nothing."""
    names: dict[str, tuple[str, bool]] = {}
    for path in paths:
        if problem := _problem(path):
            return f"{path!r} {problem}"
        parts = path.split("/")
        for count in range(1, len(parts) + 1):
            name = "/".join(parts[:count]), count < len(parts)
            # The same on disks that do not tell large letters from small ones.
            key = unicodedata.normalize("NFC", name[0].casefold())
            known = names.get(key)
            if known is not None and known != name:
                return f"{name[0]!r} and {known[0]!r} are the same name on some disks"
            if known is not None and count == len(parts):
                return f"{path!r} is there twice"
            names[key] = name
    return None


def _problem(path: str) -> str | None:
    try:
        data = path.encode()
    except UnicodeEncodeError:
        return "is not UTF-8"
    if not path.isprintable() or "\\" in path:
        return "has a backslash or a character that can't be seen"
    if unicodedata.normalize("NFC", path) != path:
        return "is written in a way that other disks change (it is not in Unicode's form NFC)"
    if len(data) > LONGEST_PATH or any(len(name.encode()) > LONGEST_NAME for name in path.split("/")):
        return f"is too long (over {LONGEST_NAME} bytes a name, or {LONGEST_PATH:,} in all)"
    return None
