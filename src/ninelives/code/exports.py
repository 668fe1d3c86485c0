"""Lists what a file or a folder of user code defines, by reading it: nothing is imported or run."""

from __future__ import annotations

import ast
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ninelives.errors import ProgramError

#: Folders that never hold a user's own handlers; hidden folders and virtual environments are left out as well.
_OTHERS = frozenset({"__pycache__", "node_modules", "site-packages"})


@dataclass(frozen=True, slots=True)
class Export:
    """A function, async function, class or named lambda at the top level of a file that can be called with an event."""

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
    return [export for node in tree.body if (export := _export(node, shown))]


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


def _export(node: ast.stmt, file: str) -> Export | None:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            if _takes_event(node.args) and not _yields(node.body):
                return Export(file, node.lineno, node.name, _parameters(node.args))
        case ast.ClassDef():
            makers = [item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"]
            if makers and _takes_event(makers[-1].args, after_self=True):
                return Export(file, node.lineno, node.name, _parameters(makers[-1].args)[1:])
            if not makers and (node.bases or node.decorator_list):
                # What it takes is inherited, or made by a decorator (a dataclass).
                return Export(file, node.lineno, node.name, [])
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Lambda() as function):
            if _takes_event(function.args) and not _yields([function.body]):
                return Export(file, node.lineno, name, _parameters(function.args))
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.Lambda() as function):
            if _takes_event(function.args) and not _yields([function.body]):
                return Export(file, node.lineno, name, _parameters(function.args))
    return None


def _takes_event(args: ast.arguments, *, after_self: bool = False) -> bool:
    """Return whether (event) or (event, session_id) will do."""
    if None in args.kw_defaults:
        return False
    places = len(args.posonlyargs + args.args)
    required = places - len(args.defaults)
    return required <= 2 + after_self and (places > after_self or args.vararg is not None)


def _yields(body: Sequence[ast.AST]) -> bool:
    """Return whether a function with this body is a generator: a `yield` in a function inside it is that one's own."""
    ahead = list(body)
    while ahead:
        node = ahead.pop()
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            ahead += ast.iter_child_nodes(node)
    return False


def _parameters(args: ast.arguments) -> list[str]:
    return [
        *(arg.arg for arg in args.posonlyargs + args.args),
        *([f"*{args.vararg.arg}"] if args.vararg else []),
        *(arg.arg for arg in args.kwonlyargs),
        *([f"**{args.kwarg.arg}"] if args.kwarg else []),
    ]
