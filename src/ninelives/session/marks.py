"""The decorators by which a program says what is an activity and what is not."""

from __future__ import annotations

import dis
import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeVar, cast, overload

from ninelives.code.naming import name_of
from ninelives.session.lanes import INHIBITED, active, current_lane, running_activity
from ninelives.session.options import Options

F = TypeVar("F", bound=Callable[..., Any])


@overload
def activity(fn: F, /) -> F: ...


@overload
def activity(
    *,
    retries: int = 0,
    backoff: float = 1.0,
    timeout: float | None = None,
    if_interrupted: Literal["retry", "stop"] = "retry",
) -> Callable[[F], F]: ...


def activity(
    fn: F | None = None,
    /,
    *,
    retries: int = 0,
    backoff: float = 1.0,
    timeout: float | None = None,
    if_interrupted: Literal["retry", "stop"] = "retry",
) -> F | Callable[[F], F]:
    """Mark a function as one activity: it runs as a whole, once, and what it returns is recorded.

    Without a session it is the function it was.

    Args:
        fn: the function, when used without brackets.
        retries: how often it is tried again when it raises an ``Exception``.
        backoff: seconds before the first retry; doubled for each further one.
        timeout: seconds an attempt may take before it ends with ``TimeoutError``; None: any.
        if_interrupted: what happens when the process dies in the middle of it: ``"retry"`` runs it again, ``"stop"``
            stops the session until a person has looked.

    Raises:
        ValueError: an option has no meaning.
    """
    options = _checked(Options(retries, backoff, timeout, if_interrupted))
    if fn is None:
        return lambda fn: _marked(fn, options)
    return _marked(fn, options)


def _checked(options: Options) -> Options:
    if options.retries < 0 or options.backoff < 0:
        raise ValueError("@activity: retries and backoff can't be negative")
    if options.timeout is not None and options.timeout <= 0:
        raise ValueError("@activity: timeout is a positive number of seconds, or None")
    if options.if_interrupted not in ("retry", "stop"):
        raise ValueError(f"@activity: if_interrupted is 'retry' or 'stop', not {options.if_interrupted!r}")
    return options


def _marked(fn: F, options: Options) -> F:
    if isinstance(fn, type):
        fn.__ak_activity__ = True  # type: ignore[attr-defined]
        return cast(F, fn)
    name = name_of(fn)
    changes_globals = any(step.opname == "STORE_GLOBAL" for step in dis.get_instructions(fn))

    def call(*args: Any, **kwargs: Any) -> Any:
        lane = current_lane()
        if lane is None or lane.session.loading:
            return fn(*args, **kwargs)
        if changes_globals:
            lane.session.warn_of_globals(name)
        return lane.session.activities.call(lane, fn, name, options, *args, **kwargs)

    return cast(F, _as_async(fn, call) if inspect.iscoroutinefunction(fn) else _wrapped(fn, call))


def inhibit_activities(fn: F) -> F:
    """Mark a function inside which every call is direct, on replay too: for making clients, say."""

    def call(*args: Any, **kwargs: Any) -> Any:
        token = running_activity.set(INHIBITED)
        try:
            return fn(*args, **kwargs)
        finally:
            running_activity.reset(token)

    async def call_async(*args: Any, **kwargs: Any) -> Any:
        token = running_activity.set(INHIBITED)
        try:
            return await fn(*args, **kwargs)
        finally:
            running_activity.reset(token)

    return cast(F, _wrapped(fn, call_async if inspect.iscoroutinefunction(fn) else call))


def register_no_activity(items: Iterable[Callable[..., Any]]) -> None:
    """Say that these functions, and the methods of these classes, are no activities: they are called directly.

    Args:
        items: functions and classes.
    """
    if active.session is not None:
        active.session.classifier.mark_direct(items)


def _as_async(fn: Callable[..., Any], call: Callable[..., Any]) -> Callable[..., Any]:
    async def call_async(*args: Any, **kwargs: Any) -> Any:
        return await call(*args, **kwargs)

    return _wrapped(fn, call_async)


def _wrapped(fn: Callable[..., Any], call: Callable[..., Any]) -> Callable[..., Any]:
    return functools.wraps(fn)(call)
