"""The other ways to the outside: iterating, entering, containing. A user's own objects and plain data pass untouched.

Iterating over an outside object records each item, entering an outside context manager is an activity, and so is
leaving it.
"""

from __future__ import annotations

import io
import sys
from array import array
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, ItemsView, Iterator, KeysView, ValuesView
from types import AsyncGeneratorType, CoroutineType, GeneratorType, MappingProxyType
from typing import TYPE_CHECKING, Any

from ninelives.code import rewrite
from ninelives.code.rules import Kind
from ninelives.errors import NotRestorableError
from ninelives.session import tracebacks
from ninelives.session.files import Lines
from ninelives.session.lanes import Lane, current_lane
from ninelives.session.live import StandIn, real, reference
from ninelives.session.options import DEFAULT
from ninelives.session.stop import Halt

if TYPE_CHECKING:
    from ninelives.session.session import Session

#: Iterating over these runs nothing of anybody else: what they are made from was guarded when they were made.
_DATA: list[Any] = [(), [], set(), frozenset(), "", b"", bytearray(), range(0), {}, {}.keys(), {}.values(), {}.items()]
_DATA += [OrderedDict(), OrderedDict().keys(), OrderedDict().values(), OrderedDict().items(), deque(), array("b")]
_DATA += [memoryview(b""), MappingProxyType({})]
_ITERATORS: list[type] = [enumerate, zip, map, filter, reversed, type(reversed([])), type(reversed({}))]
PLAIN = frozenset([*map(type, _DATA), *(type(iter(made)) for made in _DATA), *_ITERATORS])

#: Views of mappings that are written in Python: as outside as what they show.
_VIEWS = (KeysView, ValuesView, ItemsView)

#: Kinds of special methods that reach out.
_OUTSIDE = frozenset({Kind.ACTIVITY, Kind.THREAD})


def hooks(session: Session, crossings: Crossings) -> dict[str, Callable[..., Any]]:
    """Return the hooks of one session by the names that rewritten code calls."""
    plain = PLAIN

    def iterated(value: Any) -> Any:
        return value if type(value) in plain else crossings.iterated(value)

    def contained(value: Any) -> Any:
        return value if type(value) in plain else crossings.contained(value)

    def mapping(value: Any) -> Any:
        return value if type(value) is dict else crossings.as_mapping(value)

    return {
        rewrite.ITER: iterated,
        rewrite.CONTAINS: contained,
        rewrite.MAPPING: mapping,
        rewrite.ASYNC_ITER: crossings.async_iterated,
        rewrite.WITH: crossings.entered,
        rewrite.ASYNC_WITH: crossings.async_entered,
        rewrite.AWAIT: crossings.awaited,
        rewrite.CAUGHT: _caught,
    }


def _caught() -> None:
    tracebacks.clean(sys.exception())


class Crossings:
    """Wraps the outside objects that user code iterates over or enters."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._iterators: dict[int, OutsideIterator] = {}

    def iterated(self, value: Any) -> Any:
        """Return what ``for`` iterates over in place of ``value``."""
        lane = self._lane()
        if lane is None or not self._is_outside(value, "__iter__"):
            return value
        if isinstance(value, io.IOBase):
            return OutsideLines(self.session, value)
        if not hasattr(type(value), "__next__") or type(value) is StandIn:
            return OutsideIterator(self.session, value)
        # An iterator goes on where the last loop over it left off.
        found = self._iterators.get(id(value))
        if found is None:
            found = self._iterators[id(value)] = OutsideIterator(self.session, value)
        return found

    def as_mapping(self, value: Any) -> Any:
        """Return what a function that wants a mapping gets in place of an outside one: its items, read at once."""
        lane = self._lane()
        if lane is None or not self._is_outside(value, "__iter__"):
            return value
        name = f"{_Crossing(self.session, value).name}.items"
        return self.session.activities.call(lane, dict, name, DEFAULT, value)

    def contained(self, value: Any) -> Any:
        """Return what ``in`` asks in place of ``value``."""
        lane = self._lane()
        if lane is None:
            return value
        method = "__contains__" if hasattr(type(value), "__contains__") else "__iter__"
        return OutsideContainer(self.session, value, method) if self._is_outside(value, method) else value

    def async_iterated(self, value: Any) -> Any:
        """Return what ``async for`` iterates over in place of ``value``."""
        lane = self._lane()
        if lane is None or not self._is_outside(value, "__aiter__"):
            return value
        return OutsideAsyncIterator(self.session, value)

    def entered(self, value: Any) -> Any:
        """Return what ``with`` enters in place of ``value``."""
        lane = self._lane()
        if lane is None or not self._is_outside(value, "__enter__"):
            return value
        return OutsideContext(self.session, value)

    def async_entered(self, value: Any) -> Any:
        """Return what ``async with`` enters in place of ``value``."""
        lane = self._lane()
        if lane is None or not self._is_outside(value, "__aenter__"):
            return value
        return OutsideAsyncContext(self.session, value)

    def awaited(self, value: Any) -> Any:
        """Return what ``await`` waits for in place of ``value``: outside awaitables come from guarded calls already."""
        return value

    def _lane(self) -> Lane | None:
        self.session.check()
        return None if self.session.loading else current_lane()

    def _is_outside(self, value: Any, method: str) -> bool:
        cls = type(value)
        if cls is StandIn:
            return True
        if isinstance(value, _Crossing):
            return False
        classifier = self.session.classifier
        if cls in (GeneratorType, CoroutineType, AsyncGeneratorType):
            frame = value.gi_frame if cls is GeneratorType else getattr(value, "ag_frame", None)
            return frame is not None and not classifier.user_frame(frame)
        owner = next((base for base in cls.__mro__ if method in vars(base)), None)
        if owner is None or classifier.user_class(owner):
            return False
        if cls in _VIEWS:
            return self._is_outside(value._mapping, "__iter__")
        if cls.__module__ == "contextlib" and hasattr(value, "gen"):
            return self._is_outside(value.gen, "__iter__")
        kind = classifier.kind_of(owner, method).kind
        if kind is Kind.AS_SELF:
            return (
                not classifier.user_class(cls) and classifier.rules.inherited(classifier.name(cls), method) in _OUTSIDE
            )
        return kind in _OUTSIDE


class _Crossing:
    """An outside object as user code iterates over it or enters it."""

    def __init__(self, session: Session, value: Any) -> None:
        self._session = session
        self._value = value
        self.name = reference(value).name if type(value) is StandIn else session.classifier.name(type(value))

    def _call(self, function: Callable[..., Any], method: str, *args: Any) -> Any:
        lane = current_lane()
        if lane is None:
            return function(*args)
        return self._session.activities.call(lane, function, f"{self.name}.{method}", DEFAULT, *args)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._value, name)
        return self._session.hooks[rewrite.CALL](found) if callable(found) else found


class OutsideIterator(_Crossing, Iterator[Any]):
    """Records each item of an outside iterable."""

    def __init__(self, session: Session, value: Any) -> None:
        super().__init__(session, value)
        self._iterator: Iterator[Any] | None = None
        self._taken = 0

    def __next__(self) -> Any:
        item = self._call(self._step, "__next__")
        self._taken += 1
        if not item:
            raise StopIteration
        return item[0]

    def rest(self) -> list[Any]:
        """Return all items that are left, read in one activity."""
        items: list[Any] = self._call(self._read, "__iter__")
        self._taken += len(items)
        return items

    def _begun(self) -> Iterator[Any]:
        if self._iterator is None:
            if self._taken:
                raise Halt(half_read(self.name, self._taken))
            self._iterator = iter(real(self._value))
        return self._iterator

    def _step(self) -> list[Any]:
        for item in self._begun():
            return [item]
        return []

    def _read(self) -> list[Any]:
        # As a whole if nothing was read, since it may say how long it is.
        return list(self._begun() if self._taken or self._iterator is not None else real(self._value))


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


class OutsideContainer(_Crossing):
    """Asks an outside container what it contains, once."""

    def __init__(self, session: Session, value: Any, method: str) -> None:
        super().__init__(session, value)
        self._method = method

    def __contains__(self, item: Any) -> bool:
        return bool(self._call(lambda wanted: wanted in real(self._value), self._method, item))


class OutsideAsyncIterator(_Crossing, AsyncIterator[Any]):
    """Records each item of an outside asynchronous iterable."""

    def __init__(self, session: Session, value: Any) -> None:
        super().__init__(session, value)
        self._iterator: AsyncIterator[Any] | None = None
        self._taken = 0

    async def __anext__(self) -> Any:
        item = await self._call(self._step, "__anext__")
        self._taken += 1
        if not item:
            raise StopAsyncIteration
        return item[0]

    async def _step(self) -> list[Any]:
        if self._iterator is None:
            if self._taken:
                raise Halt(half_read(self.name, self._taken))
            self._iterator = aiter(real(self._value))
        async for item in self._iterator:
            return [item]
        return []


class _Context(_Crossing):
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
