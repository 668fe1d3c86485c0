"""What a rule is, and what it finds."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ninelives.code.check.source import Module


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in a program that can bite in a session."""

    #: from where the folder or file that was asked for is named, with ``/``
    file: str
    #: from 1
    line: int
    #: the rule's short name, which ``# ninelives: ignore[code]`` silences
    code: str
    #: what is wrong, one line
    message: str
    #: what to do, one line
    way_out: str


class Found(NamedTuple):
    """Where a rule found something, and what it says there."""

    node: ast.AST
    message: str


class Rule(NamedTuple):
    """One thing that can bite."""

    #: its short name; also the heading of its section in docs/check.md
    code: str
    #: what to do
    way_out: str
    find: Callable[[Module], Iterator[Found]]
