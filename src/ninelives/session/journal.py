"""A session's side of its journal: what was recorded, how far replay has come, and the next entry.

Operations are found by lane and position, outcomes are taken in the one order in which they were delivered.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count
from operator import attrgetter
from typing import Any

import msgspec

from ninelives.errors import JournalNewerError, NinelivesError, StoreCorruptError
from ninelives.session import entries
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
from ninelives.session.halting import halting
from ninelives.session.lanes import LOADING
from ninelives.session.link import Line, Link, Put, Row
from ninelives.session.stop import Halt

Key = tuple[str, int]


class Journal:
    """The journal of one session while a process has it.

    Args:
        link: where it is.
        forgotten: a person's decision that is not recorded yet, and counts already.
        decide: records the decision; called before the first entry that is new. Until then a program that can't be
            loaded, or does not do what is recorded, leaves everything as it was.

    Attributes:
        start: the first entry.
        end: the last entry, once the handler has ended.
        total: how many recorded outcomes there are.
        position: how many of them were delivered again.
        last_at: unix time in seconds of the last recorded entry.
    """

    def __init__(
        self, link: Link, forgotten: Forgotten | None = None, decide: Callable[[], None] | None = None
    ) -> None:
        #: for what is rare; notes and commits of entries go the short way, and turn its errors into `Halt` themselves
        self.link = halting(link)
        self._link = link
        self._decide = decide
        self.start: Start | None = None
        self.end: End | None = None
        self.position = 0
        self.last_at = 0.0
        self.lines_set_aside: dict[str, int] = {}
        #: returns the seq of the next entry
        self.seq: Callable[[], int] = count(1).__next__
        self._operations: dict[str, list[Operation]] = {}
        self._outcomes: list[Outcome] = []
        self._by_key: dict[Key, Outcome] = {}
        #: values were noted that are not on disk yet: nothing leaves the session before they are
        self._ahead = False
        self._held: list[Entry] = []
        with collector_off():
            recorded = self._recorded()
            self._read([*recorded, forgotten] if forgotten is not None else recorded)
        self.total = len(self._outcomes)

    def _recorded(self) -> list[Entry]:
        decode = entries.decode
        try:
            # Each is forgotten when it is decoded: memory that is used again costs less than new one.
            return [decode(data) for _, _, data in self.link.load()]
        except msgspec.MsgspecError as error:
            raise self._unreadable() from error

    def _unreadable(self) -> Exception:
        seq, kind, data = next(row for row in self.link.load() if not _is_entry(row[2]))
        if kind not in KINDS or _format(data) > entries.FORMAT:
            return JournalNewerError(
                f"the journal of session {self.link.session_id} was written by a newer version of ninelives "
                f"(entry {seq}, {kind}); use that version to resume it"
            )
        return StoreCorruptError(f"entry {seq} ({kind}) of the journal of session {self.link.session_id} is damaged")

    def _read(self, recorded: list[Entry]) -> None:
        forgotten = [entry for entry in recorded if type(entry) is Forgotten]
        outcomes, by_key, remember = self._outcomes, self._by_key, self._remember
        for entry in _that_count(recorded, forgotten) if forgotten else recorded:
            cls = type(entry)
            if cls is Outcome:
                outcomes.append(entry)  # type: ignore[arg-type]
                by_key[entry.lane, entry.n] = entry  # type: ignore[union-attr, assignment]
            elif cls is Activity:
                remember(entry)  # type: ignore[arg-type]
            elif cls is Start:
                self._check(entry)  # type: ignore[arg-type]
            elif cls is End:
                self.end = entry  # type: ignore[assignment]
            elif cls is not Forgotten:
                remember(entry)  # type: ignore[arg-type]
        if recorded:
            self.seq = count(recorded[-1].seq + 1).__next__
            self.last_at = max(map(_AT, recorded))
        for entry in forgotten:
            for lane, lines in entry.lines.items():
                self.lines_set_aside[lane] = self.lines_set_aside.get(lane, 0) + lines

    def _check(self, start: Start) -> None:
        if start.format > entries.FORMAT:
            raise JournalNewerError(
                f"the journal of session {self.link.session_id} has format {start.format}, this version reads up to "
                f"{entries.FORMAT}; use a newer ninelives to resume it"
            )
        self.start = start

    def _remember(self, operation: Operation) -> None:
        lane = self._operations.get(operation.lane)
        if lane is None:
            lane = self._operations[operation.lane] = []
        if operation.n > len(lane):
            lane.append(operation)
        else:
            lane[operation.n - 1] = operation

    def lines_that_count(self) -> dict[str, int]:
        """Return how many recorded log lines of each lane replay skips."""
        counts = self.link.line_counts()
        return {lane: lines - self.lines_set_aside.get(lane, 0) for lane, lines in counts.items()}

    # Replay.

    def readings(self, lane: str) -> list[Value]:
        """Return the recorded readings of a module's level."""
        return [operation for operation in self._operations.get(lane, ()) if type(operation) is Value]

    def operation(self, lane: str, n: int) -> Operation | None:
        """Return the recorded operation at a position of a lane."""
        operations = self._operations.get(lane)
        return operations[n - 1] if operations is not None and n <= len(operations) else None

    def recorded(self, key: Key) -> tuple[Operation | None, Outcome | None]:
        """Return the recorded operation at a position of a lane, and its outcome, delivered or not."""
        lane, n = key
        operations = self._operations.get(lane)
        if operations is None or n > len(operations):
            return None, None
        return operations[n - 1], self._by_key.get(key)

    def is_new(self, lane: str, n: int) -> bool:
        """Return whether an operation at a position of a lane is new, and everything recorded was delivered."""
        return self.position >= self.total and n > len(self._operations.get(lane, ()))

    def outcome(self, key: Key) -> Outcome | None:
        """Return the recorded outcome of an operation, delivered or not."""
        return self._by_key.get(key)

    @property
    def exhausted(self) -> bool:
        """Whether every recorded outcome was delivered: what happens from here on is new."""
        return self.position >= self.total

    def next_outcome(self) -> Outcome | None:
        """Return the recorded outcome that is to be delivered next."""
        return self._outcomes[self.position] if self.position < self.total else None

    def deliver(self, outcome: Outcome) -> bool:
        """Count a recorded outcome as delivered; False if it is not the one that comes next."""
        if self.position >= self.total or self._outcomes[self.position] is not outcome:
            return False
        self.position += 1
        return True

    def left_over(self, lanes: dict[str, int]) -> Operation | None:
        """Return the first recorded operation that the program did not come to.

        Args:
            lanes: how many operations each lane has asked for.
        """
        left = [
            operation
            for lane, operations in self._operations.items()
            if not lane.startswith(LOADING)
            for operation in operations[lanes.get(lane, 0) : lanes.get(lane, 0) + 1]
        ]
        return min(left, key=lambda operation: operation.seq, default=None)

    def last_failed(self) -> Outcome | None:
        """Return the outcome of the last activity that failed."""
        failed = [
            outcome
            for outcome in self._outcomes
            if not outcome.ok and type(self.operation(outcome.lane, outcome.n)) is Activity
        ]
        return failed[-1] if failed else None

    def last_begun(self) -> Activity | None:
        """Return the last activity that has begun and has no outcome: it was cut off."""
        begun = [
            operation
            for operations in self._operations.values()
            for operation in operations
            if type(operation) is Activity and (operation.lane, operation.n) not in self._by_key
        ]
        return max(begun, key=lambda operation: operation.seq, default=None)

    # Recording.

    def at(self) -> float:
        """Return the unix time in seconds, for the next entry."""
        return time.time()

    def note(self, entry: Entry, *, ahead: bool = False) -> None:
        """Record an entry that survives a kill; the next commit puts it on disk.

        Args:
            entry: the entry.
            ahead: it must be on disk before anything leaves the session.
        """
        if self._decide is not None:
            self.decide()
        try:
            self._link.note(((entry.seq, KIND[type(entry)], entries.encode(entry)),))
        except NinelivesError as error:
            raise Halt(error) from error
        if ahead:
            self._ahead = True

    def hold(self, entry: Entry) -> None:
        """Record an entry together with the next one: what was recorded is still being given to the program again."""
        if self.exhausted and self._decide is None:
            self.note(entry, ahead=True)
            # What modules do next they do directly.
            self.link.settle()
            return
        if not self._held:
            self._decide = partial(self._record_held, self._decide)
        self._held.append(entry)

    def _record_held(self, decide: Callable[[], None] | None) -> None:
        if decide is not None:
            decide()
        self.link.note([row(entry) for entry in self._held])
        self.link.settle()
        self._held.clear()
        self._ahead = True

    def note_lines(self, lines: Sequence[Line]) -> None:
        """Record log lines that survive a kill."""
        self.decide()
        self.link.note((), lines)

    def decide(self) -> None:
        """Record the decision by which the session goes on, if there is one and it is not recorded yet."""
        if self._decide is not None:
            decide, self._decide = self._decide, None
            decide()

    def note_before_leaving(self, entry: Entry) -> None:
        """Record the start of what is about to leave the session, after everything recorded ahead of it is on disk."""
        (self.commit if self._ahead else self.note)(entry)

    def commit(
        self, *recorded: Entry, lines: Sequence[Line] = (), puts: Sequence[Put] = (), blobs: Sequence[str] = ()
    ) -> bool:
        """Record entries together and return when they are on disk. See `Link.commit`."""
        if self._decide is not None:
            self.decide()
        rows = []
        for entry in recorded:
            rows.append((entry.seq, KIND[type(entry)], entries.encode(entry)))
        try:
            done = self._link.commit(rows, lines, puts=puts, blobs=blobs)
        except NinelivesError as error:
            raise Halt(error) from error
        if done:
            self._ahead = False
        return done


def _that_count(recorded: list[Entry], forgotten: list[Forgotten]) -> list[Entry]:
    """Return the entries that no later decision forgets."""
    return [entry for entry in recorded if not any(later.forgets <= entry.seq < later.seq for later in forgotten)]


@contextmanager
def collector_off() -> Iterator[None]:
    """Let the garbage collector rest while very many objects are made that all stay."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


_AT = attrgetter("at")

#: kind of an entry by class, and the other way round
KIND = {
    cls: str(cls.__struct_config__.tag) for cls in (Start, Activity, Value, Sleep, StoreCall, Outcome, Forgotten, End)
}
KINDS = frozenset(KIND.values())


def row(entry: Entry) -> Row:
    """Return an entry as the row that a link takes."""
    return entry.seq, KIND[type(entry)], entries.encode(entry)


def _is_entry(data: bytes) -> bool:
    try:
        entries.decode(data)
    except msgspec.MsgspecError:
        return False
    return True


def _format(data: bytes) -> int:
    """Return the format that a start entry claims; 0 for any other bytes."""
    try:
        fields: Any = msgspec.msgpack.decode(data)
    except msgspec.MsgspecError:
        return 0
    return int(fields[3]) if isinstance(fields, list) and len(fields) > 3 and fields[0] == "start" else 0
