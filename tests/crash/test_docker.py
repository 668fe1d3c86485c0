"""The same programs, in containers: whoever is killed, worker or container, they do what they do undisturbed."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest
from runners.engine import needs_engine
from sampling import sampled

from crash import programs
from crash.contained import Contained, ContainerKilled, ContainerReplaced
from crash.harness import OUTSIDE, SESSION, Kill, Place, Result
from crash.test_equivalence import check, check_disturbed, effects_once
from ninelives.code.imports import imports
from ninelives.runners.environments import PYTHON
from ninelives.storage import Store

pytestmark = needs_engine

#: Of how many tests one runs on other Pythons: what is tested is the engine's side.
QUICK_EVERY = 8


def _names() -> list[str]:
    """Return the programs that need no package: the image of the tests has none."""
    at_hand = {*sys.stdlib_module_names, "ninelives", *(path.stem for path in OUTSIDE.iterdir())}
    names = []
    for name in programs.names():
        with tempfile.TemporaryDirectory() as folder:
            programs.read(name).write(Path(folder, "code"))
            if {module.partition(".")[0] for module in imports(Path(folder, "code"))} <= at_hand:
                names.append(name)
    return names


#: Of how many programs one runs in CI: a container starts in half a second, and each kill takes two.
EVERY = 80


def _undisturbed(program: programs.Program) -> tuple[Result, int]:
    """Return what a program does in this process, and how often it writes to its journal."""
    with Contained(program) as place:
        place.run()
        contained = place.result()
        with Store.open(place.home, read_only=True) as store:
            python = store.session(SESSION).python
    if python != PYTHON:
        pytest.skip(f"the image has Python {python}, and what it does is compared with what Python {PYTHON} does")
    with Place(program) as place:
        place.run()
        assert place.result() == contained
        return contained, len(place.writes())


@pytest.mark.parametrize("name", sampled(_names(), EVERY))
def test_program(name: str) -> None:
    program = programs.read(name)
    undisturbed, writes = _undisturbed(program)
    middle = Kill(max(1, writes // 2), after=True)
    for kind in (Contained, ContainerKilled):
        check_disturbed(program, [middle], undisturbed, kind)


@pytest.mark.parametrize("kind", sampled([ContainerKilled, Contained], 2))
def test_program_killed_at_many_writes(kind: type[Place]) -> None:
    program = programs.read("first")
    _undisturbed(program)
    check(program, kind)


def test_a_container_that_dies_is_replaced() -> None:
    program = programs.read("first")
    undisturbed, writes = _undisturbed(program)
    kills = [Kill(write, after) for write in range(1, writes + 1) for after in (False, True)]
    for kill in sampled(kills, -(-len(kills) // 3)):
        with ContainerReplaced(program) as place:
            assert place.run(kill) == 0, kill
            result = place.result()
            assert result._replace(effects=[]) == undisturbed._replace(effects=[]), kill
            assert undisturbed.effects in effects_once(place), kill
