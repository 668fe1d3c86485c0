"""Without a session, what programs import works locally, so that user code can be imported and tested as it is."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import ninelives

SOURCES = Path(__file__).parents[1] / "src"


def plain(program: str) -> str:
    """Return what a program prints in a Python of its own, with no session."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)],
        env={"PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("module", ["ninelives", "autokitteh"])
def test_store_functions_are_local(module) -> None:
    program = f"""
        import {module} as nl
        nl.set_value("a", [1])
        print(nl.get_value("a"), nl.get_value("b"), nl.add_values("n", 2), nl.add_values("n", 3))
        print(nl.check_and_set_value("a", [1], "x"), nl.check_and_set_value("a", [1], "y"), nl.list_values_keys())
        nl.store["k"] = 1
        nl.del_value("a")
        print(dict(nl.store), nl.mutate_value("n", "add", 1), len(nl.store))
    """
    assert plain(program) == "[1] None 2 5\nTrue False ['a', 'n']\n{'k': 1, 'n': 5} 6 2\n"


def test_both_modules_have_the_same_names() -> None:
    import autokitteh

    for name in (
        "activity",
        "inhibit_activities",
        "register_no_activity",
        "AttrDict",
        "Event",
        "AutoKittehError",
        "store",
    ):
        assert hasattr(ninelives, name)
        assert hasattr(autokitteh, name)
    assert ninelives.AutoKittehError is autokitteh.AutoKittehError


def test_marked_functions_are_the_functions_they_were() -> None:
    @ninelives.activity(retries=3, if_interrupted="stop")
    def double(n: int = 2) -> int:
        """Double it."""
        return n * 2

    @ninelives.inhibit_activities
    def triple(n):
        return n * 3

    assert (double(), double(4), double.__name__, double.__doc__) == (4, 8, "double", "Double it.")
    assert triple(2) == 6
    ninelives.register_no_activity([double])


@pytest.mark.parametrize(
    ("options", "problem"),
    [({"retries": -1}, "negative"), ({"timeout": 0}, "positive"), ({"if_interrupted": "maybe"}, "'retry' or 'stop'")],
)
def test_options_without_meaning_are_refused(options, problem) -> None:
    with pytest.raises(ValueError, match=problem):
        ninelives.activity(**options)


def test_ids_and_attempts() -> None:
    assert ninelives.session_id() == "local"
    assert ninelives.attempt() == 1
    assert ninelives.idempotency_key() != ninelives.idempotency_key()


def test_events_read_as_dicts_and_by_attribute() -> None:
    event = ninelives.Event({"pull_request": {"title": "T", "labels": [{"name": "bug"}]}}, event_type="pull_request")
    assert event.data.pull_request.title == event["data"]["pull_request"]["title"] == "T"
    assert event.data.pull_request.labels[0].name == "bug"
    assert (event.event_type, event.event_id, event.get("integration_id")) == ("pull_request", None, None)
    with pytest.raises(AttributeError, match="missing"):
        _ = event.data.missing
    with pytest.raises(NotImplementedError, match="attributes"):
        event.data.title = "new"
