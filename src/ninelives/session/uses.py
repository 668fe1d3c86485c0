"""What calls did to live values and files, by the record: so that these are made again as they were, or not at all."""

from __future__ import annotations

from typing import Any

from ninelives.session import files, render
from ninelives.session.calls import Call
from ninelives.session.entries import Outcome
from ninelives.session.live import LiveValues
from ninelives.session.livetypes import DESCRIPTORS
from ninelives.session.outside import Outside
from ninelives.session.standins import StandIn, real, reference

#: Characters of a statement in an error.
_STATEMENT = 120


def note_use(live: LiveValues, call: Call, outcome: Outcome, value: Any) -> None:
    """Remember what a recorded call did to a live value, which making it again would not do."""
    owner = getattr(call.function, "__self__", None)
    owner = owner.target if isinstance(owner, Outside) else owner
    if call.name in DESCRIPTORS or call.name == "os.close":
        live.note_descriptors(call.name, call.args, value)
    if type(owner) is StandIn:
        live.used.add(reference(owner).key)
    if outcome.in_transaction is not None:
        if outcome.in_transaction:
            live.statements.append(f"{call.name}({render.cut(call.shown, _STATEMENT)})")
        else:
            live.statements.clear()


def settle_file(live: LiveValues, call: Call) -> None:
    """Put a file that was made again where it was, before the first call on it."""
    file = live.as_given(files.file_of(call.function, call.kwargs))
    if type(file) is StandIn and reference(file).spot is not None:
        ref = reference(file)
        spot, ref.spot = ref.spot, None
        interrupted = files.written(call.name, call.args, call.kwargs, ref.value())
        ref.spot = spot
        ref.settle(interrupted)


def in_transaction(function: Any) -> bool | None:
    """Return whether the connection that a method works on has an open transaction; None: it can't be told."""
    owner = getattr(function, "__self__", None)
    owner = real(owner.target if isinstance(owner, Outside) else owner)
    try:
        found: bool | None = getattr(getattr(owner, "connection", owner), "in_transaction", None)
    except Exception:  # noqa: BLE001 - a driver's own class of error: the connection was closed, and its transaction with it
        return False
    return found
