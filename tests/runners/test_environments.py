"""Environments are built once, whole or not at all, and say in uv's words why they can't be."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import os
import re
import signal
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from crash.harness import in_child

from ninelives.code.requirements import Needs
from ninelives.errors import EnvironmentBuildError
from ninelives.runners.environments import PYTHON, Environment, Environments, allows, own
from ninelives.runners.kept import Kept


def wheel(folder: Path, version: str = "1.0") -> None:
    """Write a wheel of a small package, so that no index is asked."""
    folder.mkdir(exist_ok=True)
    info = f"smallest-{version}.dist-info"
    files = {
        "smallest.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: smallest\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},sha256={_digest(text)},{len(text)}\n" for name, text in files.items())
    with zipfile.ZipFile(folder / f"smallest-{version}-py3-none-any.whl", "w") as archive:
        for name, text in (files | {f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}).items():
            archive.writestr(name, text)


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


@pytest.fixture
def asked(tmp_path: Path) -> Needs:
    """Return what a project asks for that needs the small package."""
    wheel(tmp_path / "wheels")
    return Needs(None, ["--no-index", f"--find-links {tmp_path / 'wheels'}", "smallest"], [])


def _says(python: str, code: str) -> str:
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_an_environment_has_what_is_asked_for_and_nothing_of_ours(tmp_path: Path, asked: Needs) -> None:
    said: list[str] = []
    environments = Environments(tmp_path / "environments", said.append)
    made = environments.get(asked)
    assert made.version == PYTHON
    code = "import smallest, msgspec, cloudpickle, ninelives.runner.warm; print(smallest.VERSION, ninelives.__file__)"
    assert _says(made.python, code).startswith("1.0 ")
    for name in ("click", "yaml", "rich", "uv"):
        assert _says(made.python, f"import importlib.util; print(importlib.util.find_spec({name!r}))") == "None"
    assert said[0].startswith("building an environment")
    assert any("smallest" in line for line in said)
    said.clear()
    assert environments.get(asked) == made
    assert Environments(tmp_path / "environments").get(asked) == made
    assert said == [], "it is there"


def test_other_requirements_are_another_environment(tmp_path: Path, asked: Needs) -> None:
    wheel(tmp_path / "wheels", "2.0")
    environments = Environments(tmp_path / "environments")
    first = environments.get(asked)
    second = environments.get(asked._replace(constraints=["smallest<2"]))
    assert first.key != second.key
    versions = [_says(made.python, "import smallest; print(smallest.VERSION)") for made in (first, second)]
    assert versions == ["2.0", "1.0"]


def test_a_project_that_asks_for_nothing_runs_where_ninelives_is(tmp_path: Path) -> None:
    environments = Environments(tmp_path / "environments")
    assert environments.get(Needs(None, [], [])) == own()
    assert own().python == sys.executable
    assert not (tmp_path / "environments").exists()


def test_packages_that_can_t_be_installed(tmp_path: Path, asked: Needs) -> None:
    environments = Environments(tmp_path / "environments")
    with pytest.raises(EnvironmentBuildError, match="no-such-package was not found") as raised:
        environments.get(asked._replace(requirements=[*asked.requirements, "no-such-package"]))
    assert "\n" not in str(raised.value)
    assert not [path for path in (tmp_path / "environments").iterdir() if path.is_dir()]
    environments.get(asked)


def test_a_folder_that_can_not_be_made(tmp_path: Path, asked: Needs) -> None:
    (tmp_path / "environments").write_text("in the way")
    with pytest.raises(EnvironmentBuildError, match="can't be built in"):
        Environments(tmp_path / "environments").get(asked)


@pytest.mark.parametrize("step", ["venv", "install", "rename", "renamed"])
def test_a_build_that_is_killed_is_done_again(tmp_path: Path, asked: Needs, step: str) -> None:
    class Killed(Environments):
        def _uv(self, lock: int, *arguments: str) -> None:
            super()._uv(lock, *arguments)
            if (arguments[0] == "venv") == (step == "venv") and step in ("venv", "install"):
                os.kill(os.getpid(), signal.SIGKILL)

        def _make(self, *arguments: object) -> None:
            super()._make(*arguments)  # type: ignore[arg-type]
            if step == "rename":
                os.kill(os.getpid(), signal.SIGKILL)

    def build() -> int:
        Killed(tmp_path / "environments").get(asked)
        os.kill(os.getpid(), signal.SIGKILL)
        return 1

    assert in_child(build) == -signal.SIGKILL
    made = [path for path in (tmp_path / "environments").iterdir() if path.is_dir() and path.suffix != ".new"]
    assert bool(made) == (step == "renamed"), "it is there when it is whole"
    environment = Environments(tmp_path / "environments").get(asked)
    assert _says(environment.python, "import smallest; print(smallest.VERSION)") == "1.0"
    assert not list((tmp_path / "environments").glob("*.new"))


def test_builders_of_the_same_environment_wait_for_each_other(tmp_path: Path, asked: Needs) -> None:
    built = []

    class Counted(Environments):
        def _make(self, *arguments: object) -> None:
            built.append(threading.get_ident())
            super()._make(*arguments)  # type: ignore[arg-type]

    found = []
    environments = Counted(tmp_path / "environments")
    threads = [threading.Thread(target=lambda: found.append(environments.get(asked))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1
    assert len(set(found)) == 1


@pytest.mark.parametrize(
    ("specifiers", "allowed"),
    [
        ("", True),
        (">=3.11", True),
        (">=3.11.4", True),
        (">=3.12", False),
        (">3.11", False),
        ("<3.11", False),
        ("<3.12,>=3.10", True),
        ("<=3.11", True),
        ("==3.11.*", True),
        ("==3.12.*", False),
        ("!=3.11.*", False),
        ("!=3.11.3", True),
        ("~=3.11", True),
        ("~=3.10", True),
        ("~=3.10.2", False),
        ("<4", True),
        (">=3", True),
    ],
)
def test_versions_of_python(specifiers: str, allowed: bool) -> None:
    assert allows(specifiers, "3.11") is allowed


def test_a_version_that_is_none() -> None:
    with pytest.raises(EnvironmentBuildError, match="'three' is no version"):
        allows("three", "3.11")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a disk of 200 KB."""
    if os.geteuid():
        pytest.skip("a small disk is mounted, which needs root; CI is root")
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(small_disk: Path, asked: Needs) -> None:
    environments = Environments(small_disk / "environments")
    errors = []
    # Ever more room, so that every step fails once.
    for room in range(4, 200, 8):
        (small_disk / "filling").write_bytes(bytes(196_000 - room * 1000))
        try:
            made = environments.get(asked)
        except EnvironmentBuildError as error:
            errors.append(str(error))
            assert not [path for path in (small_disk / "environments").iterdir() if path.is_dir()]
            continue
        break
    assert len(errors) > 3
    assert all(re.fullmatch("(?i).*no space left.*", error) for error in errors), "in one line each"
    assert _says(made.python, "import smallest; print(smallest.VERSION)") == "1.0"
    environments.close()


BACKEND = """\
import os


def build_wheel(folder, *_):
    open(os.environ["GATE"]).close()
    name = next(name for name in os.listdir(os.environ["WHEELS"]))
    os.link(os.path.join(os.environ["WHEELS"], name), os.path.join(folder, name))
    return name
"""


def test_a_builder_that_is_killed_while_packages_are_installed(
    tmp_path: Path, asked: Needs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it started is ended, and the next builder neither meets it nor takes over what it made."""
    code = tmp_path / "smallest-1.0"
    code.mkdir()
    (code / "backend.py").write_text(BACKEND)
    project = "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
    (code / "pyproject.toml").write_text(project)
    (code / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: smallest\nVersion: 1.0\n")
    (tmp_path / "sources").mkdir()
    with tarfile.open(tmp_path / "sources" / "smallest-1.0.tar.gz", "w:gz") as archive:
        archive.add(code, "smallest-1.0")
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    monkeypatch.setenv("GATE", str(gate))
    monkeypatch.setenv("WHEELS", str(tmp_path / "wheels"))
    asked = asked._replace(requirements=["--no-index", f"--find-links {tmp_path / 'sources'}", "smallest"])
    builder = os.fork()
    if not builder:
        with contextlib.suppress(BaseException):
            Environments(tmp_path / "environments").get(asked)
        os._exit(1)
    # Both ends of such a pipe open at the same time, so now the package is being built.
    writing = os.open(gate, os.O_WRONLY)
    os.kill(builder, signal.SIGKILL)
    os.waitpid(builder, 0)
    (half,) = (tmp_path / "environments").glob("*.new")
    with pytest.raises(BlockingIOError), half.with_suffix(".lock").open() as lock:
        # What it started is still at it.
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(writing)
    gate.unlink()
    gate.touch()
    environment = Environments(tmp_path / "environments").get(asked)
    assert _says(environment.python, "import smallest; print(smallest.VERSION)") == "1.0"
    assert not list((tmp_path / "environments").glob("*.new"))


def test_environments_that_were_not_used_for_long_are_removed(tmp_path: Path, asked: Needs) -> None:
    home = tmp_path / "environments"

    def get(number: int, environments: Environments) -> Environment:
        made = environments.get(asked._replace(constraints=[f"smallest<{number}"]))
        os.utime(home / f"{made.key}.used", (number, number))
        return made

    def there() -> set[str]:
        return {path.name for path in home.iterdir() if path.is_dir()}

    user = Environments(home)
    in_use = get(2, user)
    others = Environments(home)
    (home / f"{'0' * 32}.new").mkdir()
    (home / f"{'0' * 32}.old").mkdir()
    made = [get(number, others) for number in (3, 4, 5)]
    assert there() == {in_use.key, *(each.key for each in made)}, "fewer than are kept, and nothing half-made"
    others.close()
    Kept(home).tidy(2)
    assert there() == {in_use.key, made[1].key, made[2].key}
    assert others.get(asked._replace(constraints=["smallest<4"])) == made[1], "it has the latest time now"
    others.close()
    user.close()
    Kept(home).tidy(1)
    assert there() == {made[1].key}
    assert {path.stem for path in home.iterdir()} == {made[1].key}
    # One that was removed is built again.
    assert get(2, user) == in_use
