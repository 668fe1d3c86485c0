"""What commands print: tables and colour on a terminal, plain text in a pipe, one JSON document with ``--json``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

#: Colours of what a column or a line says.
STYLES = {
    "completed": "green",
    "ok": "green",
    "running": "cyan",
    "started": "cyan",
    "created": "cyan",
    "waiting": "blue",
    "interrupted": "yellow",
    "error": "red",
    "failed": "red",
    "stopped": "magenta",
    "cancelled": "dim",
}

#: File descriptor for documents; another one after :func:`divert_prints`.
_document = 1


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Args:
        title: what the first line says.
        whole: never cut on a narrow terminal.
        right: numbers, which line up at their ends.
    """

    title: str
    whole: bool = False
    right: bool = False


def on_terminal() -> bool:
    """Return whether a person reads what is printed."""
    return sys.stdout.isatty()


def emit(text: str) -> None:
    """Print text to stdout; a reader that has gone away (``| head``) is no error."""
    sys.stdout.flush()
    data = text.encode(sys.stdout.encoding, "backslashreplace")
    try:
        while data:
            data = data[os.write(_document, data) :]
    except BrokenPipeError:
        # Nobody reads on. Python would complain once more while it closes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise SystemExit(0) from None


def emit_json(document: Any) -> None:
    """Print a document of plain data, msgspec structs or dataclasses as JSON, times in RFC 3339."""
    import msgspec

    try:
        text = msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
    except UnicodeEncodeError:
        # The name of a file that is no text. JSON can say it, in ASCII.
        import json

        text = json.dumps(msgspec.to_builtins(document), indent=2)
    emit(text + "\n")


def divert_prints() -> None:
    """From now on what this process and its children write to stdout goes to stderr; documents still go to stdout."""
    global _document  # noqa: PLW0603
    sys.stdout.flush()
    _document = os.dup(1)
    os.dup2(2, 1)


def complain(kind: str, message: str, *, as_json: bool, session_id: str | None = None) -> None:
    """Say in one line what is wrong.

    Args:
        kind: name of the error's class.
        message: what is wrong, where, and what to do.
        as_json: print a document to stdout instead of a line to stderr.
        session_id: the session that the message is about, for scripts.
    """
    if as_json:
        error = {"type": kind, "message": message} | ({"session_id": session_id} if session_id else {})
        emit_json({"error": error})
    else:
        print(f"ninelives: {one_line(message)}", file=sys.stderr)


def one_line(text: str) -> str:
    """Return text with line ends and control characters spelled out, so that it can't move a terminal's cursor."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def emit_table(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> None:
    """Print a table: drawn on a terminal; else aligned by spaces, with nothing cut."""
    cells = [["" if cell is None else one_line(str(cell)) for cell in row] for row in rows]
    if on_terminal():
        _draw(columns, cells)
        return
    titles = [column.title for column in columns]
    widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
    for line in [titles, *cells]:
        emit("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n")


def _draw(columns: Sequence[Column], cells: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    widths = _widths(columns, cells, console.width)
    table = Table(box=None, header_style="bold", pad_edge=False)
    shown = [index for index, width in enumerate(widths) if width]
    for index in shown:
        column = columns[index]
        table.add_column(
            column.title,
            no_wrap=True,
            overflow="ellipsis",
            width=widths[index],
            justify="right" if column.right else "left",
        )
    for row in cells:
        table.add_row(*(Text(row[index], STYLES.get(row[index], "")) for index in shown))
    console.print(table)


#: What is left of a column that gives way, in characters, and what is between two columns.
_LEAST = 6
_GAP = 2


def _widths(columns: Sequence[Column], cells: Sequence[Sequence[str]], total: int) -> list[int]:
    """Return how wide each column is, so that the table fits: the widest give way first, those without news go."""
    widths = [max([len(column.title), *(len(row[at]) for row in cells)]) for at, column in enumerate(columns)]
    for at, column in enumerate(columns):
        if sum(widths) + _GAP * len(widths) <= total:
            return widths
        if not column.whole and widths[at] <= _LEAST and len({row[at] for row in cells if row[at]}) <= 1:
            widths[at] = 0
    flexible = [at for at, column in enumerate(columns) if not column.whole and widths[at] > _LEAST]
    while flexible and sum(widths) + _GAP * sum(map(bool, widths)) > total:
        widest = max(flexible, key=lambda at: widths[at])
        if widths[widest] <= _LEAST:
            break
        widths[widest] -= 1
    return widths


def emit_fields(fields: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one pair a line; a text of several lines follows its name, indented."""
    shown = [(name, str(value)) for name, value in fields if value is not None]
    width = max(len(name) for name, _ in shown) + 2
    bold, plain = ("\x1b[1m", "\x1b[0m") if on_terminal() and not os.environ.get("NO_COLOR") else ("", "")
    for name, value in shown:
        lines = [one_line(line) for line in value.splitlines()] or [""]
        text = lines[0] if len(lines) == 1 else "".join(f"\n  {line}" for line in lines)
        emit(f"{bold}{name}:{plain}".ljust(width + len(bold + plain)) + text + "\n")


def span(seconds: float) -> str:
    """Return a time span in seconds as people say it."""
    for limit, size, unit in ((60, 1, "s"), (3600, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{max(0.0, seconds) / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"
