"""Outside objects as user code iterates over them, enters them or asks what they contain: each step is an activity."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any

from ninelives.code import rewrite
from ninelives.errors import NotRestorableError
from ninelives.session.files import Lines
from ninelives.session.lanes import current_lane
from ninelives.session.options import DEFAULT
from ninelives.session.standins import StandIn, real, reference
from ninelives.session.stop import Halt

if TYPE_CHECKING:
    from ninelives.session.session import Session


class Outside:
    """An outside object as user code iterates over it or enters it."""

    def __init__(self, session: Session, value: Any) -> None:
        self._session = session
        self._value = value
        self.name = reference(value).name if type(value) is StandIn else session.classifier.name(type(value))

    @property
    def target(self) -> Any:
        """The outside object."""
        return self._value

    def _call(self, function: Callable[..., Any], method: str, *args: Any) -> Any:
        lane = current_lane()
        if lane is None:
            return function(*args)
        return self._session.activities.call(lane, function, f"{self.name}.{method}", DEFAULT, *args)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._value, name)
        return self._session.hooks[rewrite.CALL](found) if callable(found) else found


class OutsideIterator(Outside, Iterator[Any]):
    """Records each item of an outside iterable.

    Args:
        session: the session.
        value: the iterable.
        count: how many items were taken, from the record too, and how many of them by this process; None: none yet.
    """

    def __init__(self, session: Session, value: Any, count: list[int] | None = None) -> None:
        super().__init__(session, value)
        self._iterator: Iterator[Any] | None = None
        self._count = [0, 0] if count is None else count

    def __next__(self) -> Any:
        item = self._call(self._step, "__next__")
        self._count[0] += 1
        if not item:
            raise StopIteration
        return item[0]

    def rest(self) -> list[Any]:
        """Return all items that are left, read in one activity."""
        items: list[Any] = self._call(self._read, "__iter__")
        self._count[0] += len(items)
        return items

    def _begun(self) -> Iterator[Any]:
        if self._iterator is None:
            taken, here = self._count
            if taken > here:
                raise Halt(half_read(self.name, taken))
            self._iterator = iter(real(self._value))
        return self._iterator

    def _step(self) -> list[Any]:
        iterator = self._begun()
        self._count[1] += 1
        # Not by `for`, which calls ``__iter__`` once more: some begin anew then.
        try:
            return [next(iterator)]
        except StopIteration:
            return []

    def _read(self) -> list[Any]:
        # As a whole if nothing was read, since it may say how long it is.
        items = list(self._begun() if any(self._count) or self._iterator is not None else real(self._value))
        self._count[1] += len(items)
        return items


class OutsideLines(OutsideIterator, Lines):
    """Records each line of a file; it is a file to those who are handed it, and what they do with it is recorded."""

    def __init__(self, session: Session, value: Any) -> None:
        super().__init__(session, value)
        self.file = value

    def _step(self) -> list[Any]:
        line = real(self._value).readline()
        return [line] if line else []

    def _read(self) -> list[Any]:
        lines: list[Any] = real(self._value).readlines()
        return lines


class OutsideContainer(Outside):
    """Asks an outside container what it contains, once."""

    def __init__(self, session: Session, value: Any, method: str) -> None:
        super().__init__(session, value)
        self._method = method

    def __contains__(self, item: Any) -> bool:
        return bool(self._call(lambda wanted: wanted in real(self._value), self._method, item))


class OutsideAsyncIterator(Outside, AsyncIterator[Any]):
    """Records each item of an outside asynchronous iterable.

    Args:
        session: the session.
        value: the iterable.
        count: as of `OutsideIterator`.
    """

    def __init__(self, session: Session, value: Any, count: list[int] | None = None) -> None:
        super().__init__(session, value)
        self._iterator: AsyncIterator[Any] | None = None
        self._count = [0, 0] if count is None else count

    async def __anext__(self) -> Any:
        item = await self._call(self._step, "__anext__")
        self._count[0] += 1
        if not item:
            raise StopAsyncIteration
        return item[0]

    async def _step(self) -> list[Any]:
        if self._iterator is None:
            taken, here = self._count
            if taken > here:
                raise Halt(half_read(self.name, taken))
            self._iterator = aiter(real(self._value))
        self._count[1] += 1
        try:
            return [await anext(self._iterator)]
        except StopAsyncIteration:
            return []


class _Context(Outside):
    """An outside context manager that is entered and left."""

    def __init__(self, session: Session, value: Any) -> None:
        super().__init__(session, value)
        self._entered = False

    def _leaving(self, value: Any) -> Any:
        """Return the context manager that is to be left, if that can be done in this process."""
        context = real(value)
        if not self._entered and type(context).__module__ == "contextlib" and hasattr(context, "gen"):
            raise Halt(
                NotRestorableError(
                    f"{context.gen.__qualname__} was entered by a process that has ended, and no other can leave it; "
                    "put the calls that use it into one @activity"
                )
            )
        return context


class OutsideContext(_Context):
    """Enters and leaves an outside context manager as activities."""

    def __enter__(self) -> Any:
        return self._call(self._enter, "__enter__", self._value)

    def __exit__(self, *raised: Any) -> Any:
        return self._call(self._exit, "__exit__", self._value, raised[1])

    def _enter(self, value: Any) -> Any:
        self._entered = True
        return real(value).__enter__()

    def _exit(self, value: Any, error: BaseException | None) -> Any:
        return self._leaving(value).__exit__(error and type(error), error, error and error.__traceback__)


class OutsideAsyncContext(_Context):
    """Enters and leaves an outside asynchronous context manager as activities."""

    async def __aenter__(self) -> Any:
        return await self._call(self._enter, "__aenter__", self._value)

    async def __aexit__(self, *raised: Any) -> Any:
        return await self._call(self._exit, "__aexit__", self._value, raised[1])

    async def _enter(self, value: Any) -> Any:
        self._entered = True
        return await real(value).__aenter__()

    async def _exit(self, value: Any, error: BaseException | None) -> Any:
        return await self._leaving(value).__aexit__(error and type(error), error, error and error.__traceback__)


def half_read(name: str, taken: int) -> NotRestorableError:
    """Return the error of an iterator that a restart cut off."""
    return NotRestorableError(
        f"{name} was read half-way ({taken} items) when its process ended, and can't be read from there again; "
        "put the calls that use it into one @activity"
    )
