"""`exports` and `rewrite`: looking at user code without running it."""

from __future__ import annotations

from pathlib import Path

import click

from ninelives.cli.options import json_option
from ninelives.cli.output import Column, emit, emit_json, emit_table


@click.command(short_help="List the handlers of a file or folder.")
@click.argument("path", metavar="FILE|DIR", type=click.Path(path_type=Path))
@json_option
def exports(path: Path, *, as_json: bool) -> None:
    """List what can be a handler, with file, line, name and arguments.

    That is each function, async function, class and named lambda that can be called with (event) or
    (event, session_id), and is no generator.

    Nothing is imported or run. Of a folder all Python files are read, but hidden ones and virtual environments.

    \b
    Example:
      ninelives exports review.py
      ninelives exports . --json
    """
    from ninelives.code.exports import exports as find

    found = find(path)
    if as_json:
        emit_json(found)
        return
    columns = [Column("FILE"), Column("LINE", right=True), Column("NAME", whole=True), Column("ARGS")]
    emit_table(columns, ((export.file, export.line, export.name, ", ".join(export.args)) for export in found))


@click.command(short_help="Print what a file becomes when it is loaded.")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@json_option
def rewrite(file: Path, *, as_json: bool) -> None:
    """Print what a Python file becomes when a session loads it: each call passes a guard first.

    \b
    Example:
      ninelives rewrite review.py
    """
    import ast

    from ninelives.code.exports import read_source, syntax_problem
    from ninelives.code.rewrite import rewrite_source

    source = read_source(file)
    try:
        code = ast.unparse(rewrite_source(source, str(file)))
    except (SyntaxError, ValueError) as error:
        raise syntax_problem(error, str(file)) from None
    if as_json:
        emit_json({"file": str(file), "source": code})
    else:
        emit(code + "\n")
