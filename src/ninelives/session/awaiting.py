"""Outside awaitables: what an outside call returned to be awaited, run on a real loop and recorded when it is done."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from inspect import isawaitable
from typing import Any

from ninelives.session.calls import Attempt, Call
from ninelives.session.lanes import running_activity

__all__ = ["OutsideAwaitable", "isawaitable"]


class _Steps:
    """Awaits by what a generator yields."""

    def __init__(self, steps: Generator[Any, Any, Any]) -> None:
        self._steps = steps

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._steps


class OutsideAwaitable(Coroutine[Any, Any, Any]):
    """Stands for what an outside call returned, in user code that awaits it; a coroutine, as most of them are.

    What it stands for may be entered instead (``async with session.get(url) as response``): then what entering gives
    is what the call comes to.

    Args:
        begin: starts it, once everything recorded was delivered, and returns a future of the session's loop. It is
            given the call, what the call returned, the attempt, and whether it is entered.
        leave: leaves what the call returned, with the exception that its body raised.
        call: the call.
        given: what it returned; None on replay.
        attempt: which attempt it was; None if its outcome is recorded.
    """

    __slots__ = ("_attempt", "_begin", "_call", "_future", "_given", "_leave", "_steps")

    def __init__(
        self, begin: Callable[..., Any], leave: Callable[..., Any], call: Call, given: Any, attempt: Attempt | None
    ) -> None:
        self._begin = begin
        self._leave = leave
        self._call = call
        self._given = given
        self._attempt = attempt
        self._future: Any = None
        self._steps: Generator[Any, Any, Any] | None = None

    def __getattr__(self, name: str) -> str:
        if name == "__qualname__":
            return self._call.name
        if name == "__name__":
            return self._call.name.rpartition(".")[2]
        raise AttributeError(f"'coroutine' object has no attribute {name!r}")

    def __await__(self) -> Generator[Any, Any, Any]:
        if running_activity.get() is not None and self._given is not None and self._future is None:
            # It was handed to outside code, and is a part of what that does.
            return self._given.__await__()  # type: ignore[no-any-return]
        return self._wait(False)

    async def __aenter__(self) -> Any:
        if self._given is not None and not hasattr(type(self._given), "__aenter__"):
            raise TypeError(f"{type(self._given).__name__!r} object is not an asynchronous context manager")
        return await _Steps(self._wait(True))

    async def __aexit__(self, *raised: Any) -> Any:
        return await self._leave(self._call.name, self._given, raised[1])

    def _wait(self, entered: bool) -> Generator[Any, Any, Any]:
        if self._future is None:
            self._future = self._begin(self._call, self._given, self._attempt, entered)
        try:
            return (yield from self._future)
        except BaseException:
            # The one who waits was closed, or had an exception thrown into it: the call is not wanted any more.
            if not self._future.done():
                self._future.cancel()
            raise

    def send(self, value: Any) -> Any:
        """Go on, as a coroutine does."""
        if self._steps is None:
            self._steps = self.__await__()
        return self._steps.send(value)

    def throw(self, typ: Any, val: Any = None, tb: Any = None) -> Any:
        """Raise an exception in it, as in a coroutine."""
        if self._steps is None:
            self.close()
            raise typ
        return self._steps.throw(typ) if val is None else self._steps.throw(typ, val, tb)

    def close(self) -> None:
        """End it, as a coroutine."""
        if self._steps is not None:
            self._steps.close()
        elif self._future is None and hasattr(self._given, "close"):
            self._given.close()
