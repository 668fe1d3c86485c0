"""`version` and `config`: what is installed, where it keeps things, and how it is set."""

from __future__ import annotations

import click

from ninelives.cli.options import json_option
from ninelives.cli.output import Column, emit, emit_fields, emit_json, emit_table


@click.command()
@json_option
def version(*, as_json: bool) -> None:
    """Print the versions of ninelives and of Python.

    \b
    Example:
      ninelives version
    """
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
      ninelives config show
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


@config.command()
@json_option
def show(*, as_json: bool) -> None:
    """Print every setting, its value, and where that comes from: default, FILE:LINE, or an environment variable.

    Settings are in config.yaml in the folder that `ninelives config where` prints. Environment variables go over it:
    NINELIVES_RUNNER_TYPE sets runner.type. Passwords are not shown.

    \b
    Example:
      ninelives config show
      NINELIVES_RUNNER_TYPE=docker ninelives config show --json
    """
    from ninelives.cli.folders import config_folder
    from ninelives.config.loading import load
    from ninelives.config.settings import all_settings, value_of

    loaded = load(config_folder())
    shown = {
        name: (setting.form.shown(value_of(loaded.settings, name)), loaded.sources[name])
        for name, setting in all_settings().items()
    }
    if as_json:
        settings = {
            name: {"value": value, "from": source.kind, "place": source.place or None}
            for name, (value, source) in shown.items()
        }
        emit_json({"file": loaded.file, "settings": settings})
        return
    columns = [Column("SETTING", whole=True), Column("VALUE"), Column("FROM")]
    emit_table(columns, ((name, _plain(value), source) for name, (value, source) in shown.items()))


def _plain(value: object) -> str:
    """Return a value as it could stand in config.yaml."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
