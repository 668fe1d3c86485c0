"""Outside awaitables: what an outside call returned to be awaited, run on a real loop and recorded when it is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from inspect import isawaitable
from typing import Any

__all__ = ["OutsideAwaitable", "isawaitable"]


class OutsideAwaitable:
    """Stands for what an outside call returned, in user code that awaits it.

    Args:
        begin: starts it, once everything recorded was delivered, and returns a future of the session's loop.
        name: the activity's name.
    """

    __slots__ = ("_begin", "_future", "name")

    def __init__(self, begin: Callable[[], Awaitable[Any]], name: str) -> None:
        self._begin = begin
        self._future: Awaitable[Any] | None = None
        self.name = name

    def __await__(self) -> Generator[Any, Any, Any]:
        if self._future is None:
            self._future = self._begin()
        return self._future.__await__()
