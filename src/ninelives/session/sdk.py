"""Binds the ``autokitteh`` SDK, when a program imports it, to the session: its stand-ins give way to our functions."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import Any

from ninelives.session import event, functions, marks

#: What is bound, by the module of the SDK that defines it.
_BOUND: dict[str, dict[str, Any]] = {
    "activities": {
        "activity": marks.activity,
        "inhibit_activities": marks.inhibit_activities,
        "register_no_activity": marks.register_no_activity,
    },
    "attr_dict": {"AttrDict": event.AttrDict},
    "event": {"Event": event.Event},
    "store": {
        "get_value": functions.get_value,
        "set_value": functions.set_value,
        "add_values": functions.add_values,
        "check_and_set_value": functions.check_and_set_value,
        "del_value": functions.del_value,
        "list_values_keys": functions.list_values_keys,
        "mutate_value": functions.mutate_value,
        "store": functions.store,
        "Store": functions.Store,
        "Op": functions.Op,
    },
}


def bind() -> None:
    """Bind the SDK if it is imported and not bound yet."""
    sdk = sys.modules.get("autokitteh")
    if sdk is None or getattr(sdk, "__ninelives__", False):
        return
    sdk.__ninelives__ = True  # type: ignore[attr-defined]
    for name, members in _BOUND.items():
        module = sys.modules.get(f"autokitteh.{name}")
        for member, value in members.items():
            _replace(sdk, member, value)
            if module is not None:
                _replace(module, member, value)


def _replace(module: ModuleType, name: str, value: Any) -> None:
    if hasattr(module, name):
        setattr(module, name, value)


class OwnAutoKittehError(Exception):
    """Base of the errors that session functions raise in a program, where the SDK is not installed."""


OwnAutoKittehError.__name__ = OwnAutoKittehError.__qualname__ = "AutoKittehError"


def error_class() -> type[Exception]:
    """Return the SDK's ``AutoKittehError`` if the SDK is installed, else our own."""
    if importlib.util.find_spec("autokitteh") is None:
        return OwnAutoKittehError
    from autokitteh.errors import AutoKittehError  # type: ignore[import-untyped, unused-ignore]

    found: type[Exception] = AutoKittehError
    return found


def program_error(message: str) -> Exception:
    """Return an error for the program to catch."""
    return error_class()(message)
