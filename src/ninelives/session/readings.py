"""Readings of clock and entropy: made once, recorded as values, and given again on replay.

A reading has no outcome of its own: nothing outside changes, so it is noted where it was made. What it raises is a
result too, and what it does to the objects that it was given (``SystemRandom().shuffle(xs)``) is done again.
"""

from __future__ import annotations

import pickle
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from ninelives.session.calls import Call
from ninelives.session.changes import Reach
from ninelives.session.contents import apply
from ninelives.session.entries import Value
from ninelives.session.lanes import Lane, directly, need_room
from ninelives.session.options import DEFAULT
from ninelives.session.render import ATOMS
from ninelives.session.stop import Halt

if TYPE_CHECKING:
    from ninelives.session.clock import Clock
    from ninelives.session.session import Session


class Readings:
    """The readings of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def read(self, lane: Lane, name: str, f: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Read a clock or entropy, once; on replay give what was read.

        Raises:
            BaseException: what the reading raised, now or when it was recorded.
            Halt: the journal has something else here.
        """
        session = self._session
        session.check()
        need_room()
        call = Call(f, name, DEFAULT, args, kwargs)
        clock, recorded = session.clock, None
        if session.loading:
            recorded = session.module_level.next(call)
            clock = session.module_level.clock()
        else:
            lane.n = n = lane.n + 1
            call.key = (lane.name, n)
            call.file, call.line = session.showing.place(sys._getframe(1))
            if not session.journal.is_new(lane.name, n):
                recorded = session.comparison.recorded_reading(name, call.key, (call.file, call.line))
        if recorded is None:
            ok, value = self._now(call, clock)
        else:
            session.clock.seen(recorded.at)
            ok, value = self._again(call, recorded)
        # Raised here, now and on replay, so that a traceback which the program prints has the same lines.
        if ok:
            return value
        raise value

    def _again(self, call: Call, recorded: Value) -> tuple[bool, Any]:
        session, data = self._session, recorded.data
        if data[:1] == b"\x80" and not recorded.changed:
            return recorded.ok, pickle.loads(data)
        reach, live = self._reach(call), session.live
        with directly():
            live.was_asked = False
            value = session.values.decode(data, recorded.blob, reach.objects)
            if live.was_asked:
                live.remake_with(call.key, partial(self._remake, call), reopens=False)
            if recorded.changed:
                value, changes = value
                for changed, name in apply(changes, reach.objects):
                    live.lose(changed, name)
        return recorded.ok, value

    def _now(self, call: Call, clock: Clock) -> tuple[bool, Any]:
        session, journal = self._session, self._session.journal
        reach = self._reach(call) if call.has_objects() else None
        if reach is not None:
            reach.watch()
        try:
            ok, value = True, clock.read(call.name, call.function, call.args, call.kwargs)
        except Halt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it raises is its result
            ok, value = False, error
        entry = Value(journal.seq(), time.time(), *call.key, call.name, b"", ok, "", False, call.file, call.line)
        if reach is None and type(value) in ATOMS and not (type(value) in (str, bytes) and len(value) > _SHORT):
            entry.data = pickle.dumps(value, 5)
            self._note(entry)
            return ok, value
        with directly():
            changes = reach.changes() if reach is not None else []
            known, objects = (reach.index, reach.objects) if reach is not None else ({}, [])
            encoded = session.values.encode(call.key, (value, changes) if changes else value, known, objects)
        entry.data, entry.blob, entry.changed = encoded.data, encoded.blob, bool(changes)
        lines = session.remarks(call.name, encoded.leaves, changes)
        if encoded.blob or lines:
            journal.commit(entry, lines=lines, blobs=(encoded.blob,) if encoded.blob else ())
        else:
            self._note(entry)
        if not changes:
            return ok, encoded.value
        given, changes = encoded.value
        apply(changes, objects)
        return ok, given

    def _note(self, entry: Value) -> None:
        if self._session.loading:
            self._session.journal.hold(entry)
        else:
            self._session.journal.note(entry, ahead=True)

    def _remake(self, call: Call) -> list[Any]:
        """Read again for what could not be saved."""
        reach = self._reach(call)
        with directly():
            value = self._session.clock.read(call.name, call.function, call.args, call.kwargs)
            return self._session.values.leaves(call.key, value, reach.index)

    def _reach(self, call: Call) -> Reach:
        classifier = self._session.classifier
        return Reach(
            [call.function, *call.args, *call.kwargs.values()], classifier.user_class, classifier.user_function
        )


#: Characters or bytes of a reading that are written as they are, without asking how long the journal's values may be.
_SHORT = 4096
