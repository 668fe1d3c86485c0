"""The module level runs in every process, perhaps another number of times: the session goes on, and its readings stay."""

from __future__ import annotations

import pickle

import msgspec

from crash import programs
from crash.harness import Place
from ninelives.session.entries import Value, decode, encode
from ninelives.session.link import Row

_WAITS = programs.parse(
    "waits",
    """
=== main.py
import os
import time

import effects

started, tries = time.time(), 0
while tries < int(os.environ["TRIES"]):
    if time.time() - started > 5 or time.monotonic() < 0:
        raise SystemExit("nobody came")
    print("waiting")
    tries += 1
AT = time.time()


def main(event):
    print(effects.same("at", lambda: (started, AT)), time.time() - AT < 5)
    print(effects.append("end"))
""",
)

_TURNS = programs.parse(
    "turns",
    """
=== main.py
import os
import time

import effects


def main(event):
    if "TURN" not in os.environ:
        time.time()
    else:
        time.time_ns()
    effects.append("end")
""",
)


def _an_hour_ago(rows: list[Row]) -> list[Row]:
    """Return a journal as if all of it had happened an hour before it did."""
    changed = []
    for seq, kind, data in rows:
        entry = msgspec.structs.replace(decode(data), at=decode(data).at - 3600)
        if isinstance(entry, Value):
            entry.data = pickle.dumps(pickle.loads(entry.data) - 3600, 5)
        changed.append((seq, kind, encode(entry)))
    return changed


def _readings(place: Place) -> int:
    return sum("load:main.py value" in line for line in place.result().journal)


def test_waits_longer_after_a_restart() -> None:
    with Place(_WAITS) as place:
        assert place.run(TRIES="0") == 0
        assert _readings(place) == 2
        undisturbed = place.result().prints
        place.change = _an_hour_ago
        assert place.again(TRIES="3") == 0
        # Those which it did not have were read anew, on a clock that went on from the recorded ones, and recorded.
        assert _readings(place) == 2 + 3 * 2
        assert place.result().prints[:2] == undisturbed == ["stdout: True True", "stdout: 3"]
        assert place.result().prints.count("stdout: waiting") == 3


def test_waits_shorter_after_a_restart() -> None:
    with Place(_WAITS) as place:
        assert place.run(TRIES="3") == 0
        first = place.result()
        for tries in ("0", "2", "3"):
            assert place.again(TRIES=tries) == 0
            assert place.result() == first


def test_divergence_names_both_places() -> None:
    with Place(_TURNS) as place:
        assert place.run() == 0
        assert place.again(TURN="1") == 4
        message = place.error()["message"]
    assert "the journal has time.time() at main.py:9, the program asks for time.time_ns() at main.py:11" in message
