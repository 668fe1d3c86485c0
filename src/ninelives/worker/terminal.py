"""Shows on this process's own streams what a runner's program prints."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TextIO


class Shown:
    """The streams of this process, as a place to show bytes."""

    def __init__(self) -> None:
        #: streams that take nothing any more
        self._gone: set[str] = set()
        #: told once of a stream that takes nothing any more, and why; not when its reader has gone away
        self.on_lost: Callable[[str, str], None] = lambda _stream, _why: None

    def terminals(self) -> list[str]:
        """Return the names of the streams that are a terminal."""
        return [name for name in ("stdout", "stderr") if _stream(name).isatty()]

    def show(self, name: str, data: bytes) -> None:
        """Show what a program printed.

        Args:
            name: stdout or stderr.
            data: as many characters as are whole.
        """
        try:
            self._write(name, data.decode())
        except UnicodeDecodeError:
            self.pass_on(name, data)

    def pass_on(self, name: str, data: bytes) -> None:
        """Show bytes as they are: they came from a pipe, where a character may be cut in two, or are no text."""
        stream = _stream(name)
        if name in self._gone:
            return
        try:
            stream.flush()
            buffer = getattr(stream, "buffer", None)
            if buffer is None:
                stream.write(data.decode("utf-8", "replace"))
            else:
                # Nothing, and yet whoever shares the terminal makes room.
                stream.write("")
                buffer.write(data)
            stream.flush()
        except (OSError, ValueError) as error:
            self._lose(name, error)

    def _write(self, name: str, text: str) -> None:
        if name in self._gone:
            return
        stream = _stream(name)
        try:
            stream.write(text)
            stream.flush()
        except UnicodeEncodeError:
            # A terminal that is not UTF-8: bytes that are no text for it are shown as they are.
            self.pass_on(name, text.encode())
        except (OSError, ValueError) as error:
            self._lose(name, error)

    def _lose(self, name: str, error: OSError | ValueError) -> None:
        """Show no more on a stream: the program goes on, its log is whole."""
        self._gone.add(name)
        # The reader that is gone (`| head`) wants to know nothing; of a closed stream the program knows.
        if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
            self.on_lost(name, error.strerror or type(error).__name__)


class Nowhere(Shown):
    """Shows nothing: what programs print is in their sessions' logs."""

    def terminals(self) -> list[str]:
        """See `Shown`."""
        return []

    def show(self, name: str, data: bytes) -> None:
        """See `Shown`."""

    def pass_on(self, name: str, data: bytes) -> None:
        """See `Shown`."""


def _stream(name: str) -> TextIO:
    stream: TextIO = getattr(sys, name)
    return stream
