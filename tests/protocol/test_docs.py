"""`docs/protocol.md` says what the code does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from ninelives.protocol import messages as m
from ninelives.protocol.framing import LARGEST_BATCH, LARGEST_FRAME
from ninelives.protocol.states import TABLE, Closed, State, name
from protocol.test_states import CHANGES, MESSAGES

TEXT = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()


def test_the_diagram_has_every_edge_that_changes_the_state() -> None:
    drawn = set(re.findall(r"^    (\w+) --> (\w+): (the connection ends|\w+)", TEXT, re.MULTILINE))
    edges = {(start, end, event.replace("closed", "the connection ends")) for (start, event), end in CHANGES.items()}
    assert drawn == edges | {("waiting", "running", "waiting")}


def test_the_table_lists_what_a_state_allows() -> None:
    row = re.search(r"^\| `running` \|.*\| (.*) \|$", TEXT, re.MULTILINE)
    assert row is not None
    stays = [name(MESSAGES[kind]) for kind, to in TABLE[State.RUNNING].items() if to is State.RUNNING]
    assert re.findall(r"`(\w+)`", row[1]) == stays
    saved = re.search(r"^\| `saved` \|.*\| (.*) \|$", TEXT, re.MULTILINE)
    assert saved is not None
    stays = [name(MESSAGES[kind]) for kind, to in TABLE[State.SAVED].items() if to is State.SAVED]
    assert re.findall(r"`(\w+)`", saved[1]) == stays


def test_every_message_is_described() -> None:
    for cls in (*get_args(m.FromRunner), *get_args(m.FromWorker)):
        assert f"`{cls.__struct_config__.tag}`" in TEXT
    assert Closed not in get_args(m.FromRunner)


def test_sizes() -> None:
    assert (LARGEST_FRAME, LARGEST_BATCH) == (1 << 20, 256 << 20)
    assert "larger than 1 MiB" in TEXT
    assert "at most 256 MiB" in TEXT
