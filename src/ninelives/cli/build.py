"""`build`: user code as one file that does not change any more."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ninelives.cli.options import json_option
from ninelives.cli.output import emit_fields, emit_json, one_line
from ninelives.errors import UsageError


@click.command(short_help="Make a build: user code as one file.")
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("-o", "--output", metavar="FILE", required=True, type=click.Path(dir_okay=False, path_type=Path))
@json_option
def build(folder: Path, *, output: Path, as_json: bool) -> None:
    """Put the code in DIR into one file, with its exports, its Python versions and its requirements.

    The same code makes the same file, byte for byte, on every machine; its id is the SHA-256 of it. Hidden files,
    caches, virtual environments and what .gitignore and .ninelivesignore name are left out. Links that lead out of
    DIR, files and builds over a limit (see `ninelives config show`), names that not every disk can have and files that
    are not valid Python are errors. Nothing of the code is run.

    The requirements are those of requirements.txt or, without one, of pyproject.toml.

    \b
    Example:
      ninelives build . -o review.tar
      ninelives build review -o review.tar --json
    """
    from ninelives.archive import save
    from ninelives.cli.folders import data_folder
    from ninelives.cli.settings import settings
    from ninelives.code.artifact import make
    from ninelives.worker.project import manifest_of, read_project

    set_to = settings()
    manifest = manifest_of(folder)
    for name, var in (read_project(manifest).vars if manifest else {}).items():
        if var.secret and var.value:
            raise UsageError(
                f"{manifest}:{var.line}: the var {name} is secret, and its value would be in the build: "
                "leave the value out here, and give it to who starts the session"
            )
    made = make(
        folder,
        leave_out=[output, Path(data_folder())],
        file_size=set_to.limits.file_size,
        build_size=set_to.limits.build_size,
    )
    save(made.tar, output)
    if set_to.build.log:
        sys.stderr.writelines(f"{one_line(path)}\n" for path in made.files)
    if as_json:
        about = {name: getattr(made.about, name) for name in ("python", "requirements", "constraints", "exports")}
        emit_json({"build_id": made.id, "file": str(output), "size": len(made.tar), "files": made.files} | about)
        return
    emit_fields(
        {
            "build": made.id,
            "file": output,
            "size": f"{len(made.tar):,} bytes, {len(made.files):,} files",
            "python": made.about.python,
            "requires": "\n".join(made.about.requirements) or None,
            "exports": "\n".join(f"{found.file}:{found.name}" for found in made.about.exports) or "none",
        }.items()
    )
