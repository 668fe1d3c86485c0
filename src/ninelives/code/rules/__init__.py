"""The reviewed lists that decide what a call to the outside is, and how a name is looked up in them.

A list is a text of dotted names, as `ninelives.code.naming.name_of` makes them. A name covers itself and everything
below it (`json`: also `json.decoder.JSONDecoder.decode`), `name.*` only what is below, and the most specific one wins.
So a class whose methods reach out, though making one does not, has two entries: `pathlib.Path`, and `pathlib.Path.*`.
A name that some interpreters lack says so: `glob.translate@3.13` (since), `cgi.parse_header@<3.13` (before),
`os.add_dll_directory@windows`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ninelives.code.rules import language, stdlib, thirdparty
from ninelives.code.rules.kinds import Kind
from ninelives.errors import UsageError

__all__ = ["Kind", "Rules", "entries", "lookup"]


def entries(*tables: Mapping[Kind, str]) -> Iterator[tuple[str, str, Kind]]:
    """Go over lists.

    Args:
        tables: texts of names by kind; all of ours if none is given.

    Yields:
        the name, the interpreters that have it (``""`` for all, else as above, without the ``@``), and the kind.
    """
    for table in tables or (language.TABLE, stdlib.TABLE, thirdparty.TABLE):
        for kind, text in table.items():
            for line in text.splitlines():
                for word in line.partition("#")[0].split():
                    name, _, interpreters = word.partition("@")
                    yield name, interpreters, kind


_OURS: dict[str, Kind] = {name: kind for name, _, kind in entries()}


class Rules:
    """Our lists, and what a project adds to them."""

    def __init__(self, extra: Mapping[str, str] | None = None) -> None:
        """Put the lists together.

        Args:
            extra: kinds by name, from the project's manifest; they win over ours for the same name. Names are as above,
                by definition (`ninelives.code.naming.defining_name`).

        Raises:
            UsageError: a kind that does not exist.
        """
        self._added = {name: _kind(name, kind) for name, kind in (extra or {}).items()}
        self._kinds = _OURS | self._added if extra else _OURS
        self._found: dict[str, Kind] = {}

    def lookup(self, name: str) -> Kind:
        """Find what a callable is.

        Args:
            name: its name, from ``name_of``.

        Returns:
            the kind that the most specific entry gives; ``Kind.ACTIVITY`` if there is none.
        """
        try:
            return self._found[name]
        except KeyError:
            return self._found.setdefault(name, self._find(name))

    def added(self, name: str) -> Kind | None:
        """Find what the project says a callable is; None if it says nothing about it.

        Args:
            name: as the project writes it.
        """
        kind = self._added.get(name)
        while kind is None and (name := name.rpartition(".")[0]):
            kind = self._added.get(f"{name}.*") or self._added.get(name)
        return kind

    def inherited(self, class_name: str, method: str) -> Kind:
        """Find what a method of kind ``Kind.AS_SELF`` is for an object of an outside class.

        Args:
            class_name: name of the object's class, from ``class_name``.
            method: the method's own name, without a dot.

        Returns:
            the kind; never ``Kind.AS_SELF``: a class that only has the inherited code is deterministic.
        """
        kind = self.lookup(f"{class_name}.{method}")
        return Kind.DETERMINISTIC if kind is Kind.AS_SELF else kind

    def _find(self, name: str) -> Kind:
        kinds = self._kinds
        kind = kinds.get(name)
        while kind is None:
            name, dot, _ = name.rpartition(".")
            if not dot:
                return Kind.ACTIVITY
            kind = kinds.get(f"{name}.*") or kinds.get(name)
        return kind


#: Kinds that make no sense for what a project adds: each is a rule of our own for certain callables.
_OURS_ALONE = frozenset({Kind.AS_SELF, Kind.RANDOM, Kind.SESSION, Kind.THREAD, Kind.SPECIAL})


def _kind(name: str, kind: str) -> Kind:
    offered = [each for each in Kind if each not in _OURS_ALONE]
    try:
        return offered[offered.index(Kind(kind))]
    except ValueError:
        known = ", ".join(offered)
        raise UsageError(f"rules of the manifest: {name!r} has the unknown kind {kind!r}; use one of {known}") from None


#: Finds a name in our lists alone.
lookup = Rules().lookup
