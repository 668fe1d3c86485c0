"""What we say in a session's log about a result: that it can't be saved, and what a restart will do then."""

from __future__ import annotations

from collections.abc import Iterator

from ninelives.session.contents import LOST, Change
from ninelives.session.link import Line
from ninelives.session.livetypes import NOT_RESTORABLE
from ninelives.session.output import Output

#: Live values that are used up from their beginning to their end.
_READ_ONCE = frozenset(
    {
        "builtins.generator",
        "builtins.async_generator",
        "contextlib._GeneratorContextManager",
        "contextlib._AsyncGeneratorContextManager",
    }
)


def remarks(output: Output, name: str, leaves: list[str], changes: list[Change]) -> list[Line]:
    """Return the lines about a result, to be recorded with it.

    Args:
        output: the session's log.
        name: what was called.
        leaves: the classes of what can't be saved and will be made again.
        changes: what the call changed; a restart will stop the session where that can't be saved.
    """
    return [output.remark(text) for text in _texts(name, leaves, changes)]


def _texts(name: str, leaves: list[str], changes: list[Change]) -> Iterator[str]:
    for leaf in leaves:
        if leaf in NOT_RESTORABLE or leaf in _READ_ONCE:
            what = "a restart before it was used for the last time stops the session"
        else:
            what = "after a restart the same call makes it again"
        yield f"{name} gave a live value ({leaf}): {what}"
    for _, how, cls in changes:
        if how == LOST:
            yield f"{name} changed a {cls} in a way that can't be made again: a restart will stop here"
