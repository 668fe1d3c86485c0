"""Attributes and items of outside objects: where reading them can reach out, what was read is recorded.

That is so for live values (what they say now, another process would not hear again), and for objects whose class is
listed as `Kind.LAZY`: it asks a server when an attribute is read that it has not got yet.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import Enum
from inspect import iscoroutine
from types import BuiltinFunctionType, FunctionType, MemberDescriptorType, ModuleType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ninelives.code import rewrite
from ninelives.code.naming import class_name
from ninelives.code.rules import Kind
from ninelives.session import drivers
from ninelives.session.lanes import Lane, current_lane
from ninelives.session.livetypes import is_importable
from ninelives.session.options import DEFAULT
from ninelives.session.render import ATOMS, PLAIN
from ninelives.session.standins import METHODS, Held, StandIn, real, reference

if TYPE_CHECKING:
    from ninelives.session.session import Session

#: What may be changed through the name that it was read by.
_CONTAINERS = frozenset({list, dict, set, bytearray})

#: What stays as it is, or is known by its name.
_DATA = (*PLAIN, tuple, frozenset, type, BaseException, Enum, FunctionType, BuiltinFunctionType, ModuleType)

#: Class attributes that are no state of the object.
_NO_STATE = (*METHODS, staticmethod, classmethod, type)

_parts: Any = object.__getattribute__


class Attributes:
    """Decides what reading an attribute or an item means, in one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        #: classes whose objects are read directly
        self._plain = session.live.read_directly
        self._lazy: WeakKeyDictionary[type, bool] = WeakKeyDictionary()

    def hook(self) -> Callable[[Any], Any]:
        """Return the function that stands before every ``.name`` and ``[key]``."""
        plain, read = self._plain, self._of

        def reading(value: Any) -> Any:
            return value if type(value) in plain else read(value)

        return reading

    def getattr(self, value: Any, *args: Any) -> Any:
        """Do what the builtin of this name does."""
        return getattr(value if type(value) in self._plain else self._of(value), *args)

    def hasattr(self, value: Any, name: str) -> bool:
        """Do what the builtin of this name does."""
        return hasattr(value if type(value) in self._plain else self._of(value), name)

    def _of(self, value: Any) -> Any:
        """Return what is read in place of ``value``."""
        cls = type(value)
        live = self._session.live
        if cls is not StandIn and not self._is_lazy(cls):
            if cls not in live.classes:
                if is_importable(cls):
                    self._plain.add(cls)
                return value
            if live.find(value) is None:
                return value
        self._session.check()
        lane = None if self._session.loading else current_lane()
        return value if lane is None else Reading(self._session, lane, value)

    def read(self, lane: Lane, value: Any, called: str, name: str) -> Any:
        """Read an attribute as an activity.

        Args:
            lane: the calling lane.
            value: the object, or its stand-in.
            called: the name of the activity.
            name: of the attribute.
        """
        live = self._session.live
        place = live.place(value)
        given = None if place is None else live.given.setdefault(place, {})
        earlier = None if given is None else given.get(name)
        if type(earlier) is StandIn and self._session.journal.outcome((lane.name, lane.n + 1)) is None:
            # It may be the same object that is read now, and is known for that only once it is made again.
            real(earlier)

        def read(_: Any) -> Any:
            found = getattr(value, name)
            return Held(found) if place is not None and _is_held(found, real(value), name) else found

        found = self._session.activities.call(lane, read, called, DEFAULT, value)
        if type(found) is Held:
            # What C code takes for a list has to be one.
            found = real(found.value) if reads_as(found.value) in _CONTAINERS else found.value
        if type(found) is StandIn and given is not None:
            given[name] = found
        return found

    def _is_lazy(self, cls: type) -> bool:
        found = self._lazy.get(cls)
        if found is None:
            lookup = self._session.classifier.rules.lookup
            found = self._lazy[cls] = any(lookup(class_name(base)) is Kind.LAZY for base in cls.__mro__)
        return found


class Reading:
    """An outside object whose attributes and items are read, set or deleted as activities."""

    __slots__ = ("_lane", "_session", "_value")

    def __init__(self, session: Session, lane: Lane, value: Any) -> None:
        self._session = session
        self._lane = lane
        self._value = value

    def __getattribute__(self, name: str) -> Any:
        session, value = _parts(self, "_session"), _parts(self, "_value")
        cls = reads_as(value)
        if not _is_state(session, cls, value, name):
            return getattr(value, name)
        return session.attributes.read(_parts(self, "_lane"), value, f"{class_name(cls)}.{name}", name)

    def __getitem__(self, key: Any) -> Any:
        return _special(self, "__getitem__")(key)

    def __setitem__(self, key: Any, item: Any) -> None:
        _special(self, "__setitem__")(key, item)

    def __delitem__(self, key: Any) -> None:
        _special(self, "__delitem__")(key)


def reads_as(value: Any) -> Any:
    """Return the class of an object or of what it stands for; None if that is not known."""
    return reference(value).cls if type(value) is StandIn else type(value)


def _special(reading: Reading, name: str) -> Any:
    """Return a guarded special method of what is read."""
    session, value = _parts(reading, "_session"), _parts(reading, "_value")
    cls = reads_as(value)
    if cls is not None and not hasattr(cls, name):
        verb = {"__getitem__": "is not subscriptable", "__setitem__": "does not support item assignment"}
        raise TypeError(f"'{cls.__name__}' object {verb.get(name, 'does not support item deletion')}")
    return session.hooks[rewrite.CALL](getattr(value, name))


def _is_state(session: Session, cls: type | None, value: Any, name: str) -> bool:
    """Return whether an attribute is outside state: no method, none of the user's, not recorded in another way."""
    if name.startswith("__") or cls is None or not is_importable(cls):
        # A stand-in does not know a class that can't be imported: it is asked as it always was.
        return False
    if name in drivers.RESULTS and drivers.role(cls) == "cursor":
        return False
    is_users = session.classifier.user_class
    owner = next((base for base in cls.__mro__ if name in vars(base)), None)
    if owner is not None and is_users(owner):
        return False
    if isinstance(inspect.getattr_static(cls, name, None), _NO_STATE):
        return False
    return not (is_users(cls) and name in getattr(value, "__dict__", ()))


def _is_held(found: Any, owner: Any, name: str) -> bool:
    """Return whether what was read of a live value is a part of it that goes on to change with it."""
    cls = type(found)
    if cls in ATOMS or isinstance(found, _DATA) or iscoroutine(found):
        return False
    if cls not in _CONTAINERS or name in getattr(owner, "__dict__", ()):
        return True
    return isinstance(inspect.getattr_static(type(owner), name, None), MemberDescriptorType)
