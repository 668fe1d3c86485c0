"""What calls did to live values and files, by the record: so that these are made again as they were, or not at all."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from ninelives.session import drivers, files, setups, transactions
from ninelives.session.calls import Call
from ninelives.session.entries import Outcome
from ninelives.session.standins import StandIn, reference

if TYPE_CHECKING:
    from ninelives.session.live import LiveValues
    from ninelives.session.session import Session


def note_use(session: Session, call: Call, outcome: Outcome, value: Any) -> None:
    """Remember what a recorded call did to a live value, which making it again would not do."""
    live = session.live
    owner = transactions.owner_of(call.function)
    live.descriptors.note(call, value, owner)
    if type(owner) is StandIn:
        setups.note(live, call, reference(owner), outcome.ok)
    elif owner is not None and (made := live.made_again(owner)) is not None:
        setups.note(live, call, made, outcome.ok)
    if outcome.in_transaction is not None:
        _note_database(session, call, outcome, value, owner)


def _note_database(session: Session, call: Call, outcome: Outcome, value: Any, owner: Any) -> None:
    live = session.live
    transactions.note(session, call, outcome)
    place = live.connections[call.key]
    given = reference(value) if type(value) is StandIn else None
    makes_cursor = given is not None and drivers.role(given.cls) == "cursor"
    if outcome.ok:
        setups.note_statement(live, call, place, makes_cursor)
    if outcome.attributes:
        cursor = given if makes_cursor else reference(owner) if type(owner) is StandIn else None
        if cursor is not None:
            cursor.results = outcome.attributes


def settle_file(live: LiveValues, call: Call) -> None:
    """Put a file that was made again where it was, before the first call on it."""
    file = live.as_given(files.file_of(call.function, call.kwargs))
    if type(file) is StandIn and reference(file).spot is not None:
        ref = reference(file)
        spot, ref.spot = ref.spot, None
        interrupted = files.written(call.name, call.args, call.kwargs, ref.value())
        ref.spot = spot
        ref.settle(interrupted)


def renew(call: Call, live: LiveValues) -> None:
    """Let a cursor be made again for a call that begins it anew, whatever it was used for before.

    One that is only closed is not made: it was, when its process ended.
    """
    owner = transactions.owner_of(call.function)
    if type(owner) is StandIn and transactions.method_of(call) in drivers.FRESH:
        ref = reference(owner)
        if drivers.role(ref.cls) != "cursor":
            return
        live.used.discard(ref.key)
        if transactions.method_of(call) == "close" and not ref.is_made():
            call.function = _closed if inspect.iscoroutinefunction(call.function.__func__) else _nothing


async def _closed() -> None:
    """Close, awaited, what is closed."""


def _nothing() -> None:
    """Close what is closed."""
