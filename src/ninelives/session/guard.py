"""The hooks that rewritten user code calls: they decide, at every call, whether it goes outside.

This is the hot path of everything. What is decided once for a callable is found again by its identity; what depends
on where the code runs (inside an activity, while modules load) never is.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from ninelives.code import rewrite
from ninelives.code.classify import DIRECT, HANDED
from ninelives.code.rules import Kind
from ninelives.session.lanes import current_lane
from ninelives.session.live import StandIn, StandInMethod
from ninelives.session.options import DEFAULT

if TYPE_CHECKING:
    from ninelives.session.session import Session

_NONE: frozenset[str] = frozenset()

#: Some methods of C types (``re.compile("").match``) have a type of their own, which has no name.
_BuiltinMethod: type = type(re.compile("").match)


def hooks(session: Session, builtins: dict[str, Any]) -> dict[str, Callable[..., Any]]:
    """Return the hooks of one session by the names that rewritten code calls.

    Args:
        session: the session.
        builtins: the builtins of its user modules, to which the hooks will be added.
    """
    from ninelives.session import crossings

    guard = _Guard(session, builtins)
    session.classifier.on_mark = guard.forget
    return {rewrite.CALL: guard.call_hook(), **crossings.hooks(session)}


class _Guard:
    """Decides about calls."""

    def __init__(self, session: Session, builtins: dict[str, Any]) -> None:
        self.session = session
        self.builtins = builtins
        #: what to call for a callable, by its ``id``; each value keeps its callable alive, so ids are not reused
        self.ready: dict[int, Any] = {}
        #: functions that are called directly as methods, by ``id``, kept alive in the same way
        self.methods: dict[int, FunctionType] = {}
        #: outside functions, by ``id``, and their names
        self.outside: dict[int, tuple[FunctionType, str]] = {}
        #: methods of C types that are called directly, by type
        self.plain: dict[type, set[str]] = {}

    def call_hook(self) -> Callable[[Any], Any]:
        """Return the function that stands at every call."""
        builtins, ready, methods, decide = self.builtins, self.ready, self.methods, self.decide
        plain = self.plain.get

        def guard(f: Any) -> Any:
            t = type(f)
            if t is FunctionType:
                if f.__builtins__ is builtins:
                    return f
            elif t is MethodType:
                g = f.__func__
                if type(g) is FunctionType and (g.__builtins__ is builtins or id(g) in methods):  # type: ignore[attr-defined]
                    return f
            elif (t is BuiltinFunctionType or t is _BuiltinMethod) and f.__name__ in plain(type(f.__self__), _NONE):
                return f
            r = ready.get(id(f))
            return decide(f) if r is None else r

        return guard

    def forget(self) -> None:
        """Decide anew: the program has marked something."""
        for decided in (self.ready, self.methods, self.outside, self.plain):
            decided.clear()

    def decide(self, f: Any) -> Any:
        """Return what is called in place of ``f``."""
        session = self.session
        session.check()
        lane = current_lane()
        known = self.outside.get(id(f))
        if known is not None and lane is not None and not session.loading:
            return partial(session.activities.call, lane, f, known[1], DEFAULT)
        if type(f) is StandInMethod:
            if lane is None:
                return f
            return partial(session.activities.call, lane, f, session.classifier.decide(f.__func__).name, DEFAULT)
        kind, name = session.classifier.decide(f)
        if kind in DIRECT:
            self._remember(f, kind)
            return f
        if kind in HANDED:
            return self._handed(f)
        if lane is None:
            return session.specials.outside_of_lanes(name, f)
        if kind is Kind.ACTIVITY:
            if session.loading:
                return f
            if type(f) is FunctionType and "<locals>" not in f.__qualname__:
                self.outside[id(f)] = (f, name)
            return partial(session.activities.call, lane, f, name, DEFAULT)
        return session.specials.callable_for(lane, kind, name, f)

    def _remember(self, f: Any, kind: Kind) -> None:
        cls = type(f)
        if cls is BuiltinFunctionType or cls is _BuiltinMethod:
            owner = f.__self__
            if owner is None or type(owner).__name__ == "module":
                self.ready[id(f)] = f
            elif not isinstance(owner, type | random.Random):
                # The functions of the module `random` are methods of a generator, and are not called directly.
                self.plain.setdefault(type(owner), set()).add(f.__name__)
        elif cls is MethodType:
            if (
                type(f.__func__) is FunctionType
                and f.__func__.__module__ != "random"
                and "<locals>" not in f.__qualname__
            ):
                self.methods[id(f.__func__)] = f.__func__
        elif (cls is FunctionType or isinstance(f, type)) and "<locals>" not in f.__qualname__:
            self.ready[id(f)] = f

    def _handed(self, f: Any) -> Any:
        made = partial(self.session.handed.call, f)
        cls = type(f)
        if (
            isinstance(f, type)
            or cls is FunctionType
            or (cls is BuiltinFunctionType and type(f.__self__).__name__ == "module")
        ) and ("<locals>" not in f.__qualname__):
            self.ready[id(f)] = made
        return made


def is_stand_in(value: Any) -> bool:
    """Return whether a value stands for a live one of a replayed result."""
    return type(value) is StandIn or type(value) is StandInMethod
