"""Finds the project that a file belongs to, and what its manifest says."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from ninelives.code.rules import Rules
from ninelives.errors import UsageError
from ninelives.runners.container import Container

#: Names of a project's manifest, the first found wins.
MANIFESTS = ("ninelives.yaml", "autokitteh.yaml")


class Project(NamedTuple):
    """User code and its description."""

    #: unique on this installation
    name: str
    #: the code directory
    root: Path
    #: what the project adds to the lists of rules: kinds by dotted name
    rules: dict[str, str]
    #: what it asks of a container
    container: Container = Container()


def find_project(file: Path, *, root: Path | None = None) -> Project:
    """Return the project of a file: the nearest folder above it that has a manifest, else its own folder.

    Args:
        file: a file of user code.
        root: the code directory, if it is known.

    Raises:
        UsageError: there is no such file, or the manifest is no good.
    """
    path = file.resolve()
    if not path.is_file():
        raise UsageError(f"{file}: no such file")
    folders = [root] if root is not None else [path.parent, *path.parent.parents]
    for folder in folders:
        for name in MANIFESTS:
            if (folder / name).is_file():
                return _from_manifest(folder, folder / name)
    folder = root or path.parent
    return Project(str(folder), folder, {})


def rules_for(path: Path) -> tuple[Path, dict[str, str]]:
    """Return the code directory of a file or folder, and what its project adds to the lists of rules.

    Args:
        path: a file of user code, or a folder: the code directory itself.

    Raises:
        UsageError: there is no such file, or the manifest is no good.
    """
    if not path.is_dir():
        project = find_project(path)
        return project.root, project.rules
    manifests = [path / name for name in MANIFESTS if (path / name).is_file()]
    return path, _from_manifest(path, manifests[0]).rules if manifests else {}


def _from_manifest(root: Path, manifest: Path) -> Project:
    content = _read(manifest)
    rules = content.get("rules") or {}
    if not isinstance(rules, dict):
        raise UsageError(f"{manifest}: 'rules' maps dotted names to kinds, like 'mylib.parse: deterministic'")
    try:
        Rules(rules)
    except UsageError as error:
        raise UsageError(f"{manifest}: {error}") from None
    name = content.get("name") or (content.get("project") or {}).get("name") or str(root)
    rules = {str(key): str(kind) for key, kind in rules.items()}
    return Project(str(name), root, rules, _container(manifest, content.get("docker")))


def _container(manifest: Path, asked: object) -> Container:
    """Return what a manifest asks of a container: ``docker: {image: NAME, network: true}``."""
    if asked is None:
        return Container()
    if not isinstance(asked, dict) or asked.keys() - {"image", "network"}:
        raise UsageError(
            f"{manifest}: 'docker' maps image and network, like 'docker: {{image: python:3.12, network: true}}'"
        )
    image, network = asked.get("image", ""), asked.get("network", False)
    if not isinstance(image, str) or not isinstance(network, bool):
        raise UsageError(f"{manifest}: 'docker': image is the name of one, and network is true or false")
    return Container(image, network)


def _read(manifest: Path) -> dict[str, Any]:
    import yaml

    try:
        content = yaml.safe_load(manifest.read_bytes())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{manifest}:{mark.line + 1}" if mark is not None else str(manifest)
        raise UsageError(f"{place}: {getattr(error, 'problem', None) or error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{manifest} can't be read: {error}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UsageError(f"{manifest}: a manifest is a mapping, like 'name: review'")
    return content
