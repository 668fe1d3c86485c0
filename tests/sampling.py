"""How much of the big families of tests runs: ``NINELIVES_TESTS`` is ``quick``, ``sample`` (the default) or ``all``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")

#: ``quick`` is for the second and third Python of `make test`, ``all`` for `make test-all`.
MODES = ("quick", "sample", "all")
MODE = os.environ.get("NINELIVES_TESTS") or "sample"
if MODE not in MODES:
    raise ValueError(f"NINELIVES_TESTS is {MODE!r}: set it to one of {', '.join(MODES)}")


def sampled(items: Sequence[Item], every: int, *, quick: int | None = None) -> list[Item]:
    """Return every n-th of ``items``, always the same ones, so that a failure is there again on the next run.

    Args:
        items: all cases, in an order that does not depend on the machine.
        every: the stride of the mode ``sample``.
        quick: the stride of the mode ``quick``; four times ``every`` unless given.
    """
    strides = {"all": 1, "sample": every, "quick": quick or 4 * every}
    return list(items[:: strides[MODE]])
