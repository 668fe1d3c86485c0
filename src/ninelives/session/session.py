"""One session: its state machine, from the handler's first line to the end entry, live and on replay."""

from __future__ import annotations

import builtins
import hashlib
import importlib
import json
import os
import sys
import threading
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from ninelives.code.classify import Classifier
from ninelives.code.importer import UserCode, user_builtins
from ninelives.code.rules import Rules
from ninelives.errors import DeadlockError, NinelivesError, StoppedError
from ninelives.session import functions, guard, handler, render, sdk, tracebacks
from ninelives.session.activities import Activities
from ninelives.session.attributes import Attributes
from ninelives.session.baton import Baton
from ninelives.session.clock import Clock
from ninelives.session.collecting import YOUNG, Collector
from ninelives.session.crossings import Crossings
from ninelives.session.divergence import Comparison
from ninelives.session.entries import End, Outcome
from ninelives.session.handed import Handed
from ninelives.session.journal import Journal, row
from ninelives.session.lanes import Lane, active, directly, lane_here, thread_lane
from ninelives.session.link import Link
from ninelives.session.live import LiveValues
from ninelives.session.loading import Loading
from ninelives.session.observer import Observer
from ninelives.session.output import Output, Streams
from ninelives.session.readings import Readings
from ninelives.session.scheduler import Scheduler
from ninelives.session.showing import Showing
from ninelives.session.specials import Specials
from ninelives.session.stop import Halt
from ninelives.session.stored import Stored
from ninelives.session.timers import Timers
from ninelives.session.userdefined import LocalClasses
from ninelives.session.values import Values

if TYPE_CHECKING:
    from ninelives.session.bridge import Bridge
    from ninelives.session.loop import SessionLoop
    from ninelives.session.threads.modules import PrivateModules

#: Folders of ninelives itself, as it was found and as it is: its frames are not shown to users.
_OWN = {os.path.join(str(path.parent.parent), "") for path in (Path(__file__), Path(__file__).resolve())}
_OWN_FRAMES = (*_OWN, "<frozen importlib")


#: Modules of which user code gets a copy: `ninelives.session.threads.modules`.
_COPIED = frozenset(
    {
        "_thread",
        "concurrent",
        "concurrent.futures",
        "concurrent.futures._base",
        "concurrent.futures.thread",
        "queue",
        "threading",
    }
)


class Setting(NamedTuple):
    """Where a session runs, and with what."""

    #: the code directory, whose files are rewritten
    code_dir: Path
    #: folder of rewritten code; None keeps none
    cache: Path | None
    observer: Observer
    stdout: TextIO
    stderr: TextIO
    #: cut out of every rendering, log line and error
    secrets: frozenset[str] = frozenset()
    #: where the code was when the session started, if that is somewhere else
    former_dir: str = ""
    #: the code was repaired since the journal was written: changed arguments only warn
    repaired: bool = False
    #: another process had the session before
    resumed: bool = False
    #: a person has seen that a call which was cut off may be made again
    retry_interrupted: bool = False
    #: what the project adds to the rules
    rules: Mapping[str, str] = MappingProxyType({})


class Ended(NamedTuple):
    """How the handler ended."""

    state: str
    exit_code: int
    #: the result, rendered
    result: str
    #: type, message and traceback of what it raised
    error: dict[str, str] | None


class Session:
    """Runs a handler over a journal. One process runs one session at a time.

    Args:
        link: the worker.
        setting: where it runs, and with what.
        journal: what is recorded, if it has been read already.
    """

    def __init__(self, link: Link, setting: Setting, journal: Journal | None = None) -> None:
        self.id = link.session_id
        self.has_bridge = False
        #: threads that are nobody's in the program
        self.threads_before = set(threading.enumerate())
        self.setting = setting
        self.observer = setting.observer
        self.journal = journal or Journal(link)
        self.link = link = self.journal.link
        start = self.journal.start
        if start is None:
            raise StoppedError(f"the journal of session {self.id} has no start")
        self.start = start
        self.seed = start.seed
        self.clock = Clock(start.at, self.journal.last_at)
        self.delivered_at = start.at
        self.builtins: dict[str, Any] = {}
        self.code = UserCode(setting.code_dir, self.builtins, setting.cache)
        self.showing = Showing(self.code, setting.secrets, setting.former_dir)
        self.output = Output(
            self.journal, setting.stdout, setting.stderr, self.showing.hide, setting.observer.output_lost
        )
        self.timers = Timers(self)
        self.scheduler = Scheduler(self.journal, self.clock.now, self.timers.tell, self._places, self.delivered)
        self.comparison = Comparison(self)
        self.live = LiveValues(lambda: self.journal.exhausted, self.showing.hide, self._unpacked)
        self.live.wait = self._wait_outside
        self.classifier = Classifier(Rules(setting.rules), self.builtins)
        self.values = Values(link, self.live, self.classifier.user_class, self.own_frame)
        self.activities = Activities(self)
        self.module_level = Loading(self)
        self.readings = Readings(self)
        self.stored = Stored(self)
        self.specials = Specials(self)
        self.handed = Handed(self)
        self.crossings = Crossings(self)
        self.attributes = Attributes(self)
        self.hooks = guard.hooks(self, self.builtins)
        self.builtins.update(user_builtins(self.hooks))
        self.builtins["__import__"] = self._import
        self._private: PrivateModules | None = None
        self.local_classes = LocalClasses()
        self.builtins["__build_class__"] = self.local_classes.build
        self.lanes: dict[str, Lane] = {}
        self.lane = Lane(self, "0")
        self.baton = Baton(self, self.lane)
        self.scheduler.baton = self.baton
        #: how many tasks and futures have a number, and how many tasks a name
        self.serial = self.tasks = 0
        self.collector = Collector()
        #: why the session has to leave the user's code
        self.halted: BaseException | None = None
        self._warned: set[str] = set()

    # Running.

    def run(self) -> Ended:
        """Run the handler to its end, giving it what is recorded first.

        Returns:
            how it ended; recorded.

        Raises:
            NinelivesError: the session can't go on: a rule stops it, or the worker can't record.
        """
        self.observer.session_started(self.id)
        streams = Streams()
        functions.install_sleep()
        arguments, sys.argv = sys.argv, [self._file()]
        active.enter(self, self.lane)
        streams.install()
        self.code.install()
        try:
            return self._end(self._outcome())
        except Halt as halt:
            raise self.halted.error if isinstance(self.halted, Halt) else halt.error from halt
        finally:
            self._end_threads()
            self.code.uninstall()
            streams.uninstall()
            active.leave()
            sys.argv = arguments
            # What it finds now is no part of the session any more.
            self.collector.end()

    def _file(self) -> str:
        """Return the path of the handler's file: where it was when the session started, wherever it is now."""
        folder = self.setting.former_dir or str(self.setting.code_dir)
        return os.path.join(folder, self.start.entry_point.rpartition(":")[0])

    def _outcome(self) -> tuple[bool, Any]:
        try:
            called = handler.load(self.code, self.start.entry_point)
            self.observer.handler_loaded()
            self.collector.begin()
            value = handler.call(called, self.start.event, self.id)
            if handler.is_awaitable(value):
                value = self.run_async(value)
            ended = True, value
        except Halt:
            raise
        except NinelivesError:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever the program raises is how it ended
            self.check()
            ended = False, error
        if self._private is not None:
            self._wait_for_threads(self._private, ended)
        self.collector.collect_all()
        return ended

    def _wait_for_threads(self, private: PrivateModules, ended: tuple[bool, Any]) -> None:
        """Wait for the threads that are no daemons, as Python does at its end."""
        try:
            private.shut_down()
        except Halt as halt:
            ok, value = ended
            if not ok and isinstance(halt.error, DeadlockError):
                # The threads may well wait for what the handler would have done.
                raised = self.showing.hide(render.error_text(value))
                halt.error = DeadlockError(f"{halt.error}; before that the handler raised {raised}")
            raise

    def _end_threads(self) -> None:
        """Unwind the threads that still wait; their ``finally`` blocks do and print nothing any more."""
        if self.baton.many:
            self.halted = self.halted or SystemExit()
            self.output.muted = True
            self.baton.end()

    def _end(self, outcome: tuple[bool, Any]) -> Ended:
        self.check()
        left = self.journal.left_over({name: lane.n for name, lane in self.lanes.items()})
        ok, value = outcome
        if left is not None:
            raised = "" if ok else self.showing.hide(tracebacks.ending(value, self.code))
            raise self.comparison.left_over(left, raised)
        with directly():
            ended = self._describe(ok, value)
        self.output.finish()
        data = self.values.pack(value) if ok else None
        entry = End(self.journal.seq(), self.clock.now(), ended.state, data or b"")
        entry.shown, entry.error = ended.result, ended.error
        error = "" if ended.error is None else json.dumps(ended.error)
        self.journal.decide()
        self.link.finish((row(entry),), state=ended.state, result=ended.result, error=error)
        return ended

    def _describe(self, ok: bool, value: Any) -> Ended:
        if ok:
            return Ended("completed", 0, render.cut(self.showing.hide(render.result(value))), None)
        if isinstance(value, SystemExit) and value.code in (None, 0):
            return Ended("completed", 0, "None", None)
        error = tracebacks.describe(value, self.code, self.own_frame, self.showing.hide)
        if isinstance(value, SystemExit):
            # As in Python: no traceback, a number is the exit code, anything else is said.
            said = "" if isinstance(value.code, int) else self.showing.hide(f"{tracebacks.message(value)}\n")
            return Ended("error", value.code if isinstance(value.code, int) else 1, "", error | {"traceback": said})
        return Ended("error", 1, "", error)

    def run_async(self, main: Any) -> Any:
        """Run a coroutine to its end on a new event loop of the session, and return its result."""
        from ninelives.session.asyncfunctions import run

        return run(self, handler.as_coroutine(main))

    def event_loop(self) -> SessionLoop:
        """Return the event loop of the calling thread."""
        lane = self.baton.here().lane
        if lane.loop is None or lane.loop.is_closed():
            lane.loop = self.new_event_loop()
        return lane.loop

    @cached_property
    def bridge(self) -> Bridge:
        """What outside code does to objects of the session."""
        # Late: it imports asyncio, and nothing has a name before the first object.
        from ninelives.session.bridge import Bridge

        self.has_bridge = True
        return Bridge(self)

    def may_be_bridged(self) -> bool:
        """Return whether outside code is left that may do something to an object of the session."""
        return self.has_bridge and self.bridge.may_come()

    def _wait_outside(self, awaitable: Any) -> Any:
        return self.event_loop().outside.wait(awaitable)

    def new_event_loop(self) -> SessionLoop:
        """Return a new event loop."""
        # Late: asyncio takes 20 ms to import, and most programs need none.
        from ninelives.session.loop import SessionLoop

        return SessionLoop(self, lane_here() or self.lane)

    @staticmethod
    def running_loop() -> SessionLoop | None:
        """Return the session's loop that runs the code which asks; None on the outside loop under it too."""
        lane = thread_lane()
        return lane.running if lane is not None else None

    @property
    def loading(self) -> bool:
        """Whether user modules are being loaded: what they call then is direct."""
        return self.code.loading > 0

    @property
    def goes_on(self) -> bool:
        """Whether the session has not been told to leave the user's code."""
        return self.halted is None

    @property
    def private(self) -> PrivateModules:
        """The copies of `threading` and the like that user code gets."""
        if self._private is None:
            from ninelives.session.threads.modules import PrivateModules

            self._private = PrivateModules(self)
            self.classifier.private = self._private.builtins
        return self._private

    def foreign(self, what: str) -> Halt:
        """Return what stops the session when code on no lane does what only lanes may; lanes that wait are woken."""
        halt = Halt(StoppedError(what))
        self.scheduler.interrupt(self.check)
        return halt

    def check(self) -> None:
        """Go on, unless the session has to leave the user's code.

        Raises:
            Halt: it has to.
        """
        if self.halted is not None:
            raise self.halted

    def halt(self, halt: Halt) -> None:
        """Leave the user's code at once: nothing more is recorded, done or printed."""
        self.halted = self.halted or halt
        self.output.muted = True

    @staticmethod
    def own_frame(path: str) -> bool:
        """Return whether a file is ours, or Python's import machinery."""
        return path.startswith(_OWN_FRAMES)

    def warn_of_globals(self, name: str) -> None:
        """Say, once, that an activity changes module globals, which are not followed."""
        if name not in self._warned:
            self._warned.add(name)
            text = f"{name} is an activity and changes globals, which no restart does again; return values instead"
            self.output.show("stderr", f"ninelives: warning: {text}\n")

    def delivered(self, outcome: Outcome) -> None:
        """Set the session's clock: it stands still between deliveries."""
        at = outcome.at
        if at > self.delivered_at:
            self.delivered_at = at
            self.clock.last = max(self.clock.last, at)
        collector = self.collector
        collector.deliveries += 1
        if collector.deliveries % YOUNG == 0:
            collector.collect()

    @cached_property
    def key(self) -> str:
        """Begins the idempotency keys: another session may get the same id, after this one or in another store."""
        # A digest, since the seed tells what the session's random numbers are.
        return f"{self.id}-{hashlib.sha256(str(self.seed).encode()).hexdigest()[:12]}"

    def _places(self) -> str:
        if self.baton.many:
            return self.baton.places()
        return self.lane.loop.places() if self.lane.loop is not None else ""

    def _unpacked(self, data: bytes) -> Any:
        return self.values.unpack(data)

    def _import(self, name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        """Import as Python does; what has to do with threads is the session's own copy."""
        if level == 0:
            if name in _COPIED or name.startswith("concurrent.futures."):
                return self.private.imported(name, fromlist)
            if name.partition(".")[0] == "autokitteh":
                # Before the program can take a stand-in from it.
                builtins.__import__("autokitteh")
                sdk.bind()
        return builtins.__import__(name, globals, locals, fromlist, level)

    def import_module(self, name: str, package: str | None = None) -> Any:
        """Do what `importlib.import_module` does, with the same copies."""
        if name in _COPIED or name.startswith("concurrent.futures."):
            return self.private.imported(name, ("*",))
        return importlib.import_module(name, package)
