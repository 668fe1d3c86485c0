"""Test programs as text files: the program, what it prints, does and returns, and what its journal holds.

A file has sections, each begun by a line ``=== name``. Sections whose name has a dot are files of the program; ``event`` is the event's data as JSON,
``prints``, ``effects``, ``ends`` and ``journal`` are what an undisturbed run gives. What stands before the first section says what the program is about.
A program does and prints in a session what it does in plain Python; one that can't has a section ``plain`` that says why. Where a rule
forbids going on after some kills, a section ``stops`` holds what the error then says. A section ``unordered`` says why lanes race: then prints, effects
and the journal are compared, and written down, in sorted order, and the journal without lanes and results.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent.parent / "programs"

#: Sections that say something about the program, not what it gives.
_NOT_EXPECTED = ("event", "plain", "stops", "unordered")

_HEAD = re.compile(r"^=== (.+)\n", re.MULTILINE)


class Program(NamedTuple):
    """A test program."""

    name: str
    about: str
    files: dict[str, str]
    event: dict[str, Any]
    #: why it can't be compared with plain Python; empty if it is
    not_plain: str
    #: part of the error with which the session may stop after a kill; empty if it never may
    stops: str
    #: why its lanes race, so that what they do and print has no fixed order; empty if it has
    unordered: str
    #: section by name: prints, effects, ends, journal
    expected: dict[str, str]

    def write(self, folder: Path) -> None:
        """Write its files."""
        for name, text in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


def names() -> list[str]:
    """Return the names of all programs."""
    return sorted(path.stem for path in FOLDER.glob("*.txt"))


def read(name: str) -> Program:
    """Return a program."""
    return parse(name, (FOLDER / f"{name}.txt").read_text())


def parse(name: str, text: str) -> Program:
    """Return the program that a text describes."""
    about, *parts = _HEAD.split(text)
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    files = {head: body for head, body in sections.items() if "." in head}
    event = json.loads(sections.get("event") or "{}")
    expected = {head: body for head, body in sections.items() if "." not in head and head not in _NOT_EXPECTED}
    stops = sections.get("stops", "").strip()
    return Program(name, about, files, event, sections.get("plain", ""), stops, sections.get("unordered", ""), expected)


def rewrite(program: Program, expected: dict[str, str]) -> None:
    """Write down what a program gave, for a person to review."""
    sections = dict(program.files)
    if program.event:
        sections["event"] = f"{json.dumps(program.event)}\n"
    if program.not_plain:
        sections["plain"] = program.not_plain
    if program.stops:
        sections["stops"] = f"{program.stops}\n"
    if program.unordered:
        sections["unordered"] = program.unordered
    sections |= expected
    text = program.about + "".join(f"=== {head}\n{body}" for head, body in sections.items())
    (FOLDER / f"{program.name}.txt").write_text(text)
