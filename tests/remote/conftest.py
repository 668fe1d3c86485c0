"""Hosts for the tests of runners on other hosts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from remote.hosts import Network, Process, why_not


@pytest.fixture(scope="session")
def _possible() -> None:
    if reason := why_not():
        pytest.skip(reason)


@pytest.fixture
def network(_possible: None, tmp_path: Path) -> Iterator[Network]:
    """Return three hosts: a worker's, and two for runner managers."""
    made = Network(tmp_path)
    try:
        made.open()
        yield made
    finally:
        made.close()


@pytest.fixture
def started() -> Iterator[list[Process]]:
    """Return a list for processes: they end with the test."""
    processes: list[Process] = []
    yield processes
    for process in processes:
        process.close()
