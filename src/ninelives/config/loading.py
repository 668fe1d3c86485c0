"""Reads the settings: defaults, the file over them, the environment over that."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ninelives.config.presence import FILE, variables
from ninelives.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ninelives.config.settings import Setting, Settings
    from ninelives.documents import Item


class Source(NamedTuple):
    """Where a value comes from."""

    #: default, file or environment
    kind: str
    #: ``FILE:LINE``, or the name of the variable
    place: str = ""

    def __str__(self) -> str:
        return self.place or self.kind


class Config(NamedTuple):
    """The settings, and where each comes from."""

    settings: Settings
    #: by the setting's name
    sources: dict[str, Source]
    #: the file, whether it is there or not
    file: str


def load(folder: str, environment: Mapping[str, str] = os.environ) -> Config:
    """Return the settings that hold.

    Args:
        folder: of the file; it need not be there.
        environment: variables that go over the file; empty ones do not count.

    Raises:
        UsageError: something in it is wrong; says where, what, and what to write.
    """
    import msgspec

    from ninelives.config.settings import Settings, all_settings

    known = all_settings()
    path = os.path.join(folder, FILE)
    values: dict[str, Any] = {}
    sources = dict.fromkeys(known, Source("default"))
    for name, written, source in [*_from_file(path, known), *_from_environment(environment, known)]:
        values[name] = _parse(known[name], written, source)
        sources[name] = source
    return Config(msgspec.convert(_nested(values), Settings), sources, path)


def _from_file(path: str, known: Mapping[str, Setting]) -> Iterator[tuple[str, Any, Source]]:
    if not os.path.exists(path):
        return
    from ninelives.documents import read

    content = read(path)
    if content.value is None:
        return
    if not isinstance(content.value, dict):
        raise UsageError(f"{path}:{content.line}: settings are a mapping, like 'mode: dev'")
    for name, item in _leaves(path, content, "", known):
        yield name, item.plain(), Source("file", f"{path}:{item.line}")


def _leaves(path: str, section: Item, prefix: str, known: Mapping[str, Setting]) -> Iterator[tuple[str, Item]]:
    sections = {name[: at + 1] for name in known for at, letter in enumerate(name) if letter == "."}
    for key, item in section.mapping().items():
        name = prefix + key
        if name in known:
            yield name, item
        elif name + "." in sections:
            if item.value is not None and not isinstance(item.value, dict):
                example = next(full for full in known if full.startswith(name + "."))
                raise UsageError(f"{path}:{item.line}: {name} is a section: write {example}, indented below it")
            yield from _leaves(path, item, name + ".", known)
        else:
            hint = _suggestion(name, [*known, *(section[:-1] for section in sections)])
            raise UsageError(f"{path}:{item.line}: there is no setting {name!r}{hint}")


def _from_environment(
    environment: Mapping[str, str], known: Mapping[str, Setting]
) -> Iterator[tuple[str, Any, Source]]:
    settings = {setting.variable: name for name, setting in known.items()}
    for variable in sorted(variables(environment)):
        if variable in settings:
            yield settings[variable], environment[variable], Source("environment", variable)
        elif hint := _suggestion(variable, settings, only_close=True):
            # One that is like none of ours is somebody else's: a cluster names its services so.
            raise UsageError(f"environment variable {variable}: there is no such setting{hint}")


def _suggestion(name: str, known: Iterable[str], *, only_close: bool = False) -> str:
    from difflib import get_close_matches

    names = list(known)
    close = get_close_matches(name, names, 1, 0.85 if only_close else 0.6)
    # The right word in the wrong section, or in none.
    close = close or [full for full in names if full.rpartition(".")[2] == name.rpartition(".")[2]][:1]
    if close:
        return f": did you mean {close[0]}?"
    return "" if only_close else ": see ninelives config show"


def _parse(setting: Setting, written: Any, source: Source) -> Any:
    form = setting.form
    try:
        return form.parse(written)
    except (ValueError, TypeError, KeyError):
        pass  # said below, with where and what
    hint = ""
    if form.words and isinstance(written, str):
        from difflib import get_close_matches

        close = get_close_matches(written.lower(), form.words, 1)
        hint = f": did you mean {close[0]}?" if close else ""
    where = source.place if source.kind == "file" else f"environment variable {source.place}"
    shown = form.shown(written)
    raise UsageError(f"{where}: {setting.name} is {shown!r}, and must be {form.expected}{hint}")


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for name, value in values.items():
        *sections, last = name.split(".")
        here = nested
        for section in sections:
            here = here.setdefault(section, {})
        here[last] = value
    return nested
