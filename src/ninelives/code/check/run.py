"""From a file or a folder to what was found in it."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

from ninelives.code.check import activities, addresses, hidden, processes, transactions, waiting
from ninelives.code.check.finding import Finding, Rule
from ninelives.code.check.source import Module
from ninelives.code.exports import read_source, syntax_problem, user_files
from ninelives.code.rules import Rules
from ninelives.errors import ProgramError

_RULES: tuple[Rule, ...] = (
    *transactions.RULES,
    *hidden.RULES,
    *activities.RULES,
    *processes.RULES,
    *addresses.RULES,
    *waiting.RULES,
)

#: The short names of all rules.
CODES = tuple(rule.code for rule in _RULES)

_IGNORE = re.compile(r"#\s*ninelives:\s*ignore\[([^\]]*)\]")

#: Files beside a program that no session loads.
_NO_PROGRAM = re.compile(r"(?:.*/)?(?:tests?/.*|test_[^/]*|[^/]*_test\.py|conftest\.py|setup\.py|noxfile\.py)")


def check(path: Path, rules: Rules | None = None, root: Path | None = None) -> list[Finding]:
    """Return what can bite in a file, or in all files of a folder, by file and line.

    Tests, ``setup.py`` and the like are left out of a folder; a file that is named is always read.

    Args:
        path: a Python file or a folder.
        rules: our lists and what the project adds to them; ours alone if not given.
        root: the code directory of a file, whose modules are the user's own; its folder if not given.

    Raises:
        ProgramError: there is no such file or folder, no Python file in it, or one is not valid Python.
    """
    root = path if path.is_dir() else root or path.parent
    if path.is_dir():
        shown = {file: file.relative_to(path).as_posix() for file in user_files(path)}
        files = [file for file, name in shown.items() if not _NO_PROGRAM.fullmatch(name)]
        if not shown:
            raise ProgramError(f"{path}: no Python file is in it: name the folder of your program")
    else:
        files = [path]
    users = _own_modules(root) if root.is_dir() else frozenset()
    found = (check_source(read_source(file), file.as_posix(), rules, users) for file in files)
    return [finding for findings in found for finding in findings]


def check_source(
    source: bytes,
    file: str,
    rules: Rules | None = None,
    users: Iterable[str] = (),
) -> list[Finding]:
    """Return what can bite in the text of one file, by line.

    Args:
        source: the text.
        file: how the file is shown.
        rules: as for `check`.
        users: top-level names of the project's own modules.

    Raises:
        ProgramError: it is not valid Python.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # the user sees them when the program runs
            tree = ast.parse(source, file)
    except (SyntaxError, ValueError) as error:  # ValueError: a null byte, before Python 3.12
        raise syntax_problem(error, file) from None
    module = Module(file, tree, rules or Rules(), frozenset(users))
    ignored = _ignored(source)
    found = {
        Finding(file, line, rule.code, message, rule.way_out)
        for rule in _RULES
        for node, message in rule.find(module)
        for line in (getattr(node, "lineno", 1),)
        if not module.is_apart(node) and not any(rule.code in ignored.get(at, ()) for at in _lines(node))
    }
    return sorted(found, key=lambda finding: (finding.line, CODES.index(finding.code), finding.message))


def _own_modules(root: Path) -> frozenset[str]:
    """Return the names that imports find in the code directory."""
    return frozenset(entry.name.removesuffix(".py") for entry in root.iterdir() if entry.suffix in ("", ".py"))


def _lines(node: ast.AST) -> range:
    """Return the lines on which a comment is about this node: all of an expression's, the head of a block."""
    first = getattr(node, "lineno", 1)
    last = getattr(node, "end_lineno", None) or first
    body = getattr(node, "body", None)
    if isinstance(body, list) and body:
        last = max(first, body[0].lineno - 1)
    return range(first, last + 1)


def _ignored(source: bytes) -> dict[int, set[str]]:
    """Return the codes that comments silence, by line."""
    return {
        token.start[0]: {code.strip() for code in match[1].split(",")}
        for token in _comments(source)
        if (match := _IGNORE.search(token.string))
    }


def _comments(source: bytes) -> Iterator[tokenize.TokenInfo]:
    if b"ninelives:" not in source:
        return
    # What `ast` has parsed, `tokenize` reads too.
    yield from (token for token in tokenize.tokenize(io.BytesIO(source).readline) if token.type == tokenize.COMMENT)
