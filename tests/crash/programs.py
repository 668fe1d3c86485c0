"""Test programs as text files: the program, what it prints, does and returns, and what its journal holds.

A file has sections, each begun by a line ``=== name``. Sections whose name has a dot are files of the program; ``event`` is the event's data as JSON,
``prints``, ``effects``, ``ends`` and ``journal`` are what an undisturbed run gives. What stands before the first section says what the program is about.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent.parent / "programs"


class Program(NamedTuple):
    """A test program."""

    name: str
    about: str
    files: dict[str, str]
    event: dict[str, Any]
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
    about, *parts = text.split("=== ") if not text.startswith("=== ") else ("", *text.split("=== ")[1:])
    sections = {head.strip(): body for head, _, body in (part.partition("\n") for part in parts)}
    files = {head: body for head, body in sections.items() if "." in head}
    event = json.loads(sections.get("event") or "{}")
    expected = {head: body for head, body in sections.items() if "." not in head and head != "event"}
    return Program(name, about, files, event, expected)


def rewrite(program: Program, expected: dict[str, str]) -> None:
    """Write down what a program gave, for a person to review."""
    text = program.about
    for head, body in program.files.items():
        text += f"=== {head}\n{body}"
    if program.event:
        text += f"=== event\n{json.dumps(program.event)}\n"
    for head, body in expected.items():
        text += f"=== {head}\n{body}"
    (FOLDER / f"{program.name}.txt").write_text(text)
