"""Forks: at each entry of a program's journal, and with a kill at each step of making one."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from sampling import MODE, sampled
from storage.kill_points import kill_at

from crash import programs
from crash.harness import IN_KEYS, SESSION, Kill, Place, in_child
from ninelives.session.entries import Activity, Outcome, decode
from ninelives.storage import Store
from ninelives.worker.fork import fork

#: Programs that give the same when a part of them is done again; between them they have every kind of entry.
FORKED = [
    "activity_marked", "async_handler", "changed_containers", "classes",
    "branches", "error_ends", "errors_chained", "generators", "identity", "large_results", "live_client",
    "live_made_of_another", "logs", "loops", "prints", "prints_inside_activities",
    "random_unseeded", "sleeps",
]  # fmt: skip

#: How many forks of one program CI makes.
FORKS = 8


def forked(place: Place, at: int, session: str = SESSION) -> str:
    with Store.open(place.home) as store:
        return fork(store, session, at).session_id


def last(place: Place) -> int:
    with Store.open(place.home, read_only=True) as store:
        return store.rows(SESSION)[-1].seq


@pytest.mark.parametrize("name", FORKED)
def test_a_fork_at_each_entry_comes_to_the_same(name: str) -> None:
    program = programs.read(name)
    with Place(program) as place:
        place.run()
        undisturbed = place.result()
        seqs = list(range(1, last(place) + 1))
        for at in sampled(seqs, -(-len(seqs) // FORKS)):
            made = forked(place, at)
            place.resume(made)
            result = place.result(made)
            assert _normal(result.prints, made) == _normal(undisturbed.prints, SESSION), at
            assert result.ends == undisturbed.ends, at
            assert _normal(result.journal, made) == _normal(undisturbed.journal, SESSION), at
            assert place.result()._replace(effects=[]) == undisturbed._replace(effects=[])


def _normal(lines: list[str], session: str) -> list[str]:
    """Keys of activities differ: a fork is another session."""
    return [line.replace(f"{session}-0", "KEY-0") for line in lines]


TWICE = """
=== main.py
import effects


def main(event):
    print("before")
    effects.chatter("one")
    print("between")
    try:
        effects.fail_until("two", event["data"]["succeeds_at"])
    except ConnectionError as error:
        print(error)
        raise
    print("behind")
    print(effects.append("three"))
=== event
{"succeeds_at": 2}
"""


def test_a_fork_of_a_session_that_went_back_has_each_line_once() -> None:
    with Place(programs.parse("twice", TWICE)) as place:
        assert place.run() == 1
        failed = last(place)
        assert place.run(retry_failed=True) == 0
        wanted = [line for line in place.result().prints if "call 1 fails" not in line]
        for at in range(1, last(place) + 1):
            made = forked(place, at)
            code = place.resume(made)
            # Up to where it went back, a fork has the failure.
            has_failed = code == 1
            assert has_failed is (at in (failed - 1, failed)), at
            prints = place.result(made).prints
            assert prints == (place_prints_of_failure(wanted) if has_failed else wanted), at


def place_prints_of_failure(wanted: list[str]) -> list[str]:
    return [*wanted[: wanted.index("stdout: behind")], "stdout: two: call 1 fails"]


def test_a_call_that_a_fork_cuts_off_is_made_again_as_another_attempt_with_another_key() -> None:
    program = programs.parse(
        "keys",
        """
=== main.py
import effects
import ninelives


@ninelives.activity
def pay():
    effects.append(f"{ninelives.attempt()} {ninelives.idempotency_key()}")


def main(event):
    pay()
""",
    )
    with Place(program) as place:
        place.run()
        made = forked(place, 2)
        place.resume(made)
        assert place.effects() == [f"1 {SESSION}-{IN_KEYS}-0-1", f"2 {made}-{IN_KEYS}-0-1"]
        again = forked(place, 3, made)
        with Store.open(place.home, read_only=True) as store:
            assert (store.session(again).forked_from, store.session(again).forked_at) == (made, 3)


def test_a_call_that_must_not_happen_twice_stops_the_fork() -> None:
    program = programs.parse(
        "stop",
        """
=== main.py
import effects
import ninelives


@ninelives.activity(if_interrupted="stop")
def pay():
    effects.append("paid")


def main(event):
    pay()
""",
    )
    with Place(program) as place:
        place.run()
        made = forked(place, 2)
        assert place.resume(made) == 4
        assert place.effects() == ["paid"]


def test_large_results_belong_to_the_fork_too() -> None:
    with Place(programs.read("large_results")) as place:
        place.run()
        made = forked(place, last(place))
        with Store.open(place.home) as store:
            store.delete(SESSION)
        assert place.resume(made) == 0


def test_a_session_killed_anywhere_can_be_forked_at_its_last_entry() -> None:
    program = programs.read("prints_inside_activities")
    with Place(program) as place:
        place.run()
        undisturbed, writes = place.result(), len(place.writes())
    for write in sampled(list(range(1, writes + 1)), 3):
        with Place(program) as place:
            place.run(Kill(write, after=True))
            # What it noted last is in its tail only.
            made = forked(place, last(place))
            place.resume(made)
            assert place.result(made).prints == undisturbed.prints
            place.run()
            assert place.result().prints == undisturbed.prints


STRIDE = {"all": 1, "sample": 7, "quick": 31}[MODE]


def test_a_fork_that_is_killed_is_there_whole_or_not_at_all() -> None:
    with Place(programs.read("large_results")) as place:
        place.run()
        with Store.open(place.home, read_only=True) as store:
            before = [*store.rows(SESSION)]
            lines = store.lines(SESSION)
        at = before[-1].seq - 1
        whole = [row for row in before if row.seq <= at]
        blobs = [entry.blob for _, _, data in whole if isinstance(entry := decode(data), Outcome) and entry.blob]
        shared = lines[:-1]  # the last print comes after the last outcome
        assert blobs
        assert any(isinstance(decode(row.data), Activity) for row in whole)
        point, seen = 1, set()
        while in_child(lambda point=point: _fork_and_die(place.home, at, point)) == -signal.SIGKILL:
            with Store.open(place.home) as store:
                made = [session for session in store.sessions() if session.session_id != SESSION]
                seen.add(len(made))
                assert len(made) <= 1, point
                for session in made:
                    assert session.state == "interrupted"
                    assert store.rows(session.session_id) == whole
                    assert store.lines(session.session_id) == shared
                    store.delete(session.session_id)
                assert store.rows(SESSION) == before
                for blob in blobs:
                    with store.blobs.open(blob) as content:
                        assert content.read()
            point += STRIDE
        assert seen == {0, 1}, "killed before and after"


def _fork_and_die(home: Path, at: int, point: int) -> int:
    with Store.open(home) as store:
        os.environ["EFFECTS"] = os.devnull
        sys.setprofile(kill_at(point))
        fork(store, SESSION, at)
        sys.setprofile(None)
    return 0
