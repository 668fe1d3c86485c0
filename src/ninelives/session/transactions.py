"""Transactions: what was open when a process ended is lost, and the session that goes on says so.

With each call on a database connection it is recorded whether a transaction is open after it. What the record leaves
open was rolled back when the process died: the next use of that connection stops the session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ninelives.errors import NotRestorableError
from ninelives.session import drivers, reading, render
from ninelives.session.calls import Call
from ninelives.session.entries import Outcome
from ninelives.session.outside import Outside
from ninelives.session.standins import StandIn, real, reference
from ninelives.session.stop import Halt

if TYPE_CHECKING:
    from ninelives.session.live import LiveValues
    from ninelives.session.session import Session

#: Characters of a statement in an error, and how many statements.
_STATEMENT = 120
_STATEMENTS = 5

#: Calls by which a transaction is committed.
_COMMITS = frozenset({"commit", "__exit__", "__aexit__"})

#: Calls by which a transaction is given up.
_ROLLS_BACK = frozenset({"rollback", "close", "terminate"})

#: Calls that do nothing to a transaction.
_FETCHES = frozenset({"__anext__", "__iter__", "__next__", "cursor", "fetchall", "fetchmany", "fetchone", "scroll"})

#: The place of connections that no recorded call made: those of module level.
ANYWHERE = ("", 0, 0)

Place = tuple[str, int, int]


class Open(NamedTuple):
    """A transaction that the record leaves open."""

    #: seq of the entry with which its first statement began
    seq: int
    statements: list[str]

    def text(self) -> str:
        """Return its statements."""
        shown = self.statements[:_STATEMENTS]
        if len(self.statements) > _STATEMENTS:
            shown.append(f"… ({len(self.statements)} statements)")
        return "; ".join(shown) or "BEGIN"


def owner_of(function: Any) -> Any:
    """Return the object whose method is called; None for a function."""
    owner = getattr(function, "__self__", None)
    return owner.target if isinstance(owner, Outside) else owner


def method_of(call: Call) -> str:
    """Return the last part of a call's name."""
    return call.name.rpartition(".")[2]


def record(session: Session, call: Call, value: Any, outcome: Outcome) -> None:
    """Put into an outcome what a call left of a connection's transaction.

    Args:
        session: the session.
        call: the call, just made.
        value: what it gave.
        outcome: its outcome.
    """
    live = session.live
    owner = real(owner_of(call.function))
    if owner is None and type(value) in render.ATOMS and not live.connected:
        return
    connection, place = _connection(session, owner)
    if connection is None:
        connection, place = _connection(session, value)
        if connection is None and live.connected:
            for given in (*call.args, *call.kwargs.values()):
                connection, place = _connection(session, real(given))
                if connection is not None:
                    break
        if connection is None:
            return
    if connection is value:
        place = (*call.key, 0)
    _link(live, call, place)
    before = live.is_open.get(place, False)
    live.is_open[place] = outcome.in_transaction = drivers.is_open(connection, method_of(call), before)
    outcome.connection = place
    outcome.only_read = outcome.in_transaction and _has_only_read(live, call, connection, place, before)
    (live.only_read.add if outcome.only_read else live.only_read.discard)(place)
    cursor = value if drivers.role(type(value)) == "cursor" else owner
    if drivers.role(type(cursor)) == "cursor":
        outcome.attributes = _results(session, cursor)


def _has_only_read(live: LiveValues, call: Call, connection: Any, place: Place, before: bool) -> bool:
    """Return whether an open transaction has only read, and may be cut off (`reading`)."""
    method, owner = method_of(call), real(owner_of(call.function))
    if place == ANYWHERE or drivers.role(type(owner)) not in ("connection", "cursor"):
        return False
    if before:
        return place in live.only_read and (method in _FETCHES or _only_reads(call, method))
    return _only_reads(call, method) and reading.sees_newest(connection)


def _only_reads(call: Call, method: str) -> bool:
    return method == "execute" and reading.plainly(drivers.sql_of(call.args))


def _results(session: Session, cursor: Any) -> bytes:
    found = {}
    for name in drivers.RESULTS:
        try:
            found[name] = getattr(cursor, name)
        except Exception:  # noqa: BLE001 - a driver's own class of error: it does not say this one now
            continue
    return session.values.pack(found) or b""


def _connection(session: Session, value: Any) -> tuple[Any, Place]:
    if type(value) in render.ATOMS:
        return None, ANYWHERE
    live = session.live
    connection = drivers.connection_of(value)
    if connection is not None:
        return connection, live.place(connection) or ANYWHERE
    place = live.place(value) if live.connected else None
    if place is None or place[:2] not in live.connections:
        return None, ANYWHERE
    place = live.connections[place[:2]]
    found = real(live.held(place))
    return (found, place) if drivers.role(type(found)) == "connection" else (None, ANYWHERE)


def _link(live: LiveValues, call: Call, place: Place) -> None:
    """Remember that what a call gave works on a connection; if it entered something, so does that."""
    live.connected = True
    live.connections[call.key] = place
    if method_of(call) in ("__enter__", "__aenter__"):
        entered = live.place(owner_of(call.function))
        if entered is not None:
            live.connections.setdefault(entered[:2], place)


def note(session: Session, call: Call, outcome: Outcome) -> None:
    """Remember what a recorded call left of a connection's transaction."""
    live = session.live
    place: Place = tuple(outcome.connection or ANYWHERE)  # type: ignore[assignment]
    _link(live, call, place)
    live.is_open[place] = bool(outcome.in_transaction) and not outcome.only_read
    if outcome.only_read:
        return
    if not outcome.in_transaction:
        live.transactions.pop(place, None)
        return
    begun = live.transactions.get(place)
    if begun is None:
        operation = session.journal.operation(*call.key)
        begun = live.transactions[place] = Open(operation.seq if operation is not None else 0, [])
    if drivers.is_statement(method_of(call)):
        sql = " ".join(drivers.sql_of(call.args).split())
        if not sql and method_of(call) == "fetchval":
            # Of a cursor it only fetches.
            return
        begun.statements.append(render.cut(session.showing.shown(sql or call.name), _STATEMENT))


def check(session: Session, call: Call, again: bool) -> None:
    """See to it that a new call works on no connection whose transaction was cut off.

    Args:
        session: the session.
        call: the call, not made yet.
        again: it was begun before, by a process that died in it.

    Raises:
        Halt: it does.
    """
    for value in (owner_of(call.function), *call.args, *call.kwargs.values()):
        place = _cut_off(session.live, value)
        if place is None:
            continue
        cut = session.live.transactions[place]
        if not _gives_up(call):
            raise Halt(lost(cut, committing=again and method_of(call) in _COMMITS))
        # It was rolled back already, as it is meant to be.
        del session.live.transactions[place]


def _gives_up(call: Call) -> bool:
    """Return whether a call ends a transaction without a commit: a ``with`` block that raised does, too."""
    method = method_of(call)
    return method in _ROLLS_BACK or (method in ("__exit__", "__aexit__") and call.args[-1:] not in ((), (None,)))


def _cut_off(live: LiveValues, value: Any) -> Place | None:
    """Return the place of the connection that a value is or works on, if its transaction was cut off."""
    if type(value) in render.ATOMS:
        return None
    if type(value) is StandIn:
        ref = reference(value)
        place: Place | None = (*ref.key, ref.number)
    else:
        connection = drivers.connection_of(value)
        place = live.place(value if connection is None else connection)
        if place is None:
            place = ANYWHERE if connection is not None else None
    if place is None:
        return None
    if place not in live.transactions:
        place = live.connections.get(place[:2], place)
    return place if place in live.transactions else None


def lost(cut: Open, *, committing: bool = False) -> NotRestorableError:
    """Return the error of a transaction that was cut off."""
    if committing:
        what = "a transaction was being committed when the process ended, and only the database knows whether it was"
        how = "look there, and if it was not"
    else:
        what = "a transaction was open when the process ended, and is lost"
        how = "to make it again"
    return NotRestorableError(
        f"{what}: {cut.text()}; {how}, fork the session in front of it: "
        f"'ninelives sessions fork SESSION --at {cut.seq - 1}'; "
        "or go on with repaired code that works on a connection of its own, in one @activity: "
        "'ninelives resume SESSION --with-code DIR'"
    )
