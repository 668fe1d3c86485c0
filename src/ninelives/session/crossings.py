"""The other ways to the outside: iterating, entering, containing. A user's own objects and plain data pass untouched.

Iterating over an outside object records each item, entering an outside context manager is an activity, and so is
leaving it.
"""

from __future__ import annotations

import io
import sys
import weakref
from array import array
from collections import OrderedDict, deque
from collections.abc import Callable, ItemsView, KeysView, ValuesView
from types import AsyncGeneratorType, CoroutineType, GeneratorType, MappingProxyType
from typing import TYPE_CHECKING, Any

from ninelives.code import rewrite
from ninelives.code.rules import Kind
from ninelives.session import tracebacks
from ninelives.session.awaiting import OutsideAwaitable
from ninelives.session.lanes import Lane, current_lane
from ninelives.session.options import DEFAULT
from ninelives.session.outside import (
    Outside,
    OutsideAsyncContext,
    OutsideAsyncIterator,
    OutsideContainer,
    OutsideContext,
    OutsideIterator,
    OutsideLines,
)
from ninelives.session.standins import StandIn, real, reference

if TYPE_CHECKING:
    from types import FrameType

    from ninelives.code.classify import Classifier
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

    private = session.classifier.private_classes

    def entered(value: Any) -> Any:
        return value if type(value) in private else crossings.entered(value)

    return {
        rewrite.ITER: iterated,
        rewrite.CONTAINS: contained,
        rewrite.MAPPING: mapping,
        rewrite.ASYNC_ITER: crossings.async_iterated,
        rewrite.WITH: entered,
        rewrite.ASYNC_WITH: crossings.async_entered,
        rewrite.AWAIT: crossings.awaited,
        rewrite.CAUGHT: _caught,
    }


async def _wait(value: Any) -> Any:
    return await real(value)


def _caught() -> None:
    tracebacks.clean(sys.exception())


class Crossings:
    """Wraps the outside objects that user code iterates over or enters."""

    def __init__(self, session: Session) -> None:
        self.session = session
        #: how many items were taken from an iterator (see `OutsideIterator`), by ``id``, as long as it is there
        self._taken: dict[int, list[int]] = {}
        self._kept: list[Any] = []

    def iterated(self, value: Any) -> Any:
        """Return what ``for`` iterates over in place of ``value``."""
        lane = self._lane()
        if lane is None or not self._is_outside(value, "__iter__"):
            return value
        if isinstance(value, io.IOBase):
            return OutsideLines(self.session, value)
        cls = reference(value).cls if type(value) is StandIn else type(value)
        if cls is not None and not hasattr(cls, "__next__"):
            return OutsideIterator(self.session, value)
        return OutsideIterator(self.session, value, self._count(value))

    def _count(self, iterator: Any) -> list[int]:
        """Return the counts of an iterator's items: it goes on where the last loop over it left off."""
        ident = id(iterator)
        found = self._taken.get(ident)
        if found is None:
            found = self._taken[ident] = [0, 0]
            try:
                weakref.finalize(iterator, self._taken.pop, ident, None).atexit = False
            except TypeError:
                # It has no weak references: it stays, so that its ``id`` does not become another's.
                self._kept.append(iterator)
        return found

    def as_mapping(self, value: Any) -> Any:
        """Return what a function that wants a mapping gets in place of an outside one: its items, read at once."""
        lane = self._lane()
        if lane is None or not self._is_outside(value, "__iter__"):
            return value
        name = f"{Outside(self.session, value).name}.items"
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
        cls = reference(value).cls if type(value) is StandIn else type(value)
        return OutsideAsyncIterator(
            self.session, value, self._count(value) if cls is None or hasattr(cls, "__anext__") else None
        )

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
        """Return what ``await`` waits for in place of ``value``.

        What guarded calls give is ready to be awaited. A future of the outside loop, or an object of a library, may
        also come from an attribute: awaiting it is an activity.
        """
        cls = type(value)
        if cls is CoroutineType or cls is OutsideAwaitable:
            return value
        lane = self._lane()
        if lane is None or not self._is_of_outside_loop(value):
            return value
        name = f"{Outside(self.session, value).name}.__await__"
        return self.session.activities.call(lane, _wait, name, DEFAULT, value)

    def _is_of_outside_loop(self, value: Any) -> bool:
        if type(value) is not StandIn and hasattr(value, "_asyncio_future_blocking"):
            loop = self.session.running_loop()
            return loop is not None and not isinstance(value.get_loop(), type(loop))
        return self._is_outside(value, "__await__")

    def _lane(self) -> Lane | None:
        self.session.check()
        return None if self.session.loading else current_lane()

    def _is_outside(self, value: Any, method: str) -> bool:
        cls = type(value)
        if cls is StandIn:
            return True
        if isinstance(value, Outside):
            return False
        classifier = self.session.classifier
        if cls in (GeneratorType, CoroutineType, AsyncGeneratorType):
            frame = value.gi_frame if cls is GeneratorType else getattr(value, "ag_frame", None)
            return frame is not None and not classifier.user_frame(frame) and _reaches_out(frame, classifier)
        owner = next((base for base in cls.__mro__ if method in vars(base)), None)
        if owner is None or owner in classifier.private_classes or classifier.user_class(owner):
            return False
        if cls in _VIEWS:
            return self._is_outside(value._mapping, "__iter__")
        if cls.__module__ == "contextlib" and hasattr(value, "gen"):
            function = getattr(value, "func", None)
            if function is not None and classifier.decide(function).kind not in _OUTSIDE:
                return False
            return self._is_outside(value.gen, "__iter__")
        kind = classifier.kind_of(owner, method).kind
        if kind is Kind.AS_SELF:
            return (
                not classifier.user_class(cls) and classifier.rules.inherited(classifier.name(cls), method) in _OUTSIDE
            )
        return kind in _OUTSIDE


def _reaches_out(frame: FrameType, classifier: Classifier) -> bool:
    """Return whether the generator function of a frame is none that always gives the same."""
    return classifier.kind_of_code(frame.f_globals.get("__name__", ""), frame.f_code).kind in _OUTSIDE
