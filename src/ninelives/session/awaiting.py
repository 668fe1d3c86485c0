"""Outside awaitables: what an outside call returned to be awaited, run on a real loop and recorded when it is done."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from typing import TYPE_CHECKING, Any

from ninelives.session.calls import Attempt, Call
from ninelives.session.entries import Outcome
from ninelives.session.lanes import RunningActivity, running_activity

if TYPE_CHECKING:
    from ninelives.session.awaited import Awaited


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
        awaited: starts it, once everything recorded was delivered, and leaves it.
        call: the call.
        given: what it returned; None when nothing did in this process.
        begun: which attempt it is, or its outcome if that is recorded.
        running: what the call has done so far; None as for ``given``.

    Attributes:
        future: of the session's loop; None if nobody had to wait for one.
        settled: what it came to, if there is no future: whether it succeeded, and its result or exception.
    """

    __slots__ = ("_awaited", "_steps", "begun", "call", "future", "given", "running", "settled")

    def __init__(
        self, awaited: Awaited, call: Call, given: Any, begun: Attempt | Outcome, running: RunningActivity | None
    ) -> None:
        self._awaited = awaited
        self.call = call
        self.given = given
        self.begun = begun
        self.running = running
        self.future: Any = None
        self.settled: tuple[bool, Any] | None = None
        self._steps: Generator[Any, Any, Any] | None = None

    def __getattr__(self, name: str) -> str:
        if name == "__qualname__":
            return self.call.name
        if name == "__name__":
            return self.call.name.rpartition(".")[2]
        raise AttributeError(f"'coroutine' object has no attribute {name!r}")

    def __await__(self) -> Generator[Any, Any, Any]:
        if self.given is not None and self.future is None and running_activity.get() is not None:
            # It was handed to outside code, and is a part of what that does.
            return self.given.__await__()  # type: ignore[no-any-return]
        return self._wait(False)

    async def __aenter__(self) -> Any:
        if self.given is not None and not hasattr(type(self.given), "__aenter__"):
            raise TypeError(f"{type(self.given).__name__!r} object is not an asynchronous context manager")
        return await _Steps(self._wait(True))

    async def __aexit__(self, *raised: Any) -> Any:
        return await self._awaited.leave(self.call.name, self.given, raised[1])

    def _wait(self, entered: bool) -> Generator[Any, Any, Any]:
        future = self.future
        if future is None:
            if self.settled is None:
                forward = self._awaited.begin(self, entered)
            if self.settled is not None:
                ok, value = self.settled
                if ok:
                    return value
                try:
                    raise value
                finally:
                    # Its traceback leads back to this frame: an error must not keep itself by it.
                    del value, self
            self.future = future = self._awaited.future(forward)
        try:
            return (yield from future)
        except BaseException:
            # The one who waits was closed, or had an exception thrown into it: the call is not wanted any more.
            if not future.done():
                future.cancel()
            raise

    def settle(self, ok: bool, value: Any) -> None:
        """Take what the call came to."""
        if self.future is None:
            self.settled = ok, value
        else:
            self.future.settle(ok, value)

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
        elif self.future is None and hasattr(self.given, "close"):
            self.given.close()
