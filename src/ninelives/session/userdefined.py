"""Functions and classes that user code makes while it runs: closures, lambdas, local classes.

cloudpickle would copy them with builtins and globals of their own. A function is made again over the globals of its
module, with the guards; a class that the session's own code made is found again by where it was defined, and which one
of that place it is.
"""

from __future__ import annotations

import builtins
import functools
import marshal
import sys
from collections.abc import Callable
from types import CellType, FunctionType
from typing import Any

from ninelives.session.lanes import active, current_lane

_HAS_LOCK = sys.version_info < (3, 12)

Place = tuple[str, str]


class LocalClasses:
    """The classes that the code of one session has made inside functions, in the order in which it made them."""

    def __init__(self) -> None:
        self._by_place: dict[Place, list[type]] = {}
        self._places: dict[int, tuple[Place, int]] = {}

    def build(self, body: Callable[..., Any], name: str, /, *bases: Any, **kwargs: Any) -> Any:
        """Do what a ``class`` statement does, and remember a local class."""
        made = builtins.__build_class__(body, name, *bases, **kwargs)
        if _HAS_LOCK and isinstance(made, type):
            _share_locks(made)
        if isinstance(made, type) and "<locals>" in made.__qualname__ and current_lane() is not None:
            place = (made.__module__, made.__qualname__)
            same = self._by_place.setdefault(place, [])
            self._places[id(made)] = (place, len(same))
            same.append(made)
        return made

    def place_of(self, cls: type) -> tuple[Place, int] | None:
        """Return where a class was made, and which of that place it is; None if the session's code did not make it."""
        return self._places.get(id(cls))

    def at(self, place: Place, number: int) -> type:
        """Return the class that was made at a place."""
        return self._by_place[place][number]


def _share_locks(cls: type) -> None:
    """Let a `functools.cached_property` hold a lock for which lanes can wait, while it calls the program (3.11)."""
    for value in vars(cls).values():
        if type(value) is functools.cached_property:
            from ninelives.session.threads.locks import RLock

            value.lock = RLock()  # type: ignore[attr-defined]


def reduce(value: Any) -> Any:
    """Return how a user's function or local class is pickled; None for anything else."""
    session = active.session
    if session is None:
        return None
    if type(value) is FunctionType and session.classifier.user_function(value) and not _is_importable(value):
        return _reduce_function(value)
    if isinstance(value, type):
        found = session.local_classes.place_of(value)
        return None if found is None else (local_class, found)
    return None


def _is_importable(function: FunctionType) -> bool:
    found: Any = sys.modules.get(function.__module__)
    for part in function.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is function


def _reduce_function(function: FunctionType) -> Any:
    cells = function.__closure__ or ()
    state = {
        "cells": [_contents(cell) for cell in cells],
        "qualname": function.__qualname__,
        "defaults": function.__defaults__,
        "kwdefaults": function.__kwdefaults__,
        "dict": dict(function.__dict__),
        "doc": function.__doc__,
        "annotations": function.__annotations__,
    }
    made_of = (marshal.dumps(function.__code__), function.__module__, function.__name__, len(cells))
    return blank_function, made_of, state, None, None, fill_function


def _contents(cell: CellType) -> list[Any]:
    try:
        return [cell.cell_contents]
    except ValueError:
        return []


def blank_function(code: bytes, module: str, name: str, cells: int) -> FunctionType:
    """Return a user's function whose closure is empty, over the globals of its module."""
    session = active.session
    scope: dict[str, Any] = vars(sys.modules[module]) if module in sys.modules else {"__name__": module}
    if session is not None:
        scope.setdefault("__builtins__", session.builtins)
    return FunctionType(marshal.loads(code), scope, name, None, tuple(CellType() for _ in range(cells)))


def fill_function(function: FunctionType, state: dict[str, Any]) -> None:
    """Give a blank function what `reduce` found in the one it stands for."""
    for cell, contents in zip(function.__closure__ or (), state["cells"], strict=True):
        if contents:
            cell.cell_contents = contents[0]
    function.__qualname__ = state["qualname"]
    function.__defaults__ = state["defaults"]
    function.__kwdefaults__ = state["kwdefaults"]
    function.__dict__.update(state["dict"])
    function.__doc__ = state["doc"]
    function.__annotations__ = state["annotations"]


def local_class(place: Place, number: int) -> type:
    """Return a class that the session's code made."""
    session = active.session
    if session is None:
        raise LookupError(f"{place[0]}.{place[1]} is a local class of a session")
    return session.local_classes.at(place, number)
