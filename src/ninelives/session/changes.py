"""Changed arguments are results: what a call does to the objects it was given is recorded, and done again on replay.

Before a call the objects that can be reached through its arguments are listed, each with a shallow snapshot. After it,
those that differ are recorded with their new content. The list is made in the same order on replay, so its index
names an object.
"""

from __future__ import annotations

import copyreg
import pickle
import types
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from ninelives.code.naming import class_name
from ninelives.session import exceptions, parts
from ninelives.session.contents import LOST, Change, attributes_of, base_of, is_plain
from ninelives.session.lanes import directly
from ninelives.session.livetypes import is_listed
from ninelives.session.objects import Name, Objects
from ninelives.session.render import ATOMS
from ninelives.session.same import SAME, pickled_change, same, same_pairs
from ninelives.session.standins import Reference, StandIn, StandInMethod, real, reference

_GENERATORS = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)


_CODE = (types.BuiltinFunctionType, types.ModuleType, type)


class Reach:
    """The objects that a call can reach through its arguments, in a fixed order.

    Args:
        roots: the callable and its arguments.
        user_class: whether a class is defined in user code.
        user_function: whether a function is.

    Attributes:
        objects: every object that is not an atom, the outermost first.
        index: their names, by ``id``: positions; inside an outside object that is saved whole, the way there from it.
            What is in there is the business of outside code, which may change it without our seeing it: that must not
            give other objects other names.
    """

    def __init__(
        self, roots: list[Any], user_class: Callable[[type], bool], user_function: Callable[[types.FunctionType], bool]
    ) -> None:
        self.objects = Objects()
        self.index: dict[int, Name] = {}
        self._user_class = user_class
        self._user_function = user_function
        #: of those that can change: their position, and what they were
        self._before: list[tuple[int, str, Any]] = []
        #: classes of plain objects of the user's, by position
        self._plain: dict[int, type] = {}
        #: outside objects, whose insides are not listed yet
        self._others: list[Any] = []
        self._add(roots[::-1])
        for other in self._others:
            self._add_inside(other)

    def _add(self, stack: list[Any]) -> None:
        index, objects = self.index, self.objects
        while stack:
            value = stack.pop()
            cls = type(value)
            if cls in ATOMS or id(value) in index:
                continue
            position = index[id(value)] = len(objects)
            objects.append(value)
            if cls in _ITEMS or (cls is dict and ATOMS.issuperset(map(type, value))):
                # As below. Of these there are most, and in most of them is nothing but atoms.
                items = value.values() if cls is dict else value
                if not ATOMS.issuperset(map(type, items)):
                    stack += reversed([item for item in items if type(item) not in ATOMS])
                continue
            if cls is types.FunctionType:
                if not self._user_function(value):
                    continue
            elif is_plain(cls) and self._user_class(cls):
                # Of what else there is there are most of these.
                self._plain[position] = cls
                items = _dict_of(value, "__dict__").values()
                if not ATOMS.issuperset(map(type, items)):
                    stack += reversed([item for item in items if type(item) not in ATOMS])
                continue
            if cls is StandIn and reference(value).is_made():
                index[id(real(value))] = position
            stack += reversed(list(self._inside(value, cls)))

    def _inside(self, value: Any, cls: type) -> Iterator[Any]:
        base = base_of(cls)
        if base is not None:
            yield from _items(value, cls, base)
        elif cls is types.FunctionType:
            yield from _held_by(value)
        elif cls in _BOUND:
            yield value.__self__
        elif issubclass(cls, types.BuiltinFunctionType):
            if not isinstance(value.__self__, types.ModuleType):
                yield value.__self__
        elif cls is types.CellType:
            yield from _cell(value)
        elif issubclass(cls, BaseException):
            yield from (value.args, value.__cause__, value.__context__, getattr(value, "exceptions", None))
            yield from vars(value).values()
        elif cls is partial:
            yield from (value.func, value.args, value.keywords)
        elif cls is memoryview:
            yield value.obj
        elif isinstance(value, type):
            yield from self._methods(value)
        elif self._user_class(cls) or cls is types.SimpleNamespace:
            yield from attributes_of(value).values()
            yield from self._methods(cls)
        elif cls not in _IMMUTABLE and not issubclass(cls, _CODE):
            self._others.append(value)

    def _add_inside(self, other: Any) -> None:
        # What can be saved is a copy after a restart; what can't is live, and its insides are its own.
        if self._pickled(other) is None or _goes_by_name(other):
            return
        index, name = self.index, self.index[id(other)]
        way = name if type(name) is tuple else (name,)
        stack = [(item, (*way, step)) for step, item in attributes_of(other).items()]
        while stack:
            value, way = stack.pop()
            cls = type(value)
            if cls in ATOMS or id(value) in index or (cls in _EMPTY and not value):
                continue
            index[id(value)] = way
            self.objects.add(way, value)
            if cls is types.FunctionType and not self._user_function(value):
                continue
            if cls is StandIn and reference(value).is_made():
                index[id(real(value))] = way
            has_names = cls is dict and ATOMS.issuperset(map(type, value))
            steps = value.items() if has_names else enumerate(self._inside(value, cls))
            stack += [(item, (*way, step)) for step, item in steps if type(item) not in ATOMS]

    def _methods(self, cls: type) -> Iterator[Any]:
        """Yield the methods of a class that was made inside a function: they may close over what is around it."""
        for base in cls.__mro__:
            if "<locals>" in base.__qualname__ and self._user_class(base):
                yield from map(_unwrapped, vars(base).values())

    def watch(self) -> None:
        """Take the snapshots; what is called after this may change things."""
        self._before = before = []
        plain = self._plain
        for position, value in enumerate(self.objects):
            cls = type(value)
            if cls in _FOLLOWED:
                before.append((position, _FOLLOWED[cls], value.copy()))
            elif cls is types.FunctionType and not self._user_function(value):
                continue
            elif plain and plain.get(position) is cls:
                before.append((position, _PLAIN, (cls, _dict_of(value, "__dict__").copy())))
            elif (content := self._content(value)) is not None:
                before.append((position, *content))

    def changes(self) -> list[Change]:
        """Return what changed since `watch`: index, how it is put back, new content."""
        found: list[Any] = []
        for index, how, content in self._before:
            value = self.objects[index]
            cls = type(value)
            if how is _PLAIN:
                before, attributes = content
                if (cls is not before or not same_pairs(attributes, _dict_of(value, "__dict__"))) and (
                    new := self._content(value)
                ) is not None:
                    found.append((index, *new))
                continue
            if _FOLLOWED.get(cls) is how:
                if not SAME[how](content, value):
                    found.append((index, how, (value.copy(), None)))
                continue
            after = self._content(value)
            if after is None and how == "pickle":
                # It can't be saved any more: it holds something live now.
                found.append((index, LOST, class_name(type(value))))
                continue
            if after is None or (how == after[0] and same(how, content, after[1])):
                continue
            if how == "pickle":
                found.append((index, *pickled_change(value, content)))
            elif how == "generator" and after[1] is not None:
                found.append((index, LOST, class_name(type(value))))
            else:
                found.append((index, *after))
        names = self.objects.names
        return [(names.get(change[0], change[0]), *change[1:]) for change in found] if names else found

    def _content(self, value: Any) -> tuple[str, Any] | None:
        cls = type(value)
        if cls in _FOLLOWED:
            return _FOLLOWED[cls], (value.copy(), None)
        if cls is StandIn:
            return self._part(reference(value))
        if cls in _IMMUTABLE:
            return None
        base = base_of(cls)
        if base is not None and base not in (tuple, frozenset):
            attributes = dict(attributes_of(value)) if cls is not base else None
            return base.__name__, (base.copy(value), attributes)
        if cls is types.CellType:
            return "cell", list(_cell(value))
        if cls is types.FunctionType:
            return ("object", dict(vars(value))) if self._user_function(value) else None
        if issubclass(cls, BaseException):
            return "error", exceptions.reduce(value, _no_frame)[2]
        if cls in _GENERATORS:
            return "generator", _place_in(value)
        if issubclass(cls, _CODE):
            return None
        if self._user_class(cls) or cls is types.SimpleNamespace:
            return "object", {**attributes_of(value), "__class__": cls}
        if parts.has_part(cls):
            return parts.PART, parts.read(value)
        return self._pickled(value)

    def _part(self, ref: Reference) -> tuple[str, Any] | None:
        """Return the part of a live value that is saved; none yet if the call makes the value again."""
        if not parts.has_part(ref.cls):
            return None
        return parts.PART, parts.read(ref.real) if ref.is_made() else None

    def _pickled(self, value: Any) -> tuple[str, Any] | None:
        if is_listed(type(value)):
            return None
        try:
            if parts.is_unread(value, type(value)):
                return None
            with directly():
                return "pickle", pickle.dumps(value, 5)
        except Exception:  # noqa: BLE001 - whatever its class raises: it is live, or its insides are
            return None


def _goes_by_name(value: Any) -> bool:
    """Return whether pickle saves where an object is found, and nothing of it: a logger, say."""
    reduce = copyreg.dispatch_table.get(type(value))
    with directly():
        reduced = value.__reduce_ex__(5) if reduce is None else reduce(value)
    return isinstance(reduced, str) or not any(part is not None for part in reduced[2:])


#: The empty ones are the same everywhere.
_EMPTY = frozenset({tuple, frozenset})

#: Containers whose items are all that is in them.
_ITEMS = frozenset({list, tuple, set, frozenset})

#: Containers without attributes, followed item by item, and how they are put back.
_FOLLOWED = {cls: cls.__name__ for cls in (list, dict, set, bytearray, deque, OrderedDict)}

#: How a plain object of the user's is put back, before it is known that it has to be.
_PLAIN = "plain"

#: Reads an attribute by no code of the object's own.
_dict_of = object.__getattribute__

_IMMUTABLE = frozenset(
    {
        tuple,
        frozenset,
        types.MethodType,
        types.MethodWrapperType,
        types.BuiltinFunctionType,
        partial,
        memoryview,
        StandIn,
        StandInMethod,
        type,
    }
)


_BOUND = (types.MethodType, StandInMethod, types.MethodWrapperType)


def _items(value: Any, cls: type, base: Any) -> Iterator[Any]:
    """Yield what is in a container, by its base's own iterator: a subclass may have code of the program's."""
    if issubclass(base, dict):
        yield from (key for key in dict.keys(value) if type(key) not in ATOMS)
        yield from dict.values(value)
    elif base is not bytearray:
        yield from base.__iter__(value)
    if cls is not base:
        yield from attributes_of(value).values()


def _held_by(function: types.FunctionType) -> Iterator[Any]:
    """Yield what a function holds: its closure, its defaults, its attributes."""
    yield from function.__closure__ or ()
    yield from function.__defaults__ or ()
    yield from (function.__kwdefaults__ or {}).values()
    yield from vars(function).values()


def _no_frame(_: str) -> bool:
    return False


def _place_in(generator: Any) -> tuple[Any, ...] | None:
    """Return where a generator or a coroutine is, as its next instruction and its variables; None when it has ended."""
    for name in ("gi_frame", "cr_frame", "ag_frame"):
        frame = getattr(generator, name, None)
        if frame is not None:
            return frame.f_lasti, *map(id, frame.f_locals.values())
    return None


def _unwrapped(attribute: Any) -> Any:
    """Return the function under a method of a class."""
    if isinstance(attribute, property):
        return (attribute.fget, attribute.fset, attribute.fdel)
    return getattr(attribute, "__func__", attribute)


def _cell(cell: types.CellType) -> Iterator[Any]:
    try:
        yield cell.cell_contents
    except ValueError:
        return
