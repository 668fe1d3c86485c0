"""Reads what a session is started with from the arguments of `run` and `resume`."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ninelives.errors import UsageError

#: How deep lists and objects may be nested in an event. Walking through them takes a frame of Python a level.
_DEEPEST = 100

_SESSION_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def target(text: str) -> tuple[Path, str]:
    """Return file and handler of ``FILE.py:HANDLER``.

    Raises:
        UsageError: it has another form, or there is no such file.
    """
    file, colon, handler = text.rpartition(":")
    if not colon or not file or not handler.isidentifier():
        raise UsageError(f"{text!r} names no handler: write FILE.py:HANDLER{_choices(Path(file or text))}")
    path = Path(file)
    if path.is_dir():
        raise UsageError(f"{path} is a folder: write FILE.py:HANDLER")
    if not path.exists():
        raise UsageError(f"{path}: there is no such file")
    for place in (path.absolute(), path.resolve()):
        _need_text(str(place), f"the path {str(place)!a}")
    return path, handler


def event(data: str | None, event_type: str | None, event_id: str | None, integration_id: str | None) -> dict[str, Any]:
    """Return the event of a session.

    Args:
        data: a JSON object, or ``@FILE`` with one in it; None is an empty object.
        event_type: what kind of event it is.
        event_id: unique among the events of one handler.
        integration_id: where it came from.

    Raises:
        UsageError: the file can't be read, or its text is no JSON object.
    """
    for option, text in (("event-type", event_type), ("event-id", event_id), ("integration-id", integration_id)):
        _need_text(text or "", f"--{option} {text!a}")
    if event_id == "":
        raise UsageError("--event-id is empty: give the event's id, or leave the option out")
    return {
        "event_type": event_type,
        "event_id": event_id,
        "integration_id": integration_id,
        "data": {} if data is None else _json(data),
    }


def variables(given: Iterable[str]) -> tuple[dict[str, str], frozenset[str]]:
    """Return the vars, and the names of those that are secret: all that were not written out on the command line.

    Args:
        given: ``K=V``, ``K`` (its value is taken from the environment) or ``K=@FILE``.

    Raises:
        UsageError: no such environment variable or file, or no name.
    """
    values: dict[str, str] = {}
    written_out: dict[str, bool] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not name or "\0" in text:
            raise UsageError(f"--var {text!r} has no name: write K=V, K or K=@FILE")
        written_out[name] = bool(equals) and not value.startswith("@")
        if written_out[name]:
            _need_text(text, f"--var {text!a}")
            values[name] = value
        elif equals:
            # Editors and `echo` end files with a line end that is no part of a token.
            values[name] = _file(value[1:], f"--var {name}").removesuffix("\n").removesuffix("\r")
        elif name in os.environ:
            values[name] = os.environ[name]
        else:
            raise UsageError(f"--var {name}: there is no environment variable {name}: set it, or write {name}=VALUE")
    return values, frozenset(name for name in values if not written_out[name])


def secret_files(given: Iterable[str]) -> tuple[Path, ...]:
    """Return the files that vars are taken from.

    Args:
        given: as for `variables`.
    """
    values = (text.partition("=")[2] for text in given)
    return tuple(Path(value[1:]) for value in values if value.startswith("@"))


def session_id(text: str) -> str:
    """Return an id that a new session may have.

    Raises:
        UsageError: it has characters that an id can't have, or is too long.
    """
    if not _SESSION_ID.fullmatch(text):
        raise UsageError(f"{text!r} can't be a session's id: use 1 to 64 of the characters A-Z a-z 0-9 _ -")
    return text


def _json(text: str) -> dict[str, Any]:
    import json

    where = "--data"
    if text.startswith("@"):
        where = text[1:]
        text = _file(where, "--data")
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise UsageError(f"{where} is not valid JSON: {error.msg}: {place}") from None
    except RecursionError:
        raise _too_deep(where) from None
    except ValueError:
        raise UsageError(f"{where} has a number of more than {sys.get_int_max_str_digits():,} digits") from None
    if _depth(found) > _DEEPEST:
        raise _too_deep(where)
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise UsageError(
            f"{where} has half of a surrogate pair (\\ud800 to \\udfff) in a text: it is no Unicode"
        ) from None
    if not isinstance(found, dict):
        raise UsageError(f'{where} is no JSON object: write the event\'s data as {{"name": value, …}}')
    return found


def _too_deep(where: str) -> UsageError:
    return UsageError(f"{where} has lists or objects more than {_DEEPEST} levels deep: make them flatter")


def _depth(data: Any) -> int:
    """Return how deep lists and objects are nested."""
    depth, level = 0, [data]
    while level := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        level = [item for outer in level for item in (outer.values() if isinstance(outer, dict) else outer)]
    return depth


def _need_text(text: str, what: str) -> None:
    """Refuse what has bytes that are no text in the encoding that Python took from the locale.

    Raises:
        UsageError: it has.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(
            f"{what} is no text in the encoding of this locale ({sys.getfilesystemencoding()}): "
            "rename it, or use a UTF-8 locale (LC_ALL=C.UTF-8)"
        ) from None


def _file(name: str, option: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{option}: {name} is not UTF-8 text (byte {error.start}): save it as UTF-8") from None
    except OSError as error:
        raise UsageError(f"{option}: can't read {name!r}: {error.strerror}") from None


def _choices(file: Path) -> str:
    """Return what a file has to offer, to follow a message."""
    from ninelives.code.exports import exports
    from ninelives.errors import ProgramError

    try:
        names = [export.name for export in exports(file)] if file.is_file() else []
    except ProgramError:
        names = []  # what is wrong with the file is said when it is run
    return f" ({file.name} has {', '.join(names[:5])}{', …' if len(names) > 5 else ''})" if names else ""
