"""What sessions do with asyncio beyond giving the same after a kill: time, memory, refusals, and what a record decides."""

from __future__ import annotations

import signal
import textwrap
import time

import pytest
from crash import harness, programs
from crash.harness import Kill, Place


@pytest.fixture
def place():
    """Return a function that makes a place with a program."""
    places = []

    def make(text: str) -> Place:
        source = textwrap.dedent(text)
        places.append(Place(programs.parse("test", f"a test\n=== main.py\n{source}")))
        return places[-1]

    yield make
    for made in places:
        made.__exit__()


def test_timers_that_are_always_due_do_not_keep_arrivals_away(place):
    ran = place("""
        import asyncio, effects

        async def main(event):
            call = asyncio.create_task(effects.after(0.05, "arrives"))
            while not call.done():
                await asyncio.sleep(0.000001)
            late = []
            asyncio.get_running_loop().call_later(0.05, late.append, "due")
            while not late:
                await effects.give_later(1)
            return call.result(), late
    """)
    assert ran.run() == 0
    assert ran.result().ends == ["completed: ('arrives', ['due'])"]


def test_activities_of_tasks_run_at_the_same_time_and_each_is_recorded(place):
    ran = place("""
        import asyncio, effects

        async def main(event):
            return len(await asyncio.gather(*(effects.after(1, n) for n in range(100))))
    """)
    began = time.monotonic()
    assert ran.run() == 0
    assert time.monotonic() - began < 20
    assert sum("effects.after ok" in line for line in ran.result().journal) == 100


def test_a_race_that_was_decided_stays_decided(place):
    ran = place("""
        import asyncio, effects

        async def main(event):
            racers = [asyncio.create_task(effects.racer(name), name=name) for name in ("hare", "tortoise")]
            done, _ = await asyncio.wait(racers, return_when=asyncio.FIRST_COMPLETED)
            winner = done.pop().get_name()
            effects.append(f"prize for {winner}")
            return winner
    """)
    assert ran.run(Kill(4, True)) == -signal.SIGKILL
    assert ran.run(WINNER="tortoise") == 0
    assert ran.result().ends == ["completed: 'hare'"]
    assert ran.effects() == ["prize for hare"]


def test_a_busy_program_polls_as_often_on_replay(place):
    ran = place("""
        import asyncio, effects

        async def main(event):
            loop, polls = asyncio.get_running_loop(), 0
            call = asyncio.create_task(effects.after(0.03, 1))
            while not call.done():
                polls += 1
                await asyncio.sleep(0)
            until = loop.time() + 0.05
            while loop.time() < until:
                polls += 1
                await asyncio.sleep(0)
            print(polls)
            effects.die_once()
            return polls
    """)
    assert ran.run() == -signal.SIGKILL
    assert ran.run() == 0
    (said,) = ran.result().prints
    assert ran.result().ends == [f"completed: {said.removeprefix('stdout: ')}"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("await asyncio.Event().wait()", "deadlock: main.py:5 waits for what can't come"),
        ("await asyncio.sleep(float('inf'))", "deadlock: main.py:5 waits for what can't come"),
        ("asyncio.get_running_loop().add_signal_handler(15, print)", "loop.add_signal_handler: a session has no"),
        (
            "asyncio.SelectorEventLoop().run_until_complete(effects.give_later(1))",
            "a loop that is not the session's",
        ),
        (
            "l = asyncio.Lock(); await l.acquire(); await asyncio.gather(l.acquire(), effects.call_later(l.release))",
            "an outside call sets an asyncio.Event, Queue or Future",
        ),
        (
            "q = asyncio.Queue(1); await asyncio.gather(q.get(), effects.call_later(q.put_nowait, 1))",
            "outside code puts into a queue that has a size",
        ),
        (
            "q = asyncio.Queue(); q.put_nowait(1); await effects.call_later(q.get_nowait)",
            "outside code calls get_nowait of an object of the session",
        ),
        (
            "q = asyncio.Queue(); await asyncio.gather(q.get(), effects.call_later(q.put_nowait, effects.Client('c')))",
            "outside code gives an object that can't be saved to put_nowait",
        ),
        (
            "loop = asyncio.get_running_loop(); effects.call_from_thread(loop.call_soon_threadsafe, lambda: None)",
            "a thread of outside code calls call_soon_threadsafe",
        ),
    ],
)
def test_what_stops(place, body, says):
    ran = place(f"import asyncio, effects\n\n\nasync def main(event):\n    {body}\n")
    assert ran.run() != 0
    assert says in ran.error()["message"]


def test_other_deliveries_are_noticed(place, monkeypatch):
    ran = place("""
        import asyncio, effects

        async def one(n):
            value = await effects.after(0.02 * n, n)
            effects.append(f"got {value}")

        async def main(event):
            await asyncio.gather(*(one(n) for n in range(4)))
    """)
    assert ran.run(Kill(12, True)) == -signal.SIGKILL
    killing = harness.killing

    def swapping(*arguments):
        cls = killing(*arguments)
        load = cls.load

        def swapped(self):
            rows = list(load(self))
            at = [number for number, (_, kind, _) in enumerate(rows) if kind == "outcome"][:2]
            rows[at[0]], rows[at[1]] = rows[at[1]], rows[at[0]]
            return rows

        cls.load = swapped
        return cls

    monkeypatch.setattr(harness, "killing", swapping)
    assert ran.run() == 4


GARBAGE = """
    import weakref
    import effects

    class Node:
        def __init__(self):
            self.itself = self

    def main(event):
        alive, most = weakref.WeakSet(), 0
        for n in range({loops}):
            alive.add(Node())
            {call}
            most = max(most, len(alive)) if n % 100 == 0 else most
        return most <= {limit}
"""


def test_garbage_is_collected_in_a_loop_of_calls(place):
    ran = place(GARBAGE.format(loops=1000, call="effects.give(n)", limit=250))
    assert ran.run() == 0
    assert ran.result().ends == ["completed: True"]


def test_garbage_is_collected_in_a_loop_without_calls(place):
    ran = place(GARBAGE.format(loops=600_000, call="pass", limit=300_000))
    assert ran.run() == 0
    assert ran.result().ends == ["completed: True"]


LISTENS = """
    import asyncio, effects

    async def main(event):
        heard = asyncio.Queue()
        effects.listen_on(asyncio.get_running_loop(), heard.put_nowait)
        first = await heard.get()
        effects.die_once()
        print(first, await heard.get())
"""


def test_what_a_thread_of_outside_code_says_is_waited_for(place):
    ran = place(LISTENS.replace("effects.die_once()", "effects.append('said')"))
    assert ran.run() == 0, ran.error()
    assert ran.result().prints == ["stdout: 1 2"]


def test_a_thread_of_outside_code_that_died_is_not_waited_for(place):
    ran = place(LISTENS)
    assert ran.run() == -signal.SIGKILL
    assert ran.run() == 4
    assert ran.error()["message"].startswith("deadlock: main.py:9 waits for what can't come")


def test_what_a_call_did_to_a_queue_is_on_disk_with_its_end(place):
    ran = place("""
        import asyncio, effects

        heard = asyncio.Queue()

        async def main(event):
            effects.call_from_thread(heard.put_nowait, 1)
            return await heard.get()
    """)
    assert ran.run() == 0
    writes = len(ran.writes())
    for kill in [Kill(write, after) for write in range(1, writes + 1) for after in (False, True)]:
        with Place(ran.program) as again:
            again.run(kill)
            again.run()
            assert again.result().ends == ["completed: 1"], kill


def test_calls_that_end_in_their_first_step_keep_nothing_else_of_the_outside_waiting(place):
    ran = place("""
        import asyncio, effects

        async def main(event):
            await effects.beat(5)
            while await effects.beats() < 5:
                pass
            slow, calls = asyncio.create_task(effects.after(0.01, "slow")), 0
            await asyncio.sleep(0)
            while not slow.done():
                calls += await effects.beats()
                await asyncio.sleep(0)
            try:
                async with asyncio.timeout(0.01):
                    while True:
                        await effects.beats()
                        await asyncio.sleep(0)
            except TimeoutError:
                return slow.result()
    """)
    assert ran.run() == 0, ran.error()
    assert ran.result().ends == ["completed: 'slow'"]
