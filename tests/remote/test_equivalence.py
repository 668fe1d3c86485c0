"""The programs of the crash tests in runners of another host: whoever is killed, they do what they do undisturbed."""

from __future__ import annotations

import pytest
from crash import programs
from crash.test_equivalence import check
from sampling import sampled

from remote.places import RemoteRunnerKilled, RemoteWorkerKilled

#: Of how many tests one runs on other Pythons: they are about hosts.
QUICK_EVERY = 8

#: Of how many programs one runs in CI.
EVERY = 48


@pytest.mark.parametrize("name", sampled(programs.names()[1:], EVERY))
def test_program_whose_worker_is_killed(name: str) -> None:
    check(programs.read(name), RemoteWorkerKilled)


@pytest.mark.parametrize("name", sampled(programs.names()[EVERY // 2 :], EVERY))
def test_program_whose_runner_is_killed(name: str) -> None:
    check(programs.read(name), RemoteRunnerKilled)
