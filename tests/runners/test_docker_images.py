"""The images of docker runners: what is in them, which bases are no good, and which images are removed."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from crash.harness import in_child

from ninelives.errors import EnvironmentBuildError
from ninelives.runners.container import Container
from ninelives.runners.docker import images
from ninelives.runners.docker.engine import Engine
from ninelives.runners.manager import Code
from ninelives.storage import Store
from runners.containers import Service
from runners.engine import IMAGE, needs_engine
from runners.test_environments import wheel

pytestmark = needs_engine

#: Of how many tests one runs on other Pythons: what is tested is the engine's side.
QUICK_EVERY = 8


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path)
    yield made
    made.manager.close()
    made.store.close()
    assert made.containers() == []


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this machine take packages from a folder with a small one."""
    wheel(tmp_path / "wheels")
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path / "wheels"))


@pytest.mark.usefixtures("wheels")
def test_packages_are_in_the_image(service: Service) -> None:
    # Of which no image is there: the tests of another Python may have made one of the same packages.
    (service.code / "requirements.txt").write_text(f"smallest>=0.{os.getpid()}\n")
    text = "import smallest\n\n\ndef main(event):\n    return [smallest.VERSION, smallest.__file__.split('/')[1:3]]\n"
    assert service.run(text).result == "['1.0', ['ninelives', 'environment']]"
    assert "making an image" in "".join(service.said)
    service.said.clear()
    assert service.run(f"{text}\n", "again").result == "['1.0', ['ninelives', 'environment']]"
    assert service.said == [], "other code, the same packages"
    (service.code / "requirements.txt").write_text("no-such-package\n")
    with pytest.raises(EnvironmentBuildError, match="no-such-package was not found"):
        service.run(name="third")


@pytest.mark.usefixtures("wheels")
@pytest.mark.skipif(bool(os.getuid()), reason="only root can mount a small disk")
def test_a_full_disk(service: Service, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=True)
    try:
        service.home = disk / "docker"
        service.manager = service.made()
        (service.code / "requirements.txt").write_text(f"smallest>0.{os.getpid()}\n")  # of which no image is there
        with pytest.raises(EnvironmentBuildError, match=r"(?i)no space left on device") as raised:
            service.run("def main(event):\n    return 1\n")
        assert "\n" not in str(raised.value)
        assert service.containers() == []
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        assert service.run().result == "1"
        service.manager.close()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.usefixtures("wheels")
def test_images_that_were_removed_are_made_again(service: Service) -> None:
    # Its own: other tests use the one without packages.
    (service.code / "requirements.txt").write_text("smallest\n")
    assert service.run("def main(event):\n    return 1\n").result == "1"
    service.manager._images.forget_builds()
    (environment,) = set(service.manager._prepared.values())
    Engine().remove_image(environment.name)
    assert service.run(name="again").result == "1"


def test_images_that_are_not_used_any_more_are_removed(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(images.KEPT, "ninelives/build", 2)
    for number in range(4):
        assert service.run(f"def main(event):\n    return {number}, 'removed'\n", f"s{number}").state == "completed"
    kept = [file.name.partition("-")[2] for file in (service.home / "images").glob("build-*")]
    assert len(kept) == 2
    assert all(Engine().image(f"ninelives/build:{key}") for key in kept)


def test_an_image_that_is_killed_while_it_is_made(tmp_path: Path) -> None:
    service = Service(tmp_path)
    service.store.close()

    def killed() -> int:
        service.store = Store.open(tmp_path / "home")
        service.manager = service.made()
        service.manager._images._run = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[method-assign]
        service.run(f"def main(event):\n    return {tmp_path.name!r}\n")
        return 0

    assert in_child(killed) == -signal.SIGKILL
    assert len(service.containers()) == 1
    service.store = Store.open(tmp_path / "home")
    try:
        service.manager = service.made()
        assert service.containers() == []
        assert service.run().result == repr(tmp_path.name)
    finally:
        service.manager.close()
        service.store.close()


def _import(name: str, folder: Path) -> None:
    """Make an image of a folder."""
    import io
    import tarfile

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.add(folder, ".")
    Engine()._ask("POST", "/images/create", {"fromSrc": "-", "repo": name}, buffer.getvalue())


def _prepare(service: Service, image: str, **asked: str) -> str:
    if asked:
        project = "".join(f"{name.replace('_', '-')} = {value!r}\n" for name, value in asked.items())
        (service.code / "pyproject.toml").write_text(f"[project]\nname = 'x'\n{project}")
    return service.manager.prepare(Code("", service.code, Container(image)))


def test_base_images_that_are_no_good(service: Service, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "nothing").touch()
    _import("ninelives-test-empty", empty)
    try:
        with pytest.raises(EnvironmentBuildError, match="the image ninelives-test-empty has no python3: name one"):
            _prepare(service, "ninelives-test-empty")
    finally:
        Engine().remove_image("ninelives-test-empty")
    with pytest.raises(EnvironmentBuildError, match=rf"asks for Python >=3\.99, and the image {IMAGE} has 3.1"):
        _prepare(service, IMAGE, requires_python=">=3.99")
    with pytest.raises(EnvironmentBuildError, match=f"the session needs Python 3.99, and the image {IMAGE} has 3.1"):
        service.manager.prepare(Code("", service.folder, Container(IMAGE)), "3.99")
    # Nobody is at that address of this machine.
    with pytest.raises(EnvironmentBuildError, match="is not on this machine, and can't be fetched") as raised:
        _prepare(service, "127.0.0.1:9/none:latest", requires_python=">=3.11")
    assert "\n" not in str(raised.value)
    assert service.containers() == []
