"""Sessions, journals and logs as people and scripts read them.

Everything shown is text that was rendered when it was recorded: encoded values are never opened here.
Times are RFC 3339 in UTC with microseconds, so they sort as text.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from ninelives.errors import JournalNewerError, StoreCorruptError
from ninelives.session.entries import (
    Activity,
    End,
    Entry,
    Forgotten,
    Operation,
    Outcome,
    Sleep,
    Start,
    StoreCall,
    Value,
)
from ninelives.session.entries import decode as decode_entry
from ninelives.session.journal import KIND, KINDS

if TYPE_CHECKING:
    from ninelives.storage import Line, Row, SessionRow

#: How `counts` names the kinds of operations.
_COUNTED = {"activity": "activities", "value": "values", "sleep": "sleeps", "store": "store"}


class Summary(msgspec.Struct, frozen=True):
    """A session in a list."""

    session_id: str
    state: str
    #: a process has it right now
    live: bool
    entry_point: str
    created_at: str
    updated_at: str


class Details(Summary, frozen=True):
    """A session with all that is known of it but its journal and its log."""

    build_id: str
    #: rendered
    result: str | None
    #: type, message, traceback
    error: dict[str, Any] | None
    #: for (a few words), until (a time, or null)
    waiting_for: dict[str, Any] | None
    parent: str | None
    event_id: str | None
    #: of a fork: the session it comes from, and the seq of the last entry that they share
    forked_from: str | None
    forked_at: int | None
    #: activities, values, sleeps, store (calls), lines (of its log)
    counts: dict[str, int]


class JournalRow(msgspec.Struct):
    """One operation of a journal with all its attempts and what it came to; or the session's start or end."""

    #: of the operation's first entry
    seq: int
    lane: str | None
    kind: str
    name: str
    #: started, ok, failed, interrupted
    status: str
    attempt: int | None
    #: relative to the code
    file: str | None
    line: int | None
    #: of the last attempt
    started_at: str
    duration_ms: float | None
    args: str | None
    result: str | None
    error: str | None


class LogRow(msgspec.Struct, frozen=True):
    """One line of a session's log."""

    seq: int
    at: str
    stream: str
    level: str
    text: str


def timestamp(at: float) -> str:
    """Return unix seconds as RFC 3339 in UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def summary(session: SessionRow) -> Summary:
    """Return what a list shows of a session."""
    return Summary(**_summary_fields(session))


def details(session: SessionRow, rows: Iterable[Row], lines: int) -> Details:
    """Return all that is known of a session.

    Args:
        session: the session.
        rows: its journal.
        lines: how many lines its log has.
    """
    return Details(
        **_summary_fields(session),
        build_id=session.build_id,
        result=session.result or None,
        error=json.loads(session.error) if session.error else None,
        waiting_for=_waiting_for(session.waiting_for),
        parent=session.parent or None,
        event_id=session.event_id,
        forked_from=session.forked_from or None,
        forked_at=session.forked_at or None,
        counts={**_counts(rows), "lines": lines},
    )


def log(lines: Iterable[tuple[int, Line]]) -> list[LogRow]:
    """Return a session's log."""
    return [LogRow(seq, timestamp(line.at), line.stream, line.level, line.text) for seq, line in lines]


def journal(rows: Iterable[Row], *, live: bool) -> list[JournalRow]:
    """Return the entries of a journal that count, one row an operation.

    Args:
        rows: the entries as they are stored.
        live: a process has the session: what has no outcome is still being done, and not cut off.

    Raises:
        JournalNewerError: an entry is of a kind that this version does not know.
        StoreCorruptError: an entry can't be read.
    """
    pending = "started" if live else "interrupted"
    shown: list[JournalRow] = []
    operations: dict[tuple[str, int], tuple[JournalRow, Operation]] = {}
    for entry in counting(rows):
        if isinstance(entry, Outcome):
            if (entry.lane, entry.n) in operations:
                _settle(*operations[entry.lane, entry.n], entry)
            continue
        if isinstance(entry, Activity) and (known := operations.get((entry.lane, entry.n))):
            row = known[0]
            row.status, row.attempt, row.started_at = pending, entry.attempt, timestamp(entry.at)
            row.error = entry.last_error or None
        else:
            row = _row(entry, pending)
            shown.append(row)
        if isinstance(entry, Operation):
            operations[entry.lane, entry.n] = (row, entry)
    return shown


def counting(rows: Iterable[Row]) -> list[Entry]:
    """Return the entries without those that a later one says no longer count, and without those that say so.

    Raises:
        JournalNewerError: an entry is of a kind that this version does not know.
        StoreCorruptError: an entry can't be read.
    """
    recorded = [decoded(row) for row in rows]
    forgotten = [entry for entry in recorded if isinstance(entry, Forgotten)]
    return [
        entry
        for entry in recorded
        if not isinstance(entry, Forgotten) and not any(later.forgets <= entry.seq < later.seq for later in forgotten)
    ]


def decoded(row: Row) -> Entry:
    """Return the entry of a row. Raises as `counting`."""
    try:
        return decode_entry(row.data)
    except msgspec.MsgspecError as error:
        where = f"entry {row.seq} ({row.kind}) of the journal"
        if row.kind not in KINDS:
            raise JournalNewerError(f"{where} was written by a newer version of ninelives: use that version") from error
        raise StoreCorruptError(f"{where} is damaged: {error}") from error


def _summary_fields(session: SessionRow) -> dict[str, Any]:
    return {
        "session_id": session.session_id,
        "state": session.state,
        "live": session.live,
        "entry_point": session.entry_point,
        "created_at": timestamp(session.created_at),
        "updated_at": timestamp(session.updated_at),
    }


def _waiting_for(recorded: str) -> dict[str, Any] | None:
    if not recorded:
        return None
    waiting: dict[str, Any] = json.loads(recorded)
    until = waiting.get("until")
    return waiting | {"until": None if until is None else timestamp(until)}


def _counts(rows: Iterable[Row]) -> dict[str, int]:
    kinds = Counter(row.kind for row in journal(rows, live=False))
    return {name: kinds[kind] for kind, name in _COUNTED.items()}


def _settle(row: JournalRow, operation: Operation, outcome: Outcome) -> None:
    row.status = "ok" if outcome.ok else "failed"
    row.result, row.error = (outcome.shown or None, None) if outcome.ok else (None, outcome.shown)
    # A sleep measures nothing: it took as long as there is between its entries.
    row.duration_ms = outcome.duration_ms or round((outcome.at - operation.at) * 1000, 3)


def _row(entry: Entry, pending: str) -> JournalRow:
    row = JournalRow(
        seq=entry.seq,
        lane=None,
        kind=KIND[type(entry)],
        name="",
        status="ok",
        attempt=None,
        file=None,
        line=None,
        started_at=timestamp(entry.at),
        duration_ms=None,
        args=None,
        result=None,
        error=None,
    )
    match entry:
        case Start():
            row.name, row.args = entry.entry_point, entry.shown or json.dumps(entry.event, default=str)
        case End():
            row.name, row.result = entry.state, entry.shown or None
            if entry.error is not None:
                row.status, row.result = "failed", None
                row.error = f"{entry.error.get('type')}: {entry.error.get('message')}"
        case Value():
            row.lane, row.name = entry.lane, entry.name
        case Sleep():
            row.lane, row.name, row.args = entry.lane, "sleep", f"until {timestamp(entry.until)}"
        case Activity() | StoreCall():
            row.lane, row.name, row.args = entry.lane, entry.name, entry.args
    if isinstance(entry, Activity):
        row.attempt, row.error = entry.attempt, entry.last_error or None
    if isinstance(entry, Activity | Sleep | StoreCall):
        row.file, row.line, row.status = entry.file or None, entry.line or None, pending
    return row
