"""Prints and logging, exactly once in the session's log.

A line is shown first and recorded then, so after a kill the terminal may see a line again, and the log never does. On
replay each lane skips as many lines as it has recorded. What is printed inside an activity belongs to the activity:
recorded with its outcome.
"""

from __future__ import annotations

import io
import logging
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from ninelives.session.journal import Journal
from ninelives.session.lanes import (
    DIRECT,
    INHIBITED,
    LOADING,
    Lane,
    RunningActivity,
    active,
    directly,
    lane_here,
    need_room,
    running_activity,
)
from ninelives.session.link import Line

#: The lane of lines that threads of outside code print.
FOREIGN = "-"


class Output:
    """The log of one session, and the terminal it is shown on.

    Args:
        journal: where lines are recorded.
        stdout: where the program's prints are shown.
        stderr: where its errors and logs are.
        hide: cuts secrets out of a text.
        on_lost: called once for a stream that takes nothing any more, with its name and why; not when its reader has
            gone away.
    """

    def __init__(
        self,
        journal: Journal,
        stdout: TextIO,
        stderr: TextIO,
        hide: Callable[[str], str],
        on_lost: Callable[[str, str], None],
    ) -> None:
        self._journal = journal
        self.muted = False
        #: None: nothing is shown there any more
        self._terminals: dict[str, TextIO | None] = {"stdout": stdout, "stderr": stderr}
        self._recorded = journal.lines_that_count()
        self._written: dict[str, int] = {}
        #: by lane and stream: in whose name a line counts that has begun, and its beginning
        self._partial: dict[tuple[str, str], tuple[str, str]] = {}
        self._hide = hide
        self._on_lost = on_lost

    @property
    def has_begun(self) -> bool:
        """Whether a line has begun and not ended: it is not recorded."""
        return bool(self._partial)

    def lines_of(self, lane: str) -> int:
        """Return how many lines a lane has written, those it skipped included."""
        return self._written.get(lane, 0)

    def write(self, stream: str, text: str) -> None:
        """Take what a program prints."""
        if self.muted:
            return
        running = running_activity.get()
        if type(running) is RunningActivity:
            self._show(stream, text)
            self._collect(running, stream, text)
            return
        lane = lane_here()
        with self._journal.link.held():
            self._write(lane.name if lane is not None else FOREIGN, _name(lane), stream, text)

    def log(self, lane: Lane | None, level: str, text: str) -> bool:
        """Take a log record; returns whether it is new, so that it should be shown."""
        if self.muted:
            return False
        running = running_activity.get()
        if type(running) is RunningActivity:
            running.lines.append((time.time(), "log", level, self._hide(text), running.lane))
            return True
        return self._line(_name(lane), "log", level, text)

    def finish(self) -> None:
        """Record lines that have begun and will not end."""
        for lane, stream in list(self._partial):
            name, text = self._partial.pop((lane, stream))
            if text:
                self._line(name, stream, "", text)

    def remark(self, text: str) -> Line:
        """Return a line of ours, to be recorded with what it is about; replay does not count it."""
        return time.time(), "log", "INFO", self._hide(text), FOREIGN

    def show(self, stream: str, text: str) -> None:
        """Show a text that is no part of the log."""
        self._show(stream, text)

    def take(self, running: RunningActivity) -> list[Line]:
        """Return what was printed inside an activity, lines that have only begun included."""
        for stream, text in running.partial.items():
            if text:
                running.lines.append((time.time(), stream, "", self._hide(text), running.lane))
        return running.lines

    def _write(self, lane: str, name: str, stream: str, text: str) -> None:
        """Take what code on a lane prints, whose lines count in some name."""
        begun, before = self._partial.pop((lane, stream), (name, ""))
        pieces = (before + text).split("\n")
        shown_already = len(pieces[0]) - len(text.split("\n", 1)[0])
        for piece in pieces[:-1]:
            if self._is_new(begun):
                self._show(stream, piece[shown_already:] + "\n")
            shown_already = 0
            self._line(begun, stream, "", piece)
            begun = name
        if pieces[-1]:
            if self._is_new(begun):
                self._show(stream, pieces[-1][shown_already:])
            self._partial[lane, stream] = begun, pieces[-1]

    def _is_new(self, lane: str) -> bool:
        return self._written.get(lane, 0) >= self._recorded.get(lane, 0) or lane == FOREIGN

    def _line(self, lane: str, stream: str, level: str, text: str) -> bool:
        new = self._is_new(lane)
        self._written[lane] = self._written.get(lane, 0) + 1
        if new:
            self._journal.note_lines(((time.time(), stream, level, self._hide(text), lane),))
            if lane.startswith(LOADING):
                # What modules do next they do directly.
                self._journal.link.settle()
        return new

    def _collect(self, running: RunningActivity, stream: str, text: str) -> None:
        *lines, rest = (running.partial.get(stream, "") + text).split("\n")
        running.lines.extend((time.time(), stream, "", self._hide(line), running.lane) for line in lines)
        running.partial[stream] = rest

    def _show(self, stream: str, text: str) -> None:
        terminal = self._terminals[stream]
        if terminal is None:
            return
        try:
            try:
                terminal.write(text)
                terminal.flush()
            except UnicodeEncodeError:
                # Bytes that are no text: they are shown as they are.
                terminal.buffer.write(text.encode("utf-8", "surrogateescape"))
                terminal.buffer.flush()
        except (BrokenPipeError, ValueError):
            # The reader is gone (`| head`), or the program has closed it: the program goes on, its log is whole.
            self._terminals[stream] = None
        except OSError as error:
            self._terminals[stream] = None
            self._on_lost(stream, error.strerror or type(error).__name__)


def _name(lane: Lane | None) -> str:
    """Return in whose name lines count that code on a lane, or on none, prints."""
    if lane is None:
        return FOREIGN
    # What is done again by each process may print another number of lines then.
    again = lane.session.loading or running_activity.get() is INHIBITED
    return lane.session.module_level.lines() if again else lane.name


class SessionStream(io.TextIOBase):
    """In place of ``sys.stdout`` or ``sys.stderr``: what the session's code writes goes to its log.

    Args:
        name: stdout or stderr.
        terminal: the stream it replaces, for all that is not the session's.
    """

    def __init__(self, name: str, terminal: TextIO) -> None:
        self._name = name
        self.terminal = terminal

    def write(self, text: str, /) -> int:
        """Write ``text``; returns the number of characters."""
        session = active.session
        running = running_activity.get()
        if session is None:
            return self.terminal.write(text)
        need_room()
        if running is DIRECT:
            session.output.show(self._name, text)
        else:
            session.output.write(self._name, text)
        return len(text)

    def flush(self) -> None:
        """See `io.TextIOBase`."""
        self.terminal.flush()

    def writable(self) -> bool:
        """See `io.TextIOBase`."""
        return True

    @property
    def buffer(self) -> SessionBuffer:
        """Where bytes are written."""
        return SessionBuffer(self)

    def reconfigure(self, **options: Any) -> None:
        """Change how the terminal encodes; see `io.TextIOWrapper.reconfigure`."""
        terminal: Any = self.terminal
        terminal.reconfigure(**options)

    def isatty(self) -> bool:
        """Return whether the program's prints are seen on a terminal."""
        return self.terminal.isatty()

    def fileno(self) -> int:
        """Return the file descriptor of the terminal."""
        return self.terminal.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The terminal's encoding."""
        return self.terminal.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """How the terminal treats what it can't encode."""
        return self.terminal.errors


class SessionBuffer(io.BufferedIOBase):
    """Takes bytes: shown as they are, and in the session's log as text, with what is no UTF-8 written out."""

    def __init__(self, stream: SessionStream) -> None:
        self._stream = stream

    def write(self, data: Any, /) -> int:
        """Write ``data``; returns the number of bytes."""
        taken = bytes(data)
        self._stream.write(taken.decode("utf-8", "surrogateescape"))
        return len(taken)

    def writable(self) -> bool:
        """See `io.IOBase`."""
        return True


class Streams:
    """Puts the session's streams and its log handler in place, and takes them away again."""

    def __init__(self) -> None:
        self._before: tuple[TextIO, TextIO, Any, Any] | None = None

    def install(self) -> None:
        """Begin to take prints and log records."""
        self._before = (sys.stdout, sys.stderr, _LOGGER.callHandlers, _LOG_FILE._open)
        sys.stdout = SessionStream("stdout", sys.stdout)
        sys.stderr = SessionStream("stderr", sys.stderr)
        _LOGGER.callHandlers = _call_handlers
        _LOG_FILE._open = _open_log_file

    def uninstall(self) -> None:
        """Give back what was there before."""
        if self._before is not None:
            sys.stdout, sys.stderr, _LOGGER.callHandlers, _LOG_FILE._open = self._before


#: Untyped, since one of its methods is replaced while a session runs.
_LOGGER: Any = logging.Logger
_LOG_FILE: Any = logging.FileHandler
_own_open_log_file = logging.FileHandler._open
_own_call_handlers = logging.Logger.callHandlers


def _call_handlers(logger: logging.Logger, record: logging.LogRecord) -> None:
    """Record a log record in the session's log; show it by the program's handlers only if it is new."""
    session = active.session
    running = running_activity.get()
    if session is None or running is DIRECT:
        _own_call_handlers(logger, record)
        return
    with directly():
        text = _formatter.format(record)
    if session.output.log(lane_here(), record.levelname, text):
        # What the handlers print is shown, and is in the log already.
        with directly():
            _own_call_handlers(logger, record)


def _open_log_file(handler: logging.FileHandler) -> Any:
    """Open a program's log file; one that was begun before a restart goes on."""
    if active.session is not None and active.session.setting.resumed:
        handler.mode = handler.mode.replace("w", "a")
    return _own_open_log_file(handler)


_formatter = logging.Formatter("%(message)s")
