"""Images: one for each environment (packages on a base image), and on it one for each build (the user's code).

Each is named by what it is made of, so one that is there is right. It is made in a container that is thrown away, and
has its name only when it is whole.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from ninelives.code.requirements import Needs
from ninelives.errors import EngineError, EnvironmentBuildError
from ninelives.runners.docker import packages
from ninelives.runners.docker.engine import ConflictError, Engine, NotThereError
from ninelives.runners.docker.packages import Base
from ninelives.runners.environments import OLDEST, OURS, PACKAGE, PYTHON, allows
from ninelives.runners.kept import alone

#: Changes when images are made differently.
_FORMAT = 1

#: What images are called.
_ENVIRONMENT = "ninelives/environment"
_BUILD = "ninelives/build"

#: Label of everything that is ours.
OURS_LABEL = "ninelives"

_PYTHON_LABEL = "ninelives.python"

#: Where a base image that does not say it has its programs, as Docker has it.
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#: How many images of builds one installation keeps, and of environments: those used last. They can be made again.
KEPT = {_BUILD: 20, _ENVIRONMENT: 5}

#: Characters of what a container said that an error repeats.
_SAID = 600

_WARM_PACKAGES = "from ninelives.runner.contained import warm_packages; warm_packages()"
_WARM_CODE = "from ninelives.runner.contained import warm_code; warm_code(*{!r})"

#: What containers that make images may do: nothing of a user's is run in them.
ALONE: dict[str, Any] = {
    "NetworkMode": "none",
    "CapDrop": ["ALL"],
    "SecurityOpt": ["no-new-privileges"],
}


class Image(NamedTuple):
    """An image of an environment."""

    name: str
    #: minor version of its Python, "3.11"
    python: str
    #: where programs are looked for in it
    path: str


class Images:
    """Makes images, and removes those that have not been used for long.

    Args:
        engine: has them.
        home: folder to work in, and to remember what was used.
        labels: of the containers that images are made in.
        report: told what takes long, a line at a time.
    """

    def __init__(self, engine: Engine, home: Path, labels: Mapping[str, str], report: Callable[[str], None]) -> None:
        self._engine = engine
        self._home = home
        self._labels = dict(labels)
        self._report = report

    def environment(self, base: str, asked: Needs, python: str = "") -> Image:
        """Return the image of an environment, and make it if it is not there.

        Args:
            base: name of the image that it is based on; "": Docker's own of Python, of the version that is needed.
            asked: what the project asks for.
            python: minor version of Python that it has to have, "3.11"; "": any that the project allows.

        Raises:
            EnvironmentBuildError: there is no such base image, it has the wrong Python, or packages can't be installed.
            EngineError: the engine can't be used.
        """
        try:
            return self._environment(base, asked, python)
        except OSError as error:
            raise self._unwritable(error) from error

    def _environment(self, base: str, asked: Needs, python: str) -> Image:
        base = base or f"python:{python or _version(asked)}-slim"
        base_id = self._base(base)
        name = f"{_ENVIRONMENT}:{_key(base_id, asked, sorted(OURS.values()), _own_digest())}"
        found = self._found(name)
        if found is None:
            with self._alone(name):
                found = self._found(name) or self._make_environment(name, base, base_id, asked, python)
        version = found["Config"]["Labels"][_PYTHON_LABEL]
        _check(base, version, asked, python)
        self._used(name)
        return Image(name, version, f"{packages.ENVIRONMENT}/bin:{_path(found)}")

    def build(self, environment: Image, build: str, tar: Callable[[], bytes]) -> str:
        """Return the name of the image of a build, and make it if it is not there.

        Args:
            environment: it is based on that.
            build: id of the build.
            tar: gives its archive.

        Raises:
            NotThereError: the environment's image is gone.
            EngineError: the engine can't be used.
        """
        name = f"{_BUILD}:{_key(environment.name, build)}"
        try:
            if self._found(name) is None:
                with self._alone(name):
                    if self._found(name) is None:
                        self._make_build(name, environment, build, tar())
            self._used(name)
        except OSError as error:
            raise self._unwritable(error) from error
        return name

    def sweep(self) -> None:
        """Remove images that lost their name: somebody made the same one at the same time."""
        for image in self._engine.unnamed_images(OURS_LABEL):
            with suppress(ConflictError, NotThereError):
                self._engine.remove_image(image)

    def _unwritable(self, error: OSError) -> EnvironmentBuildError:
        return EnvironmentBuildError(f"images can't be made in {self._home}: {error.strerror or error}")

    def _found(self, name: str) -> dict[str, Any] | None:
        return self._engine.image(name)

    def _base(self, name: str) -> str:
        found = self._engine.image(name)
        if found is None:
            self._report(f"fetching the image {name}, once")
            try:
                self._engine.pull(name, self._report)
            except EngineError as error:
                raise EnvironmentBuildError(
                    f"the image {name} is not on this machine, and can't be fetched ({error}): "
                    f"docker pull {name}, or name another one in ninelives.yaml (docker: {{image: NAME}})"
                ) from error
            found = self._engine.image(name)
        if found is None:
            raise EnvironmentBuildError(f"the image {name} is gone again: docker pull {name}")
        return str(found["Id"])

    def _make_environment(self, name: str, base: str, base_id: str, asked: Needs, python: str) -> dict[str, Any]:
        probed = self._probe(base, base_id)
        _check(base, probed.version, asked, python)
        self._report(f"making an image of {base} and the project's packages, once")
        with (
            packages.archive(probed, asked, self._home, self._report) as tar,
            self._container(base_id, [packages.INTERPRETER, "-P", "-c", _WARM_PACKAGES]) as container,
        ):
            self._engine.put(container, "/", tar)
            self._run(container, f"the image {base} can't be used")
            labels = {OURS_LABEL: "environment", _PYTHON_LABEL: probed.version}
            self._engine.commit(container, name, labels)
        self._clean(_ENVIRONMENT)
        made = self._found(name)
        if made is None:
            raise EngineError(f"the image {name} is gone again: try once more")
        return made

    def _make_build(self, name: str, environment: Image, build: str, tar: bytes) -> None:
        command = [packages.INTERPRETER, "-P", "-c", _WARM_CODE.format((packages.CODE, packages.CACHE))]
        with self._container(environment.name, command) as container:
            self._engine.put(container, packages.CODE, tar)
            self._run(container, "the image of the build can't be made")
            labels = {OURS_LABEL: "build", "ninelives.build": build, _PYTHON_LABEL: environment.python}
            self._engine.commit(container, name, labels)
        self._clean(_BUILD)

    def _probe(self, base: str, base_id: str) -> Base:
        with self._container(base_id, ["python3", "-c", packages.PROBE]) as container:
            try:
                self._engine.start(container)
            except EngineError as error:
                if "executable file not found" in str(error) or "no such file" in str(error):
                    raise EnvironmentBuildError(
                        f"the image {base} has no python3: name one that has Python {_oldest()} or newer in "
                        "ninelives.yaml (docker: {image: NAME})"
                    ) from error
                raise
            if self._engine.wait(container):
                words = self._engine.output(container, errors=True)
                raise EnvironmentBuildError(f"the Python of the image {base} does not work: {_words(words)}")
            said = json.loads(self._engine.output(container, errors=False))
        return packages.read_probe(base_id, base, said)

    def _run(self, container: str, problem: str) -> None:
        self._engine.start(container)
        if code := self._engine.wait(container):
            words = _words(self._engine.output(container, errors=True, lines=5))
            raise EnvironmentBuildError(f"{problem}: {words or f'Python ended with exit code {code} in it'}")

    @contextmanager
    def _container(self, image: str, command: list[str]) -> Iterator[str]:
        """Give a container for a while; its root is its user, since the files that it leaves are root's."""
        container = self._engine.create(
            "",
            {
                "Image": image,
                "Entrypoint": command,
                "Cmd": [],
                "User": "0:0",
                "WorkingDir": "/",
                "Healthcheck": {"Test": ["NONE"]},
                "Labels": self._labels,
                "HostConfig": ALONE,
            },
        )
        try:
            yield container
        finally:
            self._engine.remove(container)

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        folder = self._folder()
        with alone(folder / f"{name.partition(':')[2]}.lock"):
            yield

    def _folder(self) -> Path:
        folder = self._home / "images"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def _used(self, name: str) -> None:
        """Remember that an image was used."""
        kind, _, key = name.partition(":")
        file = self._folder() / f"{kind.partition('/')[2]}-{key}"
        file.touch(mode=0o600)
        os.utime(file, (now := time.time(), now))

    def _clean(self, kind: str) -> None:
        """Remove the images that this installation has not used for longest; the engine keeps what is in use."""
        aged = sorted(self._known(kind), key=lambda file: file.stat().st_mtime, reverse=True)
        # The one that was just made is not among them yet.
        self._remove(kind, aged[KEPT[kind] - 1 :])

    def forget_builds(self) -> None:
        """Remove the images of all builds that this installation has used."""
        self._remove(_BUILD, self._known(_BUILD))

    def _known(self, kind: str) -> list[Path]:
        return list(self._folder().glob(f"{kind.partition('/')[2]}-*"))

    def _remove(self, kind: str, files: list[Path]) -> None:
        for file in files:
            key = file.name.partition("-")[2]
            try:
                self._engine.remove_image(f"{kind}:{key}")
            except ConflictError:
                continue
            except NotThereError:
                # Another installation has removed it.
                pass
            file.unlink(missing_ok=True)
            (self._folder() / f"{key}.lock").unlink(missing_ok=True)


def _version(asked: Needs) -> str:
    """Return the minor version of Python that a project gets where it does not name an image: ours, if it may be."""
    if allows(asked.python or "", PYTHON):
        return PYTHON
    newer = (f"3.{minor}" for minor in range(OLDEST[1], 100))
    found = next((version for version in newer if allows(asked.python or "", version)), None)
    if found is None:
        raise EnvironmentBuildError(f"requires-python: no Python from {_oldest()} on is {asked.python!r}")
    return found


def _check(base: str, version: str, asked: Needs, python: str) -> None:
    advice = "name another one in ninelives.yaml (docker: {image: NAME})"
    if python and version != python:
        raise EnvironmentBuildError(f"the session needs Python {python}, and the image {base} has {version}: {advice}")
    if tuple(map(int, version.split("."))) < OLDEST:
        raise EnvironmentBuildError(f"the image {base} has Python {version}, and sessions need {_oldest()}: {advice}")
    if not allows(asked.python or "", version):
        raise EnvironmentBuildError(
            f"the project asks for Python {asked.python}, and the image {base} has {version}: {advice}"
        )


def _path(image: Mapping[str, Any]) -> str:
    """Return PATH as an image sets it."""
    variables: list[str] = image["Config"].get("Env") or []
    return next((line.removeprefix("PATH=") for line in variables if line.startswith("PATH=")), _PATH)


def _oldest() -> str:
    return ".".join(map(str, OLDEST))


def _key(*content: Any) -> str:
    return hashlib.sha256(json.dumps([_FORMAT, *content]).encode()).hexdigest()[:32]


@functools.cache
def _own_digest() -> str:
    """Return what tells this package from its other versions: images hold it."""
    digest = hashlib.sha256()
    for file in sorted(PACKAGE.rglob("*.py")):
        digest.update(f"{file.relative_to(PACKAGE)}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _words(text: str) -> str:
    return " ".join(text.split())[-_SAID:]
