"""Tells on stderr what a session does: its id first, on a terminal then one live line that is redrawn in place."""

from __future__ import annotations

import _thread
import os
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, TextIO

from ninelives.cli.output import one_line, span

#: Seconds between two drawings: fast enough to look live, and no load on a slow terminal.
_INTERVAL = 0.1

#: Columns of a terminal that does not know how many it has.
_WIDTH = 80

_ERASE = "\r\x1b[2K"


#: Activities that have the terminal to themselves: the user is asked something, and answers in the line.
_ASKS = frozenset({"builtins.input", "getpass.getpass"})


class Progress:
    """What `run` and `resume` hand to a session to be told of its steps; a context manager.

    The session's calls only note what is going on (they come with every activity, from any thread); a thread of
    its own draws. Without a terminal there is no such thread, and only the id is printed.

    Args:
        on_exit: called before the process exits in the middle of the session: its id, its state, the exit code.
    """

    def __init__(self, on_exit: Callable[[str, str, int], None] | None = None) -> None:
        self._on_exit = on_exit
        self.session_id = ""
        self.done = 0
        self.has_lost_output = False
        self._warnings: list[str] = []
        self._doing = ""
        self._since = 0.0
        self._until: float | None = None
        self._stderr = sys.stderr
        self._live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._ended = _thread.allocate_lock()
        self._line = _Line()

    def __enter__(self) -> Progress:
        self._ended.acquire()
        if self._live:
            self._line.share_with(sys.stdout, sys.stderr)
            _thread.start_new_thread(self._draw_until_ended, ())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.release()
        self._line.close()

    # What the session calls.

    def session_started(self, session_id: str) -> None:
        """Print the id: the first line on stderr, so that a script can go on with the session whatever happens."""
        if not self.session_id:
            self.session_id = session_id
            self.say(f"session: {session_id}")
            for text in self._warnings:
                self.say(f"ninelives: {one_line(text)}")

    def warned(self, text: str) -> None:
        """Say it after the session's id, which scripts look for in the first line."""
        self._warnings.append(text)

    def handler_loaded(self) -> None:
        """Nothing is shown: it is a matter of milliseconds."""

    def activity_started(self, name: str, n: int) -> None:
        """Note which activity runs now.

        Args:
            name: its qualified name.
            n: its position among the operations of its lane.
        """
        self._doing, self._since, self._until = name, time.monotonic(), None

    def activity_finished(self, done: int) -> None:
        """Note how many activities are done, recorded ones included."""
        self.done, self._doing = done, ""

    def waiting(self, what: str, until: float | None) -> None:
        """Note what the session waits for.

        Args:
            what: a few words; empty: it waits no longer.
            until: unix time in seconds at which the wait ends by itself; None: unknown.
        """
        self._doing, self._since, self._until = f"waits for {what}" if what else "", time.monotonic(), until

    def replaying(self, done: int, total: int) -> None:
        """Note how far the replay is, in recorded outcomes."""
        self.done = done
        self._doing, self._since, self._until = f"replays {done}/{total}", 0.0, None

    def output_lost(self, stream: str, why: str) -> None:
        """Say at once that a stream takes nothing any more, and remember it for the exit code."""
        self.has_lost_output = True
        log = f"ninelives sessions logs {self.session_id}"
        self.say(f"ninelives: {stream} can't be written: {why}; the program goes on, and `{log}` has what it prints")

    def ended(self, session_id: str, how: str, exit_code: int) -> None:
        """Say what became of the session, right before the process exits with no further word."""
        self._line.close()
        self.say(last_line(session_id, how))
        if self._on_exit:
            self._on_exit(session_id, how, exit_code)

    # What the commands call.

    def say(self, text: str) -> None:
        """Print a line of our own to stderr: past the session, which records what the program prints there."""
        self._stderr.flush()
        self._line.write_past(f"{text}\n")

    def _draw_until_ended(self) -> None:
        while not self._ended.acquire(timeout=_INTERVAL):
            if self._doing not in _ASKS:
                self._line.draw(self._text())
        self._ended.release()

    def _text(self) -> str:
        parts = [f"{_activities(self.done)} done"]
        if doing := self._doing:
            if self._until is not None:
                doing += f" ({span(self._until - time.time())} left)"
            elif self._since:
                doing += f" ({span(time.monotonic() - self._since)})"
            parts.append(doing)
        return one_line(" · ".join(parts))


def last_line(session_id: str, state: str, done: int | None = None) -> str:
    """Return in one line what a session came to.

    Args:
        session_id: the session's id.
        state: its state; or a line that says what went wrong.
        done: how many activities are done, if that is of interest.
    """
    if state == "interrupted":
        return f"interrupted: go on with `ninelives resume {session_id}`"
    if state == "cancelled":
        return "cancelled: somebody ended the session with `ninelives sessions cancel`; it does not go on"
    return state if done is None else f"{state}: {_activities(done)} done"


def _activities(count: int) -> str:
    return "1 activity" if count == 1 else f"{count} activities"


class _Line:
    """The last line of the terminal, shared by what is drawn and what the program prints."""

    def __init__(self) -> None:
        #: A signal handler may print while the same thread is in here, hence reentrant.
        self._lock = _thread.RLock()
        self._drawn = False
        self._closed = False
        #: The program has begun a line and not ended it: there is no place to draw.
        self._begun = False
        self._streams: list[TextIO] = []

    def share_with(self, *streams: TextIO) -> None:
        """Take the drawn line away whenever something is written to one of the terminal's streams."""
        os.register_at_fork(after_in_child=self._forget)
        for stream in streams:
            if stream.isatty():
                self._streams.append(stream)
                stream.write = self._sharing(stream)  # type: ignore[method-assign]

    def draw(self, text: str) -> None:
        """Draw the line, cut to the terminal's width."""
        with self._lock:
            if not (self._begun or self._closed):
                self._drawn = True
                _write(_ERASE + text[: (os.get_terminal_size(2).columns or _WIDTH) - 1])

    def write_past(self, text: str) -> None:
        """Write text where the line was."""
        with self._lock:
            self._erase()
            _write(text)

    def close(self) -> None:
        """Take the line away for good, and leave the streams as they were."""
        with self._lock:
            self._erase()
            self._closed = True
            for stream in self._streams:
                vars(stream).pop("write", None)
            self._streams = []

    def _sharing(self, stream: TextIO) -> Callable[[str], int]:
        write = stream.write

        def write_and_flush(text: str) -> int:
            with self._lock:
                self._erase()
                count = write(text)
                # What stayed in the buffer would come out behind the line drawn next.
                stream.flush()
                if text:
                    self._begun = not text.endswith("\n")
            return count

        return write_and_flush

    def _erase(self) -> None:
        if self._drawn:
            self._drawn = False
            _write(_ERASE)

    def _forget(self) -> None:
        """In a forked child: another thread may have held the lock, and the parent draws."""
        self._lock = _thread.RLock()
        self._drawn, self._closed = False, True


def _write(text: str) -> None:
    data: Any = text.encode("utf-8", "backslashreplace")
    try:
        while data:
            data = data[os.write(2, data) :]
    except OSError:
        # The terminal is gone, or stderr is closed: progress is for whoever looks, and the session goes on.
        return
