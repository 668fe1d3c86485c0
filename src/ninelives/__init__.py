"""Plain Python that survives crashes: what programs import.

Outside a session these names work locally, as stand-ins, so that programs stay importable and testable.
"""

from __future__ import annotations

# As type checkers know it; importing `typing` would cost the command line a few milliseconds.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from ninelives import errors
    from ninelives.session.event import AttrDict, Event
    from ninelives.session.functions import (
        Op,
        add_values,
        attempt,
        check_and_set_value,
        del_value,
        get_value,
        idempotency_key,
        list_values_keys,
        mutate_value,
        session_id,
        set_value,
        sleep,
        store,
    )
    from ninelives.session.marks import activity, inhibit_activities, register_no_activity
    from ninelives.session.sdk import OwnAutoKittehError as AutoKittehError

__version__ = "0.1.0"

__all__ = [
    "AttrDict",
    "AutoKittehError",
    "Event",
    "Op",
    "activity",
    "add_values",
    "attempt",
    "check_and_set_value",
    "del_value",
    "errors",
    "get_value",
    "idempotency_key",
    "inhibit_activities",
    "list_values_keys",
    "mutate_value",
    "register_no_activity",
    "session_id",
    "set_value",
    "sleep",
    "store",
]

#: Where each name is. Found when it is first asked for: the command line imports this package too, and starts lean.
_HOMES = {
    "event": ("AttrDict", "Event"),
    "marks": ("activity", "inhibit_activities", "register_no_activity"),
    "functions": (
        "Op", "add_values", "attempt", "check_and_set_value", "del_value", "get_value", "idempotency_key",
        "list_values_keys", "mutate_value", "session_id", "set_value", "sleep", "store",
    ),
}  # fmt: skip


def __getattr__(name: str) -> Any:
    import importlib

    if name == "errors":
        return importlib.import_module("ninelives.errors")
    if name == "AutoKittehError":
        # The SDK's own class, where the SDK is installed.
        return importlib.import_module("ninelives.session.sdk").error_class()
    for module, names in _HOMES.items():
        if name in names:
            value = getattr(importlib.import_module(f"ninelives.session.{module}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
