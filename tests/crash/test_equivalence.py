"""Killed at any journal write and resumed, a program does what it does undisturbed; and that is what plain Python does."""

from __future__ import annotations

import os
import signal
from collections import Counter
from itertools import combinations

import pytest
from sampling import MODE, sampled

from crash import programs
from crash.harness import Kill, Place, Result

#: Set to write down what the programs give undisturbed, for a person to review.
UPDATE = os.environ.get("UPDATE_PROGRAMS") == "1"

#: How many kills of one program CI tries, and how many processes of one session it kills in a row.
KILLS = 6
KILLS_IN_A_ROW = 4

#: How many kills of one program are tried at most: a longer one is a loop that does the same again and again.
MOST_KILLS = 250


@pytest.mark.parametrize("name", programs.names())
def test_program(name: str) -> None:
    program = programs.read(name)
    with Place(program) as place:
        place.run()
        undisturbed = place.result()
        writes = len(place.writes())
        terminal = place.terminal()
    shown = _shown(undisturbed)
    if UPDATE:
        programs.rewrite(program, shown)
    assert shown == (programs.read(name).expected if UPDATE else program.expected)
    if not program.not_plain:
        _as_plain(program, undisturbed, terminal)
    for kill in _kills(writes):
        check_disturbed(program, [kill], undisturbed)
    for chain in _chains(writes):
        check_disturbed(program, chain, undisturbed)


def _as_plain(program: programs.Program, undisturbed: Result, terminal: dict[str, str]) -> None:
    with Place(program) as place:
        ran = place.run_plain()
    if program.unordered:
        assert undisturbed.prints == sorted(ran.prints)
        assert undisturbed.effects == sorted(ran.effects)
        assert undisturbed.ends == ran.ends
        return
    assert undisturbed.prints == ran.prints
    assert undisturbed.effects == ran.effects
    assert undisturbed.ends == ran.ends
    assert terminal == ran.terminal


def _kills(writes: int) -> list[Kill]:
    every = [Kill(write, after) for write in range(1, writes + 1) for after in (False, True)]
    every = every[:: -(-len(every) // MOST_KILLS)]
    return sampled(every, -(-len(every) // KILLS))


def _chains(writes: int) -> list[list[Kill]]:
    """Return kills in a row, each counted from where its process begins; replay writes nothing, so each gets further."""
    step = max(3, writes // KILLS_IN_A_ROW)
    chains = [[Kill(step, bool(at % 2)) for at in range(KILLS_IN_A_ROW)]]
    if MODE == "all":
        chains.append([Kill(2 + at % 2, True) for at in range(min(30, writes))])
        chains.append([Kill(3, False) for _ in range(min(30, writes))])
    return chains


def check_disturbed(program: programs.Program, kills: list[Kill], undisturbed: Result) -> None:
    """Kill processes of a session one after the other, go on, and compare with the session that nothing disturbed."""
    with Place(program) as place:
        for at, kill in enumerate(kills):
            code = place.run(kill)
            if code != -signal.SIGKILL:
                assert at, f"{kill} did not kill: {code}"
                break
        else:
            place.run()
        result = place.result()
        if program.stops and result.ends == ["stopped"]:
            _stopped(program, place, undisturbed)
            return
        assert result.prints == undisturbed.prints, kills
        assert result.ends == undisturbed.ends, kills
        assert result.journal == undisturbed.journal, kills
        if program.unordered:
            again = Counter(result.effects) - Counter(undisturbed.effects)
            assert not Counter(undisturbed.effects) - Counter(result.effects), kills
            assert again.total() <= place.calls_cut_off, kills
            return
        assert undisturbed.effects in effects_once(place), kills


def effects_once(place: Place) -> list[list[str]]:
    """Return what the effects may be without repetitions: what an activity that was cut off did counts, unless it was done again."""
    cut_off = place.cut_off
    if len(cut_off) > 5:
        return [place.effects(), place.effects(cut_off)]
    return [place.effects(left_out) for count in range(len(cut_off) + 1) for left_out in combinations(cut_off, count)]


def _stopped(program: programs.Program, place: Place, undisturbed: Result) -> None:
    """A session that a rule stops has done and printed the beginning of what it would have, and says why it stops."""
    assert program.stops in place.error()["message"]
    result = place.result()
    assert result.prints == undisturbed.prints[: len(result.prints)]
    effects = place.effects(place.cut_off)
    assert effects == undisturbed.effects[: len(effects)]


def _shown(result: Result) -> dict[str, str]:
    return {name: "".join(f"{line}\n" for line in lines) for name, lines in result._asdict().items() if lines}
