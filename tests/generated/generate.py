"""Strategies of generated programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from crash.programs import Program, parse
from hypothesis import strategies as st

from generated.definitions import module
from generated.stage import Wound
from generated.statements import Statements
from generated.tasks import Racing, Settled
from generated.threads import Threaded, ThreadRaces


class Kind(NamedTuple):
    """A kind of programs, and what must be equal of their runs."""

    name: str
    #: writes the handler
    write: Callable[[Callable[[st.SearchStrategy[Any]], Any]], Statements]
    #: the order of prints, effects and operations is the program's, not a matter of who is first
    ordered: bool = True
    #: the outcome does not depend on who is first
    settled: bool = True
    #: parts of the errors with which a kill may stop a session
    stops: tuple[str, ...] = ()


class Halfway(Statements):
    """Programs with outside iterators and contexts that are left half used."""

    halfway = True


PLAIN = Kind("plain", Statements)
HALFWAY = Kind("halfway", Halfway, stops=("was read half-way", "was entered by a process that has ended"))

TASKS = Kind("tasks", Settled, ordered=False)
RACES = Kind("races", Racing, ordered=False, settled=False)
THREADS = Kind("threads", Threaded, ordered=False)
THREAD_RACES = Kind("thread-races", ThreadRaces, ordered=False, settled=False)

KINDS = {kind.name: kind for kind in (PLAIN, HALFWAY, TASKS, RACES, THREADS, THREAD_RACES)}


@st.composite
def programs(draw: Callable[[st.SearchStrategy[Any]], Any], kind: Kind) -> Program:
    """Draw a program of a kind."""
    writer = kind.write(draw)
    writer.program()
    text = module(writer.needed, "\n".join(writer.lines) + "\n")
    compile(text, "main.py", "exec")
    return parse("generated", f"=== main.py\n{text}")


def wounds() -> st.SearchStrategy[list[list[Wound]]]:
    """Draw the kills of two runs: the first has one, the second several in a row."""
    one = st.builds(Wound, st.integers(0, 999), st.booleans())
    return st.tuples(st.lists(one, min_size=1, max_size=1), st.lists(one, min_size=2, max_size=4)).map(list)
