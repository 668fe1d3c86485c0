"""`run` and `resume` with `--runner local`: the same output and the same exit codes as in this process."""

from __future__ import annotations

import pytest

from tests.cli import conftest
from tests.cli.test_run import *  # noqa: F403 - the tests themselves

#: Of how many tests one runs on other Pythons.
QUICK_EVERY = 4

#: Its program reads the environment of the command, which no runner has.
del test_a_store_that_another_process_writes_to_is_waited_for  # noqa: F821

#: It changes a file that saves this process a start under another hash seed; a runner's parent gets the right one at once.
del test_a_session_keeps_its_hash_seed_when_the_installation_has_another  # noqa: F821


@pytest.fixture(autouse=True)
def runner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `run` and `resume` use a runner."""
    monkeypatch.setenv(conftest.RUNNER, "local")
