"""Files that user code opened: what a finished write wrote is in the file, and a file is opened again where it was.

After each call on a file it is flushed, and its position and size are recorded with the outcome. When the file is made
again it is opened without truncation and put at the last recorded position. What an interrupted write left behind the
recorded size is cut off only if it is the beginning of that write.
"""

from __future__ import annotations

import _io
import io
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from ninelives.errors import NotRestorableError
from ninelives.session.stop import Halt

#: Base of all files. Not the abstract class `io.IOBase`, which takes ten times as long to ask.
FILE = _io._IOBase


#: What opens a file.
OPENERS = frozenset({"io.open", "pathlib.Path.open"})


class Spot(NamedTuple):
    """Where a file was after a call: as `tell` and `fstat` say it."""

    position: int
    size: int


#: Of a file that was closed.
CLOSED = Spot(-1, -1)


class Lines:
    """What iterates over a file in user code."""

    file: Any


def file_of(function: Any, kwargs: dict[str, Any]) -> Any:
    """Return the file on disk that a call works on, or its stand-in; None if there is none."""
    owner = kwargs.get("file") if function is print else getattr(function, "__self__", None)
    if isinstance(owner, Lines):
        owner = owner.file
    return owner if isinstance(owner, FILE) and not isinstance(owner, io.StringIO | io.BytesIO) else None


def has_no(cls: type, name: str) -> bool:
    """Return whether no file of a class has an attribute that the class has not: none need be opened to know it."""
    return cls.__module__ == "_io" and issubclass(cls, FILE) and name not in ("mode", "name")


def settle(file: Any) -> Spot | None:
    """Flush a file, so that what was written survives this process, and return where it is; None if it is nowhere."""
    if file.closed:
        return CLOSED
    try:
        if file.writable():
            file.flush()
        return Spot(file.tell(), os.fstat(file.fileno()).st_size)
    except (OSError, ValueError):
        # A pipe has no position.
        return None


def reopening(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return what opens a file again as it is: with its mode, but neither truncated nor refused because it is there.

    Args:
        function: what opened it: one of `OPENERS`.
        args: its arguments.
        kwargs: the same, by name.
    """
    if function is io.open:
        given = kwargs.get("opener") or _open
        return partial(io.open, *args, **{**kwargs, "opener": _keeping(given)})
    return partial(io.open, function.__self__, *args, **kwargs, opener=_keeping(_open))


def _open(path: str, flags: int) -> int:
    return os.open(path, flags, 0o666)


def _keeping(opener: Callable[[str, int], int]) -> Callable[[str, int], int]:
    def keep(path: str, flags: int) -> int:
        return opener(path, flags & ~(os.O_TRUNC | os.O_EXCL))

    return keep


def restore(file: Any, spot: Spot, interrupted: Sequence[bytes]) -> None:
    """Put a file that was opened again where it was.

    Args:
        file: the file.
        spot: where it was.
        interrupted: what the write that is to be made again may write; empty if it is no write.

    Raises:
        Halt: behind the recorded size stands something that is not the beginning of that write.
    """
    if spot == CLOSED:
        file.close()
        return
    if file.writable():
        _cut_off(file, spot, interrupted)
    if file.seekable():
        file.seek(spot.position)


def _cut_off(file: Any, spot: Spot, interrupted: Sequence[bytes]) -> None:
    extra = os.fstat(file.fileno()).st_size - spot.size
    if extra <= 0:
        return
    # Wherever it was read before, what is appended is written at the end.
    at = spot.size if "a" in str(getattr(file, "mode", "")) else spot.position
    expected = [data[max(0, spot.size - at) :] for data in interrupted]
    with open(file.name, "rb") as content:
        # By name, since the file itself may be open for writing only.
        content.seek(spot.size)
        left = content.read(min(extra, max(map(len, expected), default=0) + 1))
    if not left or not any(data.startswith(left) for data in expected):
        raise Halt(
            NotRestorableError(
                f"{getattr(file, 'name', file)}: behind byte {spot.size} stands something that the session did not "
                "write; look at the file and cut it to that size, or put the calls that write it into one @activity"
            )
        )
    os.ftruncate(file.fileno(), spot.size)


def written(name: str, args: tuple[Any, ...], kwargs: dict[str, Any], file: Any, spot: Spot) -> list[bytes]:
    """Return what a call on a file may write, as bytes; nothing if it is no write.

    How a file of text ends lines is a secret of its own: each way is one possibility.

    Args:
        name: dotted name of the call.
        args: its arguments.
        kwargs: the same, by name.
        file: the file.
        spot: where it was before the call.
    """
    if name == "builtins.print":
        printed = io.StringIO()
        print(*args, **{**kwargs, "file": printed})
        pieces: Any = (printed.getvalue(),)
    elif args and name.endswith((".write", ".writelines")):
        pieces = args[0] if name.endswith(".writelines") else (args[0],)
    else:
        return []
    if not isinstance(pieces, list | tuple):
        return []
    if not all(isinstance(piece, str) for piece in pieces):
        return [b"".join(map(bytes, pieces))]
    return [_as_text(pieces, file, newline, not spot.size) for newline in ("\n", "\r\n", "\r")]


def _as_text(pieces: Sequence[str], file: Any, newline: str, is_start: bool) -> bytes:
    # The mark that some encodings begin with is only at the start.
    before = b"" if is_start else bytes(8)
    sink = io.BytesIO(before)
    sink.seek(len(before))
    text = io.TextIOWrapper(sink, getattr(file, "encoding", None) or "utf-8", getattr(file, "errors", None), newline)
    text.writelines(pieces)
    text.flush()
    return sink.getvalue()[len(before) :]
