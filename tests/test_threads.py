"""Rules of threads: they run at the same time outside, a deadlock names who waits, one error stops them all."""

from __future__ import annotations

import signal
import threading

import pytest
from crash import programs
from crash.harness import Place

from ninelives.session import watchdog

MEETS = """\
Twenty calls that only end when all of them are under way.
=== main.py
import threading

import effects


def main(event):
    threads = [threading.Thread(target=effects.meet, args=(20,)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""

DEADLOCK = """\
Two threads, each with the lock that the other wants.
=== main.py
import threading

import effects

one, two = threading.Lock(), threading.Lock()


def work(first, second):
    try:
        with first:
            effects.give(1)
            with second:
                effects.append("never")
    finally:
        effects.append("never")
        print("muted")


def main(event):
    threads = [threading.Thread(target=work, args=locks) for locks in ((one, two), (two, one))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""

STOPS_IN_A_THREAD = """\
A thread that a rule stops, while others wait, and one catches everything.
=== main.py
import os
import threading

import effects


def work():
    try:
        effects.append("before")
        os.fork()
    except BaseException:
        print("caught")
    effects.append("never")


def waits(event):
    try:
        event.wait()
    finally:
        effects.append("never")


def main(event):
    never = threading.Event()
    threading.Thread(target=waits, args=(never,)).start()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    effects.append("never")
"""

FOREIGN = """\
A thread of a library sets an event that the program waits for.
=== main.py
import threading
import time

import effects

came = threading.Event()


def set_when_waited_for():
    while not came._cond._waiters:
        time.sleep(0.001)
    came.set()


def main(event):
    threading.Thread(target=effects.call_from_thread, args=(set_when_waited_for,)).start()
    came.wait()
    effects.append("never")
"""

SPINS = """\
Spins, so that nobody else gets the baton.
=== main.py
import threading

import effects


def main(event):
    done = []
    thread = threading.Thread(target=lambda: done.append(effects.append("begun")))
    thread.start()
    while not done:
        pass
"""

WAITS = """\
Waits for an activity that kills its own process.
=== main.py
import os
import signal
import threading

import effects
import ninelives


@ninelives.activity
def tell():
    if os.environ.get("TELL"):
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(20)
    return effects.append("told")


def main(event):
    thread = threading.Thread(target=tell)
    thread.start()
    thread.join()
    print("joined")
"""


CACHED = """\
A `cached_property` that calls outside, asked for by two threads at once: before Python 3.12 it holds a lock meanwhile.
=== main.py
import functools
import threading

import effects


class Thing:
    @functools.cached_property
    def value(self):
        return effects.slow("value") and 5


def main(event):
    thing, got = Thing(), []
    threads = [threading.Thread(target=lambda: got.append(thing.value)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(got)
"""

PLAIN = """\
Has no threads.
=== main.py
import sys

import effects


def main(event):
    effects.give(1)
    print("ninelives.session.threads.modules" in sys.modules)
"""


def _stopped(text: str) -> tuple[Place, str]:
    place = Place(programs.parse("threads", text))
    with place:
        assert place.run() == 4
        message = place.error()["message"]
        assert "\n" not in message
        assert "stderr: " not in "".join(place.result().prints)
        assert not [line for line in place.effects() if line == "never"]
        return place, message


def test_activities_of_threads_run_at_the_same_time() -> None:
    with Place(programs.parse("threads", MEETS)) as place:
        assert place.run() == 0
        assert place.effects() == ["met True"] * 20
        assert len(place.result().journal) == 22


def test_a_deadlock_names_who_waits_for_what() -> None:
    _, message = _stopped(DEADLOCK)
    assert "lane 0.1 at main.py:12 for a lock that lane 0.2 has" in message
    assert "lane 0.2 at main.py:12 for a lock that lane 0.1 has" in message
    assert "lane 0 at main.py:24" in message


def test_one_error_stops_all_threads() -> None:
    _, message = _stopped(STOPS_IN_A_THREAD)
    assert "os.fork" in message


def test_a_thread_of_outside_code_may_not_wake_a_lane() -> None:
    _, message = _stopped(FOREIGN)
    assert "a thread of outside code" in message


def test_a_lane_that_spins_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "SPINS", 0.4)
    _, message = _stopped(SPINS)
    assert message.startswith("main.py:")
    assert "lane 0 has run for 0.4 s" in message


@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="signals go to the main thread")
def test_a_signal_ends_a_session_whose_main_thread_waits() -> None:
    with Place(programs.parse("threads", WAITS)) as place:
        assert place.run(TELL="1") == 128 + signal.SIGTERM
        assert place.run() == 0
        assert place.result().prints == ["stdout: joined"]
        assert place.effects() == ["told"]


def test_a_program_without_threads_makes_no_copies() -> None:
    with Place(programs.parse("threads", PLAIN)) as place:
        assert place.run() == 0
        assert place.result().prints == ["stdout: False"]


def test_a_cached_property_may_call_outside() -> None:
    with Place(programs.parse("threads", CACHED)) as place:
        assert place.run() == 0
        assert place.result().prints == ["stdout: [5, 5]"]
