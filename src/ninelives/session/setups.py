"""Set-up calls: what is done again to a live value after it was made again, so that it is as it was.

On replay the set-up calls that a reviewed list names (`livetypes.AGAIN`), and the attributes that the program set, are
kept as *steps*. They are repeated in their order when the value is made again, which is when it is next used.
"""

from __future__ import annotations

from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from ninelives.errors import NotRestorableError
from ninelives.session import drivers, render
from ninelives.session.lanes import directly
from ninelives.session.livetypes import again
from ninelives.session.standins import Reference, Step, real
from ninelives.session.stop import Halt

if TYPE_CHECKING:
    from ninelives.session.calls import Call
    from ninelives.session.live import LiveValues


def note(live: LiveValues, call: Call, ref: Reference, ok: bool) -> None:
    """Remember what a recorded call did to a live value.

    Args:
        live: the session's live values.
        call: the recorded call.
        ref: the live value whose method it was.
        ok: whether it succeeded.
    """
    listed = again(ref.cls, ref.name)
    if listed is None:
        live.used.add(ref.key)
        return
    method = call.name.rpartition(".")[2]
    place = (*ref.key, ref.number)
    if method in listed.breaks:
        live.used.add(ref.key)
    elif method in listed.ends:
        live.steps.pop(place, None)
    elif ok and method in listed.setup:
        live.steps.setdefault(place, []).append(Step(method, call.args, call.kwargs))
    elif listed.leaves:
        _leave(live.steps.setdefault(place, []), dict(listed.leaves), method)


def _leave(steps: list[Step], leaves: dict[str, tuple[str, str]], method: str) -> None:
    """Keep the setting that a call leaves behind, in place of the one that such a call left before."""
    if method in leaves:
        name, argument = leaves[method]
        settings = {(name, (argument,)) for name, argument in leaves.values()}
        steps[:] = [step for step in steps if (step.name, step.args) not in settings]
        steps.append(Step(name, (argument,)))


def note_statement(live: LiveValues, call: Call, place: tuple[str, int, int], makes_cursor: bool) -> None:
    """Remember what a recorded statement did to its connection, or what ends with it.

    Args:
        live: the session's live values.
        call: the recorded call.
        place: of the connection.
        makes_cursor: whether the call gave a cursor.
    """
    method = call.name.rpartition(".")[2]
    if method == "connect" and call.args and call.args[0] in ("", ":memory:") and call.name.startswith("sqlite3."):
        live.in_memory.add(place)
    if not drivers.is_statement(method):
        return
    sql = drivers.sql_of(call.args)
    if drivers.sets_up(sql):
        live.steps.setdefault(place, []).append(Step("", call.args, call.kwargs))
    elif sql and (place in live.in_memory or drivers.ends_with_connection(sql)):
        live.broken.setdefault(place, " ".join(sql.split()))
    if makes_cursor and not drivers.reads(sql):
        live.broken[(*call.key, 0)] = " ".join(sql.split()) or call.name


def repeat(live: LiveValues, value: Any, steps: list[Step]) -> None:
    """Do the steps again on a value that was just made again.

    Raises:
        Halt: one of them fails now.
    """
    cls = type(value).__qualname__
    with directly():
        for step in steps:
            try:
                _do(live, value, step)
            except Halt:
                raise
            except Exception as error:
                what = step.name or "the statement that sets it up"
                said = live.hide(render.error_text(error))
                raise Halt(
                    NotRestorableError(
                        f"{cls} was made again after a restart, but {what} failed this time ({said}); put that right, "
                        "and go on with 'ninelives resume SESSION'"
                    )
                ) from error


def _do(live: LiveValues, value: Any, step: Step) -> None:
    def done(given: Any) -> Any:
        return live.wait(given) if isawaitable(given) else given

    args, kwargs = tuple(map(real, step.args)), {name: real(item) for name, item in step.kwargs.items()}
    if step.sets:
        setattr(value, step.name, *args)
    elif step.name:
        done(getattr(value, step.name)(*args, **kwargs))
    elif hasattr(value, "exec_driver_sql"):
        done(value.exec_driver_sql(*args, **kwargs))
    elif not hasattr(value, "commit"):
        # asyncpg's, which has no cursors for statements.
        done(value.execute(*args, **kwargs))
    else:
        cursor = done(value.cursor())
        done(cursor.execute(*args, **kwargs))
        done(cursor.close())
    if not step.name and drivers.is_open(value, "execute", before=False):
        # Or a rollback of the program's would take it back.
        done(value.commit())
