"""Killed at any journal write and resumed, a program does what it does undisturbed."""

from __future__ import annotations

import os
import signal

import pytest
from crash import programs
from crash.harness import Kill, Place, Result
from sampling import sampled

#: Set to write down what the programs give undisturbed, for a person to review.
UPDATE = os.environ.get("UPDATE_PROGRAMS") == "1"

#: How many kills of one program CI tries.
KILLS = 6


@pytest.mark.parametrize("name", programs.names())
def test_program(name: str) -> None:
    program = programs.read(name)
    with Place(program) as place:
        place.run()
        undisturbed = place.result()
        writes = place.kinds()
    shown = _shown(undisturbed)
    if UPDATE:
        programs.rewrite(program, shown)
    assert shown == (programs.read(name).expected if UPDATE else program.expected)
    for kill in _kills(len(writes)):
        _disturbed(program, kill, writes[kill.write - 1], undisturbed)


def _kills(writes: int) -> list[Kill]:
    every = [Kill(write, after) for write in range(1, writes + 1) for after in (False, True)]
    return sampled(every, max(1, len(every) // KILLS))


def _disturbed(program: programs.Program, kill: Kill, kind: str, undisturbed: Result) -> None:
    with Place(program) as place:
        status = place.run(kill)
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, f"{kill} did not kill: {status}"
        place.run()
        result = place.result()
        assert result.prints == undisturbed.prints, kill
        assert result.ends == undisturbed.ends, kill
        assert result.journal == undisturbed.journal, kill
        inside = kind == "outcome" and not kill.after
        assert result.effects == undisturbed.effects or (inside and _repeats(result.effects, undisturbed.effects)), kill


def _repeats(effects: list[str], once: list[str]) -> bool:
    """Return whether ``effects`` are those of ``once`` with the effects of one activity, in a row, done twice."""
    extra = len(effects) - len(once)
    return extra > 0 and any(
        effects == once[: start + extra] + once[start:] for start in range(len(once) - extra + 1)
    )


def _shown(result: Result) -> dict[str, str]:
    sections = {
        "prints": result.prints,
        "effects": result.effects,
        "ends": [result.ends],
        "journal": result.journal,
    }
    return {name: "".join(f"{line}\n" for line in lines) for name, lines in sections.items() if lines}
