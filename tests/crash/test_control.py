"""Controls: what the crash-equivalence test is for is noticed, by the session or by the test."""

from __future__ import annotations

import signal

import pytest

from crash import programs
from crash.harness import Kill, Place
from crash.test_equivalence import check_disturbed

READS_UNRECORDED = """\
Sends outside what it reads from the environment, which is not recorded.
=== main.py
import os

import effects


def main(event):
    effects.append("first")
    effects.append(os.environ["MODE"])
    print("mode", os.environ["MODE"])
    effects.append("last")
"""

OTHER_CALLS = """\
Makes other calls than before.
=== main.py
import os

import effects


def main(event):
    effects.append("first")
    if os.environ["MODE"] == "one":
        effects.append("one")
        effects.give(1)
    effects.fail_until("last", 1)
"""

FEWER_CALLS = """\
Ends before it has made the recorded calls again.
=== main.py
import os

import effects


def main(event):
    effects.append("first")
    if os.environ["MODE"] == "one":
        effects.append("one")
        effects.append("two")
"""

REPEATS = """\
Has an effect that is not recorded.
=== main.py
import effects
import ninelives

ninelives.register_no_activity([effects.append])


def main(event):
    effects.append("unrecorded")
    effects.give(1)
    effects.give(2)
"""

PRINTS_OTHERWISE = """\
Prints what differs between processes.
=== main.py
import os

import effects


def main(event):
    effects.give(1)
    print(os.environ["EFFECTS"])
    effects.give(2)
"""


@pytest.mark.parametrize("text", [READS_UNRECORDED, OTHER_CALLS, FEWER_CALLS])
def test_divergence_stops_the_session(text: str) -> None:
    with Place(programs.parse("control", text)) as place:
        assert place.run(Kill(5, after=True), MODE="one") == -signal.SIGKILL
        effects = place.effects()
        assert place.run(MODE="two") == 4
        assert place.result().ends == ["stopped"]
        error = place.error()
        assert error["type"] == "DivergenceError"
        assert "\n" not in error["message"]
        assert "main.py:" in error["message"]
        assert "ninelives resume test" in error["message"]
        assert place.effects() == effects, "nothing was done after the divergence"


def test_divergence_loses_nothing() -> None:
    program = programs.parse("control", READS_UNRECORDED)
    with Place(program) as undisturbed, Place(program) as place:
        undisturbed.run(MODE="one")
        place.run(Kill(5, after=True), MODE="one")
        place.run(MODE="two")
        assert place.run(MODE="one") == 0
        assert place.result() == undisturbed.result()


@pytest.mark.parametrize("text", [REPEATS, PRINTS_OTHERWISE])
def test_the_test_notices(text: str) -> None:
    program = programs.parse("control", text)
    with Place(program) as place:
        place.run()
        undisturbed = place.result()
    with pytest.raises(AssertionError, match="Kill"):
        check_disturbed(program, [Kill(3, after=True)], undisturbed)


def test_a_kill_that_does_not_happen_is_noticed() -> None:
    program = programs.read("first")
    with Place(program) as place:
        place.run()
        undisturbed = place.result()
    with pytest.raises(AssertionError, match="did not kill"):
        check_disturbed(program, [Kill(1000, after=True)], undisturbed)
