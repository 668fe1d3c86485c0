"""The journal as people read it: entries in, one row an operation out."""

from __future__ import annotations

from typing import Any

import pytest

from ninelives.errors import JournalNewerError, StoreCorruptError
from ninelives.session.entries import (
    Activity,
    End,
    Entry,
    Forgotten,
    Outcome,
    Sleep,
    Start,
    StoreCall,
    Value,
    encode,
)  # fmt: skip
from ninelives.session.journal import row as as_row
from ninelives.storage import Line, Row, SessionRow
from ninelives.worker import views

#: 2023-11-14T22:13:20Z
T = 1_700_000_000.0

START = Start(1, T, 1, "app.py:handler", {"data": {"a": 1}}, 7, 42, "3.11")


def rows(*entries: Entry) -> list[Row]:
    return [Row(*as_row(entry)) for entry in entries]


def activity(seq: int, n: int, **more: Any) -> Activity:
    return Activity(seq, T + seq, "0", n, "requests.get", 99, "'https://x'", "app.py", 10 + n, **more)


def show(*entries: Entry, live: bool = False) -> list[tuple[Any, ...]]:
    return [
        (row.seq, row.kind, row.name, row.status, row.attempt, row.result, row.error)
        for row in views.journal(rows(*entries), live=live)
    ]


def test_all_fields_of_an_activity_that_is_done() -> None:
    _, row = views.journal(
        rows(START, activity(2, 1), Outcome(3, T + 3, "0", 1, True, b"opaque", shown="<Response>", duration_ms=12.5)),
        live=False,
    )
    assert row == views.JournalRow(
        seq=2, lane="0", kind="activity", name="requests.get", status="ok", attempt=1, file="app.py", line=11,
        started_at="2023-11-14T22:13:22.000000Z", duration_ms=12.5, args="'https://x'", result="<Response>", error=None,
    )  # fmt: skip


def test_start_and_end_are_rows_too() -> None:
    error = {"type": "ValueError", "message": "no", "traceback": "…"}
    first, last = views.journal(rows(START, End(2, T + 9, "error", error=error)), live=False)
    assert (first.kind, first.name, first.args) == (
        "start",
        "app.py:handler",
        '{"data": {"a": 1}}',
    )
    assert (last.kind, last.name, last.status, last.result, last.error) == (
        "end", "error", "failed", None, "ValueError: no",
    )  # fmt: skip
    assert show(START, End(2, T, "completed", shown="17"))[1] == (2, "end", "completed", "ok", None, "17", None)


def test_values_sleeps_and_store_calls() -> None:
    shown = views.journal(
        rows(
            START,
            Value(2, T + 2, "0", 1, "time.time", b"opaque"),
            Sleep(3, T + 3, "0", 2, T + 63, "app.py", 5),
            Outcome(4, T + 64, "0", 2, True),
            StoreCall(5, T + 65, "0", 3, "set_value", 1, "'k', 1", "app.py", 6),
            Outcome(6, T + 65.002, "0", 3, True, shown="None"),
        ),
        live=False,
    )
    assert [(row.kind, row.name, row.args, row.status, row.duration_ms, row.line) for row in shown[1:]] == [
        ("value", "time.time", None, "ok", None, None),
        ("sleep", "sleep", "until 2023-11-14T22:14:23.000000Z", "ok", 61_000.0, 5),
        ("store", "set_value", "'k', 1", "ok", 2.0, 6),
    ]


def test_without_outcome_it_is_started_or_interrupted() -> None:
    entries = (START, activity(2, 1))
    assert show(*entries, live=True)[1][3] == "started"
    assert show(*entries, live=False)[1][3] == "interrupted"


def test_attempts_are_one_row() -> None:
    entries = [START, activity(2, 1), activity(3, 1, attempt=2, failures=1, last_error="TimeoutError()")]
    assert show(*entries, live=True)[1:] == [
        (2, "activity", "requests.get", "started", 2, None, "TimeoutError()"),
    ]
    entries.append(Outcome(4, T + 4, "0", 1, True, shown="'page'"))
    assert show(*entries)[1:] == [(2, "activity", "requests.get", "ok", 2, "'page'", None)]
    assert views.journal(rows(*entries), live=False)[1].started_at == "2023-11-14T22:13:23.000000Z"


def test_what_no_longer_counts_is_not_shown() -> None:
    entries = [
        START,
        activity(2, 1),
        Outcome(3, T, "0", 1, False, shown="ValueError('no')"),
        activity(4, 2),
        Outcome(5, T, "0", 2, True, shown="'cleanup'"),
        End(6, T, "error", error={"type": "ValueError", "message": "no"}),
    ]
    assert show(*entries)[1][3:] == ("failed", 1, None, "ValueError('no')")
    entries.append(Forgotten(7, T, 3))
    assert show(*entries)[1:] == [(2, "activity", "requests.get", "interrupted", 1, None, None)]
    entries += [activity(8, 1, attempt=2), Outcome(9, T, "0", 1, True, shown="1")]
    assert show(*entries)[1:] == [(2, "activity", "requests.get", "ok", 2, "1", None)]


def test_lanes_have_their_own_positions() -> None:
    other = activity(3, 1)
    other.lane = "0.1"
    entries = (START, activity(2, 1), other, Outcome(4, T, "0.1", 1, True, shown="1"))
    assert [(row.lane, row.status) for row in views.journal(rows(*entries), live=True)[1:]] == [
        ("0", "started"),
        ("0.1", "ok"),
    ]


def test_details_and_counts() -> None:
    session = SessionRow(
        session_id="s", project="p", entry_point="app.py:handler", build_id="b", code_dir="", cwd="", state="waiting",
        created_at=T, updated_at=T + 0.25, event_id=None, python="3.11",
        waiting_for='{"for": "sleep", "until": 1700000060.0}', result="", error="", parent="", cancel_requested=False,
        lease_pid=1, lease_started="1", forked_from="", forked_at=0, live=True,
    )  # fmt: skip
    entries = (START, activity(2, 1), activity(3, 1, attempt=2), Value(4, T, "0", 2, "time.time", b""), activity(5, 3))
    details = views.details(session, rows(*entries), lines=4)
    assert details.counts == {"activities": 2, "values": 1, "sleeps": 0, "store": 0, "lines": 4}
    assert details.waiting_for == {"for": "sleep", "until": "2023-11-14T22:14:20.000000Z"}
    assert (details.result, details.error, details.parent, details.event_id) == (None, None, None, None)
    assert details.updated_at == "2023-11-14T22:13:20.250000Z"


def test_log_lines() -> None:
    assert views.log([(3, Line(T, "log", "WARNING", "careful", "0"))]) == [
        views.LogRow(3, "2023-11-14T22:13:20.000000Z", "log", "WARNING", "careful"),
    ]


def test_entries_that_cannot_be_read_are_named() -> None:
    with pytest.raises(JournalNewerError, match=r"entry 2 \(teleport\) of the journal was written by a newer version"):
        views.journal([*rows(START), Row(2, "teleport", encode(START).replace(b"start", b"later"))], live=False)
    with pytest.raises(StoreCorruptError, match=r"entry 2 \(activity\) of the journal is damaged"):
        views.journal([*rows(START), Row(2, "activity", b"\xc1")], live=False)
