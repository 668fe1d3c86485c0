"""One large result, and a process that dies with it."""

from typing import Any

import stopwatch

from ninelives import register_no_activity


def main(event: Any) -> int:
    register_no_activity([stopwatch.note_peak])
    result = stopwatch.large(event.data.kind, event.data.size)
    stopwatch.note_peak()
    stopwatch.die()
    return len(result)
