"""YAML files that people write, read with the line of everything in them, so that an error can name it."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from typing import Any, NamedTuple

from ninelives.errors import UsageError


class Item(NamedTuple):
    """A value of a document, and where it is."""

    #: a mapping holds items by the text of their keys, a list holds items
    value: Any
    #: from 1 on
    line: int
    #: a scalar as it is written, without quotes
    text: str = ""

    def plain(self) -> Any:
        """Return the value with everything in it, without lines."""
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value

    def mapping(self) -> dict[str, Item]:
        """Return the items of a mapping, none of anything else."""
        return self.value if isinstance(self.value, dict) else {}

    def items(self) -> Iterator[Item]:
        """Yield the items of a list, none of anything else."""
        yield from self.value if isinstance(self.value, list) else ()


def read(path: PathLike[str] | str) -> Item:
    """Return what a YAML file holds; an empty one holds None.

    Args:
        path: the file.

    Raises:
        UsageError: it can't be read, is no YAML, or has the same key twice; says in what line.
    """
    import yaml

    # libyaml does it in a tenth of the time, where it was built in.
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        with open(path, "rb") as file:
            node = yaml.compose(file.read().decode("utf-8-sig"), Loader=loader)
        return Item(None, 1) if node is None else _item(node, path, ())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark is not None else str(path)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "no YAML"
        raise UsageError(f"{place}: {problem}: correct the YAML") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text (byte {error.start}): save it as UTF-8") from None
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from None


def _item(node: Any, path: PathLike[str] | str, above: tuple[int, ...]) -> Item:
    import yaml

    line = node.start_mark.line + 1
    if id(node) in above:
        raise UsageError(f"{path}:{line}: this contains itself: write it out")
    if isinstance(node, yaml.SequenceNode):
        return Item([_item(item, path, (*above, id(node))) for item in node.value], line)
    if not isinstance(node, yaml.MappingNode):
        return Item(_scalar(node, path), line, node.value)
    found: dict[str, Item] = {}
    for key, value in node.value:
        name, at = str(key.value), key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise UsageError(f"{path}:{at}: a key is a plain text, like 'name:'")
        if name in found:
            raise UsageError(f"{path}:{at}: {name!r} is there already, in line {found[name].line}: keep one of them")
        # What a key has below itself is found at the key.
        found[name] = _item(value, path, (*above, id(node)))._replace(line=at)
    return Item(found, line)


def _scalar(node: Any, path: PathLike[str] | str) -> Any:
    import yaml

    try:
        # A date is a text to us, and so is what another program's tags mean.
        plain = node.tag in _PLAIN_TAGS
        return yaml.constructor.SafeConstructor().construct_object(node) if plain else node.value
    except (ValueError, yaml.YAMLError):
        raise UsageError(f"{path}:{node.start_mark.line + 1}: {node.value!r} can't be read: put it in quotes") from None


_PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str"))
