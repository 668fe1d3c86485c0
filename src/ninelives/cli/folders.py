"""Where ninelives keeps things on this machine.

Worked out here rather than by a package: `run` needs it before anything else, and twice (see `hashseed`).
"""

from __future__ import annotations

import os
import sys

HOME = "NINELIVES_HOME"


def data_folder() -> str:
    """Return the folder of the store: ``$NINELIVES_HOME``, or the platform's own for data of applications.

    Raises:
        UsageError: the user has no home folder.
    """
    return _folder("LOCALAPPDATA", "XDG_DATA_HOME", "~/.local/share")


def config_folder() -> str:
    """Return the folder of the user's settings; with ``$NINELIVES_HOME`` set, everything is in that one folder.

    Raises:
        UsageError: the user has no home folder.
    """
    return _folder("APPDATA", "XDG_CONFIG_HOME", "~/.config")


def _folder(windows: str, xdg: str, default: str) -> str:
    if home := os.environ.get(HOME):
        return os.path.abspath(home)
    if sys.platform == "win32":
        parent = os.environ.get(windows, "~")
    elif sys.platform == "darwin":
        parent = "~/Library/Application Support"
    else:
        parent = os.environ.get(xdg, "")
        # The XDG base directory specification: a relative path there is invalid and is to be ignored.
        parent = parent if os.path.isabs(parent) else default
    folder = os.path.expanduser(parent)
    if not os.path.isabs(folder):
        from ninelives.errors import UsageError

        raise UsageError(f"this user has no home folder: set {HOME} to a folder that ninelives may write to")
    return os.path.join(folder, "ninelives")
