"""Finds the handler in the user's code and calls it."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Coroutine, Mapping
from pathlib import PurePath
from typing import Any

from ninelives.code.exports import syntax_problem
from ninelives.code.importer import UserCode
from ninelives.errors import ProgramError
from ninelives.session.event import Event


def load(code: UserCode, entry_point: str) -> Callable[..., Any]:
    """Load the module of ``file.py:handler`` and return the handler.

    Raises:
        ProgramError: there is no such file or handler, it can't be called with an event, its source has a syntax
            error, or a package that it imports is missing.
    """
    file, _, name = entry_point.rpartition(":")
    path = code.root / file
    if not path.is_file():
        raise ProgramError(f"{file}: there is no such file in {code.root}")
    module = _import(code, ".".join(PurePath(file).with_suffix("").parts), file)
    found = getattr(module, name, None)
    if found is None:
        raise ProgramError(f"{file}: there is no {name!r} in it; 'ninelives exports {file}' lists its handlers")
    if not callable(found):
        raise ProgramError(
            f"{file}: {name} is not a handler: it can't be called; 'ninelives exports {file}' lists its handlers"
        )
    if inspect.isgeneratorfunction(found) or inspect.isasyncgenfunction(found):
        raise ProgramError(f"{file}: {name} is a generator, of which nothing would run: a handler returns its result")
    if _positions(found) == 0:
        raise ProgramError(f"{file}: {name} takes no event; a handler is called with (event) or (event, session_id)")
    return found  # type: ignore[no-any-return]


def _import(code: UserCode, name: str, file: str) -> Any:
    loaded = sys.modules.get(name)
    if loaded is not None and vars(loaded).get("__builtins__") is not code.builtins:
        raise ProgramError(
            f"{file}: a module named {name!r} is part of Python or of an installed package; rename the file"
        )
    try:
        return importlib.import_module(name)
    except SyntaxError as error:
        if error.filename is None or not code.owns_file(error.filename):
            raise
        raise syntax_problem(error, code.relative(error.filename)) from error
    except ModuleNotFoundError as error:
        if error.name is None or code.has_module(error.name):
            raise
        raise ProgramError(f"{_place(code, error, file)}: {_missing(error.name)}") from error


def _missing(name: str) -> str:
    """Return what is to be said about a module that is not there."""
    package, dot, _ = name.partition(".")
    if package in sys.stdlib_module_names:
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        return f"the standard library of Python {python} has no module {name!r} here: correct the import"
    if dot and package in sys.modules:
        return f"the package {package!r} is installed and has no module {name!r}: correct the import, or update it"
    return (
        f"there is no module {name!r}; add the package that has it to the project's requirements, "
        f"and install it ({sys.executable} -m pip install …)"
    )


def _place(code: UserCode, error: BaseException, file: str) -> str:
    place, found = file, error.__traceback__
    while found is not None:
        if code.owns_file(found.tb_frame.f_code.co_filename):
            place = f"{code.relative(found.tb_frame.f_code.co_filename)}:{found.tb_lineno}"
        found = found.tb_next
    return place


def _positions(function: Callable[..., Any]) -> int:
    """Return how many arguments, one or two, a handler is called with; 0 if it can't be called with an event."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return 1
    places = [item for item in parameters if item.kind in (item.POSITIONAL_ONLY, item.POSITIONAL_OR_KEYWORD)]
    required = sum(item.default is item.empty for item in places)
    if required > 2:
        return 0
    if len(places) >= 2 and (required == 2 or places[1].name == "session_id"):
        return 2
    if places or any(item.kind is item.VAR_POSITIONAL for item in parameters):
        return 1
    return 0


def call(function: Callable[..., Any], event: Mapping[str, Any], session_id: str) -> Any:
    """Call a handler with its event, and with the session's id if it takes that."""
    made = Event(event.get("data"), event.get("event_id"), event.get("event_type"), event.get("integration_id"))
    return function(made, session_id) if _positions(function) == 2 else function(made)


def is_awaitable(value: Any) -> bool:
    """Return whether a handler's result is to be awaited."""
    return inspect.isawaitable(value)


def as_coroutine(value: Any) -> Coroutine[Any, Any, Any]:
    """Return an awaitable as a coroutine."""
    if inspect.iscoroutine(value):
        return value

    async def wait() -> Any:
        return await value

    return wait()
