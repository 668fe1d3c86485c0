"""What every test gets: a state folder of its own, nothing from the developer's shell, the same cases every time."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from sampling import MODE

#: In the mode ``quick``, a test with more cases than this runs a fixed fifth of them.
QUICK_CASES = 100

# The same examples on every run and machine, and no verdict that depends on how busy the machine is.
hypothesis.settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("fixed")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return this test's own ``NINELIVES_HOME``, which processes started by the test inherit."""
    for name in list(os.environ):
        if name.startswith("NINELIVES_"):
            monkeypatch.delenv(name)
    folder = tmp_path / "ninelives-home"
    monkeypatch.setenv("NINELIVES_HOME", str(folder))
    return folder


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder that is a disk of its own, with room for 4 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], stderr=subprocess.DEVNULL, check=False
    )
    if not mounted or mounted.returncode:
        pytest.skip("needs the right to mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def pytest_report_header() -> str:
    """Say how much of the big families runs."""
    return f"tests: {MODE} (NINELIVES_TESTS=quick|sample|all)"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep a fixed part of tests that are costly, or have very many cases, when others like them run."""
    if MODE == "all":
        return
    families: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        families[_family(item)].append(item)
    left_out = {item for cases in families.values() for at, item in enumerate(cases) if at % _stride(cases)}
    if left_out:
        config.hook.pytest_deselected(items=[item for item in items if item in left_out])
        items[:] = [item for item in items if item not in left_out]


def _family(item: pytest.Item) -> str:
    """Return what a test has in common with those that it may be left out for."""
    module = getattr(item, "module", None)
    if module is not None and hasattr(module, "QUICK_EVERY"):
        return f"{module.__name__}{' again' if _is_again(item) else ''}"
    return item.nodeid.partition("[")[0]


def _stride(cases: list[pytest.Item]) -> int:
    """Return the how manieth of a family's tests each are kept."""
    module = getattr(cases[0], "module", None)
    if MODE == "sample":
        return getattr(module, "AGAIN_EVERY", 1) if _is_again(cases[0]) else 1
    return getattr(module, "QUICK_EVERY", 5 if len(cases) > QUICK_CASES else 1)


def _is_again(item: pytest.Item) -> bool:
    """Whether a test is one of another module's, run once more in another place."""
    function = getattr(item, "function", None)
    return function is not None and function.__module__ != getattr(item, "module", function).__name__
