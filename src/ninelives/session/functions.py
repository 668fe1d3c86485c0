"""The session functions that user code calls: what they do in a session, and what they do without one."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, MutableMapping
from enum import StrEnum
from types import FrameType
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ninelives.session.lanes import RunningActivity, active, current_lane, running_activity

if TYPE_CHECKING:
    from ninelives.session.lanes import Lane

#: ``time.sleep`` as Python has it.
really_sleep = time.sleep


def sleep(seconds: float) -> None:
    """Sleep for ``seconds``. In a session it is durable: after a restart only the rest of it is waited for."""
    lane = current_lane()
    if lane is None or lane.session.loading or _is_ours(sys._getframe(1)):
        really_sleep(seconds)
    else:
        lane.session.timers.sleep(lane, seconds)


def _is_ours(frame: FrameType) -> bool:
    """Return whether code of ours sleeps: for a lock of the store, say, while it records what a program does."""
    name: str = frame.f_globals.get("__name__", "")
    return name.startswith("ninelives.")


def install_sleep() -> None:
    """Let ``time.sleep`` be `sleep`, also when a library calls it on a lane; off lanes it is as before."""
    time.sleep = sleep  # type: ignore[assignment]


def session_id() -> str:
    """Return the id of the running session; ``"local"`` without one."""
    running = running_activity.get()
    if type(running) is RunningActivity:
        return running.session.id
    return active.session.id if active.session is not None else "local"


def idempotency_key() -> str:
    """Return a key for the running activity: the same for each of its attempts, and for no other call.

    Without a session, a new one each time.

    Raises:
        RuntimeError: in a session, but not inside an activity.
    """
    running = _running_activity("idempotency_key")
    return f"local-{uuid4()}" if running is None else running.idempotency_key


def attempt() -> int:
    """Return which attempt of the running activity this is, from 1; 1 without a session.

    Raises:
        RuntimeError: in a session, but not inside an activity.
    """
    running = _running_activity("attempt")
    return 1 if running is None else running.attempt


def _running_activity(name: str) -> RunningActivity | None:
    """Return the activity that asks; None without a session."""
    running = running_activity.get()
    if type(running) is RunningActivity:
        return running
    if active.session is None:
        return None
    raise RuntimeError(
        f"ninelives.{name}() is for code inside an activity; mark the function that calls it with @activity"
    )


# The project's store.


class Op(StrEnum):
    """What `mutate_value` does."""

    SET = "set"
    GET = "get"
    DEL = "del"
    ADD = "add"
    CHECK_AND_SET = "check_and_set"


_local: dict[str, Any] = {}


def _lane() -> Lane | None:
    lane = current_lane()
    if lane is None and active.session is not None and type(running_activity.get()) is RunningActivity:
        raise RuntimeError(
            "the store is for the session's code, not for code inside an activity; pass values in and out instead"
        )
    return lane


def get_value(key: str) -> Any:
    """Return the project's value of ``key``; None if there is none."""
    lane = _lane()
    return _local.get(key) if lane is None else lane.session.stored.get(lane, key)


def set_value(key: str, value: Any) -> None:
    """Set the project's value of ``key``; None deletes it."""
    lane = _lane()
    if lane is not None:
        lane.session.stored.set(lane, key, value)
    elif value is None:
        _local.pop(key, None)
    else:
        _local[key] = value


def add_values(key: str, value: int | float) -> int | float:
    """Add ``value`` to the project's value of ``key`` (absent counts as 0), atomically; returns the sum."""
    lane = _lane()
    if lane is not None:
        total: int | float = lane.session.stored.add(lane, key, value)
        return total
    _local[key] = _local.get(key, 0) + value
    result: int | float = _local[key]
    return result


def check_and_set_value(key: str, expected_value: Any, new_value: Any) -> bool:
    """Set the project's value of ``key`` if it equals ``expected_value``, atomically.

    Returns:
        whether it did.
    """
    lane = _lane()
    if lane is not None:
        return lane.session.stored.check_and_set(lane, key, expected_value, new_value)
    if _local.get(key) != expected_value:
        return False
    set_value(key, new_value)
    return True


def del_value(key: str) -> None:
    """Delete the project's value of ``key``, if there is one."""
    lane = _lane()
    if lane is not None:
        lane.session.stored.delete(lane, key)
    else:
        _local.pop(key, None)


def list_values_keys() -> list[str]:
    """Return the keys of the project's values, sorted."""
    lane = _lane()
    return sorted(_local) if lane is None else lane.session.stored.keys(lane)


def mutate_value(key: str, op: Op | str, *args: Any) -> Any:
    """Do what ``op`` says with the project's value of ``key``; see `Op`."""
    functions: dict[Op, Callable[..., Any]] = {
        Op.SET: set_value,
        Op.GET: get_value,
        Op.DEL: del_value,
        Op.ADD: add_values,
        Op.CHECK_AND_SET: check_and_set_value,
    }
    return functions[Op(op)](key, *args)


class Store(MutableMapping[str, Any]):
    """The project's values as a dict; each operation is atomic, two in a row are not."""

    def __getitem__(self, key: str) -> Any:
        return get_value(key)

    def __setitem__(self, key: str, value: Any) -> None:
        set_value(key, value)

    def __delitem__(self, key: str) -> None:
        del_value(key)

    def __iter__(self) -> Iterator[str]:
        return iter(list_values_keys())

    def __len__(self) -> int:
        return len(list_values_keys())


store = Store()
