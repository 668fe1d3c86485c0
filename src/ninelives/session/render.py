"""What people see of values: text made from plain data only, never by calling ``repr`` of strange objects.

The same text, whole, gives the digest by which replay notices changed arguments.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping
from datetime import date, time, timedelta, tzinfo
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from itertools import islice
from pathlib import PurePath
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any
from uuid import UUID

from ninelives.code.naming import BuiltinMethodType, class_name, name_of
from ninelives.session.standins import Held, StandIn, StandInMethod, reference

#: Exact types that are immutable, and whose ``repr`` is plain: nothing to follow, nothing to encode with care.
ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes})

_CALLABLE = frozenset({FunctionType, MethodType, BuiltinFunctionType, BuiltinMethodType, StandInMethod})

#: Types whose ``repr`` says all of them, and runs no code of a user.
PLAIN = (date, time, timedelta, tzinfo, Decimal, Fraction, PurePath, UUID, range, slice)

#: Characters of a rendering; the rest is cut off.
LIMIT = 2_000

#: Characters of a string that are looked at one by one; more than are shown, so that the cut takes off what is left of
#: a secret that was not recognised.
LONG = LIMIT + 500

#: Items of a result's container that are rendered.
MOST = 200

#: Levels of nested containers that are looked into.
DEPTH = 12


def cut(text: str, limit: int = LIMIT) -> str:
    """Return at most ``limit`` characters of ``text``, saying how much is missing."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"


def arguments(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """Return a call's arguments as text: ``'a', 1, key=None``."""
    if not args and not kwargs:
        return ""
    parts = [text(arg) for arg in args]
    if kwargs:
        parts += [f"{name}={text(value)}" for name, value in kwargs.items()]
    return ", ".join(parts)


def result(value: Any) -> str:
    """Return a result as text, no more of it than is shown."""
    cls = type(value)
    if cls in ATOMS:
        return _atom(value, cls)
    if cls in (list, tuple, set, frozenset) and len(value) > MOST:
        return f"{text(cls(islice(value, MOST)))}… ({len(value):,} items)"
    if cls is dict and len(value) > MOST:
        return f"{text(dict(islice(value.items(), MOST)))}… ({len(value):,} items)"
    return text(value)


def text(value: Any, depth: int = DEPTH, seen: set[int] | None = None) -> str:
    """Return plain data as text; any other object as its class in angle brackets.

    Of a long string the beginning is given, and a checksum of the whole: it tells as much, and costs no memory. A
    container of containers that is met again is not rendered again.

    Args:
        value: any object; none of its code runs.
        depth: how many levels of containers are looked into.
        seen: the containers of containers met so far, by ``id``.
    """
    cls = type(value)
    if cls in ATOMS:
        return _atom(value, cls)
    if depth == 0:
        return "…"
    inner = _CONTAINERS.get(cls)
    if inner is None:
        return _other(value, cls, depth - 1, seen)
    if cls is dict:
        flat = all(type(item) in ATOMS for item in value.values())
    else:
        flat = all(type(item) in ATOMS for item in value)
    if flat:
        return inner(value, depth - 1, seen)
    seen = set() if seen is None else seen
    if id(value) in seen:
        return "…"
    seen.add(id(value))
    return inner(value, depth - 1, seen)


def _atom(value: Any, cls: type) -> str:
    if (cls is str or cls is bytes) and len(value) > LONG:
        data = value if cls is bytes else value.encode("utf-8", "surrogatepass")
        return f"{value[:LONG]!r}… ({len(value):,} long, crc32 {zlib.crc32(data):08x})"
    if cls is int and value.bit_length() > LONG:
        # Python refuses to write out very long numbers in decimals.
        digits = f"{value:x}"
        return f"0x{digits[:LONG]}… ({len(digits):,} digits, crc32 {zlib.crc32(digits.encode()):08x})"
    return repr(value)


def _other(value: Any, cls: type, depth: int, seen: set[int] | None) -> str:
    if cls is StandIn:
        return f"<{reference(value).name}>"
    if cls is Held:
        return text(value.value, depth, seen)
    if cls in _CALLABLE:
        return f"<{value.dotted if cls is StandInMethod else name_of(value)}>"
    if cls is bytearray:
        return f"bytearray({_atom(bytes(value), bytes)})"
    if cls.__module__ in PLAIN_MODULES and isinstance(value, PLAIN):
        try:
            return repr(value)
        except ValueError:
            # A fraction of very long numbers.
            return f"<{class_name(cls)}>"
    if isinstance(value, Enum) and isinstance(value, cls):
        return f"{cls.__qualname__}.{value.name}"
    if isinstance(value, dict) and cls.__module__.startswith("ninelives"):
        return _dict(value, depth, seen)
    if isinstance(value, type):
        return f"<class {class_name(value)}>"
    return f"<{class_name(cls)}>"


PLAIN_MODULES = frozenset(
    {
        "datetime",
        "decimal",
        "fractions",
        "pathlib",
        "pathlib._local",
        "uuid",
        "builtins",
        "zoneinfo",
        "_decimal",
        "zoneinfo._zoneinfo",
    }
)

Renderer = Callable[[Any, int, set[int] | None], str]


def _sequence(opening: str, closing: str) -> Renderer:
    def render(value: Iterable[Any], depth: int, seen: set[int] | None) -> str:
        return opening + ", ".join([text(item, depth, seen) for item in value]) + closing

    return render


def _tuple(value: tuple[Any, ...], depth: int, seen: set[int] | None) -> str:
    return f"({', '.join([text(item, depth, seen) for item in value])}{',' if len(value) == 1 else ''})"


def _set(value: Iterable[Any], depth: int, seen: set[int] | None) -> str:
    # Sorted, since sets of equal content may iterate in different orders.
    return "{" + ", ".join(sorted([text(item, depth, seen) for item in value])) + "}"


def _dict(value: Mapping[Any, Any], depth: int, seen: set[int] | None) -> str:
    items: Iterable[tuple[Any, Any]] = dict.items(value)  # type: ignore[arg-type]
    return "{" + ", ".join([f"{text(key, depth, seen)}: {text(item, depth, seen)}" for key, item in items]) + "}"


_CONTAINERS: dict[type, Renderer] = {
    list: _sequence("[", "]"),
    tuple: _tuple,
    set: _set,
    frozenset: _set,
    dict: _dict,
}


def error_text(error: BaseException) -> str:
    """Return an exception as ``Class: message`` without running its ``__str__``: from its plain arguments."""
    shown = error.args[0] if len(error.args) == 1 and isinstance(error.args[0], str) else None
    message = shown if shown is not None else ", ".join(text(arg) for arg in error.args)
    return f"{type(error).__qualname__}: {message}" if message else type(error).__qualname__


def digest(shown: str) -> int:
    """Return a 32-bit digest of rendered arguments (CRC-32: it guards against mistakes, not against people)."""
    return zlib.crc32(shown.encode("utf-8", "surrogatepass"))
