"""A session's vars: where each comes from, which of them are secret, and what becomes the program's environment.

A var's value is the first of these that there is: what this process was given (``--var``), what the session started
with, what the manifest says, and for a var without a value there the environment of this process. Only the names of
secret vars are recorded, so secrets are looked up again by every process that has the session.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ninelives.errors import UsageError
from ninelives.session.entries import Start

if TYPE_CHECKING:
    from ninelives.documents import Item


class Var(NamedTuple):
    """A var as a manifest describes it."""

    #: None, or empty: it comes from who starts the session
    value: str | None
    #: shown nowhere
    secret: bool
    #: in the manifest
    line: int
    #: the environment variable that goes over the value (AutoKitteh's ``env_var``); None: none does
    variable: str | None = None

    def lookup(self, name: str, environment: Mapping[str, str]) -> str | None:
        """Return the value of the var called ``name`` for who was given none; None: it has none."""
        if self.variable is not None and self.variable in environment:
            return environment[self.variable]
        return self.value or environment.get(name, self.value)


def declared(content: Item, manifest: Path) -> dict[str, Var]:
    """Return the vars of a manifest: of ours (``vars:``), or of AutoKitteh's (``project: vars:``).

    Args:
        content: the manifest.
        manifest: its file, for errors.

    Raises:
        UsageError: a var has no name, two have the same, or a value is no text.
    """
    found: dict[str, Var] = {}
    project = content.mapping().get("project")
    for holder in (content, project):
        section = holder.mapping().get("vars") if holder is not None else None
        if section is None or section.value is None:
            continue
        for name, item, var in _written(section, manifest):
            place = f"{manifest}:{item.line}"
            if not re.fullmatch(r"[^=\0]+", name):
                raise UsageError(f"{place}: a var needs a name, like 'name: TOKEN', without '='")
            if name in found:
                raise UsageError(f"{place}: the var {name} is there already, in line {found[name].line}")
            found[name] = var
    return found


def _written(section: Item, manifest: Path) -> list[tuple[str, Item, Var]]:
    if isinstance(section.value, dict):
        return [(name, item, _var(item, name, manifest)) for name, item in section.mapping().items()]
    if not isinstance(section.value, list):
        raise UsageError(f"{manifest}:{section.line}: vars are a mapping, like 'GREETING: hello'")
    written = []
    for item in section.items():
        name = item.mapping().get("name")
        if name is None or not name.text:
            raise UsageError(f"{manifest}:{item.line}: a var needs a name, like 'name: TOKEN'")
        written.append((name.text, item, _var(item, name.text, manifest)))
    return written


def _var(item: Item, name: str, manifest: Path) -> Var:
    fields = item.mapping() if isinstance(item.value, dict) else {"value": item}
    # Older manifests of AutoKitteh have `is_secret`. A word that is nearly it must not make a secret public.
    marks = [fields[key] for key in _SECRET if key in fields]
    for key, field in fields.items():
        if key not in _SECRET and "secret" in key.lower():
            raise UsageError(f"{manifest}:{field.line}: {key!r} means nothing: write 'secret: true'")
    for mark in marks:
        if not isinstance(mark.value, bool):
            raise UsageError(f"{manifest}:{mark.line}: secret is true or false")
    value = fields.get("value")
    if value is not None and (isinstance(value.value, dict | list) or not _is_text(value.text)):
        raise UsageError(f"{manifest}:{value.line}: the value of {name} is a text: put it in quotes")
    # As it is written: a port 0080 keeps its zeros, and true stays true.
    text = None if value is None or value.value is None else value.text
    variable = fields.get("env_var")
    return Var(text, any(mark.value for mark in marks), item.line, variable.text or None if variable else None)


_SECRET = ("secret", "is_secret")


def _is_text(text: str) -> bool:
    """Return whether an environment can hold a text."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def recorded(
    manifest: Mapping[str, Var], given: Mapping[str, str], secret: frozenset[str], environment: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """Return what the start entry of a new session holds: vars that are no secrets, and the names of those that are.

    Args:
        manifest: the project's vars.
        given: by who starts the session.
        secret: names of those that are secret.
        environment: of this process.
    """
    hidden = secret | {name for name, var in manifest.items() if var.secret}
    needed = {name for name in hidden if name in given}
    needed |= {name for name, var in manifest.items() if var.secret and not var.value and var.lookup(name, environment)}
    return {name: value for name, value in given.items() if name not in hidden}, sorted(needed)


def resolve(
    manifest: Mapping[str, Var],
    start: Start,
    given: Mapping[str, str],
    secret: frozenset[str],
    environment: Mapping[str, str],
) -> tuple[dict[str, str], frozenset[str]]:
    """Return a session's vars, and the values among them that are secret.

    Args:
        manifest: the project's vars.
        start: what the session started with.
        given: by who starts it or goes on with it.
        secret: names of those that are secret.
        environment: of this process.

    Raises:
        UsageError: a secret that the session started with is not there.
    """
    values: dict[str, str] = {}
    for name, var in manifest.items():
        value = var.lookup(name, environment)
        if value is not None:
            values[name] = value
    values |= start.vars
    values |= given
    for name in start.secret_vars:
        if name in given:
            continue
        # What the manifest says instead is not what the session was started with.
        variable = manifest[name].variable if name in manifest else None
        found = environment.get(variable or name, environment.get(name))
        if found is None:
            raise UsageError(
                f"the session was started with the secret var {name}, which is not stored: give it again (--var {name})"
            )
        values[name] = found
    hidden = secret | set(start.secret_vars) | {name for name, var in manifest.items() if var.secret}
    return values, frozenset(values[name] for name in hidden if name in values)
