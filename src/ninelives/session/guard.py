"""The hooks that rewritten user code calls: they decide, at every call, whether it goes outside.

This is the hot path of everything. What is decided once for a callable is found again by its identity; what depends
on where the code runs (inside an activity, while modules load) never is.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from ninelives.code import rewrite
from ninelives.code.classify import DIRECT, HANDED, Decision
from ninelives.code.naming import BuiltinMethodType
from ninelives.code.rules import Kind
from ninelives.session.lanes import lane_here, running_activity
from ninelives.session.options import DEFAULT
from ninelives.session.standins import StandInMethod

if TYPE_CHECKING:
    from ninelives.session.session import Session


def hooks(session: Session, builtins: dict[str, Any]) -> dict[str, Callable[..., Any]]:
    """Return the hooks of one session by the names that rewritten code calls.

    Args:
        session: the session.
        builtins: the builtins of its user modules, to which the hooks will be added.
    """
    from ninelives.session import crossings

    guard = _Guard(session, builtins)
    session.classifier.on_mark = guard.forget
    return {
        rewrite.CALL: guard.call_hook(),
        rewrite.READ: session.attributes.hook(),
        **crossings.hooks(session, session.crossings),
    }


class _Guard:
    """Decides about calls."""

    def __init__(self, session: Session, builtins: dict[str, Any]) -> None:
        self.session = session
        self.builtins = builtins
        #: what to call for a callable, by its ``id``; each value keeps its callable alive, so ids are not reused
        self.ready: dict[int, Any] = {}
        #: functions that are called directly as methods, by ``id``, kept alive in the same way
        self.methods: dict[int, FunctionType] = {}
        #: what was decided of other callables, by ``id``, and the callables
        self.decided: dict[int, tuple[Any, Decision]] = {}
        #: the names of those of them that are activities, by ``id``, and the callables
        self.activities: dict[int, tuple[Any, str]] = {}
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
                tg = type(g)
                if tg is FunctionType and (g.__builtins__ is builtins or id(g) in methods):
                    return f
            elif t is BuiltinFunctionType or t is BuiltinMethodType:
                names = plain(type(f.__self__))
                if names is not None and f.__name__ in names:
                    return f
            r = ready.get(id(f))
            return decide(f) if r is None else r

        return guard

    def forget(self) -> None:
        """Decide anew: the program has marked something."""
        for decided in (self.ready, self.methods, self.decided, self.activities, self.plain):
            decided.clear()

    def decide(self, f: Any) -> Any:
        """Return what is called in place of ``f``."""
        session = self.session
        if session.halted is not None:
            raise session.halted
        found = self.activities.get(id(f))
        if found is not None:
            # Of what comes here most are these.
            if running_activity.get() is not None or (lane := lane_here()) is None or session.code.loading:
                return session.specials.outside_of_lanes(found[1], f)
            return partial(session.activities.call, lane, f, found[1], DEFAULT)
        lane = lane_here() if running_activity.get() is None else None
        if type(f) is StandInMethod:
            if lane is None or session.classifier.is_direct(f.__func__, f.__self__):
                return f
            return partial(session.activities.call, lane, f, f.dotted, DEFAULT)
        known = self.decided.get(id(f))
        kind, name = self._classify(f) if known is None else known[1]
        if kind in DIRECT:
            if name.startswith("autokitteh.") and type(f) is FunctionType:
                # Client factories of the SDK: they may ask the other side, and wait for it.
                return self.ready.setdefault(id(f), session.module_level.like(f))
            self._remember(f)
            return f
        if kind in HANDED:
            return self._handed(f)
        if lane is None:
            return session.specials.outside_of_lanes(name, f)
        if kind is Kind.ACTIVITY:
            return f if session.code.loading else partial(session.activities.call, lane, f, name, DEFAULT)
        return session.specials.callable_for(lane, kind, name, f)

    def _classify(self, f: Any) -> Decision:
        decision = self.session.classifier.decide(f)
        if decision.kind not in DIRECT and _stays(f):
            self.decided[id(f)] = (f, decision)
            if decision.kind is Kind.ACTIVITY:
                self.activities[id(f)] = (f, decision.name)
        return decision

    def _remember(self, f: Any) -> None:
        cls = type(f)
        if _stays(f):
            self.ready[id(f)] = f
        elif cls is BuiltinFunctionType or cls is BuiltinMethodType:
            # The functions of the module `random` are methods of a generator, and are not called directly.
            if not isinstance(f.__self__, type | random.Random | None):
                self.plain.setdefault(type(f.__self__), set()).add(f.__name__)
        elif cls is MethodType and _stays(f.__func__) and f.__func__.__module__ != "random":
            self.methods[id(f.__func__)] = f.__func__

    def _handed(self, f: Any) -> Any:
        made = self.session.handed.form(f)
        if _stays(f):
            self.ready[id(f)] = made
        return made


def _stays(f: Any) -> bool:
    """Return whether a callable is there for good; those that are made again and again would pile up."""
    cls = type(f)
    if cls is BuiltinFunctionType:
        return isinstance(f.__self__, ModuleType | None)
    return (cls is FunctionType or isinstance(f, type)) and "<locals>" not in f.__qualname__
