"""Whether anything is set at all; told by every command, so this imports next to nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping

#: The file in the folder that `ninelives config where` prints.
FILE = "config.yaml"

_PREFIX = "NINELIVES_"

#: Variables of ours that are no settings.
_OTHERS = frozenset(
    {"NINELIVES_HOME", "NINELIVES_DEBUG", "NINELIVES_HASH_SEED", "NINELIVES_PROCESS", "NINELIVES_TESTS"}
)


def is_default(folder: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether nothing is set, so that the defaults hold: told without reading anything.

    Args:
        folder: of the file.
        environment: variables.
    """
    return not variables(environment) and not os.path.exists(os.path.join(folder, FILE))


def variables(environment: Mapping[str, str]) -> list[str]:
    """Return the names of the variables that may be settings: ours, and not empty."""
    return [name for name, text in environment.items() if name.startswith(_PREFIX) and name not in _OTHERS and text]
