"""What a project needs to run: its Python and its packages, read from its code directory."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from ninelives.errors import EnvironmentBuildError

#: Lines of a requirements file that name a folder or a file rather than a package.
_LOCAL = re.compile(r"^(-e\b|--editable\b|\.{0,2}/|\.{1,2}$|file:)")

#: Lines that name another file to read.
_INCLUDES = re.compile(r"^(?:-r|--requirement|-c|--constraint)[\s=]+(\S+)")


class Requirements(NamedTuple):
    """What a project asks for."""

    #: lines as `requirements.txt` has them; those of files that it includes are among them
    packages: tuple[str, ...] = ()
    #: lines that only restrict versions
    constraints: tuple[str, ...] = ()
    #: versions of Python, as ``requires-python`` has them; "": any
    python: str = ""


def read(code_dir: Path) -> Requirements:
    """Return what a project asks for, in ``requirements.txt``, else in ``pyproject.toml``; nothing if it has neither.

    Args:
        code_dir: the code directory.

    Raises:
        EnvironmentBuildError: a file can't be read, or asks for what no build has.
    """
    project = _table(code_dir / "pyproject.toml").get("project", {})
    python = str(project.get("requires-python", ""))
    file = code_dir / "requirements.txt"
    if file.is_file():
        packages, constraints = _lines(file, code_dir, frozenset())
        return Requirements(packages, constraints, python)
    asked = project.get("dependencies", [])
    if not isinstance(asked, list) or not all(isinstance(line, str) for line in asked):
        raise EnvironmentBuildError('pyproject.toml: project.dependencies is a list of texts, like ["requests>=2"]')
    return Requirements(tuple(asked), (), python)


def _table(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise EnvironmentBuildError(f"{file.name} can't be read: {error}") from error


def _lines(file: Path, root: Path, above: frozenset[Path]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the packages and the constraints that a requirements file asks for, included files in their places."""
    where = file.relative_to(root)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise EnvironmentBuildError(f"{where} can't be read: {error}") from error
    packages: list[str] = []
    constraints: list[str] = []
    for number, line in enumerate(text.replace("\\\n", " ").splitlines(), start=1):
        asked = re.sub(r"(^|\s)#.*", "", line).strip()
        if _LOCAL.match(asked):
            raise EnvironmentBuildError(f"{where}:{number}: {asked!r} is a path: ask for packages by name")
        if included := _INCLUDES.match(asked):
            other = (file.parent / included[1]).resolve()
            if other in above or not other.is_relative_to(root.resolve()) or not other.is_file():
                raise EnvironmentBuildError(f"{where}:{number}: there is no {included[1]} in the project to include")
            more, restricting = _lines(other, root.resolve(), above | {other})
            if asked.startswith(("-c", "--constraint")):
                constraints += more
            else:
                packages += more
            constraints += restricting
        elif asked:
            packages.append(asked)
    return tuple(packages), tuple(constraints)
