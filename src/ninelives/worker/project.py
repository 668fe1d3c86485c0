"""Finds the project that a file belongs to, and what its manifest says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from ninelives.code.rules import Rules
from ninelives.errors import UsageError
from ninelives.runners.container import Container
from ninelives.worker.vars import Var, declared

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
    #: the vars of its manifest
    vars: Mapping[str, Var] = MappingProxyType({})
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
        raise UsageError(f"{file}: there is no such file")
    folders = [root] if root is not None else [path.parent, *path.parent.parents]
    for folder in folders:
        if manifest := manifest_of(folder):
            return read_project(manifest)
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
    manifest = manifest_of(path)
    return path, read_project(manifest).rules if manifest else {}


def manifest_of(folder: Path) -> Path | None:
    """Return the manifest in a folder."""
    return next((folder / name for name in MANIFESTS if (folder / name).is_file()), None)


def read_project(manifest: Path) -> Project:
    """Return the project that a manifest describes.

    Raises:
        UsageError: it is no good.
    """
    from ninelives.documents import read

    content = read(manifest)
    if content.value is not None and not isinstance(content.value, dict):
        raise UsageError(f"{manifest}: a manifest is a mapping, like 'name: review'")
    plain = content.plain() or {}
    rules = plain.get("rules") or {}
    form = f"{manifest}: 'rules' maps dotted names to kinds, like 'mylib.parse: deterministic'"
    if not isinstance(rules, dict):
        raise UsageError(form)
    for key, kind in rules.items():
        if not (isinstance(key, str) and isinstance(kind, str)):
            wrong = kind if isinstance(key, str) else key
            raise UsageError(f"{form}, and {wrong!r} is none")
    try:
        Rules(rules)
    except UsageError as error:
        raise UsageError(f"{manifest}: {error}") from None
    root = manifest.parent
    described = plain.get("project")
    name = plain.get("name", described.get("name") if isinstance(described, dict) else None)
    if name is not None and not (isinstance(name, str) and name):
        raise UsageError(f"{manifest}: 'name' is a text, not {name!r}: write it in quotes")
    return Project(
        name or str(root), root, rules, declared(content, manifest), _container(manifest, plain.get("docker"))
    )


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
