"""Activities that were cut off: their attempts, their keys, and those that must not run twice."""

from __future__ import annotations

import pytest

from crash import programs
from crash.harness import IN_KEYS, Kill, Place

STOPS = programs.parse(
    "stops",
    """\
An activity that must not run twice, among others.
=== main.py
import effects
from ninelives import activity


@activity(if_interrupted="stop")
def charge(amount):
    effects.append(f"charge {amount}")
    return amount


def main(event):
    effects.append("before")
    print("charged", charge(5))
    effects.append("after")
""",
)

ATTEMPTS = programs.parse(
    "attempts",
    """\
An activity that says which attempt of which call it is.
=== main.py
import effects
import ninelives


@ninelives.activity
def work():
    effects.append(f"{ninelives.idempotency_key()} {ninelives.attempt()}")


def main(event):
    work()
    work()
""",
)

RETRIED = programs.parse(
    "retried",
    """\
An activity that fails twice, is tried again, and must not be cut off.
=== main.py
import effects
import ninelives


@ninelives.activity(retries=2, backoff=0, if_interrupted="stop")
def work():
    effects.append(f"attempt {ninelives.attempt()}")
    if ninelives.attempt() < 3:
        raise ConnectionError("down")


def main(event):
    work()
    effects.append("after")
""",
)


def _every(program: programs.Program) -> list[Kill]:
    with Place(program) as place:
        assert place.run() == 0
        return [Kill(write, after) for write in range(1, len(place.writes()) + 1) for after in (False, True)]


def _is_inside(place: Place, kill: Kill, activity: str) -> bool:
    """Return whether an activity was started, and not finished, when its process was killed."""
    running = False
    for write in place.writes()[: kill.write if kill.after else kill.write - 1]:
        running = (running or activity in write.starts) and activity not in write.finishes
    return running


def test_an_activity_that_was_cut_off_stops_the_session_if_it_says_so() -> None:
    for kill in _every(STOPS):
        with Place(STOPS) as place:
            place.run(kill)
            inside = _is_inside(place, kill, "0:2")
            done = place.effects()
            code = place.run()
            if not inside:
                assert (code, place.result().prints) == (0, ["stdout: charged 5"]), kill
                continue
            assert code == 4, kill
            assert place.result().ends == ["stopped"]
            assert place.error()["type"] == "InterruptedActivityError"
            assert "main.charge" in place.error()["message"]
            assert "cut off" in place.error()["message"]
            assert "--retry-failed" in place.error()["message"]
            assert place.effects() == done, "it was not run again"
            assert place.run() == 4, "it stays stopped"
            assert place.run(retry_failed=True) == 0
            assert place.effects() == [*done, "charge 5", "after"]
            assert place.result().prints == ["stdout: charged 5"]


def test_every_attempt_has_the_same_key_and_the_next_number() -> None:
    for kill in _every(ATTEMPTS):
        with Place(ATTEMPTS) as place:
            place.run(kill)
            attempts = [2 if _is_inside(place, kill, f"0:{call}") else 1 for call in (1, 2)]
            done = place.effects()
            assert place.run() == 0
            again = [f"test-{IN_KEYS}-0-{call} {attempts[call - 1]}" for call in (1, 2)]
            assert place.effects() == [*done, *again[len([line for line in done if line in again]) :]], kill


def test_another_session_of_the_same_id_has_other_keys() -> None:
    keys = set()
    for drawn in (7, 8):
        with Place(ATTEMPTS) as place:
            place.drawn = drawn
            assert place.run() == 0
            keys.update(place.effects())
    assert len(keys) == 4


@pytest.mark.parametrize("kill", [Kill(2, after=True), Kill(4, after=True)])
def test_an_activity_that_waits_to_be_tried_again_is_not_cut_off(kill: Kill) -> None:
    with Place(RETRIED) as place:
        place.run(kill)
        assert place.run() == 0
        assert place.effects() == ["attempt 1", "attempt 2", "attempt 3", "after"]


def test_an_attempt_that_was_cut_off_is_no_failure() -> None:
    for kill in (Kill(2, after=False), Kill(4, after=False), Kill(6, after=False)):
        with Place(RETRIED) as place:
            place.run(kill)
            assert place.run() == 4, kill
            assert place.run(retry_failed=True) == 0
            assert place.effects()[-2:] == [f"attempt {max(3, kill.write // 2 + 1)}", "after"]
