"""Events as user code reads them: as dicts and by attribute."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


class AttrDict(dict[str, Any]):
    """A dict whose keys read as attributes too, at every level.

    >>> config = AttrDict({"server": {"port": 8080}})
    >>> config.server.port, config["server"]["port"]
    (8080, 8080)
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.update(*args, **kwargs)

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, _attributes(value))

    def update(self, *args: Any, **kwargs: Any) -> None:
        """See `dict.update`."""
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def setdefault(self, key: str, default: Any = None) -> Any:
        """See `dict.setdefault`."""
        if key not in self:
            self[key] = default
        return self[key]

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        raise NotImplementedError(f"{type(self).__name__} does not support setting attributes; use ['{name}'] = …")

    def __dir__(self) -> Iterable[str]:
        return [*super().__dir__(), *self]


def _attributes(value: Any) -> Any:
    if type(value) is dict:
        return AttrDict(value)
    if type(value) is list:
        return [_attributes(item) for item in value]
    return value


class Event(AttrDict):
    """What starts a session or is waited for: ``event_type``, ``event_id``, ``integration_id`` and ``data``."""

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        event_id: str | None = None,
        event_type: str | None = None,
        integration_id: str | None = None,
    ) -> None:
        super().__init__(data=dict(data or {}), event_id=event_id, event_type=event_type, integration_id=integration_id)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self["data"]), self["event_id"], self["event_type"], self["integration_id"])
