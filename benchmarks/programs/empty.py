"""A handler that does nothing."""

from typing import Any


def nothing(event: Any) -> None:
    pass
