"""Patterns of ``.gitignore`` and ``.ninelivesignore`` files.

The format is that of gitignore(5). Written here because user code must not have to share a package with us.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple


class Pattern(NamedTuple):
    """One line of an ignore file."""

    #: matches a path relative to the folder of the file
    regex: re.Pattern[str]
    #: what it matches is taken back in
    negated: bool
    folders_only: bool


def parse(text: str) -> list[Pattern]:
    """Return the patterns of an ignore file, in order; lines that can't be understood match nothing."""
    found = (_parse_line(line) for line in text.splitlines())
    return [pattern for pattern in found if pattern]


def decide(patterns: Iterable[Pattern], path: str, *, is_folder: bool) -> bool | None:
    """Return what the last pattern that matches says: True to leave it out, False to take it in; None: none matches."""
    decision = None
    for pattern in patterns:
        if (is_folder or not pattern.folders_only) and pattern.regex.fullmatch(path):
            decision = not pattern.negated
    return decision


def _parse_line(line: str) -> Pattern | None:
    line = re.sub(r"(?<!\\) +$", "", line)
    negated = line.startswith("!")
    if negated:
        line = line[1:]
    elif line.startswith("#"):
        return None
    folders_only = line.endswith("/")
    line = line.rstrip("/") if folders_only else line
    if not line:
        return None
    # A slash anywhere but at the end ties a pattern to the folder of its file.
    anchored = "/" in line
    regex = _translate(line.removeprefix("/"))
    try:
        return Pattern(re.compile(regex if anchored else f"(?:.*/)?{regex}", re.DOTALL), negated, folders_only)
    except re.error:
        return None


_TOKEN = re.compile(r"^\*\*/|/\*\*/|/\*\*$|\*+|\?|\[[!^]?\]?[^]/]*\]|\\.|.", re.DOTALL)


def _translate(pattern: str) -> str:
    return "".join(_translate_token(token) for token in _TOKEN.findall(pattern))


def _translate_token(token: str) -> str:
    match token:
        case "**/":
            return "(?:.*/)?"
        case "/**/":
            return "/(?:.*/)?"
        case "/**":
            return "/.*"
        case "?":
            return "[^/]"
    if token[0] == "*":
        return "[^/]*"
    if token[0] == "[" and len(token) > 1:
        negated = token[1] in "!^"
        # A backslash keeps its meaning; what else means something in a set of Python's does not in one of the shell's.
        inside = re.sub(r"([\[&~|])", r"\\\1", token[1 + negated : -1])
        inside = f"\\{inside}" if inside.startswith("]") else inside
        return f"(?!/)[{'^' if negated else ''}{inside}]"
    return re.escape(token[1] if len(token) > 1 else token)
