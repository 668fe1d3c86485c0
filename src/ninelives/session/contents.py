"""The contents of objects: what is compared to find a change, and how it is put back."""

from __future__ import annotations

import types
import weakref
from collections import OrderedDict, deque
from functools import partial
from typing import Any, NamedTuple

from ninelives.session import exceptions, parts
from ninelives.session.objects import Name, find, is_gone
from ninelives.session.standins import StandIn, real, reference

#: index among the objects of a call, how it is put back, new content
Change = tuple[Name, str, Any]

#: In place of how a change is made again: it can't be.
LOST = "lost"

#: The containers that are followed item by item, subclasses too; the nearest counts.
BASES: dict[str, Any] = {
    base.__name__: base for base in (OrderedDict, dict, list, set, deque, bytearray, tuple, frozenset)
}


class _Shape(NamedTuple):
    """What of a class does not change."""

    cls: weakref.ref[type]
    #: see `base_of`
    base: Any
    slots: dict[str, types.MemberDescriptorType]
    #: it says itself what the ``__dict__`` of its objects is
    hides: bool
    #: all of its objects is in their ``__dict__``, and it was not made inside a function
    is_plain: bool


#: How an attribute of objects is kept that Python gives them; None: they have it not.
_OWN = (types.GetSetDescriptorType, types.MemberDescriptorType, type(None))

#: What is followed in ways of its own.
_OTHERS = (BaseException, type, types.ModuleType, memoryview, partial, StandIn)

#: By ``id`` of the class, which may be another one by now.
_shapes: dict[int, _Shape] = {}

#: Classes whose shape is remembered: those that a program makes anew again and again must not pile up.
_MOST = 10_000


def _shape_of(cls: type) -> _Shape:
    known = _shapes.get(id(cls))
    if known is not None and known.cls() is cls:
        return known
    if len(_shapes) >= _MOST:
        _shapes.clear()
    base = next((base for base in cls.__mro__ if BASES.get(base.__name__) is base), None)
    slots = {
        name: descriptor
        for base in cls.__mro__
        for name, descriptor in vars(base).items()
        if isinstance(descriptor, types.MemberDescriptorType) and name not in ("__dict__", "__weakref__")
    }
    first = next((vars(base)["__dict__"] for base in cls.__mro__ if "__dict__" in vars(base)), None)
    is_plain = (
        base is None
        and not slots
        and not issubclass(cls, _OTHERS)
        and isinstance(first, types.GetSetDescriptorType)
        and not any("<locals>" in base.__qualname__ for base in cls.__mro__)
    )
    # The descriptor itself is not kept: the class would live as long as that.
    _shapes[id(cls)] = shape = _Shape(weakref.ref(cls), base, slots, not isinstance(first, _OWN), is_plain)
    return shape


def base_of(cls: type) -> Any:
    """Return the container that a class is, or inherits from."""
    return _shape_of(cls).base


def is_plain(cls: type) -> bool:
    """Return whether all that an object of a class has is in its ``__dict__``, as far as the class says."""
    return _shape_of(cls).is_plain


def attributes_of(value: Any) -> dict[str, Any]:
    """Return an object's attributes, those in slots too, without running its code."""
    if type(value) is types.FunctionType:
        return vars(value)
    shape = _shape_of(type(value))
    try:
        found: dict[str, Any] = (_hidden if shape.hides else object.__getattribute__)(value, "__dict__")
    except AttributeError:
        found = {}
    if not shape.slots:
        return found
    return found | {name: slot.__get__(value) for name, slot in shape.slots.items() if _is_set(slot, value)}


def _hidden(value: Any, name: str) -> Any:
    """Return an attribute that Python gives every object, under what the object's class says it is."""
    found = (vars(base).get(name) for base in type(value).__mro__)
    return next((own.__get__(value) for own in found if isinstance(own, types.GetSetDescriptorType)), {})


def _is_set(slot: types.MemberDescriptorType, value: Any) -> bool:
    try:
        slot.__get__(value)
    except AttributeError:
        return False
    return True


def apply(changes: list[Change], objects: list[Any]) -> list[tuple[Any, str]]:
    """Give ``objects`` their recorded new content, in place.

    Args:
        changes: what `Reach.changes` found, encoded and decoded.
        objects: those it names.

    Returns:
        the objects whose change can't be made again, and their classes.
    """
    lost: list[tuple[Any, str]] = []
    for name, how, content in changes:
        if is_gone(objects, name):
            # Something that is not saved had put it there, and nobody has it now.
            continue
        changed = find(objects, name)
        if how == LOST:
            lost.append((changed, content))
        else:
            _put(changed, how, content)
    return lost


def _put(target: Any, how: str, content: Any) -> None:
    if type(target) is StandIn:
        _put_later(target, how, content)
    elif how in BASES:
        _put_items(target, BASES[how], *content)
    elif how == parts.PART:
        parts.put(target, content)
    elif how == "cell":
        if content:
            target.cell_contents = content[0]
        else:
            del target.cell_contents
    elif how == "generator":
        if hasattr(target, "close"):
            target.close()
    elif how == "error":
        exceptions.fill(target, content)
    elif how == "traceback":
        target.__traceback__ = exceptions.traceback_of(content)
    elif how == "object":
        _set_attributes(target, content)
    else:
        become(target, content)


def _put_later(target: StandIn, how: str, content: Any) -> None:
    """Give new content to what is not made again yet, if it can wait for that."""
    if how == parts.PART:
        reference(target).put(content)
    elif how == "object":
        for name, value in content.items():
            if name != "__class__":
                setattr(target, name, value)
    else:
        _put(real(target), how, content)


def _put_items(target: Any, base: Any, items: Any, attributes: dict[str, Any] | None) -> None:
    """Fill a container by the methods of its base: a subclass may have code of the program's."""
    if base is bytearray:
        # Never resized without need: a view of it forbids that.
        if target != items:
            target[:] = items
        return
    base.clear(target)
    if base in (list, deque):
        base.extend(target, items)
    else:
        base.update(target, items)
    if attributes is not None:
        _set_attributes(target, attributes)


def state_of(value: Any) -> tuple[Any, ...]:
    """Return what an object is pickled as: how it is made, its state, and the items it holds."""
    reduced = value.__reduce_ex__(4)
    make, args, state, items, pairs = (*reduced[:5], None, None, None)[:5]
    return make, args, state, list(items or ()), list(pairs or ())


def become(target: Any, content: tuple[Any, ...]) -> None:
    """Give ``target`` the state that `state_of` took from it in another process."""
    make, args, state, items, pairs = content
    if hasattr(target, "clear"):
        target.clear()
    if isinstance(target, set):
        target.update(args[0])
    elif state is None and not items and not pairs:
        # All of it is in what it is made of: a counter, an array.
        other = make(*args)
        if isinstance(target, dict):
            target.update(other)
        elif len(other):
            target[:] = other
    for item in items:
        target.append(item)
    for key, value in pairs:
        target[key] = value
    if hasattr(target, "__setstate__"):
        target.__setstate__(state)
    elif isinstance(state, tuple) and len(state) == 2:
        _set_attributes(target, {**(state[0] or {}), **(state[1] or {})})
    elif state is not None:
        _set_attributes(target, state)


def _set_attributes(target: Any, state: dict[str, Any]) -> None:
    for name in attributes_of(target).keys() - state.keys():
        object.__delattr__(target, name)
    for name, value in state.items():
        if name != "__class__" or type(target) is not value:
            object.__setattr__(target, name, value)
    attributes = attributes_of(target)
    order = [name for name in state if name in attributes]
    if order != list(attributes) and not _shape_of(type(target)).slots:
        # What was deleted and set again comes last.
        ordered = {name: attributes[name] for name in order}
        attributes.clear()
        attributes.update(ordered)
