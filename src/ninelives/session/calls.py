"""Calls to the outside, before anything is known of what they came to."""

from __future__ import annotations

from types import BuiltinFunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

from ninelives.session import render
from ninelives.session.options import Options


class Call:
    """One call to the outside: what is called, with what, at which position of its lane."""

    __slots__ = ("_reaches", "args", "digest", "file", "function", "key", "kwargs", "line", "name", "options", "shown")

    key: tuple[str, int]
    shown: str
    digest: int
    file: str
    line: int

    def __init__(
        self, function: Any, name: str, options: Options, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.function = function
        self.name = name
        self.options = options
        self.args = args
        self.kwargs = kwargs
        self._reaches: bool | None = None

    def has_objects(self) -> bool:
        """Return whether the call can reach anything but atoms: only then something may change, or be known."""
        found = self._reaches
        if found is None:
            found = self._reaches = self._has_objects()
        return found

    def _has_objects(self) -> bool:
        if self.kwargs and not all(type(value) in render.ATOMS for value in self.kwargs.values()):
            return True
        for value in self.args:
            if type(value) not in render.ATOMS:
                return True
        cls = type(self.function)
        if cls is BuiltinFunctionType or cls is MethodType:
            owner = self.function.__self__
            return owner is not None and not isinstance(owner, ModuleType | type)
        return getattr(self.function, "__closure__", None) is not None or not hasattr(self.function, "__qualname__")


class Attempt(NamedTuple):
    """Where a call stands: the number of the next attempt, the failures before it, and when it may start."""

    number: int
    failures: int
    not_before: float
