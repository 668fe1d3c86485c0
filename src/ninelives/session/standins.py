"""Stand-ins: what user code gets in place of a live value of a replayed result.

A stand-in has the class of what it stands for. It is made again by the first use that is more than
asking for a method, and becomes the value where Python lets it; where not, it hands everything on.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ninelives.code.naming import method_name
from ninelives.errors import NotRestorableError
from ninelives.session import drivers, files, parts
from ninelives.session.livetypes import again
from ninelives.session.stop import Halt

if TYPE_CHECKING:
    from ninelives.session.live import LiveValues

#: What a class holds its methods as.
METHODS = (
    types.FunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.BuiltinFunctionType,
)

_MISSING = object()

_ADVICE = "put the calls that use it into one @activity"


class Step(NamedTuple):
    """One thing to do to a value that was made again (`setups`)."""

    #: of a method; of an attribute, if it is set; empty for a statement
    name: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = types.MappingProxyType({})
    sets: bool = False


class Held(NamedTuple):
    """What an object holds and goes on to hold: a live leaf, also where it could be saved."""

    value: Any


class Reference:
    """What a stand-in stands for."""

    __slots__ = ("cls", "key", "live", "name", "number", "part", "real", "results", "spot")

    def __init__(self, live: LiveValues, key: tuple[str, int], number: int, cls: type | None, name: str) -> None:
        self.live = live
        self.key = key
        self.number = number
        self.cls = cls
        self.name = name
        self.real: Any = _MISSING
        #: of a file: where it was after the last recorded call
        self.spot: tuple[int, int] | None = None
        #: of a database cursor: what it said of its last recorded statement, encoded
        self.results = b""
        #: the part of it that is saved, after the last recorded call
        self.part: Any = _MISSING

    def is_made(self) -> bool:
        """Return whether the real value exists in this process."""
        return self.real is not _MISSING

    def value(self) -> Any:
        """Return the real value, made again if need be."""
        if self.real is _MISSING:
            self.real = self.live.remake(self)
            if self.live.is_replayed():
                self.settle(b"")
        return self.real

    def known(self, name: str, static: Any) -> Any:
        """Return an attribute that needs no value made again: a recorded one, or one that the program set.

        Raises:
            Halt: it said what the last call gave, and that is gone.
        """
        if self.results and name in drivers.RESULTS:
            found: dict[str, Any] = self.live.unpack(self.results)
            if name in found:
                return found[name]
        steps = self.live.steps.get((*self.key, self.number), ()) if not isinstance(static, property) else ()
        for step in reversed(steps):
            if step.sets and step.name == name:
                return step.args[0]
        listed = again(self.cls, self.name)
        if listed is not None and name in listed.results:
            raise Halt(
                NotRestorableError(f"{self.name}.{name} is gone with the process that it was read in; {_ADVICE}")
            )
        return _MISSING

    def put(self, part: Any) -> None:
        """Remember the part that is saved; one that is made already is given it."""
        if self.is_made():
            parts.put(self.real, part)
        else:
            self.part = part

    def made(self, value: Any) -> None:
        """Give what was made again its part."""
        if self.part is not _MISSING:
            parts.put(value, self.part)

    def move(self, spot: tuple[int, int]) -> None:
        """Remember where a file was after a recorded call; one that is made already is closed with it."""
        self.spot = spot
        if self.is_made() and spot == files.CLOSED:
            self.real.close()

    def settle(self, interrupted: bytes) -> None:
        """Put a file where it was after the last recorded call.

        Args:
            interrupted: what the write that is to be made again writes.
        """
        spot, self.spot = self.spot, None
        if spot is not None:
            files.restore(self.value(), files.Spot(*spot), interrupted)


class StandIn:
    """Stands for a live value of a replayed result; made again by a first use that is more than asking for a method.

    It then becomes the value, where Python lets it: an object of an ordinary class, with the state of the one that was
    made again.
    """

    def __getattribute__(self, name: str) -> Any:
        ref = reference(self)
        if ref.real is not _MISSING:
            return ref.live.as_given(getattr(ref.real, name))
        if name == "__class__":
            return ref.cls or StandIn
        static = inspect.getattr_static(ref.cls, name, None) if ref.cls is not None else None
        if isinstance(static, METHODS):
            return StandInMethod(self, name, static)
        known = ref.known(name, static)
        if known is not _MISSING:
            return known
        return ref.live.as_given(getattr(ref.value(), name))

    def __setattr__(self, name: str, value: Any) -> None:
        ref = reference(self)
        if ref.is_made():
            setattr(ref.real, name, value)
        else:
            ref.live.steps.setdefault((*ref.key, ref.number), []).append(Step(name, (value,), sets=True))

    def __delattr__(self, name: str) -> None:
        delattr(reference(self).value(), name)


class StandInMethod:
    """A method of a stand-in: known by its class alone, so asking for it makes nothing again."""

    __slots__ = ("__func__", "__name__", "__self__")

    def __init__(self, owner: StandIn, name: str, func: Any) -> None:
        self.__self__ = owner
        self.__name__ = name
        self.__func__ = func

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the method of the real value."""
        return self.real()(*args, **kwargs)

    @property
    def dotted(self) -> str:
        """Its dotted name."""
        return method_name(self.__self__.__class__, self.__name__, self.__func__)

    def real(self) -> Any:
        """Return the method of the real value."""
        owner: Any = self.__self__
        return getattr(reference(owner).value() if type(owner) is StandIn else owner, self.__name__)


def stand_in(ref: Reference) -> StandIn:
    """Return a new stand-in."""
    made = object.__new__(StandIn)
    object.__setattr__(made, "_reference", ref)
    return made


def reference(value: StandIn) -> Reference:
    """Return what a stand-in stands for."""
    found: Reference = object.__getattribute__(value, "_reference")
    return found


def real(value: Any) -> Any:
    """Return the real value of a stand-in or of its method; other objects as they are."""
    if type(value) is StandIn:
        return reference(value).value()
    if type(value) is StandInMethod:
        return value.real()
    return value


def become(standing: StandIn, value: Any) -> bool:
    """Turn a stand-in into an object of the class and with the state of what it stands for, if it can."""
    try:
        state = object.__getattribute__(value, "__dict__")
        object.__setattr__(standing, "__class__", type(value))
    except (AttributeError, TypeError):
        # A class with slots, or of C code: the stand-in goes on handing everything to the value.
        return False
    object.__setattr__(standing, "__dict__", state)
    return True


_BY_IDENTITY: dict[str, Any] = {name: getattr(object, name) for name in ("__eq__", "__ne__", "__hash__")}


def _forward(name: str) -> Callable[..., Any]:
    by_identity: Any = _BY_IDENTITY.get(name)

    def method(self: StandIn, *args: Any) -> Any:
        ref = reference(self)
        if by_identity and not ref.is_made() and getattr(ref.cls, name, None) is by_identity:
            # What it stands for need not be made again for that.
            return _BY_IDENTITY[name](self, *args)
        if name == "__bool__" and not hasattr(ref.cls, "__bool__") and not hasattr(ref.cls, "__len__"):
            return True
        return _special(ref.value(), name, *args)

    method.__name__ = name
    return method


def _special(value: Any, name: str, *args: Any) -> Any:
    if name == "__bool__":
        return bool(value)
    if name in ("__enter__", "__exit__", "__aenter__", "__aexit__"):
        return getattr(type(value), name)(value, *args)
    return getattr(value, name)(*args)


#: What Python looks up in the class, not in the object.
_SPECIAL = [
    "__call__",
    "__len__",
    "__iter__",
    "__next__",
    "__reversed__",
    "__contains__",
    "__getitem__",
    "__setitem__",
    "__delitem__",
    "__enter__",
    "__exit__",
    "__aenter__",
    "__aexit__",
    "__aiter__",
    "__anext__",
    "__await__",
    "__bool__",
    "__int__",
    "__float__",
    "__index__",
    "__complex__",
    "__str__",
    "__repr__",
    "__bytes__",
    "__format__",
    "__eq__",
    "__ne__",
    "__lt__",
    "__le__",
    "__gt__",
    "__ge__",
    "__hash__",
    "__dir__",
    "__add__",
    "__sub__",
    "__mul__",
    "__matmul__",
    "__truediv__",
    "__floordiv__",
    "__mod__",
    "__divmod__",
    "__pow__",
    "__lshift__",
    "__rshift__",
    "__and__",
    "__xor__",
    "__or__",
    "__radd__",
    "__rsub__",
    "__rmul__",
    "__rtruediv__",
    "__rfloordiv__",
    "__rmod__",
    "__rand__",
    "__rxor__",
    "__ror__",
    "__iadd__",
    "__isub__",
    "__imul__",
    "__iand__",
    "__ior__",
    "__ixor__",
    "__neg__",
    "__pos__",
    "__abs__",
    "__invert__",
]

for _name in _SPECIAL:
    setattr(StandIn, _name, _forward(_name))
