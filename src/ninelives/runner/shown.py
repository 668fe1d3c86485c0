"""What a runner shows: the program's prints and its progress, as messages to whoever looks on."""

from __future__ import annotations

import io
import os
import time

from ninelives.errors import NinelivesError
from ninelives.protocol import messages as m
from ninelives.runner.link import MessageLink

#: Seconds between two words on the progress: more often nobody can read it.
_INTERVAL = 0.05


class Terminal(io.TextIOBase):
    """A text stream whose other end is the worker's.

    Args:
        link: the worker.
        name: stdout or stderr.
        descriptor: what child processes write to instead.
        is_terminal: the other end is a terminal.
    """

    encoding = "utf-8"
    errors = "strict"

    def __init__(self, link: MessageLink, name: str, descriptor: int, *, is_terminal: bool) -> None:
        self._link = link
        self._name = name
        self._descriptor = descriptor
        self._is_terminal = is_terminal
        self.buffer = _Bytes(self)

    def write(self, text: str, /) -> int:
        """Write a text; returns the number of characters."""
        self.send(text.encode())
        return len(text)

    def send(self, data: bytes) -> None:
        """Show bytes."""
        if not data:
            return
        if not self._link.is_here:
            # A forked child: its prints go where those of any child process go.
            os.write(self._descriptor, data)
            return
        try:
            self._link.tell(m.Show(self._name, data))
        except NinelivesError as error:
            # As a terminal that is gone: the session finds out where it has something to record.
            raise OSError(str(error)) from error

    def writable(self) -> bool:
        """See `io.IOBase`."""
        return True

    def isatty(self) -> bool:
        """Return whether the other end is a terminal."""
        return self._is_terminal

    def fileno(self) -> int:
        """Return the descriptor that child processes write to."""
        return self._descriptor

    def reconfigure(self, **options: object) -> None:
        """Do nothing: texts travel as UTF-8."""


class _Bytes(io.BufferedIOBase):
    """Takes bytes for a `Terminal`."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def write(self, data: object, /) -> int:
        taken = bytes(data)  # type: ignore[call-overload]
        self._terminal.send(taken)
        return len(taken)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._terminal.fileno()


class Watched:
    """An observer that says on the other side what the session does. See `ninelives.session.observer.Observer`.

    What the worker sees by itself (the session starts, waits and ends) is not said again.

    Args:
        link: the worker.
    """

    def __init__(self, link: MessageLink) -> None:
        self._link = link
        #: somebody looks on; else only the start of the handler is said
        self.watched = False
        self._next = 0.0
        #: how many activities are done
        self.done = 0

    def session_started(self, session_id: str) -> None:
        """See `Observer`."""

    def handler_loaded(self) -> None:
        """See `Observer`."""
        self._link.tell(m.Loaded())

    def replaying(self, done: int, total: int) -> None:
        """See `Observer`."""
        self.done = done
        if self.watched and time.monotonic() >= self._next:
            self._next = time.monotonic() + _INTERVAL
            self._link.tell(m.Replaying(done, total))

    def activity_started(self, name: str, n: int) -> None:
        """See `Observer`."""
        if self.watched:
            # Its start is recorded next, and takes this along.
            self._link.tell(m.Started(name, n), later=True)

    def activity_finished(self, done: int) -> None:
        """See `Observer`."""
        self.done = done
        if self.watched:
            now = time.monotonic()
            self._link.tell(m.Finished(done), later=now < self._next)
            self._next = now + _INTERVAL

    def waiting(self, what: str, until: float | None) -> None:
        """See `Observer`."""

    def warned(self, text: str) -> None:
        """See `Observer`."""

    def output_lost(self, stream: str, why: str) -> None:
        """See `Observer`."""

    def ended(self, session_id: str, how: str, exit_code: int) -> None:
        """See `Observer`."""
