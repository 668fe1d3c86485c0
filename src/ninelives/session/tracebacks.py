"""What users see of an exception: its class, its message, and a traceback without our frames."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ninelives.session.session import Session


def describe(error: BaseException, own_frame: Callable[[str], bool], hide: Callable[[str], str]) -> dict[str, str]:
    """Return an exception as plain data: ``type``, ``message`` and ``traceback``.

    Args:
        error: the exception.
        own_frame: whether a file is ours.
        hide: cuts secrets out of a text.
    """
    shown = traceback.TracebackException.from_exception(error)
    _leave_out(shown, own_frame)
    cls = type(error)
    name = cls.__qualname__ if cls.__module__ in ("builtins", "__main__") else f"{cls.__module__}.{cls.__qualname__}"
    # As Python shows them: code paths are for users here, so only secrets are hidden.
    return {"type": name, "message": hide(str(error)), "traceback": hide("".join(shown.format()))}


def _leave_out(shown: traceback.TracebackException, own_frame: Callable[[str], bool]) -> None:
    shown.stack[:] = [frame for frame in shown.stack if not own_frame(frame.filename)]
    for linked in (shown.__cause__, shown.__context__, *(shown.exceptions or ())):
        if linked is not None:
            _leave_out(linked, own_frame)


def user_place(session: Session, frame: Any) -> tuple[str, int]:
    """Return the file and line of the nearest user code around a frame; of the frame itself if there is none."""
    found = frame
    while found is not None:
        if session.code.owns_file(found.f_code.co_filename):
            return session.place(found)
        found = found.f_back
    return session.place(frame)
