"""`check`: what can bite in a program, found by reading it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ninelives.cli.options import json_option
from ninelives.cli.output import emit, emit_json, on_terminal, one_line

if TYPE_CHECKING:
    from ninelives.code.check import Finding


@click.command(short_help="Warn about what can bite in a program.")
@click.argument("path", metavar="DIR|FILE", type=click.Path(path_type=Path))
@json_option
def check(path: Path, *, as_json: bool) -> int:
    """Read a program, and warn about what can bite when it is killed and goes on.

    Nothing is imported or run. Of a folder all Python files are read, but tests, hidden ones and virtual environments.
    `# ninelives: ignore[CODE]` on a line silences it. With --json: a list of file, line, code, message, way_out.

    \b
    Exit codes:
      0  nothing was found
      1  something was found
      2  wrong use, or a file that is not valid Python

    \b
    Example:
      ninelives check .
      ninelives check review.py --json
    """
    from ninelives.code.check import check as find
    from ninelives.code.rules import Rules
    from ninelives.worker.project import rules_for

    root, rules = rules_for(path)
    found = find(path, Rules(rules), root)
    if as_json:
        emit_json(found)
    elif on_terminal() and found:
        _draw(found)
    else:
        for item in found:
            emit(one_line(f"{item.file}:{item.line}: {item.code}: {item.message}; {item.way_out}") + "\n")
    return 1 if found else 0


def _draw(found: list[Finding]) -> None:
    """Draw a table in which long texts go on in the next line: a way out that is cut helps nobody."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("WHERE", "CODE", "WHAT, AND THE WAY OUT"):
        table.add_column(title, overflow="fold")
    for item in found:
        text = Text.assemble(one_line(item.message), ("\n→ ", "dim"), (one_line(item.way_out), "green"))
        table.add_row(Text(one_line(f"{item.file}:{item.line}")), Text(item.code, "yellow"), text)
    Console().print(table)
