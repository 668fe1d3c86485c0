"""Direct calls that are handed callables or iterables: these are guarded as if user code used them."""

from __future__ import annotations

from types import BuiltinFunctionType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from ninelives.code import rewrite
from ninelives.session.crossings import PLAIN
from ninelives.session.render import ATOMS

if TYPE_CHECKING:
    from ninelives.session.session import Session

_CALLABLE = (FunctionType, MethodType, BuiltinFunctionType)


class Handed:
    """Guards the arguments of direct calls of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def call(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call ``function`` with guarded arguments."""
        if kwargs:
            return function(*map(self.argument, args), **{name: self.argument(value) for name, value in kwargs.items()})
        return function(*map(self.argument, args))

    def argument(self, value: Any) -> Any:
        """Return the guarded form of one argument."""
        cls = type(value)
        if cls in ATOMS or cls in PLAIN:
            return value
        hooks = self._session.hooks
        if cls in _CALLABLE or isinstance(value, type):
            guarded = hooks[rewrite.CALL](value)
            return (
                value
                if isinstance(value, type) and guarded is not value and not self._session.is_activity(guarded)
                else guarded
            )
        if hasattr(cls, "__iter__"):
            return hooks[rewrite.ITER](value)
        return value
