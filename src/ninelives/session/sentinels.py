"""Objects that are only themselves: a bare ``object()`` in a module, or one of a class without state.

Libraries ask ``timeout is _DEFAULT``. A copy would be something else, so such an object is saved as the name it has.
"""

from __future__ import annotations

import sys
import weakref
from typing import Any

Place = tuple[str, str]

#: Bytes that an object without slots of its own has beyond a bare one: a pointer to its attributes, and one to its weak
#: references.
_ROOM = 16

_REDUCE: Any = object.__reduce__

#: places of bare objects by ``id``; checked when used
_found: dict[int, Place] = {}
_modules = 0


def place_of(value: Any, cls: type) -> Place | None:
    """Return the module and the name under which an object without state is to be found; None: it is not.

    Args:
        value: any object; none of its code runs.
        cls: its class.
    """
    if cls is object:
        return _place_of_bare(value)
    if not _is_stateless(value, cls):
        return None
    module = sys.modules.get(cls.__module__)
    names = (name for name, found in vars(module).items() if found is value) if module is not None else ()
    name = next(iter(names), None)
    return None if name is None else (cls.__module__, name)


def at(module: str, name: str) -> Any:
    """Return the object of a place; the module is imported if need be."""
    __import__(module)
    return vars(sys.modules[module])[name]


def ends_something(value: Any, cls: type) -> bool:
    """Return whether the end of an object does something: a copy of it would do that too, and too early."""
    return cls is weakref.finalize or (hasattr(cls, "__del__") and not cls.__module__.startswith("asyncio"))


def _is_stateless(value: Any, cls: type) -> bool:
    if cls.__basicsize__ > object.__basicsize__ + _ROOM or getattr(cls, "__reduce__") is not _REDUCE:  # noqa: B009
        return False
    try:
        return not object.__getattribute__(value, "__dict__")
    except AttributeError:
        return cls.__basicsize__ == object.__basicsize__


def _place_of_bare(value: Any) -> Place | None:
    """Look for a bare object in all modules; they are gone through again only when there are more of them."""
    global _modules  # noqa: PLW0603 - a cache of the process
    if _modules != len(sys.modules):
        _modules = len(sys.modules)
        for name, module in sys.modules.copy().items():
            for attribute, found in list(getattr(module, "__dict__", {}).items()):
                if type(found) is object:
                    _found.setdefault(id(found), (name, attribute))
    place = _found.get(id(value))
    return place if place is not None and vars(sys.modules[place[0]]).get(place[1]) is value else None
