"""A link whose errors leave the user's code at once: no ``except Exception`` of a program catches our full disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from ninelives.errors import NinelivesError
from ninelives.session.link import Link
from ninelives.session.stop import Halt

#: Methods that return something which can fail as well.
_OPENED = frozenset({"blob_sink", "blob_source"})


def halting(link: Link) -> Link:
    """Return a link that does what ``link`` does, and raises `Halt` where that raises one of our errors."""
    return cast(Link, _Halting(link))


class _Halting:
    def __init__(self, target: Any) -> None:
        self._target = target

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if callable(found):
            found = _halting(found, opens=name in _OPENED)
            setattr(self, name, found)
        return found


def _halting(method: Callable[..., Any], *, opens: bool) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            result = method(*args, **kwargs)
        except NinelivesError as error:
            raise Halt(error) from error
        return _Halting(result) if opens else result

    return call
