"""Lets Hypothesis draw programs of a kind, check them, and shrink one that fails."""

from __future__ import annotations

import time

import hypothesis
from crash.programs import Program
from hypothesis import HealthCheck, Phase, Verbosity

from generated.check import Failed, check
from generated.generate import Kind, programs, wounds
from generated.stage import Wound

#: After so many seconds, a program that fails is shown as small as it is by then.
SHRINK = 40


class Tried:
    """How much was tried."""

    def __init__(self) -> None:
        self.programs = 0
        self.kills = 0


def run(kind: Kind, number: int, count: int, tried: Tried | None = None) -> None:
    """Check programs.

    Args:
        kind: their kind.
        number: which ones: the same number draws the same programs.
        count: how many.
        tried: is counted up.

    Raises:
        Failed: one does otherwise than it should; the smallest one that was found.
    """
    tried = tried or Tried()
    failures: list[Failed] = []
    first: list[float] = []

    @hypothesis.seed(number)
    @hypothesis.settings(
        max_examples=count,
        derandomize=False,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        verbosity=Verbosity.quiet,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(programs(kind), wounds())
    def each(program: Program, runs: list[list[Wound]]) -> None:
        if first and time.monotonic() - first[0] > SHRINK:
            return
        tried.programs += 1
        try:
            tried.kills += check(kind, program, runs)
        except Failed as failed:
            failures.append(failed)
            first.append(time.monotonic())
            raise

    try:
        each()
    except (Failed, hypothesis.errors.Flaky):
        # Who is first in a race is another one each time, and there is an end to shrinking.
        raise min(failures, key=lambda failed: len(failed.text)) from None
