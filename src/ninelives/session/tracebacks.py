"""What users see of an exception: its class, its message, and a traceback without our frames."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from types import TracebackType

from ninelives.code.importer import UserCode

Error = dict[str, str]


def describe(
    error: BaseException, code: UserCode, own_frame: Callable[[str], bool], hide: Callable[[str], str]
) -> Error:
    """Return an exception as plain data: ``type``, ``message`` and ``traceback``.

    Args:
        error: the exception.
        code: the user's code, with whose first frame the traceback begins.
        own_frame: whether a file is ours.
        hide: cuts secrets out of a text.
    """
    shown = traceback.TracebackException.from_exception(error)
    first = next((at for at, frame in enumerate(shown.stack) if code.owns_file(frame.filename)), 0)
    del shown.stack[:first]
    _leave_out(shown, own_frame)
    cls = type(error)
    name = cls.__qualname__ if cls.__module__ in ("builtins", "__main__") else f"{cls.__module__}.{cls.__qualname__}"
    # As Python shows them: code paths are for users here, so only secrets are hidden.
    text = "".join(shown.format())
    if isinstance(error, ModuleNotFoundError) and error.name and not code.has_module(error.name):
        text += f"(add the package that has {error.name!r} to the project's requirements)\n"
    return {"type": name, "message": hide(message(error)), "traceback": hide(text)}


def message(error: BaseException) -> str:
    """Return what an exception says, as Python shows it: its own code may fail."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - whatever it raises, it says nothing
        return "<exception str() failed>"


def ending(error: BaseException, code: UserCode) -> str:
    """Return an exception in one line: class, message, and where in the user's code it was raised."""
    name, said = type(error).__qualname__, " ".join(message(error).split())
    place, traceback_ = "", error.__traceback__
    while traceback_ is not None:
        file = traceback_.tb_frame.f_code.co_filename
        if code.owns_file(file):
            place = f" at {code.relative(file)}:{traceback_.tb_lineno}"
        traceback_ = traceback_.tb_next
    return (f"{name}: {said}" if said else name) + place


def _leave_out(shown: traceback.TracebackException, own_frame: Callable[[str], bool]) -> None:
    shown.stack[:] = [frame for frame in shown.stack if not own_frame(frame.filename)]
    for linked in (shown.__cause__, shown.__context__, *(shown.exceptions or ())):
        if linked is not None:
            _leave_out(linked, own_frame)


def clean(error: BaseException | None) -> None:
    """Take our frames out of the traceback of an exception that the program catches.

    They are where an activity gives the program what it raised; plain Python has no such frames.
    """
    while error is not None and error.__traceback__ is not None and _is_ours(error.__traceback__):
        error.__traceback__ = error.__traceback__.tb_next
    traceback_ = error.__traceback__ if error is not None else None
    while traceback_ is not None:
        following = traceback_.tb_next
        if following is not None and _is_ours(following):
            traceback_.tb_next = following.tb_next
        else:
            traceback_ = following


def _is_ours(traceback_: TracebackType) -> bool:
    name: str = traceback_.tb_frame.f_globals.get("__name__", "")
    return name.startswith("ninelives.")
