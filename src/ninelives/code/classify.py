"""Decides what a callable is: the user's own, or an outside one and of which kind. Knows nothing of sessions."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable
from enum import Enum
from types import (
    AsyncGeneratorType,
    BuiltinFunctionType,
    CodeType,
    CoroutineType,
    FunctionType,
    GeneratorType,
    MethodType,
    ModuleType,
)
from typing import Any, NamedTuple

from ninelives.code.naming import class_name, name_of
from ninelives.code.rules import Kind, Rules

#: Kinds that are called directly, as they are.
DIRECT = frozenset({Kind.DETERMINISTIC, Kind.CONFIGURES, Kind.READS_FRAME, Kind.ENVIRONMENT})

#: Kinds that are called directly, with guarded arguments.
HANDED = frozenset({Kind.HANDED, Kind.DRIVES})


class Decision(NamedTuple):
    """What a callable is, and the name it has in journals."""

    kind: Kind
    name: str


#: Functions of the session's copies of `threading` and the like that take callables or iterables: what they are given
#: is guarded.
PRIVATE_HANDED = frozenset(
    {
        "Barrier.__init__",
        "Condition.wait_for",
        "Executor.map",
        "Future.add_done_callback",
        "Thread.__init__",
        "ThreadPoolExecutor.__init__",
        "ThreadPoolExecutor.submit",
        "Timer.__init__",
        "as_completed",
        "wait",
    }
)

#: Flag of classes that are made while a program runs: Py_TPFLAGS_HEAPTYPE.
_HEAP_TYPE = 1 << 9

_lru_cache_wrapper: type = type(functools.lru_cache(lambda: None))


class Classifier:
    """Decides for one session.

    Args:
        rules: the reviewed lists.
        builtins: the builtins of user modules: what has them is the user's own.
    """

    def __init__(self, rules: Rules, builtins: dict[str, Any]) -> None:
        self.rules = rules
        self.builtins = builtins
        self._functions: dict[int, tuple[FunctionType, Decision]] = {}
        self._classes: dict[int, tuple[type, bool]] = {}
        self._direct: list[Any] = []
        #: the builtins of the session's copies of `threading` and the like, once there are any, and their classes
        self.private: dict[str, Any] | None = None
        self.private_classes: set[type] = set()
        #: called when the program has marked something
        self.on_mark: Callable[[], None] | None = None

    def mark_direct(self, items: Iterable[Any]) -> None:
        """Take the program's word that these functions, and the methods of these classes, are called directly."""
        self._direct.extend(items)
        self._functions.clear()
        if self.on_mark is not None:
            self.on_mark()

    def user_function(self, function: Any) -> bool:
        """Return whether a function is defined in user code, source given to ``exec`` included."""
        return function.__builtins__ is self.builtins

    def user_class(self, cls: type) -> bool:
        """Return whether a class is defined in user code."""
        found = self._classes.get(id(cls))
        if found is not None:
            return found[1]
        module = sys.modules.get(cls.__module__)
        users = module is not None and vars(module).get("__builtins__") is self.builtins
        if not users and cls.__flags__ & _HEAP_TYPE:
            # Source given to ``exec`` may be of no module.
            users = any(type(item) is FunctionType and self.user_function(item) for item in vars(cls).values())
        if "<locals>" not in cls.__qualname__:
            self._classes[id(cls)] = (cls, users)
        return users

    def user_frame(self, frame: Any) -> bool:
        """Return whether a frame (of a generator, a coroutine) runs user code; one that has ended runs none."""
        return frame is not None and (frame.f_builtins is self.builtins or frame.f_builtins is self.private)

    def private_kind(self, name: str) -> Kind:
        """Return what a function or class of the session's own copies is."""
        return Kind.HANDED if name in PRIVATE_HANDED else Kind.DETERMINISTIC

    def decide(self, callable_: Any) -> Decision:
        """Return what a callable is.

        Args:
            callable_: anything that is called; none of its own code runs.
        """
        cls = type(callable_)
        if self._direct and self._is_marked(callable_, cls):
            return Decision(Kind.DETERMINISTIC, name_of(callable_))
        if cls is FunctionType:
            return self._function(callable_)
        if cls is MethodType:
            return self._of_self(self._method(callable_), callable_)
        if isinstance(callable_, type):
            return self._class(callable_)
        if cls is functools.partial:
            return self.decide(callable_.func)
        if cls is _lru_cache_wrapper:
            return self.decide(callable_.__wrapped__)
        if cls.__module__ in ("types", "typing") and hasattr(callable_, "__origin__"):
            return self.decide(callable_.__origin__)
        if cls is not BuiltinFunctionType and self._has_user_call(cls):
            return Decision(Kind.DETERMINISTIC, name_of(callable_))
        return self._of_self(self._by_name(name_of(callable_)), callable_)

    def name(self, cls: type) -> str:
        """Return the dotted name of a class."""
        return class_name(cls)

    def kind_of(self, cls: type, method: str) -> Decision:
        """Return what a special method of an outside class is: ``__iter__``, ``__enter__``."""
        return self._by_name(f"{class_name(cls)}.{method}")

    def is_direct(self, function: Any, owner: Any) -> bool:
        """Return whether a method is called directly on an object that only stands for one of its class."""
        if self._direct and any(
            item is function or (isinstance(item, type) and isinstance(owner, item)) for item in self._direct
        ):
            return True
        return type(function) is FunctionType and self._function(function).kind in DIRECT

    def kind_of_code(self, module: str, code: CodeType) -> Decision:
        """Return what the outside function of some code is: of a generator, say, which knows no function."""
        return self._by_name(f"{module}.{code.co_qualname}")

    def _of_self(self, decision: Decision, method: Any) -> Decision:
        """Resolve a method of which the object decides: inherited from an abstract class, or of a generator."""
        if decision.kind is not Kind.AS_SELF:
            return decision
        owner = method.__self__
        cls = type(owner)
        if self.user_class(cls) or self.user_frame(_frame_of(owner)):
            return Decision(Kind.DETERMINISTIC, decision.name)
        if cls in (GeneratorType, CoroutineType, AsyncGeneratorType):
            if _frame_of(owner) is None:
                # It has ended: nothing of anybody runs.
                return Decision(Kind.DETERMINISTIC, decision.name)
            return Decision(Kind.ACTIVITY, decision.name)
        return Decision(self.rules.inherited(class_name(cls), method.__name__), decision.name)

    def _by_name(self, name: str) -> Decision:
        kind = self.rules.lookup(name)
        return Decision(Kind.ACTIVITY if kind is Kind.LAZY else kind, name)

    def _function(self, function: FunctionType) -> Decision:
        found = self._functions.get(id(function))
        if found is not None:
            return found[1]
        decision = self._new_function(function)
        if "<locals>" not in function.__qualname__:
            # Closures are made again and again: remembering each would keep it alive.
            self._functions[id(function)] = (function, decision)
        return decision

    def _new_function(self, function: FunctionType) -> Decision:
        wrapped: Any = function
        while type(wrapped) is FunctionType:
            if self.user_function(wrapped):
                return Decision(Kind.DETERMINISTIC, name_of(wrapped))
            if getattr(wrapped, "__builtins__", None) is self.private:
                return Decision(self.private_kind(wrapped.__qualname__), name_of(wrapped))
            wrapped = wrapped.__dict__.get("__wrapped__")
        return self._by_name(name_of(function))

    def _method(self, method: MethodType) -> Decision:
        function = method.__func__
        if type(function) is FunctionType:
            if function.__module__ != "random":
                return self._function(function)
            return self._by_name(name_of(method))
        return self.decide(function)

    def _class(self, cls: type) -> Decision:
        name = class_name(cls)
        if cls in self.private_classes:
            return Decision(self.private_kind(f"{cls.__qualname__}.__init__"), name)
        if issubclass(cls, BaseException | Enum) or _only_holds_data(cls):
            return Decision(Kind.DETERMINISTIC, name)
        if vars(cls).get("__ak_activity__"):
            return Decision(Kind.ACTIVITY, name)
        if not self.user_class(cls):
            return self._by_name(name)
        for method in ("__new__", "__init__"):
            owner = next(base for base in cls.__mro__ if method in vars(base))
            if owner in self.private_classes:
                if self.private_kind(f"{owner.__qualname__}.__init__") is Kind.HANDED:
                    return Decision(Kind.HANDED, name)
            elif owner is not object and not self.user_class(owner):
                decision = self._by_name(class_name(owner))
                if decision.kind not in DIRECT:
                    return Decision(decision.kind, name)
        return Decision(Kind.DETERMINISTIC, name)

    def _has_user_call(self, cls: type) -> bool:
        owner = next((base for base in cls.__mro__ if "__call__" in vars(base)), None)
        return owner is not None and self.user_class(owner)

    def _is_marked(self, callable_: Any, cls: type) -> bool:
        owner = getattr(callable_, "__self__", None) if cls in (MethodType, BuiltinFunctionType) else None
        of = owner if isinstance(owner, type) else type(owner)
        plain = callable_.__func__ if cls is MethodType else callable_
        return any(
            item is plain or (isinstance(item, type) and not isinstance(owner, ModuleType) and issubclass(of, item))
            for item in self._direct
        )


def _frame_of(value: Any) -> Any:
    """Return the frame of a generator, a coroutine or a context manager made of a generator; None for anything else."""
    value = getattr(value, "gen", value) if type(value).__module__ == "contextlib" else value
    for name in ("gi_frame", "cr_frame", "ag_frame"):
        if hasattr(type(value), name):
            return getattr(value, name)
    return None


def _only_holds_data(cls: type) -> bool:
    """Return whether making an object of the class only puts its arguments away: named tuples, plain dataclasses."""
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return cls.__new__.__qualname__.endswith("__new__") and "__init__" not in vars(cls)
    return (
        "__dataclass_fields__" in vars(cls)
        and not hasattr(cls, "__post_init__")
        and getattr(vars(cls).get("__init__"), "__qualname__", "").startswith("__create_fn__")
    )
