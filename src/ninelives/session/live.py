"""Live values: clients, connections, locks, cursors, what can't be saved.

The journal holds a reference in their place: the operation they came from, and which leaf of its result they are. On
replay user code gets a *stand-in* of the same class; the value is made again by the same call, and only when
something live needs it.
"""

from __future__ import annotations

import inspect
import types
import weakref
from collections.abc import Callable
from typing import Any

from ninelives.code.naming import class_name, method_name
from ninelives.errors import NotRestorableError
from ninelives.session import files
from ninelives.session.stop import Halt

#: What the journal holds in place of a live leaf: "live", lane, position, number of the leaf, class or None, class
#: name.
Leaf = tuple[str, str, int, int, type | None, str]

_METHODS = (
    types.FunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.BuiltinFunctionType,
)


#: Classes of live values that no call makes again as they were.
NOT_RESTORABLE = frozenset({"subprocess.Popen", "asyncio.subprocess.Process", "multiprocessing.context.Process"})

#: Classes of live values that have a state of their own once something was called on them.
WITH_STATE = frozenset(
    {
        "asyncio.StreamReader",
        "asyncio.StreamWriter",
        "bz2.BZ2File",
        "ftplib.FTP",
        "ftplib.FTP_TLS",
        "gzip.GzipFile",
        "http.client.HTTPConnection",
        "http.client.HTTPResponse",
        "http.client.HTTPSConnection",
        "imaplib.IMAP4",
        "imaplib.IMAP4_SSL",
        "logging.FileHandler",
        "logging.handlers.RotatingFileHandler",
        "logging.handlers.TimedRotatingFileHandler",
        "lzma.LZMAFile",
        "poplib.POP3",
        "poplib.POP3_SSL",
        "shelve.DbfilenameShelf",
        "smtplib.SMTP",
        "smtplib.SMTP_SSL",
        "socket.socket",
        "sqlite3.Blob",
        "sqlite3.Cursor",
        "ssl.SSLSocket",
        "tarfile.TarFile",
        "tempfile.SpooledTemporaryFile",
        "tempfile._TemporaryFileWrapper",
        "zipfile.ZipExtFile",
        "zipfile.ZipFile",
    }
)

_ADVICE = "can't be made again after a restart; put the calls that use it into one @activity"


class LiveValues:
    """The live values of one session, by the operation that made them."""

    def __init__(self, is_replayed: Callable[[], bool]) -> None:
        #: whether everything recorded was given to the program again
        self.is_replayed = is_replayed
        #: whether any stand-in was given to the program
        self.any_stand_ins = False
        #: operations whose live values something was called on, by the record
        self.used: set[tuple[str, int]] = set()
        #: the statements of a transaction that the record leaves open
        self.statements: list[str] = []
        #: whether a stand-in or a live value was asked for since this was last set to False
        self.was_asked = False
        # Held weakly where Python can: what a program no longer holds is closed then, as without us.
        self._values: dict[tuple[str, int, int], Callable[[], Any]] = {}
        self._pids: dict[int, Leaf] = {}
        #: what was made again, by ``id`` of what has become it: its end may close what that has taken over
        self._made: dict[int, Any] = {}
        self._lost: dict[int, tuple[Any, str]] = {}
        self._remakers: dict[tuple[str, int], Callable[[], list[Any]]] = {}

    def pid(self, key: tuple[str, int], number: int, value: Any) -> Leaf:
        """Return what the journal holds for a leaf."""
        cls = type(value)
        name = class_name(cls)
        return ("live", *key, number, cls if _importable(cls) else None, name)

    def record(self, key: tuple[str, int], leaves: list[Any]) -> None:
        """Remember the live leaves of a result that has just come from the outside."""
        for number, value in enumerate(leaves):
            self._keep(key, number, value)

    def find(self, value: Any) -> Leaf | None:
        """Return the reference of a value that an earlier result already holds."""
        return self._pids.get(id(value))

    def as_given(self, value: Any) -> Any:
        """Return the stand-in that the program has for a live value; any other value as it is."""
        pid = self._pids.get(id(value))
        return value if pid is None else self.get(pid)

    def lose(self, value: Any, name: str) -> None:
        """Remember that an object is not what it was when it was recorded: it must not be used any more.

        Raises:
            Halt: the program may use it without our seeing it.
        """
        if type(value).__module__ == "builtins":
            raise Halt(lost_change(name))
        self._lost[id(value)] = (value, name)

    def check_not_lost(self, objects: list[Any]) -> None:
        """See to it that a call reaches no object that was lost.

        Raises:
            Halt: it does.
        """
        if self._lost:
            for value in objects:
                if id(value) in self._lost:
                    raise Halt(lost_change(self._lost[id(value)][1]))

    def remake_with(self, key: tuple[str, int], remaker: Callable[[], list[Any]]) -> None:
        """Say how the leaves of a replayed operation are made again."""
        self._remakers[key] = remaker

    def get(self, pid: Leaf) -> Any:
        """Return the live value of a reference: itself in the process that made it, else its stand-in."""
        _, lane, position, number, cls, name = pid
        self.was_asked = True
        found = self._value((lane, position, number))
        if found is None:
            self.any_stand_ins = True
            found = stand_in(Reference(self, (lane, position), number, cls, name))
            self._hold((lane, position, number), found)
        return found

    def _value(self, place: tuple[str, int, int]) -> Any:
        held = self._values.get(place)
        return None if held is None else held()

    def _hold(self, place: tuple[str, int, int], value: Any) -> None:
        try:
            self._values[place] = weakref.ref(value, lambda gone: self._forget(place, gone))
        except TypeError:
            self._values[place] = lambda: value

    def _forget(self, place: tuple[str, int, int], gone: Any) -> None:
        if self._values.get(place) is gone:
            del self._values[place]

    def _name(self, value: Any, pid: Leaf) -> None:
        """Remember by which reference a value goes, as long as it is there."""
        ident = id(value)
        self._pids[ident] = pid

        def forget() -> None:
            self._pids.pop(ident, None)
            self._made.pop(ident, None)

        try:
            weakref.finalize(value, forget).atexit = False
        except TypeError:
            # It has no weak references, so it stays: its ``id`` must not become another's.
            self._made[ident] = value

    def remake(self, key: tuple[str, int], number: int, name: str) -> Any:
        """Make the values of an operation again and return one of them.

        Raises:
            Halt: the call did not give the same live values again.
        """
        if name in NOT_RESTORABLE or (name in WITH_STATE and key in self.used):
            raise Halt(NotRestorableError(f"{name} {_ADVICE}"))
        if self.statements and name.startswith("sqlite3."):
            cut = "; ".join(self.statements)
            raise Halt(
                NotRestorableError(
                    f"a transaction was open when the process ended, and is lost: {cut}; put it into one @activity, "
                    "and go on with 'ninelives resume SESSION --with-code DIR'"
                )
            )
        stand_ins = {place[2]: held() for place, held in self._values.items() if place[:2] == key}
        remaker = self._remakers.get(key)
        leaves = remaker() if remaker is not None else []
        if number >= len(leaves):
            raise Halt(NotRestorableError(f"{name} of operation {key[0]}:{key[1]} {_ADVICE}"))
        for position, leaf in enumerate(leaves):
            pid = self.pid(key, position, leaf)
            self._name(leaf, pid)
            waiting = stand_ins.get(position)
            if type(waiting) is StandIn:
                ref = reference(waiting)
                ref.real = waiting if _become(waiting, leaf) else leaf
                self._name(waiting, pid)
                self._made[id(waiting)] = leaf
        found = stand_ins.get(number)
        return found if found is not None and type(found) is not StandIn else leaves[number]

    def _keep(self, key: tuple[str, int], number: int, value: Any) -> None:
        self._hold((*key, number), value)
        self._name(value, self.pid(key, number, value))


def lost_change(name: str) -> NotRestorableError:
    """Return the error of an object that is not what it was when its process ended."""
    return NotRestorableError(
        f"a {name} that an activity was given was changed by it, and the change can't be made again; "
        "put the calls that use it into one @activity"
    )


_MISSING = object()


class Reference:
    """What a stand-in stands for."""

    __slots__ = ("cls", "key", "live", "name", "number", "real", "spot")

    def __init__(self, live: LiveValues, key: tuple[str, int], number: int, cls: type | None, name: str) -> None:
        self.live = live
        self.key = key
        self.number = number
        self.cls = cls
        self.name = name
        self.real: Any = _MISSING
        #: of a file: where it was after the last recorded call
        self.spot: tuple[int, int] | None = None

    def is_made(self) -> bool:
        """Return whether the real value exists in this process."""
        return self.real is not _MISSING

    def value(self) -> Any:
        """Return the real value, made again if need be."""
        if self.real is _MISSING:
            self.real = self.live.remake(self.key, self.number, self.name)
            if self.live.is_replayed():
                self.settle(b"")
        return self.real

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
        if isinstance(static, _METHODS):
            return StandInMethod(self, name, static)
        return ref.live.as_given(getattr(ref.value(), name))

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(reference(self).value(), name, value)

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


def _become(standing: StandIn, value: Any) -> bool:
    """Turn a stand-in into an object of the class and with the state of what it stands for, if it can."""
    try:
        state = object.__getattribute__(value, "__dict__")
        object.__setattr__(standing, "__class__", type(value))
    except (AttributeError, TypeError):
        # A class with slots, or of C code: the stand-in goes on handing everything to the value.
        return False
    object.__setattr__(standing, "__dict__", state)
    return True


def _importable(cls: type) -> bool:
    import sys

    found: Any = sys.modules.get(cls.__module__)
    for part in cls.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is cls


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
