"""Lists what a file or a folder of user code defines, by reading it: nothing is imported or run."""

from __future__ import annotations

import ast
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ninelives.errors import ProgramError

#: Folders that never hold a user's own handlers; hidden folders and virtual environments are left out as well.
_OTHERS = frozenset({"__pycache__", "node_modules", "site-packages"})


@dataclass(frozen=True, slots=True)
class Export:
    """A function, async function or class at the top level of a file."""

    #: relative to the folder that was asked for, with ``/``
    file: str
    line: int
    name: str
    #: names of the parameters, of a class those of its ``__init__``; ``*`` and ``**`` kept
    args: list[str]


def exports(path: Path) -> list[Export]:
    """Return what can be a handler in a file, or in all files of a folder, by file and line.

    Args:
        path: a Python file or a folder.

    Raises:
        ProgramError: there is no such file or folder, or a file is not valid Python; says which, and in what line.
    """
    if path.is_dir():
        return [
            export for file in user_files(path) for export in _file_exports(file, file.relative_to(path).as_posix())
        ]
    return _file_exports(path, path.name)


def read_source(path: Path) -> bytes:
    """Return the text of a user's file, undecoded.

    Raises:
        ProgramError: it can't be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ProgramError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise ProgramError(f"{path} is a folder: name a Python file in it") from None
    except OSError as error:
        raise ProgramError(f"{path}: {error.strerror}: make the file readable") from None


def source_exports(source: bytes, shown: str, place: str) -> list[Export]:
    """Return what can be a handler in the text of a file.

    Args:
        source: the text, undecoded.
        shown: the file, as the exports name it.
        place: the file, as an error names it.

    Raises:
        ProgramError: it is not valid Python.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # the user sees them when the program runs
            tree = ast.parse(source, shown)
    except (SyntaxError, ValueError) as error:  # ValueError: a null byte, before Python 3.12
        raise syntax_problem(error, place) from None
    return [
        Export(shown, node.lineno, node.name, _parameters(node))
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]


def syntax_problem(error: SyntaxError | ValueError, file: str) -> ProgramError:
    """Return a syntax error as one line: where, what, and the user's line."""
    if not isinstance(error, SyntaxError):
        return ProgramError(f"{file}: {error}")
    where = f"{file}:{error.lineno}" if error.lineno else file
    line = (error.text or "").strip()
    return ProgramError(f"{where}: {type(error).__name__}: {error.msg}" + (f": {line}" if line else ""))


def user_files(folder: Path) -> Iterator[Path]:
    """Yield the user's Python files below a folder, sorted: none of hidden folders or virtual environments."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if _is_user_folder(Path(place, name)))
        yield from (Path(place, name) for name in sorted(files) if name.endswith(".py") and not name.startswith("."))


def _is_user_folder(folder: Path) -> bool:
    return not (folder.name.startswith(".") or folder.name in _OTHERS or (folder / "pyvenv.cfg").is_file())


def _file_exports(path: Path, shown: str) -> list[Export]:
    return source_exports(read_source(path), shown, str(path))


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> list[str]:
    if isinstance(node, ast.ClassDef):
        makers = [item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"]
        return _parameters(makers[-1])[1:] if makers else []
    args = node.args
    return [
        *(arg.arg for arg in args.posonlyargs + args.args),
        *([f"*{args.vararg.arg}"] if args.vararg else []),
        *(arg.arg for arg in args.kwonlyargs),
        *([f"**{args.kwarg.arg}"] if args.kwarg else []),
    ]
