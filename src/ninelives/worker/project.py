"""Finds the project that a file belongs to, and what its manifest says."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from ninelives.code.rules import Rules
from ninelives.errors import UsageError

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
    project = content.get("project")
    name = content.get("name", project.get("name") if isinstance(project, dict) else None)
    if name is not None and not (isinstance(name, str) and name):
        raise UsageError(f"{manifest}: 'name' is a text, not {name!r}: write it in quotes")
    rules = content.get("rules") or {}
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
    return Project(name or str(root), root, rules)


def _read(manifest: Path) -> dict[str, Any]:
    import yaml

    try:
        content = yaml.safe_load(manifest.read_bytes())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{manifest}:{mark.line + 1}" if mark is not None else str(manifest)
        # What YAML says without a place is several lines.
        problem = " ".join(str(getattr(error, "problem", None) or error).split())
        raise UsageError(f"{place}: {problem}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{manifest} can't be read: {error}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UsageError(f"{manifest}: a manifest is a mapping, like 'name: review'")
    return content
