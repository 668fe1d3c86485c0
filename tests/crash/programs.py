"""Test programs as text files: the program, what it prints, does and returns, and what its journal holds.

A file has sections, each begun by a line ``=== name``. Sections whose name has a dot are files of the program; ``event`` is the event's data as JSON,
``prints``, ``effects``, ``ends`` and ``journal`` are what an undisturbed run gives. What stands before the first section says what the program is about.
A program does and prints in a session what it does in plain Python; one that can't has a section ``plain`` that says why. Where a rule
forbids going on after some kills, a section ``stops`` holds what the error then says. A section ``unordered`` says why lanes race: then prints, effects
and the journal are compared, and written down, in sorted order, and the journal without lanes and results. Where calls only run at the same time, and
the program goes the same way whatever their order, a section ``concurrent`` says so: their effects may come in any order, and the journal is compared by lane.
A section ``servers`` names those it talks to, a section ``counts`` says that a server answers by how often it was asked: then a call that was cut off and
made again changes what follows. A section ``again`` holds effects that may be repeated: what makes a live value again.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent.parent / "programs"

#: Sections that say something about the program, not what it gives.
_NOT_EXPECTED = ("event", "plain", "servers", "stops", "unordered", "concurrent", "counts", "again")

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
    #: why its effects come in any order; empty if they do not
    concurrent: str
    #: section by name: prints, effects, ends, journal
    expected: dict[str, str]
    #: where its text is kept
    source: Path = FOLDER
    servers: tuple[str, ...] = ()
    #: why a call that is made again changes what follows; empty if it does not
    counts: str = ""
    #: effects that may be repeated
    again: tuple[str, ...] = ()

    def write(self, folder: Path) -> None:
        """Write its files."""
        for name, text in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


def names(folder: Path = FOLDER) -> list[str]:
    """Return the names of all programs of a folder."""
    return sorted(path.stem for path in folder.glob("*.txt"))


def read(name: str, folder: Path = FOLDER) -> Program:
    """Return a program."""
    return parse(name, (folder / f"{name}.txt").read_text(), folder)


def parse(name: str, text: str, source: Path = FOLDER) -> Program:
    """Return the program that a text describes."""
    about, *parts = _HEAD.split(text)
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    files = {head: body for head, body in sections.items() if "." in head}
    event = json.loads(sections.get("event") or "{}")
    expected = {head: body for head, body in sections.items() if "." not in head and head not in _NOT_EXPECTED}
    stops = sections.get("stops", "").strip()
    return Program(
        name,
        about,
        files,
        event,
        sections.get("plain", ""),
        stops,
        sections.get("unordered", ""),
        sections.get("concurrent", ""),
        expected,
        source,
        tuple(sections.get("servers", "").split()),
        sections.get("counts", ""),
        tuple(sections.get("again", "").splitlines()),
    )


def rewrite(program: Program, expected: dict[str, str]) -> None:
    """Write down what a program gave, for a person to review."""
    sections = dict(program.files)
    if program.event:
        sections["event"] = f"{json.dumps(program.event)}\n"
    if program.servers:
        sections["servers"] = f"{' '.join(program.servers)}\n"
    if program.again:
        sections["again"] = "".join(f"{line}\n" for line in program.again)
    if program.counts:
        sections["counts"] = program.counts
    if program.not_plain:
        sections["plain"] = program.not_plain
    if program.concurrent:
        sections["concurrent"] = program.concurrent
    if program.stops:
        sections["stops"] = f"{program.stops}\n"
    if program.unordered:
        sections["unordered"] = program.unordered
    sections |= expected
    text = program.about + "".join(f"=== {head}\n{body}" for head, body in sections.items())
    (program.source / f"{program.name}.txt").write_text(text)
