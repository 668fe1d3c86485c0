"""The errors of a program that does not do what its journal recorded: what was recorded and asked, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ninelives.errors import DivergenceError
from ninelives.session import render
from ninelives.session.entries import Operation, Outcome, Sleep, Value

if TYPE_CHECKING:
    from ninelives.session.session import Session

Place = tuple[str, int]

_LIMIT = 200


def other(session: Session, recorded: Operation, name: str, shown: str, place: Place) -> DivergenceError:
    """The program asks for something of another kind or name."""
    return _error(
        session,
        f"the journal has {_recorded(recorded)}, the program asks for {_asked(name, shown, place)}",
        recorded.seq,
    )


def arguments(session: Session, recorded: Any, call: Any) -> DivergenceError:
    """The program asks for the same with other arguments."""
    asked = _asked(call.name, call.shown, (call.file, call.line))
    return _error(
        session, f"arguments differ: the journal has {_recorded(recorded)}, the program asks for {asked}", recorded.seq
    )


def not_recorded(session: Session, name: str, key: tuple[str, int], shown: str, place: Place) -> DivergenceError:
    """The program asks for something while the journal still has outcomes for other operations."""
    following = session.journal.next_outcome()
    assert following is not None
    operation = session.journal.operation(following.lane, following.n)
    recorded = _recorded(operation) if operation is not None else f"an outcome of {following.lane}:{following.n}"
    asked = _asked(name, shown, place)
    return _error(
        session,
        f"the program asks for {asked}, which the journal does not have: next in it comes {recorded}",
        following.seq,
    )


def out_of_order(session: Session, call: Any, outcome: Outcome | None) -> DivergenceError:
    """The outcome of a call comes at another point of the journal."""
    asked = _asked(call.name, call.shown, (call.file, call.line))
    if outcome is None:
        return _error(session, f"the journal has no outcome of {asked}", 0)
    return _error(
        session, f"the journal has the outcome of {asked} at another point (entry {outcome.seq})", outcome.seq
    )


def left_over(session: Session, recorded: Operation) -> DivergenceError:
    """The program ended before it came to what is recorded."""
    return _error(session, f"the program ended, but the journal goes on with {_recorded(recorded)}", recorded.seq)


def _error(session: Session, message: str, seq: int) -> DivergenceError:
    how = (
        "correct the repaired code so that it begins with the recorded calls"
        if session.setting.repaired
        else "something it depends on is not recorded; put that into an @activity, and go on with 'ninelives resume "
        f"{session.id} --with-code DIR'"
    )
    at = f" (entry {seq})" if seq else ""
    return DivergenceError(f"divergence at {message}{at}; {how}; nothing is lost")


def _recorded(operation: Operation) -> str:
    if type(operation) is Sleep:
        return f"sleep at {operation.file}:{operation.line}"
    if type(operation) is Value:
        return f"{operation.name}()"
    shown = render.cut(operation.args, _LIMIT)  # type: ignore[union-attr]
    return f"{operation.name}({shown}) at {operation.file}:{operation.line}"  # type: ignore[union-attr]


def _asked(name: str, shown: str, place: Place) -> str:
    return f"{name}({render.cut(shown, _LIMIT)}) at {place[0]}:{place[1]}"
