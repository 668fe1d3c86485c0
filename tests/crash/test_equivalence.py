"""Killed at any journal write and resumed, a program does what it does undisturbed; and that is what plain Python does."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from itertools import product

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


#: In how many tests the kills of one program are tried: they run side by side, and none takes minutes.
PARTS = 6 if MODE == "all" else 1


#: The second and the third Python of `make test` take turns.
NAMES = programs.names()[sys.version_info.minor % 2 :: 2] if MODE == "quick" else programs.names()


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", NAMES)
def test_program(name: str, part: int) -> None:
    check(programs.read(name), part=part)


def check(
    program: programs.Program,
    make: Callable[[programs.Program], Place] = Place,
    part: int = 0,
    *,
    most: int = MOST_KILLS,
) -> None:
    """Run a program undisturbed, in plain Python, and with kills, and compare.

    Args:
        program: the program.
        make: makes a new place for it.
        part: which of its kills are tried, from 0 to `PARTS`.
        most: how many of its kills are tried.
    """
    with make(program) as place:
        place.run()
        undisturbed = place.result()
        writes = len(place.writes())
        terminal = place.terminal()
    shown = _shown(program, undisturbed)
    if UPDATE:
        programs.rewrite(program, shown)
    assert shown == (programs.read(program.name, program.source).expected if UPDATE else program.expected)
    if not program.not_plain:
        with make(program) as place:
            _as_plain(place, undisturbed, terminal)
    runs = [[kill] for kill in _kills(writes, most)] + _chains(writes, long=most == MOST_KILLS)
    for kills in runs[part::PARTS]:
        check_disturbed(program, kills, undisturbed, make)


def _as_plain(place: Place, undisturbed: Result, terminal: dict[str, str]) -> None:
    ran, program = place.run_plain(), place.program
    if program.unordered:
        assert undisturbed.prints == sorted(ran.prints)
        assert undisturbed.effects == sorted(ran.effects)
        assert undisturbed.ends == ran.ends
        return
    assert undisturbed.prints == ran.prints
    in_order = sorted if program.concurrent else list
    assert in_order(undisturbed.effects) == in_order(ran.effects)
    assert undisturbed.ends == ran.ends
    assert terminal == ran.terminal


def _kills(writes: int, most: int) -> list[Kill]:
    every = [Kill(write, after) for write in range(1, writes + 1) for after in (False, True)]
    every = every[:: -(-len(every) // most)]
    return sampled(every, -(-len(every) // KILLS))


def _chains(writes: int, *, long: bool) -> list[list[Kill]]:
    """Return kills in a row, each counted from where its process begins; replay writes nothing, so each gets further."""
    step = max(3, writes // KILLS_IN_A_ROW)
    chains = [[Kill(step, bool(at % 2)) for at in range(KILLS_IN_A_ROW)]]
    if MODE == "all" and long:
        chains.append([Kill(2 + at % 2, True) for at in range(min(30, writes))])
        chains.append([Kill(3, False) for _ in range(min(30, writes))])
    return chains


def check_disturbed(
    program: programs.Program,
    kills: list[Kill],
    undisturbed: Result,
    make: Callable[[programs.Program], Place] = Place,
) -> None:
    """Kill processes of a session one after the other, go on, and compare with the session that nothing disturbed."""
    with make(program) as place:
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
        if program.counts and place.cut_off:
            assert result.ends == undisturbed.ends, kills
            return
        assert result.ends == undisturbed.ends, kills
        assert result.prints == undisturbed.prints, kills
        assert _journal(program, result) == _journal(program, undisturbed), kills
        in_order = sorted if program.concurrent else list
        assert in_order(result.remarks) == in_order(undisturbed.remarks), kills
        if program.unordered:
            again = Counter(result.effects) - Counter(undisturbed.effects)
            assert not Counter(undisturbed.effects) - Counter(result.effects), kills
            assert again.total() <= place.calls_cut_off, kills
        elif program.concurrent:
            _effects_at_least_once(place, undisturbed)
        else:
            once = [_without(lines, program) for lines in effects_once(place)]
            assert _without(undisturbed.effects, program) in once, kills


def _journal(program: programs.Program, result: Result) -> list[str]:
    """Return the journal; where calls run at the same time, by lane."""
    return sorted(result.journal, key=lambda line: line.split()[0]) if program.concurrent else result.journal


def effects_once(place: Place) -> list[list[str]]:
    """Return what the effects may be without repetitions: what an activity that was cut off did counts, unless it was done again."""
    cut_off = place.cut_off
    if len(cut_off) > 5:
        return [place.effects(), place.effects(cut_off)]
    choices = [[None, *place.done_again(part)] for part in cut_off]
    return [place.effects([part for part in left_out if part is not None]) for left_out in product(*choices)]


def _effects_at_least_once(place: Place, undisturbed: Result) -> None:
    """What was being done when a process died may have been done again; nothing else, and nothing is missing."""
    done, wanted = Counter(place.effects()), Counter(undisturbed.effects)
    assert not wanted - done
    assert done - wanted <= Counter(place.effects_cut_off())


def _stopped(program: programs.Program, place: Place, undisturbed: Result) -> None:
    """A session that a rule stops has done and printed the beginning of what it would have, and says why it stops."""
    assert program.stops in place.error()["message"]
    result = place.result()
    assert result.prints == undisturbed.prints[: len(result.prints)]
    effects = _without(place.effects(place.cut_off), program)
    if program.concurrent:
        assert Counter(effects) <= Counter(undisturbed.effects)
    else:
        assert effects == _without(undisturbed.effects, program)[: len(effects)]


def _without(effects: list[str], program: programs.Program) -> list[str]:
    """Return effects without those that may be repeated."""
    return [line for line in effects if line not in program.again]


def _shown(program: programs.Program, result: Result) -> dict[str, str]:
    if program.concurrent:
        result = result._replace(effects=sorted(result.effects), journal=_journal(program, result))
    shown = result._replace(remarks=())._asdict()
    return {name: "".join(f"{line}\n" for line in lines) for name, lines in shown.items() if lines}
