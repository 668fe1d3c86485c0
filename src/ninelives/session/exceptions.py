"""Exceptions as results: taken apart and put together without calling their constructors.

Plain pickle calls ``cls(*args)`` again, which fails for many classes, and forgets cause, context and traceback. Here
an exception is its class, its ``args``, its attributes, its causes and where it was raised. The class is made by the
``__new__`` of its nearest built-in base, which every exception has.
"""

from __future__ import annotations

import ast
import types
from collections.abc import Callable
from functools import lru_cache
from itertools import islice
from typing import Any

#: Kept apart (see `reduce`), or of no use in another process.
_SKIPPED = frozenset(
    {"args", "__traceback__", "__cause__", "__context__", "__suppress_context__", "__dict__", "__weakref__"}
)

#: One frame of a traceback: file, function, line, last line, first and last column (None where they are not known).
Frame = tuple[str, str, int, int | None, int | None, int | None]


def reduce(error: BaseException, own_frame: Callable[[str], bool]) -> tuple[Any, ...]:
    """Return how an exception is pickled: made blank, then filled, so that exceptions that refer to each other work.

    Args:
        error: any exception.
        own_frame: whether a file is ours; such frames are left out of the traceback.
    """
    state = {
        "args": error.args,
        "fields": _fields(error),
        "dict": dict(getattr(error, "__dict__", {})),
        "cause": error.__cause__,
        "context": error.__context__,
        "suppress": error.__suppress_context__,
        "frames": frames_of(error.__traceback__, own_frame),
    }
    cls = type(error)
    made_of = (error.message, list(error.exceptions)) if isinstance(error, BaseExceptionGroup) else ()
    return blank, (cls, made_of), state, None, None, fill


def blank(cls: type, made_of: tuple[Any, ...]) -> BaseException:
    """Return an exception of ``cls`` whose constructor was not called."""
    error: BaseException = _built_in_base(cls).__new__(cls, *made_of)
    return error


def fill(error: BaseException, state: dict[str, Any]) -> None:
    """Give a blank exception what `reduce` found in the one it stands for."""
    error.args = state["args"]
    for name, value in state["fields"].items():
        if getattr(error, name, error) is value:
            # It is so already: to some, a field that was set to None is not the same as one that was never set.
            continue
        try:
            setattr(error, name, value)
        except (AttributeError, TypeError):
            # A read-only field of a built-in exception, which ``args`` or the group's constructor has set already.
            continue
    if state["dict"]:
        error.__dict__.update(state["dict"])
    error.__cause__ = state["cause"]
    error.__context__ = state["context"]
    error.__suppress_context__ = state["suppress"]
    error.__traceback__ = traceback_of(state["frames"])


def sever(error: BaseException, handled: BaseException | None) -> None:
    """Let an exception and those that led to it forget which one was handled when all of them were raised.

    Args:
        error: an exception.
        handled: it was handled then; None: there was none.
    """
    left, seen = [error], {id(error), id(handled)}
    while left and handled is not None:
        each = left.pop()
        if each.__context__ is handled:
            each.__context__ = None
        further = [other for other in (each.__context__, each.__cause__) if other is not None and id(other) not in seen]
        seen.update(map(id, further))
        left += further


def follow(error: BaseException, context: BaseException | None) -> None:
    """Let an exception that is being raised again keep its context; what is handled now comes before that.

    ``raise`` has put in its place what is handled.

    Args:
        error: it is being raised.
        context: its context before.
    """
    handled = error.__context__
    if context is None or handled is None or handled is context:
        return
    error.__context__ = context
    own, before = [error, *_chain(context)], _chain(handled)
    if not {id(each) for each in own} & {id(each) for each in before}:
        own[-1].__context__ = handled


def _chain(error: BaseException) -> list[BaseException]:
    """Return an exception, its context, the context of that, and so on; a ring once."""
    chain: dict[int, BaseException] = {}
    each: BaseException | None = error
    while each is not None and id(each) not in chain:
        chain[id(each)] = each
        each = each.__context__
    return list(chain.values())


def _fields(error: BaseException) -> dict[str, Any]:
    """Return what the class keeps outside of ``__dict__``: slots, and the fields of built-in exceptions."""
    found: dict[str, Any] = {}
    for cls in type(error).__mro__:
        for name, descriptor in vars(cls).items():
            if isinstance(descriptor, types.MemberDescriptorType | types.GetSetDescriptorType) and name not in _SKIPPED:
                try:
                    found.setdefault(name, descriptor.__get__(error))
                except AttributeError:
                    continue  # a slot that is not set
    return found


def _built_in_base(cls: type) -> Any:
    """Return the first base that C code defines: its ``__new__`` is the one Python accepts for ``cls``."""
    for base in cls.__mro__:
        if not base.__flags__ & (1 << 9):  # Py_TPFLAGS_HEAPTYPE
            return base
    return BaseException


def frames_of(traceback: types.TracebackType | None, own_frame: Callable[[str], bool]) -> list[Frame]:
    """Return a traceback as plain data, outermost frame first, without our frames."""
    frames: list[Frame] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if not own_frame(code.co_filename):
            frames.append((code.co_filename, code.co_name, traceback.tb_lineno, *_columns(code, traceback.tb_lasti)))
        traceback = traceback.tb_next
    return frames


def _columns(code: types.CodeType, instruction: int) -> tuple[int | None, int | None, int | None]:
    """Return the last line, the first and the last column of an instruction."""
    positions = next(islice(code.co_positions(), instruction // 2, None), None) if instruction >= 0 else None
    return (None, None, None) if positions is None else positions[1:]


def traceback_of(frames: list[Frame]) -> types.TracebackType | None:
    """Return a traceback that shows ``frames``, so that an error reads the same in a process that never raised it."""
    traceback: types.TracebackType | None = None
    for frame in reversed(frames):
        code, instruction = _code(*frame)
        # Of a generator that never runs: the frame of a call would keep all those under it, and they the error.
        made = types.FunctionType(code, {})().gi_frame
        traceback = types.TracebackType(traceback, made, instruction, frame[2])
    return traceback


@lru_cache(maxsize=1024)
def _code(
    file: str, name: str, line: int, end_line: int | None, column: int | None, end_column: int | None
) -> tuple[types.CodeType, int]:
    """Return code that claims to be at a place of another function, and its instruction there (-1: no columns)."""
    position: dict[str, Any] = {
        "lineno": line,
        "end_lineno": end_line if end_line is not None else line,
        "col_offset": column or 0,
        "end_col_offset": end_column if end_column is not None else (column or 0),
    }
    generator = ast.parse("def f():\n    yield f")
    place: Any = generator.body[0]
    for node in ast.walk(place):
        if "lineno" in node._attributes:
            for attribute, number in position.items():
                setattr(node, attribute, number)
    module = compile(generator, file, "exec")
    code = next(const for const in module.co_consts if isinstance(const, types.CodeType))
    code = code.replace(co_name=name, co_qualname=name)
    if end_line is None or column is None:
        return code, -1
    wanted = (line, end_line, column, position["end_col_offset"])
    return code, next((2 * at for at, found in enumerate(code.co_positions()) if found == wanted), -1)
