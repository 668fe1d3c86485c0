"""The settings of this installation, for commands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ninelives.cli.folders import config_folder, data_folder
from ninelives.config.presence import is_default

if TYPE_CHECKING:
    from ninelives.config.settings import Settings


def settings() -> Settings:
    """Return the settings that hold.

    Raises:
        UsageError: something in them is wrong.
    """
    from ninelives.config.loading import load

    return load(config_folder()).settings


def store_place() -> tuple[Path, Path | None]:
    """Return the store's folder, and the database if it is elsewhere.

    The folder of a database that is elsewhere is beside it, and has its name with ``-files``.

    Raises:
        UsageError: the settings are wrong.
    """
    home = Path(data_folder())
    # `run` would load all of the settings for one of them, which is hardly ever set.
    dsn = None if is_default(config_folder()) else settings().db.dsn
    if dsn is None:
        return home, None
    database = Path(os.path.abspath(home / Path(dsn).expanduser()))
    if database == home / "ninelives.db":
        return home, None
    return database.with_name(database.name + "-files"), database
