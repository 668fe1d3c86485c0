"""The isolated place: a session in a runner, which is started again when it dies."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ninelives.errors import (
    CarrierClosedError,
    CrashedError,
    LimitError,
    NinelivesError,
    ProtocolError,
    SlowPeerError,
    WorkerStopsError,
)
from ninelives.processes import kill_marked
from ninelives.protocol import messages as m
from ninelives.protocol.states import State
from ninelives.protocol.tokens import Tokens
from ninelives.runners.manager import Asked, Code, Container, Limits, Manager, Runner
from ninelives.session.observer import Observer
from ninelives.session.session import Ended
from ninelives.worker.conversation import Conversation, Terms
from ninelives.worker.link import DirectLink
from ninelives.worker.outputs import Outputs
from ninelives.worker.terminal import Shown

#: A session whose runner dies so often at the same place is not tried any more.
CRASHES = 3

#: Seconds before a runner that died is replaced; doubled for each further one at the same place, up to the second.
BACK_OFF = (0.1, 30.0)

#: Seconds in which a new runner has to say its first word: on a busy machine with large packages it takes a while.
HELLO = 90.0

#: Seconds: a session that waits for longer lets its runner go.
LET_GO = 5.0

#: Seconds that are waited in one piece.
_PIECE = 60.0

#: Seconds in which a manager finds out how a runner ended.
_PATIENCE = 5.0

#: How many of its last lines, and of their characters, an error repeats.
_LAST_LINES = 3
_SAID = 300


class Task(NamedTuple):
    """A session that is to run."""

    link: DirectLink
    observer: Observer
    #: id of the build
    build: str
    code_dir: Path
    cwd: str
    hash_seed: int
    #: minor version of Python
    python: str
    vars: Mapping[str, str]
    #: values that are shown nowhere
    secrets: frozenset[str]
    rules: Mapping[str, str]
    former_dir: str
    repaired: bool
    resumed: bool
    retry_interrupted: bool
    #: what the project asks of a container
    container: Container
    #: a person's decision, encoded; b"": there is none
    forgotten: bytes
    #: records what a person decided; None: nothing is to be recorded
    decide: Callable[[], None] | None


class _Crash(NamedTuple):
    """How a runner died."""

    why: str
    words: str
    #: `Conversation.progress` then
    progress: int
    #: what a person decided is recorded
    decided: bool


class Waits(NamedTuple):
    """A session waits, and its runner was let go."""

    #: unix time in seconds
    until: float
    #: what a person decided is recorded
    decided: bool = False


class Isolated:
    """Where sessions run: in runners of a manager.

    Args:
        manager: starts them.
        limits: of each session.
        crashes: see `CRASHES`.
        back_off: see `BACK_OFF`.
        hello: see `HELLO`.
        stdin: descriptor that programs read as their stdin; None: nothing to read.
        shown: where what programs print is shown.
        let_go: a session that waits for longer than this, in seconds, lets its runner go.
        hands_back: such a session is handed back; else it is waited for here.
        bell: descriptor that can be read when the worker ends; None: it ends with this process.
    """

    def __init__(
        self,
        manager: Manager,
        *,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        crashes: int = CRASHES,
        back_off: tuple[float, float] = BACK_OFF,
        hello: float = HELLO,
        stdin: int | None = None,
        shown: Shown | None = None,
        let_go: float = LET_GO,
        hands_back: bool = False,
        bell: int | None = None,
    ) -> None:
        self._manager = manager
        self._limits = limits
        self._crashes = crashes
        self._back_off = back_off
        self._hello = hello
        self._stdin = stdin
        self._shown = shown or Shown()
        self._let_go = let_go
        self._hands_back = hands_back
        self._bell = bell
        self._running: tuple[Runner, Conversation] | None = None

    def python(
        self,
        build: str,
        code_dir: Path,
        python: str = "",
        container: Container = Container(),  # noqa: B008 - frozen
    ) -> str:
        """Build what a session needs, and return the minor version of Python that it runs on.

        Args:
            build: id of the build.
            code_dir: its code.
            python: the version that it has to have; "": any.
            container: what the project asks of a container.
        """
        return self._manager.prepare(Code(build, code_dir, container), python)

    def stop(self) -> None:
        """End the runner at once: from here on nothing is done or recorded."""
        if self._running is not None:
            self._end(*self._running)

    def run(self, task: Task) -> Ended | Waits:
        """Run a session to its end, or until it waits for so long that it is handed back.

        Raises:
            CrashedError: its runner died again and again at the same place.
            WorkerStopsError: the worker ends.
            LimitError: it used more than it may.
            NinelivesError: it can't go on.
        """
        if self._hands_back and task.link.deaths >= self._crashes:
            # A person who goes on with it knows what was done about that; a worker that is started again does not.
            raise CrashedError(
                f"the worker died {task.link.deaths} times soon after it began with this session at the same place; "
                f"when that is repaired: ninelives resume {task.link.session_id}"
            )
        task.observer.session_started(task.link.session_id)
        self._shown.on_lost = task.observer.output_lost
        at, times = -1, 0
        while True:
            came_to = self._attempt(task)
            if isinstance(came_to, Ended) or (isinstance(came_to, Waits) and self._hands_back):
                return came_to
            # What a person decided may have been recorded by the runner that has ended.
            decided = came_to.decided
            task = task._replace(
                resumed=True,
                forgotten=b"" if decided else task.forgotten,
                decide=None if decided else task.decide,
            )
            if isinstance(came_to, Waits):
                _wait_until(came_to.until)
                continue
            at, times = max(at, came_to.progress), 1 if came_to.progress > at else times + 1
            if times >= self._crashes:
                raise CrashedError(_last_words(came_to, times, task.link.session_id))
            first, longest = self._back_off
            self._pause(min(first * 2 ** (times - 1), longest))

    def _pause(self, seconds: float) -> None:
        bells = [] if self._bell is None else [self._bell]
        if select.select(bells, [], [], seconds)[0]:
            raise _worker_ends()

    def _attempt(self, task: Task) -> Ended | Waits | _Crash:
        tokens = Tokens()
        session_id = task.link.session_id
        starts = task.link.starts()
        token = tokens.issue(session_id)
        asked = Asked(session_id, token, task.hash_seed, task.python, self._limits, self._stdin, starts)
        try:
            runner = self._manager.start(asked, Code(task.build, task.code_dir, task.container), task.vars)
        finally:
            if starts is not None:
                os.close(starts)
        terms = Terms(
            tokens,
            task.python,
            self._welcome(runner, task),
            task.decide or (lambda: None),
            self._shown.show,
            partial(self._explain, there=str(runner.code_dir), here=str(task.code_dir)),
        )
        conversation = Conversation(task.link, terms, task.observer)
        self._running = runner, conversation
        try:
            return self._converse(runner, conversation)
        finally:
            self._running = None
            self._end(runner, conversation)
            task.link.take_starts()

    def _end(self, runner: Runner, conversation: Conversation) -> None:
        self._manager.stop(runner.id)
        if conversation.ended is None and conversation.marker and conversation.idle_until is None:
            # Its reaper is at it too; but whoever goes on with the session must not meet what this runner started.
            kill_marked(conversation.marker)

    def _converse(self, runner: Runner, conversation: Conversation) -> Ended | Waits | _Crash:
        outputs = Outputs(runner.outputs, self._shown)
        why, waits = "", None
        try:
            waits = self._listen(runner, conversation, outputs)
        except CarrierClosedError:
            pass
        except ProtocolError as error:
            why = str(error)
            with suppress(NinelivesError):
                runner.carrier.send([m.Refused(type(error).__name__, why)])
        finally:
            conversation.closed()
            outputs.pass_on()
        if conversation.failed is not None:
            raise conversation.failed
        ended = conversation.ended
        if ended is not None:
            return Ended(ended.state, ended.exit_code, ended.result, ended.error)
        return waits or self._crash(runner, conversation, outputs, why)

    def _crash(self, runner: Runner, conversation: Conversation, outputs: Outputs, why: str) -> _Crash:
        if not why:
            health = self._manager.runner_health(runner.id, patience=_PATIENCE)
            why = health.why or "ended its connection"
            outputs.pass_on()
            if health.limited:
                raise LimitError(f"the session {why}: give it a higher one, and resume it")
        return _Crash(why, outputs.words.decode("utf-8", "replace"), conversation.progress, conversation.decided)

    def _listen(self, runner: Runner, conversation: Conversation, outputs: Outputs) -> Waits | None:
        """Answer the runner until it is done, or not needed while its session waits."""
        carrier = runner.carrier
        poll = select.poll()
        connection = carrier.fileno()
        poll.register(connection, select.POLLIN)
        outputs.register(poll)
        if self._bell is not None:
            poll.register(self._bell, select.POLLIN)
        limit = self._limits.time
        began = time.monotonic()
        answers: list[m.Message] = []
        while not conversation.is_over:
            until = conversation.idle_until
            if until is not None and until - time.time() > self._let_go:
                return Waits(until, conversation.decided)
            silent = conversation.state is State.WAIT
            allowed = self._hello if silent else limit
            left = None if allowed is None else (began + allowed - time.monotonic()) * 1000
            batches = carrier.glance() if answers and (left is None or left > 0) else ()
            if batches:
                outputs.pass_on(poll)
            else:
                found = poll.poll(left) if left is None or left > 0 else []
                if not found:
                    raise self._too_late(silent=silent)
                if any(descriptor == self._bell for descriptor, _ in found):
                    raise _worker_ends()
                if len(found) > 1 or found[0][0] != connection:
                    # First what children printed: they did before the message was sent.
                    outputs.pass_on(poll)
                if any(descriptor == connection for descriptor, _ in found):
                    batches = carrier.read()
            for batch in batches:
                answers = conversation.handle(batch)
                if answers:
                    carrier.send(answers)
        return None

    def _too_late(self, *, silent: bool) -> NinelivesError:
        if silent:
            return SlowPeerError(f"a runner has said nothing for {self._hello:g} s")
        return LimitError(
            f"the session took longer than its limit of {self._limits.time:g} s: give it more, and resume it"
        )

    def _welcome(self, runner: Runner, task: Task) -> m.Welcome:
        return m.Welcome(
            m.VERSION,
            code_dir=str(runner.code_dir),
            cwd=str(runner.cwd or task.cwd),
            vars=dict(task.vars),
            secrets=sorted(task.secrets),
            cache=str(runner.cache or ""),
            former_dir=task.former_dir,
            repaired=task.repaired,
            resumed=task.resumed,
            retry_interrupted=task.retry_interrupted,
            rules=dict(task.rules),
            forgotten=task.forgotten,
            undecided=task.decide is not None,
            watched=True,
            terminals=self._shown.terminals(),
        )

    def _explain(self, error: dict[str, str], *, there: str, here: str) -> dict[str, str]:
        """Say which limit an error comes from, and where the code is that the user has."""
        if there != here and error.get("traceback"):
            error = error | {"traceback": error["traceback"].replace(f'"{there}/', f'"{here}/')}
        memory = self._limits.memory
        if memory is None or error.get("type") != "MemoryError" or error.get("message"):
            return error
        message = f"the session needs more memory than its limit of {memory / 2**20:g} MiB"
        lines = error.get("traceback", "").rstrip("\n")
        return error | {"message": message, "traceback": f"{lines}: {message}\n" if lines else ""}


def _worker_ends() -> WorkerStopsError:
    return WorkerStopsError("the worker ends: its sessions go on with the next one")


def _wait_until(until: float) -> None:
    """Wait for a unix time in seconds; the clock may be set meanwhile."""
    while (left := until - time.time()) > 0:
        time.sleep(min(left, _PIECE))


def _last_words(crash: _Crash, times: int, session_id: str) -> str:
    lines = [line.strip() for line in crash.words.splitlines() if line.strip()]
    # Python's own last words begin with what is wrong, and where follows; a program's end with it.
    fatal = next((line for line in lines if line.startswith("Fatal Python error")), "")
    said = (fatal or " ".join(lines[-_LAST_LINES:]))[-_SAID:]
    words = f"; its last words: {said}" if said else ""
    return (
        f"the session's process {crash.why}, {times} times at the same place{words}; "
        f"when that is repaired: ninelives resume {session_id}"
    )
