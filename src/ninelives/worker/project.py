"""Finds the project that a file belongs to, and what its manifest says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from ninelives.code.rules import Rules
from ninelives.errors import UsageError
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
    if not isinstance(rules, dict):
        raise UsageError(f"{manifest}: 'rules' maps dotted names to kinds, like 'mylib.parse: deterministic'")
    rules = {name: str(kind) for name, kind in rules.items()}
    try:
        Rules(rules)
    except UsageError as error:
        raise UsageError(f"{manifest}: {error}") from None
    root = manifest.parent
    described = plain.get("project")
    name = plain.get("name") or (described.get("name") if isinstance(described, dict) else None) or str(root)
    return Project(str(name), root, rules, declared(content, manifest))
