"""Forks: a new session that begins with what another one recorded, up to one entry.

A fork is what a session is whose process died just after that entry. So its log must hold what it had printed by then,
and no more than replay skips: lines that are left out are printed again, lines too many would hide new ones.
"""

from __future__ import annotations

import math
import time
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from ninelives.errors import UsageError
from ninelives.session.entries import Activity, End, Entry, Forgotten, Outcome, StoreCall
from ninelives.session.lanes import LOADING
from ninelives.session.output import FOREIGN
from ninelives.storage import Line, NewSession, Store
from ninelives.worker.views import counting, decoded


@dataclass(frozen=True, slots=True)
class Forked:
    """A new session that another one was forked to."""

    session_id: str
    state: str
    forked_from: str
    forked_at: int
    #: names of the activities that had begun and not ended: they are made again
    cut_off: list[str]


def fork(store: Store, session_id: str, at: int) -> Forked:
    """Make a new session with the journal and the log that a session had when one entry was its last.

    The session itself stays as it is, and may run. All of the fork is written in one transaction.

    Args:
        store: the store, open for writing.
        session_id: the session's id, or the unique beginning of one.
        at: seq of the last entry that the fork has.

    Raises:
        SessionNotFoundError: there is no such session.
        UsageError: it has no such entry.
        JournalNewerError, StoreCorruptError: its journal can't be read.
    """
    origin = store.session(session_id)
    # In this order: the lines of an entry are recorded before it or with it.
    rows = store.rows(origin.session_id)
    lines = [line for _, line in store.lines(origin.session_id)]
    last = rows[-1].seq if rows else 0
    if not 1 <= at <= last:
        raise UsageError(
            f"session {origin.session_id} has entries 1 to {last}, and none {at}: "
            f"see ninelives sessions journal {origin.session_id}"
        )
    recorded = [row for row in rows if row.seq <= at]
    entries = [decoded(row) for row in rows]
    kept = _kept(counting(recorded))
    seqs = {entry.seq for entry in kept}
    now = time.time()
    new = NewSession(
        session_id=uuid.uuid4().hex,
        project=origin.project,
        entry_point=origin.entry_point,
        build_id=origin.build_id,
        code_dir=origin.code_dir,
        cwd=origin.cwd,
        state="interrupted",
        created_at=now,
        python=origin.python,
        forked_from=origin.session_id,
        forked_at=at,
    )
    store.create(
        new,
        [row for row in recorded if row.seq in seqs],
        _lines(lines, entries, kept, recorded[-1].seq),
        blobs=sorted({entry.blob for entry in kept if isinstance(entry, Outcome) and entry.blob}),
    )
    return Forked(new.session_id, new.state, origin.session_id, at, _cut_off(kept))


def _kept(entries: list[Entry]) -> list[Entry]:
    """Return the entries that a fork has: not the end, and no store call without its outcome, which is one write."""
    settled = {(entry.lane, entry.n) for entry in entries if isinstance(entry, Outcome)}
    return [
        entry
        for entry in entries
        if not isinstance(entry, End) and not (isinstance(entry, StoreCall) and (entry.lane, entry.n) not in settled)
    ]


def _cut_off(entries: list[Entry]) -> list[str]:
    settled = {(entry.lane, entry.n) for entry in entries if isinstance(entry, Outcome)}
    begun = {(entry.lane, entry.n): entry.name for entry in entries if isinstance(entry, Activity)}
    return [name for key, name in begun.items() if key not in settled]


def _lines(lines: list[Line], entries: list[Entry], kept: list[Entry], at: int) -> list[Line]:
    """Return the lines that a fork's log has, in the order in which they were written."""
    # What is recorded with an entry, or about it, is older than the entry after it.
    until = dict(zip((entry.seq for entry in entries), [entry.at for entry in entries[1:]] + [math.inf], strict=True))
    by_lane: dict[str, list[tuple[int, Line]]] = defaultdict(list)
    for position, line in enumerate(lines):
        by_lane[line.lane].append((position, line))
    asides = _set_aside(entry for entry in entries if entry.seq <= at)
    written: dict[str, int] = defaultdict(int)
    inside: dict[str, float] = {}
    for entry in kept:
        if isinstance(entry, Outcome):
            written[entry.lane] = max(written[entry.lane], entry.lines)
            inside[f"{entry.lane}:{entry.n}"] = until[entry.seq]
    found: list[tuple[int, Line]] = []
    for lane, its in by_lane.items():
        if lane in inside:
            found += [(position, line) for position, line in its if line.at <= inside[lane]]
        elif lane == FOREIGN or lane.startswith(LOADING):
            found += [(position, line) for position, line in its if line.at <= until[at]]
        else:
            found += _that_count(its, asides.get(lane, []))[: written[lane]]
    return [line for _, line in sorted(found)]


def _set_aside(recorded: Iterable[Entry]) -> dict[str, list[tuple[int, int]]]:
    """Return, by lane, what each decision to go back left: how many lines count, and how many after these do not."""
    counts: dict[int, int] = {}
    asides: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for entry in recorded:
        if isinstance(entry, Outcome):
            counts[entry.seq] = entry.lines
        elif isinstance(entry, Forgotten):
            for lane, aside in entry.lines.items():
                asides[lane].append((counts.get(entry.forgets, 0), aside))
    return asides


def _that_count(its: list[tuple[int, Line]], asides: list[tuple[int, int]]) -> list[tuple[int, Line]]:
    counted: list[tuple[int, Line]] = []
    position = 0
    for count, aside in asides:
        taken = count + aside - len(counted)
        counted += its[position : position + taken]
        position += taken
        del counted[count:]
    return counted + its[position:]
