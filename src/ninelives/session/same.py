"""Whether a call left an object as it was: two snapshots of it are compared, by identity where that is enough."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from operator import eq, is_
from typing import Any

from ninelives.code.naming import class_name
from ninelives.session import parts
from ninelives.session.contents import BASES, LOST, attributes_of, become, state_of


def same(how: str, before: Any, after: Any) -> bool:
    """Return whether two snapshots of an object are of the same content.

    Args:
        how: what kind of content it is: how it would be put back.
        before: the content.
        after: the content later.
    """
    if how in BASES:
        (items, attributes), (items_after, attributes_after) = before, after
        return SAME[how](items, items_after) and (attributes is None or same_pairs(attributes, attributes_after))
    if how == "error":
        return all(_same_part(before[name], after[name]) for name in before)
    if how in ("pickle", "generator", parts.PART):
        return bool(before == after)
    return (same_pairs if how == "object" else same_items)(before, after)


def _same_part(before: Any, after: Any) -> bool:
    """Return whether a part of an exception is the same: an object, a tuple of them, or a dict."""
    if isinstance(before, dict):
        return same_pairs(before, after)
    if isinstance(before, tuple | list):
        return before == after if before and isinstance(before[0], tuple) else same_items(before, after)
    return before is after


def same_items(before: Any, after: Any) -> bool:
    """Return whether two sequences hold the same objects."""
    return len(before) == len(after) and all(map(is_, before, after))


def same_pairs(before: Any, after: Any) -> bool:
    """Return whether two dicts hold the same objects, in the same order."""
    return len(before) == len(after) and all(map(is_, before, after)) and all(map(is_, before.values(), after.values()))


def _same_set(before: Any, after: Any) -> bool:
    return len(before) == len(after) and {id(item) for item in before} == {id(item) for item in after}


#: How two shallow copies of a container are compared.
SAME: dict[str, Callable[[Any, Any], bool]] = {
    "list": same_items,
    "deque": same_items,
    "dict": same_pairs,
    "OrderedDict": same_pairs,
    "set": _same_set,
    "bytearray": eq,
}


def pickled_change(value: Any, before: bytes) -> tuple[str, Any]:
    """Return how an object that is followed by its pickle is changed again; proven on a copy of what it was."""
    if _is_plain(type(value)):
        return "object", {**attributes_of(value), "__class__": type(value)}
    try:
        copy = pickle.loads(before)
        state = state_of(value)
        become(copy, state)
        is_same = _without_sharing(copy) == _without_sharing(value)
    except Exception:  # noqa: BLE001 - whatever its class raises, it can't be put back
        is_same = False
    return ("pickle", state) if is_same else (LOST, class_name(type(value)))


class _Unshared(pickle.Pickler):
    """Writes texts out each time: whether two equal ones are one object is nothing that a copy has to keep."""

    def persistent_id(self, obj: Any) -> Any:
        """See `pickle.Pickler`; what it returns is new each time, so that it is not found again."""
        cls = type(obj)
        if cls is str:
            return b"s" + obj.encode("utf-8", "surrogatepass")
        return b"b" + obj if cls is bytes else None


def _without_sharing(value: Any) -> bytes:
    sink = io.BytesIO()
    _Unshared(sink, 5).dump(value)
    return sink.getvalue()


def _is_plain(cls: type) -> bool:
    """Return whether objects of a class are saved as their attributes, in Python's own way."""
    if any(hasattr(cls, name) for name in ("__setstate__", "__getnewargs__", "__getnewargs_ex__")):
        return False
    names = [name for name in ("__reduce__", "__reduce_ex__", "__getstate__") if hasattr(object, name)]
    return all(getattr(cls, name) is getattr(object, name) for name in names) and not (
        hasattr(cls, "__getstate__") and not hasattr(object, "__getstate__")
    )
