"""The same programs, in isolated runners: whoever is killed, worker or runner, they do what they do undisturbed."""

from __future__ import annotations

import pytest
from sampling import sampled

from crash import programs
from crash.harness import Kill, Place
from crash.isolated import RunnerKilled, RunnerReplaced, WorkerKilled
from crash.test_equivalence import check, effects_once

#: Of how many programs one runs in CI: all of them take a quarter of an hour.
EVERY = 6


@pytest.mark.parametrize("name", sampled(programs.names(), EVERY))
def test_program_whose_worker_is_killed(name: str) -> None:
    check(programs.read(name), WorkerKilled)


@pytest.mark.parametrize("name", sampled(programs.names()[EVERY // 2 :], EVERY))
def test_program_whose_runner_is_killed(name: str) -> None:
    check(programs.read(name), RunnerKilled)


@pytest.mark.parametrize("name", ["first", "large_results", "store", "activity_retries"])
def test_a_runner_that_dies_is_replaced(name: str) -> None:
    program = programs.read(name)
    with Place(program) as place:
        place.run()
        undisturbed, writes = place.result(), len(place.writes())
    kills = [Kill(write, after) for write in range(1, writes + 1) for after in (False, True)]
    for kill in sampled(kills, -(-len(kills) // 8)):
        with RunnerReplaced(program) as place:
            assert place.run(kill) == 0, kill
            result = place.result()
            assert result._replace(effects=[]) == undisturbed._replace(effects=[]), kill
            assert undisturbed.effects in effects_once(place), kill
