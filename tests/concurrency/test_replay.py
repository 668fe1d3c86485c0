"""Programs whose lanes race: whatever the order was once, it is the same on replay, also where a replay was continued.

Each program folds everything it does, on every lane, into one number (`trace.mark`) and gives that to its activities.
So if lanes take turns in another order anywhere, the arguments of an activity differ, and that is divergence.
"""

from __future__ import annotations

import itertools
import random
import signal
from pathlib import Path

import pytest
from crash import programs
from crash.harness import Kill, Place
from sampling import sampled

from ninelives.session.entries import Forgotten, Outcome, decode, encode
from ninelives.session.link import Row

FOLDER = Path(__file__).parent / "programs"

#: Recordings of each program.
RECORDINGS = 20

TRACE = """\
import zlib

import effects

value = 0


def mark(*what):
    global value
    value = zlib.crc32(repr((value, what)).encode())
    return value


def step(name, *what):
    got = effects.jitter(name, mark(name, *what))
    mark(name, got)
    return got


async def step_later(name, *what):
    got = await effects.jitter_later(name, mark(name, *what))
    mark(name, got)
    return got
"""


def _program(name: str) -> programs.Program:
    program = programs.parse(name, (FOLDER / f"{name}.txt").read_text())
    return program._replace(files=program.files | {"trace.py": TRACE}, unordered="lanes race")


NAMES = sorted(path.stem for path in FOLDER.glob("*.txt"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", sampled(range(RECORDINGS), RECORDINGS // 2))
def test_every_order_replays(name: str, seed: int) -> None:
    program, choose = _program(name), random.Random(seed)
    with Place(program) as place:
        assert place.run(JITTER=f"{seed}") == 0, _why(place)
        writes = len(place.writes())
    with Place(program) as place:
        for generation in range(1, 4):
            # Replay writes nothing: each process is cut after that many writes of its own.
            kill = Kill(choose.randint(1, max(1, writes * 2 // 3)), bool(choose.getrandbits(1)))
            code = place.run(kill, JITTER=f"{seed} {generation}")
            if code != -signal.SIGKILL:
                break
        else:
            code = place.run(JITTER=f"{seed} last")
        assert code == 0, _why(place)
        ended = place.result()
        # The whole of it again, up to its end: nothing is done, nothing is new.
        place.change = _without_end
        effects = place.effects()
        assert place.again(JITTER=f"{seed} again") == 0, _why(place)
        assert place.effects() == effects
        place.change = None
        assert place.result().prints == ended.prints
        assert place.result().ends == ended.ends


@pytest.mark.parametrize("name", NAMES)
def test_two_deliveries_swapped_are_noticed(name: str) -> None:
    program = _program(name)
    with Place(program) as place:
        assert place.run(JITTER="control") == 0, _why(place)
        for at in range(3):
            place.change = lambda rows, at=at: _swapped(_without_end(rows), at)  # type: ignore[misc]
            assert place.again(JITTER="swapped") == 4, (at, _why(place))
            assert place.error()["message"].startswith("divergence: ")


def _why(place: Place) -> object:
    result = place.result()
    return place.error()["message"] if result.ends == ["stopped"] else result.ends


def _without_end(rows: list[Row]) -> list[Row]:
    """Take the end back, as ``resume --with-code`` does."""
    end = next(seq for seq, kind, _ in rows if kind == "end")
    forgotten = Forgotten(rows[-1][0] + 1, 0.0, end)
    return [*rows, (forgotten.seq, "forgotten", encode(forgotten))]


def _swapped(rows: list[Row], at: int) -> list[Row]:
    """Swap two neighbouring deliveries of different lanes, the ``at``-th pair of them."""
    outcomes = [(place, decode(row[2])) for place, row in enumerate(rows) if row[1] == "outcome"]
    pairs = []
    for (first, one), (second, two) in itertools.pairwise(outcomes):
        assert isinstance(one, Outcome)
        assert isinstance(two, Outcome)
        between = [decode(row[2]) for row in rows[first:second]]
        # The second was under way already when the first was delivered: both orders could have been.
        if one.lane != two.lane and not any(
            (getattr(entry, "lane", ""), getattr(entry, "n", 0)) == (two.lane, two.n) for entry in between
        ):
            pairs.append((first, second))
    first, second = pairs[at * (len(pairs) - 1) // 2]
    made = list(rows)
    for place, other in ((first, second), (second, first)):
        entry = decode(rows[other][2])
        entry.seq = rows[place][0]
        made[place] = (rows[place][0], rows[other][1], encode(entry))
    return made
