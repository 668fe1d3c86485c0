"""The errors of a program that does not do what its journal recorded: what was recorded and asked, and where."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ninelives.errors import DivergenceError
from ninelives.session import render
from ninelives.session.entries import Operation, Outcome, Sleep, Value
from ninelives.session.journal import Key
from ninelives.session.stop import Halt

if TYPE_CHECKING:
    from ninelives.session.session import Session

Place = tuple[str, int]
Recorded = TypeVar("Recorded", Value, Sleep)

#: Characters of arguments in an error.
_LIMIT = 200


#: Characters of an environment value that is taken for configuration when it is found among arguments.
_LONG_ENOUGH = 6


class Asked(Protocol):
    """A call that a program makes."""

    @property
    def key(self) -> Key:
        """Lane and position."""
        ...

    @property
    def name(self) -> str:
        """Dotted name."""
        ...

    @property
    def shown(self) -> str:
        """The arguments, rendered."""
        ...

    @property
    def digest(self) -> int:
        """Digest of the arguments."""
        ...

    @property
    def file(self) -> str:
        """Where it is made, relative to the code."""
        ...

    @property
    def line(self) -> int:
        """In which line."""
        ...


class Comparison:
    """Compares what a program asks for with what its journal has.

    Args:
        session: the session.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._warned: set[tuple[str, int]] = set()

    def agree(self, recorded: Operation, cls: type, call: Asked) -> None:
        """See to it that a recorded operation is the call that is asked for.

        Raises:
            Halt: it is another one; or has other arguments, unless the code was repaired.
        """
        if type(recorded) is not cls or recorded.name != call.name:  # type: ignore[union-attr]
            raise Halt(self._other(recorded, call.name, call.shown, (call.file, call.line)))
        if recorded.digest != call.digest:  # type: ignore[union-attr]
            self._disagree(recorded, call)

    def recorded_reading(self, name: str, key: Key, place: Place) -> Value | None:
        """Return the recorded reading at a position of a lane; None when it is new.

        Raises:
            Halt: the journal has something else.
        """
        return self._recorded_as(Value, name, key, place)

    def recorded_sleep(self, key: Key, place: Place) -> Sleep | None:
        """Return the recorded sleep at a position of a lane; None when it is new.

        Raises:
            Halt: the journal has something else.
        """
        return self._recorded_as(Sleep, "sleep", key, place)

    def _recorded_as(self, cls: type[Recorded], name: str, key: Key, place: Place) -> Recorded | None:
        recorded = self._session.journal.operation(*key)
        if recorded is None:
            if not self._session.journal.exhausted:
                raise Halt(self._not_recorded(name, "", place))
            return None
        if not isinstance(recorded, cls) or getattr(recorded, "name", name) != name:
            raise Halt(self._other(recorded, name, "", place))
        return recorded

    def not_recorded(self, call: Asked) -> DivergenceError:
        """Return the error of a call while the journal still has outcomes for other operations."""
        return self._not_recorded(call.name, call.shown, (call.file, call.line))

    def out_of_order(self, call: Asked, outcome: Outcome | None) -> DivergenceError:
        """Return the error of a call whose outcome comes at another point of the journal."""
        asked = _asked(call.name, call.shown, (call.file, call.line))
        if outcome is None:
            return self._error(f"the journal has no outcome of {asked}", 0)
        return self._error(f"the journal has the outcome of {asked} at another point", outcome.seq)

    def left_over(self, recorded: Operation) -> DivergenceError:
        """Return the error of a program that ended before it came to what is recorded."""
        return self._error(f"the program ended, but the journal goes on with {_recorded(recorded)}", recorded.seq)

    def _disagree(self, recorded: Any, call: Asked) -> None:
        if _differs_by_environment(recorded.args, call.shown):
            return
        asked = _asked(call.name, call.shown, (call.file, call.line))
        message = f"arguments differ: the journal has {_recorded(recorded)}, the program asks for {asked}"
        if not self._session.setting.repaired:
            raise Halt(self._error(message, recorded.seq))
        if call.key not in self._warned:
            self._warned.add(call.key)
            self._session.output.show(
                "stderr", f"ninelives: warning: {message} (entry {recorded.seq}); the recorded result is used\n"
            )

    def _other(self, recorded: Operation, name: str, shown: str, place: Place) -> DivergenceError:
        asked = _asked(name, shown, place)
        return self._error(f"the journal has {_recorded(recorded)}, the program asks for {asked}", recorded.seq)

    def _not_recorded(self, name: str, shown: str, place: Place) -> DivergenceError:
        following = self._session.journal.next_outcome()
        assert following is not None
        operation = self._session.journal.operation(following.lane, following.n)
        recorded = _recorded(operation) if operation is not None else f"an outcome of {following.lane}:{following.n}"
        asked = _asked(name, shown, place)
        message = f"the program asks for {asked}, which the journal does not have: next in it comes {recorded}"
        return self._error(message, following.seq)

    def _error(self, message: str, seq: int) -> DivergenceError:
        how = (
            "correct the repaired code so that it begins with the recorded calls"
            if self._session.setting.repaired
            else "something it depends on is not recorded; put that into an @activity, and go on with "
            f"'ninelives resume {self._session.id} --with-code DIR'"
        )
        at = f" (entry {seq})" if seq else ""
        return DivergenceError(f"divergence: {message}{at}; {how}; nothing is lost")


def _differs_by_environment(recorded: str, asked: str) -> bool:
    """Return whether arguments differ only where they have a value of the environment: configuration may change."""
    pattern = re.escape(asked)
    for value in sorted({value for value in os.environ.values() if len(value) >= _LONG_ENOUGH}, key=len, reverse=True):
        pattern = pattern.replace(re.escape(value), r"[^']*")
    return pattern != re.escape(asked) and re.fullmatch(pattern, recorded, re.DOTALL) is not None


def _recorded(operation: Operation) -> str:
    if type(operation) is Sleep:
        return f"sleep at {operation.file}:{operation.line}"
    if type(operation) is Value:
        return f"{operation.name}()" + (f" at {operation.file}:{operation.line}" if operation.file else "")
    shown = render.cut(operation.args, _LIMIT)  # type: ignore[union-attr]
    return f"{operation.name}({shown}) at {operation.file}:{operation.line}"  # type: ignore[union-attr]


def _asked(name: str, shown: str, place: Place) -> str:
    return f"{name}({render.cut(shown, _LIMIT)}) at {place[0]}:{place[1]}"
