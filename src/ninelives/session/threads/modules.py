"""Private copies of `threading`, `queue` and `concurrent.futures` for the user's modules of one session.

They are made from the standard library's own code over our ``_thread`` and clock. So conditions, queues, pools and
futures are Python's own, and nothing global is patched. Exceptions are the real classes, and futures are real futures
to whoever asks.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import os
import sys
import time
import types
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any

from ninelives.session import tracebacks
from ninelives.session.lanes import current_lane, directly
from ninelives.session.threads import starting
from ninelives.session.threads.locks import Lock, RLock, lane_thread

if TYPE_CHECKING:
    from ninelives.session.session import Session

_THREAD = "concurrent.futures.thread"
_BASE = "concurrent.futures._base"
_FUTURES = "concurrent.futures"

#: What each copy needs to be there first.
_NEEDS: dict[str, tuple[str, ...]] = {
    "_thread": (),
    "threading": (),
    "queue": ("threading",),
    _BASE: ("queue",),
    _THREAD: (_BASE,),
    _FUTURES: (_THREAD,),
    "concurrent": (_FUTURES,),
}

#: Names that user code gets a copy of.
PRIVATE = frozenset(_NEEDS)

#: Exceptions that outside code checks: the copies raise the real ones.
_SAME = {
    "threading": ("BrokenBarrierError",),
    "queue": ("Empty", "Full", "ShutDown"),
    _BASE: ("BrokenExecutor", "CancelledError", "Error", "InvalidStateError", "TimeoutError"),
    _THREAD: ("BrokenThreadPool",),
    _FUTURES: ("BrokenExecutor", "CancelledError", "InvalidStateError", "TimeoutError"),
}

_codes: dict[str, types.CodeType] = {}


class PrivateModules:
    """The copies of one session; each is made when it is first imported."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.builtins: dict[str, Any] = {**vars(builtins), "__import__": self._import_inside}
        self._made: dict[str, types.ModuleType] = {}
        self._stubs: dict[str, types.ModuleType] = {}

    @property
    def any(self) -> bool:
        """Whether the program has imported any."""
        return bool(self._made)

    def get(self, name: str) -> types.ModuleType:
        """Return a copy."""
        found = self._made.get(name)
        if found is None:
            for needed in _NEEDS[name]:
                self.get(needed)
            found = self._make(name)
        return found

    def imported(self, name: str, fromlist: Any) -> Any:
        """Return what ``import name`` gives user code."""
        made = self.get(name if name in PRIVATE else _FUTURES)
        if name not in PRIVATE:
            # A part that has no copy, such as `concurrent.futures.process`.
            found = importlib.import_module(name)
            setattr(made, name.rpartition(".")[2], found)
            made = found
        return made if fromlist else self.get(name.partition(".")[0])

    def shut_down(self) -> None:
        """Wait for the threads that are no daemons, as Python does at its end."""
        if "threading" in self._made:
            self._made["threading"]._shutdown()

    # Making.

    def _make(self, name: str) -> types.ModuleType:
        if name == "_thread":
            made = self._made[name] = starting.thread_module()
            self._session.classifier.private_classes.update((Lock, RLock))
            return made
        if name == "concurrent":
            made = self._made[name] = _blank(name)
            vars(made)["futures"] = self._made[_FUTURES]
            return made
        made = _blank(name)
        vars(made)["__builtins__"] = self.builtins
        self._made[name] = made
        with directly():
            # What is made now is made for the main lane, whoever comes first.
            exec(_code(name), vars(made))
        real = sys.modules.get(name)
        for same in _SAME.get(name, ()):
            if same in vars(made):
                vars(made)[same] = getattr(real or importlib.import_module(name), same)
        finish = _FINISH.get(name)
        if finish is not None:
            finish(self, made)
        self._session.classifier.private_classes.update(
            value for value in vars(made).values() if isinstance(value, type) and value.__module__ == name
        )
        if name == _FUTURES:
            vars(made).update(_base=self._made[_BASE], thread=self._made[_THREAD])
        return made

    def _import_inside(
        self, name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0
    ) -> Any:
        """Import for the copies themselves."""
        if level:
            name = f"{_FUTURES}.{name}"
        if name == _FUTURES and fromlist == ("_base",):
            return types.SimpleNamespace(_base=self._made[_BASE])
        if name in PRIVATE:
            return self.get(name)
        if name in ("time", "os", "_queue"):
            return self._stub(name)
        return builtins.__import__(name, globals, locals, fromlist, 0)

    def _stub(self, name: str) -> types.ModuleType:
        made = self._stubs.get(name)
        if made is None:
            made = self._stubs[name] = types.ModuleType(name)
            vars(made).update({"time": self._time, "os": self._os, "_queue": _empty}[name]())
        return made

    def _time(self) -> dict[str, Any]:
        """Time-outs go by the session's clock, which stands still between deliveries."""
        session = self._session

        def monotonic() -> float:
            return time.monotonic() if lane_thread() is None else session.delivered_at

        return {**vars(time), "monotonic": monotonic}

    def _os(self) -> dict[str, Any]:
        """Nothing is registered for forks; the number of processors is recorded, since pools depend on it."""

        def counted(name: str) -> Callable[[], Any]:
            function = getattr(os, name)

            def cpu_count() -> Any:
                lane = current_lane()
                return function() if lane is None else self._session.readings.read(lane, "os.cpu_count", function)

            return cpu_count

        return {name: counted(name) for name in ("cpu_count", "process_cpu_count") if hasattr(os, name)}

    def _finish_threading(self, module: Any) -> None:
        module._counter = _named_by_lanes(count(1), count(1))
        module.excepthook = module.__excepthook__ = _Hook(self._session, module.excepthook)
        _hash_by_number(module.Thread)

    def _finish_base(self, module: Any) -> None:
        from concurrent.futures import Executor, Future

        _hash_by_number(module.Future)
        module.Future = _over(module.Future, Future)
        module.Executor = _over(module.Executor, Executor)

    def _finish_thread(self, module: Any) -> None:
        module.ThreadPoolExecutor._counter = staticmethod(_named_by_lanes(count(), count()))


_FINISH: dict[str, Callable[[PrivateModules, Any], None]] = {
    "threading": PrivateModules._finish_threading,
    _BASE: PrivateModules._finish_base,
    _THREAD: PrivateModules._finish_thread,
}


class _Hook:
    """`threading.excepthook`: shows what a thread raised without our frames, and nothing of what stops the session."""

    def __init__(self, session: Session, own: Callable[[Any], None]) -> None:
        self._session = session
        self._own = own

    def __call__(self, args: Any, /) -> None:
        if self._session.goes_on:
            tracebacks.clean(args.exc_value)
            self._own(args)


def _code(name: str) -> types.CodeType:
    found = _codes.get(name)
    if found is None:
        spec = importlib.util.find_spec(name)
        loader: Any = spec.loader if spec is not None else None
        found = _codes[name] = loader.get_code(name)
    return found


def _blank(name: str) -> types.ModuleType:
    made = types.ModuleType(name)
    spec = importlib.util.find_spec(name)
    made.__spec__ = spec
    if spec is not None:
        made.__file__, made.__loader__ = spec.origin, spec.loader
        made.__package__ = spec.parent
        if spec.submodule_search_locations is not None:
            made.__path__ = spec.submodule_search_locations
    return made


def _empty() -> dict[str, Any]:
    """Without a `SimpleQueue` of C code, which waits with the baton."""
    from queue import Empty

    return {"Empty": Empty}


def _named_by_lanes(of_lanes: count[int], of_others: count[int]) -> Callable[[], int]:
    """Return a counter for names: an activity, which does not run on replay, must not change the names of lanes."""
    return lambda: next(of_lanes if lane_thread() is not None else of_others)


def _over(cls: type, base: type) -> type:
    """Return a class that is a real one to those who ask, and has nothing of it."""
    body = {name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__")}
    return type(cls.__name__, (base,), body)


def _hash_by_number(cls: Any) -> None:
    """Give objects their number as hash: Python keeps them in sets, whose order must replay."""
    of_lanes, of_others = count(1), count(-2, -1)

    def new(made: type, *_: Any, **__: Any) -> Any:
        one: Any = object.__new__(made)
        one._serial = next(of_lanes if lane_thread() is not None else of_others)
        return one

    cls.__new__ = staticmethod(new)
    cls.__hash__ = lambda one: one._serial
    cls.__eq__ = lambda one, other: one is other
