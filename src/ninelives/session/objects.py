"""The objects that a call can reach, by the names that the journal has for them."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

from ninelives.code.naming import class_name
from ninelives.errors import NotRestorableError
from ninelives.session.stop import Halt

#: Of an object: its position; of one inside an outside object that is saved whole: that position, and the steps from
#: there, which are names of attributes, keys and positions.
Name = int | tuple[Any, ...]


class Objects(list[Any]):
    """Objects by position, and by name."""

    def __init__(self) -> None:
        super().__init__()
        #: of those that are inside others: names by position, and they by name
        self.names: dict[int, Name] = {}
        self.by_name: dict[Name, Any] = {}

    def add(self, name: Name, value: Any) -> None:
        """Add an object that is inside another one."""
        self.names[len(self)] = name
        self.by_name[name] = value
        self.append(value)

    def inside(self, name: tuple[Any, ...], copy: bytes | None = None) -> Any:
        """Return an object that is inside another one.

        Args:
            name: of the object.
            copy: its pickle: what it is if it is not there; None: there is none.

        Raises:
            Halt: it is not there, and there is no copy.
        """
        if name not in self.by_name and copy is not None:
            return pickle.loads(copy)
        if name not in self.by_name:
            way = "".join(f"[{step!r}]" for step in name[1:])
            raise Halt(
                NotRestorableError(
                    f"a call gave what was inside a {class_name(type(self[name[0]]))}, at {way}, and that is not there "
                    "after a restart; put the calls that use it into one @activity"
                )
            )
        return self.by_name[name]


def known(name: Name, value: Any) -> tuple[Any, ...]:
    """Return what the journal holds in place of an object that a call could reach.

    What is inside an outside object need not be there after a restart: something that is not saved may have put it
    there. So there is a copy of it, where it can be copied.
    """
    if type(name) is int:
        return ("known", name)
    try:
        return ("known", name, pickle.dumps(value, 5))
    except Exception:  # noqa: BLE001 - whatever its class raises, it can't be copied
        return ("known", name)


def is_gone(objects: Sequence[Any], name: Name) -> bool:
    """Return whether what was inside an outside object is not there any more."""
    return isinstance(objects, Objects) and isinstance(name, tuple) and name not in objects.by_name


def find(objects: Sequence[Any], name: Name, copy: bytes | None = None) -> Any:
    """Return an object by its name, or else a copy.

    Raises:
        Halt: there is none any more.
    """
    if type(name) is int:
        return objects[name]
    assert isinstance(objects, Objects)
    assert isinstance(name, tuple)
    return objects.inside(name, copy)
