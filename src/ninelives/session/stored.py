"""The store functions of a session: durable, atomic, per project.

The worker compares versions of keys, never values: a change is computed here from the value that was read, and is
made in the same transaction as its record, if the key still has the version that was read. If not, it is computed
again.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from ninelives.session import render
from ninelives.session.entries import Outcome, StoreCall
from ninelives.session.lanes import Lane, directly, need_room
from ninelives.session.link import Put
from ninelives.session.sdk import program_error
from ninelives.session.stop import Halt

if TYPE_CHECKING:
    from ninelives.session.session import Session

#: Bytes of an encoded value.
LIMIT = 16 * 1024 * 1024


class Request(NamedTuple):
    """One call of a store function, as it is compared on replay."""

    name: str
    shown: str
    digest: int
    file: str
    line: int
    key: tuple[str, int]


class Stored:
    """The project's values, for one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, lane: Lane, key: str) -> Any:
        """Return a value."""
        return self._call(lane, "get_value", (key,), lambda: ((), self._current(key)[0]))

    def keys(self, lane: Lane) -> list[str]:
        """Return the keys, sorted."""
        found: list[str] = self._call(lane, "list_values_keys", (), lambda: ((), self._session.link.value_keys()))
        return found

    def set(self, lane: Lane, key: str, value: Any) -> None:
        """Set a value; None deletes it."""
        data = None if value is None else self._pack(key, value)
        self._call(lane, "set_value", (key, value), lambda: (((key, data, None),), None))

    def delete(self, lane: Lane, key: str) -> None:
        """Delete a value."""
        self._call(lane, "del_value", (key,), lambda: (((key, None, None),), None))

    def add(self, lane: Lane, key: str, value: Any) -> Any:
        """Add to a value and return the sum."""

        def work() -> tuple[tuple[Put, ...], Any]:
            current, version = self._current(key)
            with directly():
                total = (0 if current is None else current) + value
            return ((key, self._pack(key, total), version),), total

        return self._call(lane, "add_values", (key, value), work)

    def check_and_set(self, lane: Lane, key: str, expected: Any, new: Any) -> bool:
        """Set a value if it equals ``expected``; returns whether it did."""

        def work() -> tuple[tuple[Put, ...], Any]:
            current, version = self._current(key)
            with directly():
                same = bool(current == expected)
            data = None if new is None else self._pack(key, new)
            return (((key, data, version),), True) if same else ((), False)

        done: bool = self._call(lane, "check_and_set_value", (key, expected, new), work)
        return done

    def _current(self, key: str) -> tuple[Any, int]:
        found = self._session.link.get_value(key)
        if found is None:
            return None, 0
        with directly():
            return self._session.values.unpack(found[0]), found[1]

    def _pack(self, key: str, value: Any) -> bytes:
        with directly():
            data = self._session.values.pack(value)
        if data is None:
            raise program_error(f"the value of {key!r} can't be stored: {render.text(value)} can't be saved")
        if len(data) > LIMIT:
            raise program_error(f"the value of {key!r} is too large: {len(data):,} bytes, at most {LIMIT:,}")
        return data

    def _call(
        self, lane: Lane, name: str, args: tuple[Any, ...], work: Callable[[], tuple[tuple[Put, ...], Any]]
    ) -> Any:
        session = self._session
        session.check()
        need_room()
        lane.n += 1
        shown = session.showing.shown(render.arguments(args, {}))
        request = Request(
            name, shown, render.digest(shown), *session.showing.place(sys._getframe(2)), (lane.name, lane.n)
        )
        recorded = session.journal.operation(lane.name, lane.n)
        if recorded is None:
            if not session.journal.exhausted:
                raise Halt(session.comparison.not_recorded(request))
            ok, value = self._record(request, work)
        else:
            session.comparison.agree(recorded, StoreCall, request)
            outcome = session.journal.outcome(request.key)
            if outcome is None or not session.journal.deliver(outcome):
                raise Halt(session.comparison.out_of_order(request, outcome))
            with directly():
                ok, value = outcome.ok, session.values.decode(outcome.data, outcome.blob, [])
        # Raised here, now and on replay, so that a traceback which the program prints has the same lines.
        if ok:
            return value
        raise value

    def _record(self, request: Request, work: Callable[[], tuple[tuple[Put, ...], Any]]) -> tuple[bool, Any]:
        session, journal = self._session, self._session.journal
        lane, n = request.key
        while True:
            puts, ok, value = _tried(work)
            with directly():
                encoded = session.values.encode(request.key, value, {}, [])
            now = time.time()
            call = StoreCall(
                journal.seq(),
                now,
                lane,
                n,
                request.name,
                request.digest,
                render.cut(request.shown),
                request.file,
                request.line,
            )
            outcome = Outcome(journal.seq(), now, lane, n, ok, encoded.data, encoded.blob)
            outcome.shown = render.cut(session.showing.shown(render.text(value) if ok else render.error_text(value)))
            outcome.lines = session.output.lines_of(lane)
            if journal.commit(call, outcome, puts=puts, blobs=(encoded.blob,) if encoded.blob else ()):
                return ok, encoded.value


def _tried(work: Callable[[], tuple[tuple[Put, ...], Any]]) -> tuple[tuple[Put, ...], bool, Any]:
    """Return what is to be put, and the result or, as a result too, what was raised instead: nothing is put then."""
    try:
        puts, value = work()
    except Halt:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever it raises is its result
        return (), False, error
    return puts, True, value
