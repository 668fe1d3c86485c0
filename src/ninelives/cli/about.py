"""`version` and `config`: what is installed, and where it keeps things."""

from __future__ import annotations

import click

from ninelives.cli.options import json_option
from ninelives.cli.output import emit, emit_fields, emit_json


@click.command()
@json_option
def version(*, as_json: bool) -> None:
    """Print the versions of ninelives and of Python.

    \b
    Example:
      ninelives version
    """
    emit_version(as_json=as_json)


def emit_version(*, as_json: bool) -> None:
    """Print what `version` prints."""
    import platform

    from ninelives import __version__

    python = platform.python_version()
    if as_json:
        emit_json({"ninelives": __version__, "python": python})
    else:
        emit(f"ninelives {__version__}, Python {python}\n")


@click.group(no_args_is_help=False)
def config() -> None:
    """Settings and folders.

    \b
    Example:
      ninelives config where
    """


@config.command()
@json_option
def where(*, as_json: bool) -> None:
    """Print the folders of settings and of data ($NINELIVES_HOME is both when it is set).

    \b
    Example:
      ninelives config where --json
    """
    from ninelives.cli.folders import config_folder, data_folder

    folders = {"config": config_folder(), "data": data_folder()}
    if as_json:
        emit_json(folders)
    else:
        emit_fields(folders.items())
