"""Direct calls that are handed callables or iterables: these are guarded as if user code used them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing, closing
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from ninelives.code import rewrite
from ninelives.code.classify import DIRECT, HANDED
from ninelives.code.naming import BuiltinMethodType
from ninelives.session.crossings import PLAIN
from ninelives.session.outside import OutsideIterator
from ninelives.session.render import ATOMS
from ninelives.session.standins import StandIn, StandInMethod

if TYPE_CHECKING:
    from ninelives.session.session import Session

_MISSING: Any = object()

#: Arguments that need no guard.
_SAFE = PLAIN | ATOMS

#: Read what they are given to its end before they return.
_READS_WHOLE: frozenset[Any] = frozenset({list, tuple, set, frozenset, dict, bytes, bytearray, sorted, sum, min, max})

_CALLABLE = (FunctionType, MethodType, BuiltinFunctionType, BuiltinMethodType, StandInMethod)


class Handed:
    """Guards the arguments of direct calls of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def form(self, function: Any) -> Callable[..., Any]:
        """Return what is called in place of ``function``: itself, with guarded arguments."""
        if function is closing or function is aclosing:
            return partial(Closing if function is closing else AsyncClosing, self._session)
        if function is getattr or function is hasattr:
            attributes = self._session.attributes
            return attributes.getattr if function is getattr else attributes.hasattr
        argument = self.argument
        if function is aiter or function is anext:
            argument = self._session.crossings.async_iterated
        elif function in _READS_WHOLE or _reads_whole(function):
            argument = self._whole
        elif getattr(function, "__module__", None) == "contextlib":
            argument = self._entered

        def call(value: Any = _MISSING, /, *rest: Any, **kwargs: Any) -> Any:
            if not rest and not kwargs and type(value) in _SAFE:
                return function(value)
            if kwargs:
                kwargs = {name: argument(item) for name, item in kwargs.items()}
            if value is _MISSING:
                return function(**kwargs)
            return function(argument(value), *map(argument, rest), **kwargs)

        return call

    def argument(self, value: Any) -> Any:
        """Return the guarded form of one argument."""
        cls = type(value)
        if cls in _SAFE:
            return value
        session = self._session
        if cls in _CALLABLE or isinstance(value, type):
            return self._callable(value)
        if cls is StandIn:
            cls = value.__class__
        if hasattr(cls, "keys") and hasattr(cls, "__getitem__"):
            return session.crossings.as_mapping(value)
        if hasattr(cls, "__iter__"):
            return session.hooks[rewrite.ITER](value)
        return value

    def _entered(self, value: Any) -> Any:
        """Return one argument of a function that enters context managers."""
        if hasattr(type(value), "__aenter__"):
            return self._session.crossings.async_entered(value)
        return self._session.crossings.entered(value) if hasattr(type(value), "__enter__") else self.argument(value)

    def _callable(self, value: Any) -> Any:
        if type(value) is not StandInMethod:
            kind = self._session.classifier.decide(value).kind
            if kind in DIRECT or (kind in HANDED and isinstance(value, type)):
                return value
        # Guarded when it is called, which may be later, on another lane, or after the modules have loaded.
        made = partial(self._late, value)
        name = getattr(value, "__name__", None)
        if isinstance(name, str):
            # Threads are named after what they run.
            made.__name__ = name  # type: ignore[attr-defined]
        return made

    def _late(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        return self._session.hooks[rewrite.CALL](function)(*args, **kwargs)

    def _whole(self, value: Any) -> Any:
        """Return one argument of a function that reads iterables to their end: an outside one is read at once."""
        guarded = self.argument(value)
        return guarded.rest() if isinstance(guarded, OutsideIterator) else guarded


class Closing:
    """`contextlib.closing`, by which outside things are closed as activities."""

    def __init__(self, session: Session, thing: Any) -> None:
        self.thing = thing
        self._guard = session.hooks[rewrite.CALL]

    def __enter__(self) -> Any:
        return self.thing

    def __exit__(self, *_: object) -> None:
        self._guard(self.thing.close)()


class AsyncClosing:
    """`contextlib.aclosing`, by which outside things are closed as activities."""

    def __init__(self, session: Session, thing: Any) -> None:
        self.thing = thing
        self._guard = session.hooks[rewrite.CALL]

    async def __aenter__(self) -> Any:
        return self.thing

    async def __aexit__(self, *_: object) -> None:
        await self._guard(self.thing.aclose)()


def _reads_whole(function: Any) -> bool:
    """Return whether a bound method of a container reads what it is given to the end."""
    owner = getattr(function, "__self__", None)
    return type(owner) in PLAIN and type(function) is BuiltinFunctionType
