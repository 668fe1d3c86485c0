"""One large result."""

from typing import Any

import stopwatch


def main(event: Any) -> int:
    return len(stopwatch.large(event.data.kind, event.data.size))
