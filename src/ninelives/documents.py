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
        return _plain(self, {})

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

    try:
        with open(path, "rb") as file:
            # Not libyaml's loader: it is faster, and crashes the process when a file is nested too deeply.
            node = yaml.compose(file.read().decode("utf-8-sig"), Loader=yaml.SafeLoader)
        return Item(None, 1) if node is None else _item(node, path, {})
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark is not None else str(path)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "no YAML"
        raise UsageError(f"{place}: {problem}: correct the YAML") from None
    except RecursionError:
        raise UsageError(f"{path}: it is nested too deeply: write it flatter") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text (byte {error.start}): save it as UTF-8") from None
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from None


def _plain(item: Item, seen: dict[int, Any]) -> Any:
    # What is referred to often is one object, however often: a few lines can refer to each other a billion times.
    key = id(item.value)
    if key not in seen and isinstance(item.value, dict):
        seen[key] = {name: _plain(below, seen) for name, below in item.value.items()}
    elif key not in seen and isinstance(item.value, list):
        seen[key] = [_plain(below, seen) for below in item.value]
    return seen.get(key, item.value)


def _item(node: Any, path: PathLike[str] | str, seen: dict[int, Item | None]) -> Item:
    """Return a node as an item.

    Args:
        node: of YAML.
        path: the file, for errors.
        seen: items by ``id`` of their nodes; None for those that are around this one.
    """
    import yaml

    line = node.start_mark.line + 1
    if id(node) in seen:
        known = seen[id(node)]
        if known is None:
            raise UsageError(f"{path}:{line}: this contains itself: write it out")
        return known
    seen[id(node)] = None
    if isinstance(node, yaml.SequenceNode):
        item = Item([_item(below, path, seen) for below in node.value], line)
    elif isinstance(node, yaml.MappingNode):
        item = Item(_mapping(node, path, seen), line)
    else:
        item = Item(_scalar(node, path), line, node.value)
    seen[id(node)] = item
    return item


def _mapping(node: Any, path: PathLike[str] | str, seen: dict[int, Item | None]) -> dict[str, Item]:
    import yaml

    found: dict[str, Item] = {}
    for key, value in node.value:
        name, at = str(key.value), key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise UsageError(f"{path}:{at}: a key is a plain text, like 'name:'")
        if name in found:
            raise UsageError(f"{path}:{at}: {name!r} is there already, in line {found[name].line}: keep one of them")
        # What a key has below itself is found at the key.
        found[name] = _item(value, path, seen)._replace(line=at)
    return found


def _scalar(node: Any, path: PathLike[str] | str) -> Any:
    import yaml

    try:
        # A date is a text to us, and so is what another program's tags mean.
        plain = node.tag in _PLAIN_TAGS
        return yaml.constructor.SafeConstructor().construct_object(node) if plain else node.value
    except (ValueError, yaml.YAMLError):
        raise UsageError(f"{path}:{node.start_mark.line + 1}: {node.value!r} can't be read: put it in quotes") from None


_PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str"))
