"""Programs that Hypothesis writes do with kills what they do without: the same ones on every run."""

from __future__ import annotations

import pytest
from crash.programs import parse
from sampling import sampled

from generated import examples, soak
from generated.check import Failed, check
from generated.generate import KINDS, PLAIN
from generated.stage import Wound

#: Programs of one test, and how many tests of each kind there are: several, so that they run beside each other.
PROGRAMS = 20
TESTS = {"plain": 20, "halfway": 8, "tasks": 16, "races": 8, "threads": 16, "thread-races": 8}

CASES = [(kind, number) for kind, count in TESTS.items() for number in range(count)]


@pytest.mark.parametrize(("kind", "number"), sampled(CASES, 4))
def test_generated(kind: str, number: int) -> None:
    tried = examples.Tried()
    examples.run(KINDS[kind], number, PROGRAMS, tried)
    assert tried.programs >= PROGRAMS // 2
    assert tried.kills > PROGRAMS


REPEATS = """\
=== main.py
import effects
import ninelives

ninelives.register_no_activity([effects.append])


def main(event):
    effects.append("unrecorded")
    effects.give(1)
"""

FORGETS = """\
=== main.py
import effects
import ninelives

ninelives.register_no_activity([effects.lines])


def main(event):
    before = len(effects.lines())
    effects.append("one")
    effects.append("two")
    return before
"""


@pytest.mark.parametrize("text", [REPEATS, FORGETS])
def test_what_differs_is_noticed_and_shown(text: str) -> None:
    with pytest.raises(Failed, match=r"=== main\.py\nimport effects"):
        check(PLAIN, parse("control", text), [[Wound(600, after=True)]])


def test_a_failure_can_be_run_again(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Failed) as caught:
        check(PLAIN, parse("control", FORGETS), [[Wound(600, after=True)]])
    assert soak.replay(caught.value.text) == 1
    assert soak.replay("kind: plain\nkills: 500+\n=== main.py\ndef main(event):\n    print(1)\n") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "it does what it should"
