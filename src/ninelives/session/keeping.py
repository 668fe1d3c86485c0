"""What keeps a session's process while it waits: what could not be made again in the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ninelives.session import children

if TYPE_CHECKING:
    from ninelives.session.session import Session


def keeps(session: Session) -> str:
    """Return what of its process a session that waits needs to find there again, in a few words; "": nothing.

    Args:
        session: none of its lanes is ready.
    """
    if session.scheduler.is_outside:
        return "calls that run"
    if session.may_be_bridged():
        return "tasks of outside code"
    if session.output.has_begun:
        return "a line that has begun"
    if children.any_left():
        return "processes that it started"
    return session.live.keeps()
