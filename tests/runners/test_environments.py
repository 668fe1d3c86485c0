"""Environments are built once, whole or not at all, and say in uv's words why they can't be."""

from __future__ import annotations

import base64
import hashlib
import os
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from crash.harness import in_child

from ninelives.errors import EnvironmentBuildError
from ninelives.runners import requirements
from ninelives.runners.environments import PYTHON, Environments, allows, own
from ninelives.runners.requirements import Requirements


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
def asked(tmp_path: Path) -> Requirements:
    """Return what a project asks for that needs the small package."""
    wheel(tmp_path / "wheels")
    return Requirements(("--no-index", f"--find-links {tmp_path / 'wheels'}", "smallest"))


def _says(python: str, code: str) -> str:
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_an_environment_has_what_is_asked_for_and_nothing_of_ours(tmp_path: Path, asked: Requirements) -> None:
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


def test_other_requirements_are_another_environment(tmp_path: Path, asked: Requirements) -> None:
    wheel(tmp_path / "wheels", "2.0")
    environments = Environments(tmp_path / "environments")
    first = environments.get(asked)
    second = environments.get(asked._replace(constraints=("smallest<2",)))
    assert first.key != second.key
    versions = [_says(made.python, "import smallest; print(smallest.VERSION)") for made in (first, second)]
    assert versions == ["2.0", "1.0"]


def test_a_project_that_asks_for_nothing_runs_where_ninelives_is(tmp_path: Path) -> None:
    environments = Environments(tmp_path / "environments")
    assert environments.get(Requirements()) == own()
    assert own().python == sys.executable
    assert not (tmp_path / "environments").exists()


def test_packages_that_can_t_be_installed(tmp_path: Path, asked: Requirements) -> None:
    environments = Environments(tmp_path / "environments")
    with pytest.raises(EnvironmentBuildError, match="no-such-package was not found") as raised:
        environments.get(asked._replace(packages=(*asked.packages, "no-such-package")))
    assert "\n" not in str(raised.value)
    assert not [path for path in (tmp_path / "environments").iterdir() if path.is_dir()]
    environments.get(asked)


def test_a_folder_that_can_not_be_made(tmp_path: Path, asked: Requirements) -> None:
    (tmp_path / "environments").write_text("in the way")
    with pytest.raises(EnvironmentBuildError, match="can't be built in"):
        Environments(tmp_path / "environments").get(asked)


@pytest.mark.parametrize("step", ["venv", "install", "rename", "renamed"])
def test_a_build_that_is_killed_is_done_again(tmp_path: Path, asked: Requirements, step: str) -> None:
    class Killed(Environments):
        def _uv(self, *arguments: str) -> None:
            super()._uv(*arguments)
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


def test_builders_of_the_same_environment_wait_for_each_other(tmp_path: Path, asked: Requirements) -> None:
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


def _project(folder: Path, **files: str) -> Requirements:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return requirements.read(folder)


def test_requirements_of_a_file(tmp_path: Path) -> None:
    text = "# comment\nrequests>=2  # why\n\n-r more/other.txt\n-c limits.txt\nx @ https://example.com/x.whl#sha256=1\n"
    found = _project(
        tmp_path, requirements_txt=text, more__other_txt="click \\\n  >=8\n-c ../limits.txt\n", limits_txt="urllib3<3\n"
    )
    assert found.packages == ("requests>=2", "click    >=8", "x @ https://example.com/x.whl#sha256=1")
    assert found.constraints == ("urllib3<3", "urllib3<3")


def test_requirements_of_a_project(tmp_path: Path) -> None:
    text = '[project]\nname = "x"\nrequires-python = ">=3.12"\ndependencies = ["requests>=2", "rich"]\n'
    assert _project(tmp_path, pyproject_toml=text) == Requirements(("requests>=2", "rich"), (), ">=3.12")
    assert _project(tmp_path, requirements_txt="click\n") == Requirements(("click",), (), ">=3.12")


def test_a_project_without_any(tmp_path: Path) -> None:
    assert requirements.read(tmp_path) == Requirements()
    assert _project(tmp_path, pyproject_toml="[tool.ruff]\n") == Requirements()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("click\n-e .\n", "requirements.txt:2: '-e .' is a path"),
        ("./package\n", "requirements.txt:1: './package' is a path"),
        (".\n", "is a path"),
        ("-r none.txt\n", "requirements.txt:1: there is no none.txt"),
        ("-r ../outside.txt\n", "there is no ../outside.txt"),
        ("-r requirements.txt\n", "there is no requirements.txt"),
    ],
)
def test_requirements_that_no_build_has(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "outside.txt").write_text("click\n")
    (tmp_path / "code").mkdir()
    with pytest.raises(EnvironmentBuildError, match=message.replace(".", r"\.")):
        _project(tmp_path / "code", requirements_txt=text)


@pytest.mark.parametrize("text", ["[project", '[project]\ndependencies = "click"\n'])
def test_a_project_file_that_is_no_good(tmp_path: Path, text: str) -> None:
    with pytest.raises(EnvironmentBuildError, match=r"pyproject\.toml"):
        _project(tmp_path, pyproject_toml=text)


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


def test_a_full_disk(small_disk: Path, asked: Requirements) -> None:
    environments = Environments(small_disk / "environments")
    # Room for a few small files only.
    (small_disk / "filling").write_bytes(bytes(170_000))
    with pytest.raises(EnvironmentBuildError, match=r"(?i)no space left") as raised:
        environments.get(asked)
    assert "\n" not in str(raised.value)
    assert not [path for path in (small_disk / "environments").iterdir() if path.is_dir()]
    (small_disk / "filling").unlink()
    assert environments.get(asked).version == PYTHON
