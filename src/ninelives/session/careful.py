"""The careful encoder: cloudpickle, with live leaves. Imported only when plain pickle can't save a value."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import cloudpickle

from ninelives.session import files, userdefined
from ninelives.session.objects import Name, known
from ninelives.session.render import ATOMS
from ninelives.session.standins import Held
from ninelives.session.values import reduced

if TYPE_CHECKING:
    from ninelives.session.live import Leaf
    from ninelives.session.values import Key, Values

_CONTAINERS = frozenset({list, dict, tuple, set, frozenset, bytearray})


class CarefulEncoder(cloudpickle.Pickler):  # type: ignore[misc]
    """Saves closures, lambdas and local classes; leaves out, as live leaves, the outside objects that can't be saved.

    Attributes:
        found: the live leaves met so far, in order.
    """

    def __init__(self, sink: Any, values: Values, key: Key, known: Mapping[int, Name]) -> None:
        super().__init__(sink, 5)
        self.values = values
        self.key = key
        self.known = known
        self.found: list[Any] = []
        self._saveable: set[int] = set()
        self._held: Any = None

    def reducer_override(self, obj: Any) -> Any:
        """See `pickle.Pickler`."""
        if type(obj) is Held:
            return Held, tuple(obj)
        found = reduced(obj, self.values)
        if found is not NotImplemented:
            return found
        local = userdefined.reduce(obj)
        return super().reducer_override(obj) if local is None else local

    def persistent_id(self, obj: Any) -> Any:
        """See `pickle.Pickler`: names what is known, and live leaves."""
        cls = type(obj)
        if cls in ATOMS:
            return None
        if cls is Held:
            self._held = obj.value
            return None
        index = self.known.get(id(obj))
        if index is not None:
            return known(index, obj)
        earlier = self.values.live.find(obj)
        if earlier is not None and not self._is_later(earlier):
            return earlier
        if obj is not self._held and (cls in _CONTAINERS or not self._is_leaf(obj, cls)):
            return None
        for position, leaf in enumerate(self.found):
            if leaf is obj:
                return self.values.live.pid(self.key, position, obj)
        self.found.append(obj)
        return self.values.live.pid(self.key, len(self.found) - 1, obj)

    def _is_later(self, pid: Leaf) -> bool:
        """Return whether a value goes by a reference that this operation can't have seen, as it is made again."""
        return pid[1] == self.key[0] and pid[2] >= self.key[1]

    def _is_leaf(self, obj: Any, cls: type) -> bool:
        """Return whether this is the outermost outside object that can't be saved."""
        if isinstance(obj, type | BaseException) or self.values.user_class(cls) or id(obj) in self._saveable:
            return False
        if isinstance(obj, files.FILE) and not isinstance(obj, io.StringIO | io.BytesIO):
            # cloudpickle would save a file that is read as a copy of its content.
            return True
        if can_be_saved(obj, self.values):
            self._saveable.add(id(obj))
            return False
        return True


def can_be_saved(obj: Any, values: Values) -> bool:
    """Return whether an object comes back from its own pickle."""
    sink = io.BytesIO()
    try:
        _Probe(sink, values).dump(obj)
        pickle.loads(sink.getvalue())
    except Exception:  # noqa: BLE001 - whatever its class raises, it can't be saved
        return False
    return True


class _Probe(cloudpickle.Pickler):  # type: ignore[misc]
    """Finds out whether an object can be saved whole."""

    def __init__(self, sink: Any, values: Values) -> None:
        super().__init__(sink, 5)
        self.values = values

    def reducer_override(self, obj: Any) -> Any:
        """See `pickle.Pickler`."""
        found = reduced(obj, self.values)
        return super().reducer_override(obj) if found is NotImplemented else found


def packed(value: Any) -> bytes | None:
    """Return what cloudpickle makes of a value; None if it can't save it."""
    sink = io.BytesIO()
    try:
        _WholePickler(sink, 5).dump(value)
    except Exception:  # noqa: BLE001 - whatever its class raises, it can't be saved
        return None
    return sink.getvalue()


class _WholePickler(cloudpickle.Pickler):  # type: ignore[misc]
    """cloudpickle, but it does not save a file that is read as a copy of its content."""

    def reducer_override(self, obj: Any) -> Any:
        """See `pickle.Pickler`."""
        if isinstance(obj, files.FILE) and not isinstance(obj, io.StringIO | io.BytesIO):
            raise TypeError("a file can't be saved")
        return super().reducer_override(obj)
