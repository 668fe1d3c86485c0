"""What a program needs: its Python and its packages, as `requirements.txt` and `pyproject.toml` say it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Any, NamedTuple, NoReturn

from ninelives.errors import ProgramError

REQUIREMENTS = "requirements.txt"
PYPROJECT = "pyproject.toml"

_VERSION = r"\s*(?:===|[<>=!~]=|<|>)\s*[0-9A-Za-z][0-9A-Za-z.*+!_-]*\s*"
_VERSIONS = re.compile(rf"{_VERSION}(?:,{_VERSION})*,?")

#: A requirement as the packaging specification has it: name, extras, then versions or an address, and a marker.
_REQUIREMENT = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\s*(?:\[[A-Za-z0-9._,\s-]*\]\s*)?"
    rf"(?:@\s*(?P<address>\S+)\s*|{_VERSIONS.pattern}|\({_VERSIONS.pattern}\)\s*)?(?:;.*)?"
)


class Needs(NamedTuple):
    """What a program needs to run."""

    #: versions of Python, like ``>=3.11,<3.13``; None: any
    python: str | None
    #: one a line, as in the file, with the hashes that it gives
    requirements: list[str]
    #: lines of the same form that ask for nothing, and only restrict versions
    constraints: list[str]


def find_needs(files: Mapping[str, bytes]) -> Needs:
    """Return what a program needs.

    `requirements.txt` goes before the dependencies of `pyproject.toml`: it is where exact versions are kept.

    Args:
        files: contents by path.

    Raises:
        ProgramError: a file is wrong, or needs what a build can't hold; says where.
    """
    project = _project(files[PYPROJECT]) if PYPROJECT in files else {}
    python = project.get("requires-python")
    if python is not None and not (isinstance(python, str) and _VERSIONS.fullmatch(python)):
        _refuse(PYPROJECT, f"requires-python is {python!r}: write versions, like '>=3.11'")
    if REQUIREMENTS in files:
        lines = list(_lines(REQUIREMENTS, files, (), restricts=False))
        return Needs(
            python,
            [line for line, restricts in lines if not restricts],
            [line for line, restricts in lines if restricts],
        )
    if "dependencies" in project.get("dynamic", ()):
        _refuse(PYPROJECT, f"its dependencies are dynamic: write them out there, or in {REQUIREMENTS}")
    given = project.get("dependencies", [])
    if not (isinstance(given, list) and all(isinstance(text, str) for text in given)):
        _refuse(PYPROJECT, "dependencies are a list of texts, like ['requests>=2.32']")
    return Needs(python, [_checked(PYPROJECT, " ".join(text.split())) for text in given], [])


def read_needs(folder: Path) -> Needs:
    """Return what the program in a folder needs: as `find_needs`.

    Raises:
        ProgramError: as `find_needs`; a file can't be read.
    """
    return find_needs(_Files(folder))


class _Files(Mapping[str, bytes]):
    """The files below a folder, read when they are asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def __getitem__(self, path: str) -> bytes:
        file = (self._folder / path).resolve()
        if not file.is_relative_to(self._folder):
            raise KeyError(path)
        try:
            return file.read_bytes()
        except FileNotFoundError:
            raise KeyError(path) from None
        except OSError as error:
            _refuse(path, f"can't be read ({error.strerror})")

    def __iter__(self) -> Iterator[str]:
        return (file.relative_to(self._folder).as_posix() for file in self._folder.rglob("*"))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _project(content: bytes) -> dict[str, Any]:
    import tomllib

    try:
        project = tomllib.loads(content.decode()).get("project", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        _refuse(PYPROJECT, f"{error}: correct the TOML")
    if not isinstance(project, dict):
        _refuse(PYPROJECT, "project is a table: write [project]")
    return project


def _lines(
    path: str, files: Mapping[str, bytes], above: tuple[str, ...], *, restricts: bool
) -> Iterator[tuple[str, bool]]:
    """Yield the lines of a file, and of those that it refers to, and whether each only restricts versions."""
    try:
        text = files[path].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _refuse(path, f"is not UTF-8 text (byte {error.start}): save it as UTF-8")
    for number, line in _logical(text):
        place = f"{path}:{number}"
        if option := re.fullmatch(r"(-r|--requirement|-c|--constraint)[\s=]*(.+)", line):
            other = normpath(join(dirname(path), option[2]))
            if other not in files:
                _refuse(place, f"{option[2]} is no file of the program: put it beside {path}")
            if other in (*above, path):
                _refuse(place, f"{other} refers to itself")
            only_restricts = restricts or option[1] in ("-c", "--constraint")
            yield from _lines(other, files, (*above, path), restricts=only_restricts)
        else:
            yield _checked(place, line), restricts


def _logical(text: str) -> Iterator[tuple[int, str]]:
    """Yield lines with their numbers, continued ones as one, without comments and empty ones."""
    begun, first = "", 0
    for number, line in enumerate((*text.splitlines(), ""), start=1):
        line, first = begun + line, first if begun else number  # noqa: PLW2901
        if line.endswith("\\"):
            begun = line[:-1] + " "
            continue
        begun = ""
        line = " ".join(re.sub(r"(^|\s)#.*", "", line).split())  # noqa: PLW2901
        if line:
            yield first, line


def _checked(place: str, line: str) -> str:
    """Return a requirement that is one on every machine."""
    if line.startswith(("-e", "--editable", ".", "/", "file:")):
        _refuse(place, f"{line!r} is on this machine only: name a package, or put its code into the program's folder")
    if line.startswith("-"):
        what = line.split(maxsplit=1)[0].partition("=")[0]
        _refuse(place, f"{what} is the business of who installs: set it on that host, and leave it out here")
    requirement = re.sub(r"( --hash=\S+)+$", "", line)
    match = _REQUIREMENT.fullmatch(requirement)
    if match is None:
        _refuse(place, f"{line!r} is no requirement: write it like 'requests>=2.32'")
    address = match["address"] or ""
    if address.startswith((".", "/", "file:")):
        _refuse(place, f"{line!r} is on this machine only: name a package, or put its code into the program's folder")
    if re.search(r"//(?!git@)[^/]*@", address):
        _refuse(place, "its address has a password or a user's name in it: a build holds no secrets")
    return line


def _refuse(place: str, what: str) -> NoReturn:
    raise ProgramError(f"{place}: {what}")
