"""A handler whose first line says that it has come to it."""

from typing import Any

import stopwatch

from ninelives import register_no_activity

register_no_activity([stopwatch.stop])


def main(event: Any) -> None:
    stopwatch.stop("start")
