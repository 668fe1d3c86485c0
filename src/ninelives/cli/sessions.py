"""`sessions`: what is there, what happened, and ending what should not go on."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import click

from ninelives.cli.options import json_option, opened_store, session_argument
from ninelives.cli.output import Column, emit, emit_fields, emit_json, emit_table, on_terminal, span

if TYPE_CHECKING:
    from ninelives.worker.views import JournalRow

#: Colours of the streams in a log on a terminal.
_STREAMS = {"stderr": "\x1b[31m", "log": "\x1b[2m"}


@click.group(no_args_is_help=False)
def sessions() -> None:
    """List, look at, fork, cancel and delete sessions.

    Where a session is asked for, its id will do, or the beginning of one.

    \b
    Example:
      ninelives sessions list
      ninelives sessions journal a77c846e
    """


@sessions.command("list")
@json_option
def list_(*, as_json: bool) -> None:
    """List sessions, newest first.

    \b
    Example:
      ninelives sessions list --json
    """
    from ninelives.worker.views import summary

    with opened_store(read_only=True) as store:
        found = [(session, summary(session)) for session in store.sessions()]
    if as_json:
        emit_json([shown for _, shown in found])
        return
    people = on_terminal()
    columns = [Column("SESSION", whole=True), Column("STATE", whole=True), Column("HANDLER")]
    columns += [Column("CREATED", whole=True), Column("UPDATED", whole=True)]
    emit_table(
        columns,
        (
            (
                shown.session_id,
                shown.state,
                shown.entry_point,
                _ago(session.created_at) if people else shown.created_at,
                _ago(session.updated_at) if people else shown.updated_at,
            )
            for session, shown in found
        ),
    )


@sessions.command()
@session_argument
@json_option
def show(session: str, *, as_json: bool) -> None:
    """Show a session: its state, result or error, what it waits for, and how much it has done.

    \b
    Example:
      ninelives sessions show a77c846e
    """
    import msgspec

    from ninelives.worker.views import details

    with opened_store(read_only=True) as store:
        row = store.session(session)
        shown = details(row, store.rows(row.session_id), len(store.lines(row.session_id)))
    if as_json:
        emit_json(shown)
        return
    fields = msgspec.structs.asdict(shown)
    fields["live"] = "yes" if shown.live else "no"
    fields["counts"] = ", ".join(f"{name} {count}" for name, count in shown.counts.items())
    if shown.error:
        fields["error"] = shown.error.get("traceback") or "{type}: {message}".format_map(shown.error)
    if shown.waiting_for is not None:
        fields["waiting_for"] = msgspec.json.encode(shown.waiting_for).decode()
    emit_fields(fields.items())


@sessions.command()
@session_argument
@json_option
def logs(session: str, *, as_json: bool) -> None:
    """Print what a session's program printed and logged. With --json: seq, at, stream, level, text.

    \b
    Example:
      ninelives sessions logs a77c846e
    """
    from ninelives.worker.views import log

    with opened_store(read_only=True) as store:
        lines = log(store.lines(store.session(session).session_id))
    if as_json:
        emit_json(lines)
        return
    colour = on_terminal() and not os.environ.get("NO_COLOR")
    for line in lines:
        start = _STREAMS.get(line.stream, "") if colour else ""
        text = line.text.removesuffix("\n")
        emit(f"{start}{text}\x1b[0m\n" if start else f"{text}\n")


@sessions.command()
@session_argument
@json_option
def journal(session: str, *, as_json: bool) -> None:
    """Print a session's journal, one row an operation.

    A status is: started (a process is at it), ok, failed, or interrupted (cut off: it runs again with `resume`).
    In a pipe, long arguments and results are cut. With --json they are whole, and there are: seq, lane, kind, name,
    status, attempt, file, line, started_at, duration_ms, args, result, error.

    \b
    Example:
      ninelives sessions journal a77c846e --json
    """
    from ninelives.worker.views import journal as view

    with opened_store(read_only=True) as store:
        row = store.session(session)
        shown = view(store.rows(row.session_id), live=row.live)
    if as_json:
        emit_json(shown)
        return
    emit_table(JOURNAL, map(_cells, shown))


#: A cell of arguments or of a result has at most this many characters.
_WIDEST = 120

#: The columns of a journal. On a narrow terminal those that are not whole give way.
JOURNAL = [
    Column("SEQ", whole=True, right=True),
    Column("LANE"),
    Column("KIND", whole=True),
    Column("NAME"),
    Column("STATUS", whole=True),
    Column("TRY", right=True),
    Column("WHERE"),
    Column("MS", right=True),
    Column("ARGS"),
    Column("RESULT"),
]


def _cells(entry: JournalRow) -> tuple[object, ...]:
    return (
        entry.seq,
        entry.lane,
        entry.kind,
        entry.name,
        entry.status,
        entry.attempt,
        f"{entry.file}:{entry.line}" if entry.file else None,
        None if entry.duration_ms is None else f"{entry.duration_ms:.1f}",
        _short(entry.args),
        _short(entry.result if entry.error is None else entry.error),
    )


def _short(text: str | None) -> str | None:
    """Return the beginning of a text: a cell as wide as a result would move every other line's columns away."""
    return text if text is None or len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"


@sessions.command()
@session_argument
@click.option("--at", metavar="SEQ", type=int, required=True, help="The last entry of the journal that the fork has.")
@json_option
def fork(session: str, *, at: int, as_json: bool) -> None:
    """Make a new session that has the journal of another one up to an entry, and goes on from there.

    SEQ is what `sessions journal` shows: of a call, its start. A fork at it makes that call again, one at the next SEQ
    less 1 keeps what it came to. The other session stays as it is.

    \b
    Example:
      ninelives sessions fork a77c846e --at 12
      ninelives resume 5b1c0d2e
    """
    from ninelives.worker.fork import fork as make

    with opened_store() as store:
        made = make(store, session, at)
    if as_json:
        emit_json(made)
        return
    again = f"; made again: {', '.join(made.cut_off)}" if made.cut_off else ""
    emit(f"session {made.session_id} is a fork of {made.forked_from} at {made.forked_at}{again}\n")
    emit(f"go on with it: ninelives resume {made.session_id}\n")


@sessions.command()
@session_argument
@json_option
def cancel(session: str, *, as_json: bool) -> None:
    """Cancel a session: it does not go on any more. A process that has it is told to stop.

    \b
    Example:
      ninelives sessions cancel a77c846e
    """
    from ninelives.worker.cancel import cancel as end

    with opened_store() as store:
        done = end(store, session)
    if as_json:
        emit_json(done)
    elif done.told:
        emit(f"session {done.session_id} is being cancelled: its process was told to stop\n")
    else:
        emit(f"session {done.session_id} is cancelled\n")


@sessions.command()
@session_argument
@json_option
def delete(session: str, *, as_json: bool) -> None:
    """Delete a session with its journal, log, results and folder. A session that a process has is not deleted.

    \b
    Example:
      ninelives sessions delete a77c846e
    """
    from pathlib import Path

    from ninelives.cli.folders import data_folder
    from ninelives.runners.docker.places import Place

    with opened_store() as store:
        session_id = store.session(session).session_id
        store.delete(session_id)
    Place(Path(data_folder(), "docker"), session_id).remove()
    if as_json:
        emit_json({"session_id": session_id, "deleted": True})
    else:
        emit(f"session {session_id} is deleted\n")


def _ago(at: float) -> str:
    """Return how long ago a unix time in seconds was."""
    return f"{span(time.time() - at)} ago"
