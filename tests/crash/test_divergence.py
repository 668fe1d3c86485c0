"""What the error of a program says that does not do what its journal recorded."""

from __future__ import annotations

from crash import programs
from crash.harness import Place

_TURNS = programs.parse(
    "turns",
    """
=== main.py
import os
import time

import effects


def main(event):
    turn = os.environ.get("TURN")
    if turn == "raises":
        raise LookupError("no such\\nturn")
    if turn is None:
        time.time()
    else:
        time.time_ns()
    effects.append("end")
""",
)


def test_divergence_names_both_places() -> None:
    with Place(_TURNS) as place:
        assert place.run() == 0
        assert place.again(TURN="left") == 4
        message = place.error()["message"]
    assert "the journal has time.time() at main.py:12, the program asks for time.time_ns() at main.py:14" in message


def test_divergence_names_what_the_program_raised_instead() -> None:
    with Place(_TURNS) as place:
        assert place.run() == 0
        assert place.again(TURN="raises") == 4
        message = place.error()["message"]
    assert "the program ended with LookupError: no such turn at main.py:10, but the journal goes on with" in message
