"""The options of an activity."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Options(NamedTuple):
    """How an activity is run; see `ninelives.activity`."""

    #: how often it is tried again after it raised
    retries: int = 0
    #: seconds before the first retry; doubled for each further one
    backoff: float = 1.0
    #: seconds an attempt may take; None: any
    timeout: float | None = None
    #: what happens to an attempt that was cut off: it is tried again, or the session stops
    if_interrupted: Literal["retry", "stop"] = "retry"


DEFAULT = Options()
