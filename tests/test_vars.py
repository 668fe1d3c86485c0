"""Where a session's vars come from: what this process was given, the start, the manifest, the environment."""

from __future__ import annotations

import pytest

from ninelives.errors import UsageError
from ninelives.session.entries import Start
from ninelives.worker.vars import Var, recorded, resolve

MANIFEST = {
    "PLAIN": Var("manifest", secret=False, line=1),
    "EMPTY": Var("", secret=False, line=2),
    "OPEN": Var(None, secret=False, line=3),
    "KEPT": Var("k", secret=True, line=4),
    "TOKEN": Var(None, secret=True, line=5),
    "OTHER": Var("default", secret=False, line=6, variable="ELSEWHERE"),
}


def begun(given=None, secret=(), environment=None):
    """Return the start entry of a session that is started like this."""
    plain, names = recorded(MANIFEST, given or {}, frozenset(secret), environment or {})
    return Start(1, 0.0, 1, "app.py:main", {}, 0, 0, "3.11", "", plain, names)


def resolved(start, given=None, secret=(), environment=None):
    return resolve(MANIFEST, start, given or {}, frozenset(secret), environment or {})


def test_the_manifest_alone():
    values, hidden = resolved(begun())
    assert values == {"PLAIN": "manifest", "EMPTY": "", "KEPT": "k", "OTHER": "default"}
    assert hidden == {"k"}


def test_the_environment_fills_what_the_manifest_leaves_open():
    environment = dict.fromkeys(["PLAIN", "EMPTY", "OPEN", "KEPT", "TOKEN", "OTHER", "ELSEWHERE", "PATH"], "e")
    start = begun(environment=environment)
    assert (start.vars, start.secret_vars) == ({}, ["TOKEN"])
    values, hidden = resolved(start, environment=environment)
    assert values == {"PLAIN": "manifest", "EMPTY": "e", "OPEN": "e", "KEPT": "k", "TOKEN": "e", "OTHER": "e"}
    assert hidden == {"k", "e"}


def test_what_is_given_goes_over_all_and_secrets_are_not_recorded():
    given = {"PLAIN": "g", "TOKEN": "t", "MINE": "m", "KEY": "y"}
    start = begun(given, ["KEY"])
    assert (start.vars, start.secret_vars) == ({"PLAIN": "g", "MINE": "m"}, ["KEY", "TOKEN"])
    values, hidden = resolved(start, given, ["KEY"])
    assert values["PLAIN"] == "g"
    assert hidden == {"k", "t", "y"}
    # Another process that goes on with it: what is no secret is known, secrets are looked up.
    values, hidden = resolved(start, {"KEY": "rotated"}, environment={"TOKEN": "new", "MINE": "not this"})
    assert (values["MINE"], values["TOKEN"], values["KEY"]) == ("m", "new", "rotated")
    assert hidden == {"k", "new", "rotated"}


def test_a_secret_that_was_given_is_asked_for_even_where_the_manifest_has_another():
    start = begun({"KEPT": "given"})
    assert start.secret_vars == ["KEPT"]
    with pytest.raises(UsageError, match=r"started with the secret var KEPT, .*--var KEPT"):
        resolved(start)
    assert resolved(start, {"KEPT": ""})[0]["KEPT"] == ""
    assert resolved(start, environment={"KEPT": "e"})[0]["KEPT"] == "e"
