"""Forms that a setting's value may have: what people write, and what it means.

A file gives texts, numbers, lists and truth values; an environment variable gives texts only. Each form takes both.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple


class Form(NamedTuple):
    """How the values of a setting are written."""

    #: completes "… must be"
    expected: str
    #: returns what a value means; raises ValueError
    parse: Callable[[Any], Any]
    #: the words it knows, for suggestions
    words: tuple[str, ...] = ()
    #: returns the value as it may be shown
    shown: Callable[[Any], Any] = lambda value: value


def choice(*words: str) -> Form:
    """Return the form of one word of several."""

    def parse(value: Any) -> str:
        if value not in words:
            raise ValueError
        return str(value)

    return Form("one of " + ", ".join(words), parse, words)


def number(least: int) -> Form:
    """Return the form of whole numbers from ``least`` on."""

    def parse(value: Any) -> int:
        found = int(value) if isinstance(value, str) else value
        if isinstance(found, bool) or not isinstance(found, int) or found < least:
            raise ValueError
        return found

    return Form(f"a whole number from {least} on", parse)


def optional(form: Form) -> Form:
    """Return a form that may also say that there is no value."""
    # An environment variable can't be null, and YAML reads the word as a text.
    nothing = (None, "none", "null")
    return form._replace(
        expected=f"{form.expected}, or none",
        parse=lambda value: None if value in nothing else form.parse(value),
        shown=lambda value: None if value is None else form.shown(value),
    )


def list_of(form: Form) -> Form:
    """Return the form of several values: a list in a file, between commas in an environment variable."""

    def parse(value: Any) -> list[Any]:
        parts = [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
        if not isinstance(parts, list):
            raise ValueError
        return [form.parse(part) for part in parts]

    return Form(f"a list, each {form.expected}", parse)


def _parse_flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[str(value).lower()]


FLAG = Form("true or false", _parse_flag, ("true", "false"))

_QUANTITY = re.compile(r"(\d+(?:\.\d+)?) *([A-Za-z]*)")
_SIZES = {"": 1, "b": 1, "kib": 2**10, "mib": 2**20, "gib": 2**30, "kb": 10**3, "mb": 10**6, "gb": 10**9}
_SPANS = {"": 1, "s": 1, "min": 60, "h": 3_600, "d": 86_400}


def _quantity(value: Any, units: dict[str, int]) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError
    match = _QUANTITY.fullmatch(str(value).strip())
    if match is None or match[2].lower() not in units:
        raise ValueError
    return float(match[1]) * units[match[2].lower()]


def _parse_size(value: Any) -> int:
    size = _quantity(value, _SIZES)
    if not 1 <= size < 2**63:
        raise ValueError
    return int(size)


def _parse_span(value: Any) -> float:
    span = _quantity(value, _SPANS)
    if span > 1e9:
        raise ValueError
    return span


#: in bytes
SIZE = Form("a size such as 512 MiB", _parse_size)

#: in seconds
SPAN = Form("a time span such as 90 s, 5 min or 2 h", _parse_span)

_ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):(\d{1,5})")


def _parse_address(value: Any) -> str:
    match = _ADDRESS.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match[1]) > 65_535:
        raise ValueError
    return str(value)


ADDRESS = Form("HOST:PORT, such as 10.0.0.7:9980", _parse_address)


def _parse_path(value: Any) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError
    return value


PATH = Form("the path of a file", _parse_path)

IMAGE = Form("the name of a Docker image, such as python:3.12-slim", _parse_path)

_SCHEME = re.compile(r"(?:sqlite|file):(?://(?=/))?")


def _parse_sqlite(value: Any) -> str:
    path = _parse_path(value)
    path = _SCHEME.sub("", path, count=1) if _SCHEME.match(path) else path
    if not path or path.endswith("/") or re.match(r"[A-Za-z0-9+]*:", path):
        raise ValueError
    return path


def without_password(value: Any) -> Any:
    """Return a database's address without the password in it."""
    if not isinstance(value, str):
        return value
    return re.sub(r"(?i)(password=)[^&\s]*", r"\1***", re.sub(r"//([^:/@]*):.*@", r"//\1:***@", value))


SQLITE = Form("the path of an SQLite database, such as /srv/ninelives/sessions.db", _parse_sqlite, (), without_password)
