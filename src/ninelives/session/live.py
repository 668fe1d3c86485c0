"""Live values: clients, connections, locks, cursors, what can't be saved.

The journal holds a reference in their place: the operation they came from, and which leaf of its result they are. On
replay user code gets a *stand-in* of the same class; the value is made again by the same call, and only when
something live needs it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from ninelives.code.naming import class_name
from ninelives.errors import NotRestorableError
from ninelives.session import drivers, setups, transactions
from ninelives.session.descriptors import Descriptors
from ninelives.session.livetypes import FILES, NOT_RESTORABLE, WITH_STATE, again, is_importable
from ninelives.session.standins import Reference, StandIn, Step, become, reference, stand_in
from ninelives.session.stop import Halt

#: What the journal holds in place of a live leaf: "live", lane, position, number of the leaf, class or None, class
#: name.
Leaf = tuple[str, str, int, int, type | None, str]

#: Of a leaf: lane, position, number.
Place = tuple[str, int, int]


_ADVICE = "can't be made again after a restart; put the calls that use it into one @activity"


class LiveValues:
    """The live values of one session, by the operation that made them."""

    def __init__(
        self, is_replayed: Callable[[], bool], hide: Callable[[str], str], unpack: Callable[[bytes], Any]
    ) -> None:
        #: whether everything recorded was given to the program again
        self.is_replayed = is_replayed
        #: cuts secrets out of a text
        self.hide = hide
        #: returns the value that was packed
        self.unpack = unpack
        #: classes of live values, and classes of which no object is one: these are read directly (`attributes`)
        self.classes: set[type] = set()
        self.read_directly: set[type] = set()
        #: by live value, the stand-ins that were read of it, by attribute: they are its parts, and stay with it
        self.given: dict[Place, dict[str, StandIn]] = {}
        #: waits for what a call that sets a value up gave to be awaited
        self.wait: Callable[[Any], Any] = lambda awaitable: awaitable
        #: whether any stand-in was given to the program
        self.any_stand_ins = False
        #: operations whose live values something was called on, by the record
        self.used: set[tuple[str, int]] = set()
        #: whether any call gave a database connection, or worked on one
        self.connected = False
        #: by operation that worked on a database connection or gave one: the connection
        self.connections: dict[tuple[str, int], Place] = {}
        #: by connection, whether a transaction is open
        self.is_open: dict[Place, bool] = {}
        #: connections whose open transaction has only read
        self.only_read: set[Place] = set()
        #: by connection, the transactions that the record leaves open
        self.transactions: dict[Place, transactions.Open] = {}
        #: `sqlite3` databases in memory
        self.in_memory: set[Place] = set()
        #: what is done to values that are made again, in its order (`setups`)
        self.steps: dict[Place, list[Step]] = {}
        #: statements that can't be made again, by connection or cursor that ended with them
        self.broken: dict[Place, str] = {}
        #: whether a stand-in or a live value was asked for since this was last set to False
        self.was_asked = False
        # Held weakly where Python can: what a program no longer holds is closed then, as without us.
        self._values: dict[tuple[str, int, int], Callable[[], Any]] = {}
        self._pids: dict[int, Leaf] = {}
        #: what was made again, by ``id`` of what has become it: its end may close what that has taken over
        self._made: dict[int, Any] = {}
        self.descriptors = Descriptors()
        self._reopened: set[tuple[str, int]] = set()
        self._lost: dict[int, tuple[Any, str]] = {}
        self._remakers: dict[tuple[str, int], Callable[[], list[Any]]] = {}

    def pid(self, key: tuple[str, int], number: int, value: Any) -> Leaf:
        """Return what the journal holds for a leaf."""
        cls = type(value)
        name = class_name(cls)
        return ("live", *key, number, cls if is_importable(cls) else None, name)

    def record(self, key: tuple[str, int], leaves: list[Any]) -> None:
        """Remember the live leaves of a result that has just come from the outside."""
        for number, value in enumerate(leaves):
            self._keep(key, number, value)

    def find(self, value: Any) -> Leaf | None:
        """Return the reference of a value that an earlier result already holds."""
        return self._pids.get(id(value))

    def place(self, value: Any) -> Place | None:
        """Return the place of a live value or its stand-in; None if no recorded call gave it."""
        if type(value) is StandIn:
            ref = reference(value)
            return (*ref.key, ref.number)
        pid = self._pids.get(id(value))
        return None if pid is None else pid[1:4]

    def held(self, place: Place) -> Any:
        """Return the live value or the stand-in at a place, if the program still holds it."""
        return self._value(place)

    def made_again(self, value: Any) -> Reference | None:
        """Return the reference of a value that a stand-in has become."""
        if id(value) not in self._made:
            return None
        pid = self._pids[id(value)]
        return Reference(self, pid[1:3], pid[3], pid[4], pid[5])

    def as_given(self, value: Any) -> Any:
        """Return the stand-in that the program has for a live value; any other value as it is."""
        pid = self._pids.get(id(value))
        return value if pid is None else self.get(pid)

    def lose(self, value: Any, name: str) -> None:
        """Remember that an object is not what it was when it was recorded: it must not be used any more.

        Raises:
            Halt: the program may use it without our seeing it.
        """
        if type(value).__module__ == "builtins":
            raise Halt(lost_change(name))
        self._lost[id(value)] = (value, name)

    def check_not_lost(self, objects: list[Any]) -> None:
        """See to it that a call reaches no object that was lost.

        Raises:
            Halt: it does.
        """
        if self._lost:
            for value in objects:
                if id(value) in self._lost:
                    raise Halt(lost_change(self._lost[id(value)][1]))

    def opened(self, key: tuple[str, int]) -> None:
        """Take note that a call of this process opened a file, which another one can open again."""
        self._reopened.add(key)

    def remake_with(self, key: tuple[str, int], remaker: Callable[[], list[Any]], reopens: bool) -> None:
        """Say how the leaves of a replayed operation are made again, and whether it opened a file that is reopened."""
        self._remakers[key] = remaker
        if reopens:
            self._reopened.add(key)

    def get(self, pid: Leaf) -> Any:
        """Return the live value of a reference: itself in the process that made it, else its stand-in."""
        _, lane, position, number, cls, name = pid
        self.was_asked = True
        found = self._value((lane, position, number))
        if found is None:
            self.any_stand_ins = True
            found = stand_in(Reference(self, (lane, position), number, cls, name))
            self._hold((lane, position, number), found)
        return found

    def _value(self, place: tuple[str, int, int]) -> Any:
        held = self._values.get(place)
        return None if held is None else held()

    def _hold(self, place: tuple[str, int, int], value: Any) -> None:
        try:
            self._values[place] = weakref.ref(value, lambda gone: self._forget(place, gone))
        except TypeError:
            self._values[place] = lambda: value

    def _forget(self, place: tuple[str, int, int], gone: Any) -> None:
        if self._values.get(place) is gone:
            del self._values[place]
            self.given.pop(place, None)

    def _name(self, value: Any, pid: Leaf) -> None:
        """Remember by which reference a value goes, as long as it is there."""
        ident = id(value)
        self._pids[ident] = pid
        cls = type(value)
        if cls.__module__ != "builtins":
            self.classes.add(cls)
            self.read_directly.discard(cls)

        def forget() -> None:
            self._pids.pop(ident, None)
            self._made.pop(ident, None)

        try:
            weakref.finalize(value, forget).atexit = False
        except TypeError:
            # It has no weak references, so it stays: its ``id`` must not become another's.
            self._made[ident] = value

    def remake(self, ref: Reference) -> Any:
        """Make the values of an operation again and return the one that is asked for.

        Raises:
            Halt: the call did not give the same live values again.
        """
        key, number, name = ref.key, ref.number, ref.name
        self._check_can_be_made(ref)
        stand_ins = {place[2]: held() for place, held in self._values.items() if place[:2] == key}
        remaker = self._remakers.get(key)
        leaves = remaker() if remaker is not None else []
        if number >= len(leaves):
            raise Halt(NotRestorableError(f"{name} of operation {key[0]}:{key[1]} {_ADVICE}"))
        for position, leaf in enumerate(leaves):
            pid = self.pid(key, position, leaf)
            self._name(leaf, pid)
            waiting = stand_ins.get(position)
            if type(waiting) is StandIn:
                ref = reference(waiting)
                ref.made(leaf)
                ref.real = waiting if become(waiting, leaf) else leaf
                self._name(waiting, pid)
                self._made[id(waiting)] = leaf
        for position, leaf in enumerate(leaves):
            setups.repeat(self, leaf, self.steps.pop((*key, position), []))
        found = stand_ins.get(number)
        return found if found is not None and type(found) is not StandIn else leaves[number]

    def keeps(self) -> str:
        """Return the class of a live value in this process that no other one could have as it is; "": there is none."""
        if any(self.is_open.values()):
            return "an open transaction"
        if self.descriptors.any_open:
            return "a file descriptor"
        for place, held in list(self._values.items()):
            value = held()
            if type(value) is StandIn:
                ref = reference(value)
                value = ref.real if ref.is_made() else None
            name = class_name(type(value))
            listed = name in NOT_RESTORABLE or self._has_state(type(value), name, place[:2])
            if listed and getattr(value, "closed", False) is not True:
                return name
        return ""

    def _has_state(self, cls: type | None, name: str, key: tuple[str, int]) -> bool:
        if name in FILES:
            return key not in self._reopened
        return name in WITH_STATE or again(cls, name) is not None or drivers.role(cls) == "cursor"

    def repeat_late(self) -> None:
        """Set up values that were made again before replay came to the calls that set them up."""
        for place in list(self.steps):
            value = self._value(place)
            if type(value) is StandIn:
                ref = reference(value)
                value = ref.real if ref.is_made() else None
            if value is not None:
                setups.repeat(self, value, self.steps.pop(place))

    def _check_can_be_made(self, ref: Reference) -> None:
        place = (*ref.key, ref.number)
        cut = self.transactions.get(place) or self.transactions.get(self.connections.get(ref.key, place))
        if cut is not None and self.is_replayed():
            raise Halt(transactions.lost(cut))
        has_state = self._has_state(ref.cls, ref.name, ref.key)
        if ref.name in NOT_RESTORABLE or (has_state and ref.key in self.used):
            raise Halt(NotRestorableError(f"{ref.name} {_ADVICE}"))
        if place in self.broken:
            statement = self.hide(self.broken[place])[:200]
            raise Halt(NotRestorableError(f"{ref.name}, and what '{statement}' made on it, {_ADVICE}"))

    def _keep(self, key: tuple[str, int], number: int, value: Any) -> None:
        self._hold((*key, number), value)
        self._name(value, self.pid(key, number, value))


def lost_change(name: str) -> NotRestorableError:
    """Return the error of an object that is not what it was when its process ended."""
    return NotRestorableError(
        f"a {name} that an activity was given was changed by it, and the change can't be made again; "
        "put the calls that use it into one @activity"
    )
