"""One session: its state machine, from the handler's first line to the end entry, live and on replay."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from ninelives.code.classify import Classifier
from ninelives.code.importer import UserCode, user_builtins
from ninelives.code.rules import Rules
from ninelives.errors import NinelivesError, StoppedError
from ninelives.session import divergence, functions, guard, handler, render, sdk, tracebacks
from ninelives.session.activities import Activities
from ninelives.session.clock import Clock
from ninelives.session.crossings import Crossings
from ninelives.session.entries import End, Operation, Outcome, Sleep, Value
from ninelives.session.halting import halting
from ninelives.session.handed import Handed
from ninelives.session.journal import Journal, row
from ninelives.session.lanes import Lane, active, directly
from ninelives.session.link import Link
from ninelives.session.live import LiveValues
from ninelives.session.observer import Observer
from ninelives.session.output import Output, Streams
from ninelives.session.scheduler import Expected, Scheduler
from ninelives.session.specials import Specials
from ninelives.session.stop import Halt
from ninelives.session.stored import Stored
from ninelives.session.userdefined import LocalClasses
from ninelives.session.values import Values

if TYPE_CHECKING:
    from ninelives.session.loop import SessionLoop

#: Folder of ninelives itself: its frames are not shown to users.
OWN = os.path.join(str(Path(__file__).resolve().parent.parent), "")


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
        self.link = link = halting(link)
        self.setting = setting
        self.observer = setting.observer
        self.journal = journal or Journal(link)
        self.journal.link = link
        start = self.journal.start
        if start is None:
            raise StoppedError(f"the journal of session {self.id} has no start")
        self.start = start
        self.seed = start.seed
        self.clock = Clock(start.at, self.journal.last_at)
        self.delivered_at = start.at
        self.output = Output(link, setting.stdout, setting.stderr, self.journal.lines_set_aside, self.hide)
        self.scheduler = Scheduler(self.journal, self._waits)
        self.live = LiveValues()
        self.builtins: dict[str, Any] = {}
        self.classifier = Classifier(Rules(setting.rules), self.builtins)
        self.values = Values(link, self.live, self.classifier.user_class, self.own_frame)
        self.activities = Activities(self)
        self.stored = Stored(self)
        self.specials = Specials(self)
        self.handed = Handed(self)
        self.crossings = Crossings(self)
        self.hooks = guard.hooks(self, self.builtins)
        self.builtins.update(user_builtins(self.hooks))
        self.builtins["__import__"] = _import
        self.local_classes = LocalClasses()
        self.builtins["__build_class__"] = self.local_classes.build
        self.code = UserCode(setting.code_dir, self.builtins, setting.cache)
        self.lanes: dict[str, Lane] = {}
        self.lane = Lane(self, "0")
        self.loop: SessionLoop | None = None
        self._halted: Halt | None = None
        self._secrets = sorted((secret for secret in setting.secrets if secret), key=len, reverse=True)
        self._code_dirs = [folder for folder in (str(setting.code_dir), setting.former_dir) if folder]
        self._files: dict[str, str] = {}
        self._warned: set[tuple[str, int]] = set()

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
        active.enter(self, self.lane)
        streams.install()
        self.code.install()
        try:
            return self._end(self._outcome())
        except Halt as halt:
            raise self._halted.error if self._halted is not None else halt.error from halt
        finally:
            self.code.uninstall()
            streams.uninstall()
            active.leave()

    def _outcome(self) -> tuple[bool, Any]:
        try:
            called = handler.load(self.code, self.start.entry_point)
            value = handler.call(called, self.start.event, self.id)
            if handler.is_awaitable(value):
                value = self.run_async(value)
            return True, value
        except Halt:
            raise
        except NinelivesError:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever the program raises is how it ended
            self.check()
            return False, error

    def _end(self, outcome: tuple[bool, Any]) -> Ended:
        self.check()
        left = self.journal.left_over({name: lane.n for name, lane in self.lanes.items()})
        if left is not None:
            raise divergence.left_over(self, left)
        ok, value = outcome
        with directly():
            ended = self._describe(ok, value)
        self.output.finish()
        data = self.values.pack(value) if ok else None
        entry = End(self.journal.seq(), time.time(), ended.state, data or b"")
        entry.shown, entry.error = ended.result, ended.error
        error = "" if ended.error is None else json.dumps(ended.error)
        self.link.finish((row(entry),), state=ended.state, result=ended.result, error=error)
        return ended

    def _describe(self, ok: bool, value: Any) -> Ended:
        if ok:
            return Ended("completed", 0, render.cut(self.hide(render.result(value))), None)
        if isinstance(value, SystemExit) and value.code in (None, 0):
            return Ended("completed", 0, "None", None)
        error = tracebacks.describe(value, self.own_frame, self.hide)
        code = value.code if isinstance(value, SystemExit) and isinstance(value.code, int) else 1
        return Ended("error", code, "", error)

    def run_async(self, main: Any, **_: Any) -> Any:
        """Run a coroutine to its end on the session's event loop, and return its result."""
        if self.loop is not None and self.loop.is_running():
            raise RuntimeError("asyncio.run() cannot be called from a running event loop")
        loop = self.event_loop()
        try:
            return loop.run_until_complete(handler.as_coroutine(main))
        finally:
            loop.close()
            self.loop = None

    def event_loop(self) -> SessionLoop:
        """Return the session's event loop."""
        if self.loop is None:
            # Late: asyncio takes 20 ms to import, and most programs need none.
            from ninelives.session.loop import SessionLoop

            self.loop = SessionLoop(self, self.lane)
        return self.loop

    @property
    def loading(self) -> bool:
        """Whether user modules are being loaded: what they call then is direct."""
        return self.code.loading > 0

    def check(self) -> None:
        """Go on, unless the session has to leave the user's code.

        Raises:
            Halt: it has to.
        """
        if self._halted is not None:
            raise self._halted

    def halt(self, halt: Halt) -> None:
        """Leave the user's code at once: nothing more is recorded, done or printed."""
        self._halted = self._halted or halt
        self.output.muted = True

    @staticmethod
    def own_frame(path: str) -> bool:
        """Return whether a file is ours, or Python's import machinery."""
        return path.startswith((OWN, "<frozen importlib"))

    def is_activity(self, guarded: Any) -> bool:
        """Return whether a guarded callable is an activity."""
        return getattr(guarded, "func", None) == self.activities.call

    # Waiting.

    def sleep(self, lane: Lane, seconds: float) -> None:
        """Sleep on a lane: durably, and only for what is left of it."""
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        if seconds == 0:
            return
        woken: list[bool] = []
        self.start_timer(lane, self.clock.wall() + seconds, lambda: woken.append(True))
        while not woken:
            self.scheduler.deliver_one()

    def start_timer(self, lane: Lane, until: float, fire: Callable[[], None]) -> tuple[str, int]:
        """Start a durable timer of a lane, and return its key.

        Args:
            lane: the lane.
            until: unix time in seconds; a recorded timer has its own.
            fire: called when it is delivered.
        """
        self.check()
        lane.n += 1
        key = (lane.name, lane.n)
        recorded = self.journal.operation(*key)
        if recorded is None:
            if not self.journal.exhausted:
                raise Halt(divergence.not_recorded(self, "sleep", key, "", self.place(sys._getframe(1))))
            file, line = self.place(sys._getframe(1))
            recorded = Sleep(self.journal.seq(), time.time(), *key, until, file, line)
            self.journal.note(recorded, ahead=True)
        elif type(recorded) is not Sleep:
            raise Halt(divergence.other(self, recorded, "sleep", "", self.place(sys._getframe(1))))

        def fired() -> None:
            outcome = Outcome(self.journal.seq(), time.time(), *key, True)
            outcome.lines = self.output.lines_of(lane.name)
            self.journal.commit(outcome)
            self._delivered(outcome)
            fire()

        def replayed(outcome: Outcome) -> None:
            self._delivered(outcome)
            fire()

        self.scheduler.expect(key, Expected(replayed, fired, "sleep"))
        self.scheduler.timer(key, recorded.until)
        return key

    def _delivered(self, outcome: Outcome) -> None:
        self.delivered_at = max(self.delivered_at, outcome.at)
        self.clock.seen(outcome.at)

    def wait_until(self, until: float, what: str) -> None:
        """Wait in place for a unix time in seconds; the session's lanes wait with it."""
        left = until - time.time()
        if left <= 0:
            return
        self._waits(what, until)
        while left > 0:
            functions.really_sleep(min(left, 60.0))
            left = until - time.time()
        self._waits("", None)

    def _waits(self, what: str, until: float | None) -> None:
        self.link.waiting(json.dumps({"for": what, "until": until}) if what else "")
        self.observer.waiting(what, until)

    # What is shown.

    def hide(self, text: str) -> str:
        """Return ``text`` without secrets."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, "***")
        return text

    def shown(self, text: str) -> str:
        """Return rendered arguments or results without secrets, and with paths relative to the code."""
        text = self.hide(text)
        for folder in self._code_dirs:
            if folder in text:
                text = text.replace(folder, ".")
        return text

    def place(self, frame: Any) -> tuple[str, int]:
        """Return the file, relative to the code, and the line of the nearest user code around a frame."""
        around = frame
        while around is not None and around.f_builtins is not self.builtins:
            around = around.f_back
        frame = around or frame
        path = frame.f_code.co_filename
        found = self._files.get(path)
        if found is None:
            found = self._files[path] = self.code.relative(path)
        return found, frame.f_lineno

    def replayed(self, done: int) -> None:
        """Tell who watches how far replay has come."""
        self.observer.replaying(done, self.journal.total)

    def note_live_value(self, lane: str, name: str, leaf: str) -> None:
        """Say in the session's log that a result can't be saved and will be made again."""
        self.output.remark(lane, f"{name} gave a live value ({leaf}): after a restart the same call makes it again")

    def warn_of_lost_change(self, lane: str, name: str, changed: str) -> None:
        """Say in the session's log that a restart will stop the session here."""
        self.output.remark(
            lane, f"{name} changed a {changed} in a way that can't be made again: a restart will stop here"
        )

    # Divergence.

    def agree(self, recorded: Operation, cls: type, call: Any) -> None:
        """Compare what was recorded with what is asked.

        Raises:
            Halt: they differ.
        """
        if type(recorded) is not cls or recorded.name != call.name:  # type: ignore[union-attr]
            raise Halt(divergence.other(self, recorded, call.name, call.shown, (call.file, call.line)))
        if recorded.digest != call.digest:  # type: ignore[union-attr]
            self._disagree(recorded, call)

    def _disagree(self, recorded: Any, call: Any) -> None:
        error = divergence.arguments(self, recorded, call)
        if not self.setting.repaired:
            raise Halt(error)
        if call.key not in self._warned:
            self._warned.add(call.key)
            self.output.show("stderr", f"ninelives: warning: {error}\n")

    def agree_reading(self, recorded: Operation, name: str, frame: Any) -> None:
        """Compare a recorded reading with the one that is asked for.

        Raises:
            Halt: they differ.
        """
        if type(recorded) is not Value or recorded.name != name:
            raise Halt(divergence.other(self, recorded, name, "", self.place(frame)))

    def reading_not_recorded(self, name: str, key: tuple[str, int], frame: Any) -> NinelivesError:
        """Return the error of a reading where the journal has something else."""
        return divergence.not_recorded(self, name, key, "", self.place(frame))

    def not_recorded(self, call: Any) -> NinelivesError:
        """Return the error of a call where the journal has something else."""
        return divergence.not_recorded(self, call.name, call.key, call.shown, (call.file, call.line))

    def out_of_order(self, call: Any, outcome: Outcome | None) -> NinelivesError:
        """Return the error of an outcome that comes at another point of the journal."""
        return divergence.out_of_order(self, call, outcome)


def _import(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
    """Import as Python does, and bind the SDK before the program can take a stand-in from it."""
    import builtins

    if name.partition(".")[0] == "autokitteh" and level == 0:
        builtins.__import__("autokitteh")
        sdk.bind()
    return builtins.__import__(name, globals, locals, fromlist, level)
