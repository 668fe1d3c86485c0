"""Writes lines of a program: names in scope by kind, blocks, and expressions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from hypothesis import strategies as st

Item = TypeVar("Item")
Option = str | Callable[[], str]

#: Kinds of values; a variable keeps its kind.
KINDS = ("int", "list", "dict", "box", "text", "set", "bytes")
CHANGEABLE = ("list", "dict", "box", "set", "bytes")

#: How deep blocks nest, and how many statements a program has at most.
DEEPEST = 4
LONGEST = 30


class Writer:
    """Draws a program and writes it down.

    Args:
        draw: draws from a strategy. The first of all options is the simplest one, which shrinking prefers.
    """

    #: may leave an outside iterator or context half used, where a kill stops the session
    halfway = False

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self.draw = draw
        self.lines: list[str] = []
        self.depth = 1
        self.loops = 0
        self.functions = 0
        self.needed: set[str] = set()
        #: kinds by name that may be read here
        self.scope: dict[str, str] = {}
        #: names that may be assigned here
        self.own: set[str] = set()
        self.names = 0
        self.left = LONGEST

    # Drawing.

    def one(self, options: Sequence[Item]) -> Item:
        """Draw one of some options."""
        drawn: Item = self.draw(st.sampled_from(options))
        return drawn

    def text_of(self, options: Sequence[Option]) -> str:
        """Draw one of some texts, or of functions that make one."""
        drawn = self.one(options)
        return drawn if isinstance(drawn, str) else drawn()

    def n(self, most: int = 9) -> int:
        """Draw a number from 0."""
        drawn: int = self.draw(st.integers(0, most))
        return drawn

    def maybe(self) -> bool:
        """Draw yes or no; no is simpler."""
        drawn: bool = self.draw(st.booleans())
        return drawn

    def repeat(self, write: Callable[[], None], most: int, *, least: int = 1) -> None:
        """Write something some times."""
        self.draw(st.lists(st.builds(write), min_size=least, max_size=most))

    # Writing.

    def line(self, text: str) -> None:
        """Write one line, or several at the same depth."""
        self.lines += ["    " * self.depth + part for part in text.split("\n")]

    def need(self, *definitions: str) -> None:
        """Have definitions at module level."""
        self.needed.update(definitions)

    def name(self, what: str) -> str:
        """Return a new name."""
        self.names += 1
        return f"{what}{self.names}"

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Write a block; names made in it are gone after it, since it may not have run."""
        self.line(head)
        scope, own, count = dict(self.scope), set(self.own), len(self.lines)
        self.depth += 1
        try:
            yield
            if len(self.lines) == count:
                self.line("pass")
        finally:
            self.depth -= 1
            self.scope, self.own = scope, own

    @contextmanager
    def function(self, head: str, params: dict[str, str], *, closed: bool = False) -> Iterator[None]:
        """Write a function.

        Args:
            head: its first line.
            params: kinds of its parameters.
            closed: it reads nothing from around it.
        """
        loops, self.loops = self.loops, 0
        self.functions += 1
        with self.block(head):
            self.scope = dict(params) if closed else self.scope | params
            self.own = set(params)
            yield
        self.functions -= 1
        self.loops = loops

    def assign(self, kind: str, value: str, what: str = "") -> str:
        """Write an assignment to a new name, and return it."""
        name = self.name(what or kind)
        self.line(f"{name} = {value}")
        self.scope[name] = kind
        self.own.add(name)
        return name

    # Values.

    def known(self, kind: str, *, own: bool = False) -> list[str]:
        """Return the names of a kind, the latest first."""
        return [name for name, its in reversed(self.scope.items()) if its == kind and (not own or name in self.own)]

    def variable(self, kind: str) -> str:
        """Return a variable, a new one if there is none."""
        names = self.known(kind)
        return self.one(names) if names else self.assign(kind, self.expression(kind))

    def value(self, kind: str) -> str:
        """Return a variable or else a short expression."""
        names = self.known(kind)
        return self.one(names) if names and not self.maybe() else self.short(kind)

    def any_value(self) -> str:
        """Return a value of some kind."""
        return self.value(self.one(KINDS))

    def short(self, kind: str) -> str:
        """Return a literal, or a call that only the outside can answer."""
        made: dict[str, list[Option]] = {
            "int": [lambda: str(self.n()), lambda: f"chance.answer('q', {self.n()})"],
            "list": ["[]", "[1, 2]", lambda: f"chance.numbers({self.n()})"],
            "dict": ["{}", "{'a': 1}", lambda: f"chance.table({self.n()})"],
            "box": [self._box],
            "text": ["'x'", "'é\\n'", lambda: f"chance.word({self.n()})"],
            "set": ["set()", "{1, 2}", "effects.give({2, 3})"],
            "bytes": ["bytearray(b'ab')", "effects.give(bytearray(b'q'))"],
        }
        return self.text_of(made[kind])

    def expression(self, kind: str) -> str:
        """Return an expression of a kind."""
        longer = {
            "int": self._ints,
            "list": self._lists,
            "dict": self._dicts,
            "box": self._boxes,
            "text": self._texts,
            "set": self._sets,
            "bytes": self._bytes,
        }
        options: list[Option] = [lambda: self.short(kind), lambda: f"effects.give({self.value(kind)})"]
        return self.text_of(options + longer[kind]())

    def _box(self) -> str:
        self.need("Box")
        return f"Box({self.n(4)})"

    def _ints(self) -> list[Option]:
        return [
            lambda: f"{self.value('int')} + {self.value('int')}",
            lambda: f"len({self.value(self.one(('list', 'dict', 'text', 'set', 'bytes')))})",
            lambda: f"sum(chance.answer('sum', at) for at in range({self.n(3)}))",
            lambda: f"max({self.value('int')}, chance.answer('max', {self.n()}))",
            lambda: f"(4 if chance.answer('if', {self.n()}) > 4 else {self.value('int')})",
            lambda: f"{self.value('box')}.n",
            lambda: f"{self.value('box')}.weight",
            lambda: f"{self._with('tree')}({self.n(3)})",
            lambda: f"{self._with('cached')}({self.value('int')})",
            lambda: f"{self._with('tally')}({self.n()})",
            lambda: f"chance.shaky('int', {self.n()})",
            lambda: f"functools.reduce(lambda a, b: a + chance.answer('r', b), chance.numbers({self.n()}), 0)",
            lambda: f"int({self.value('int')} in {self.items()})",
            self._chance("random.randrange(10)", "3"),
            lambda: f"next(iter({self._with('steps')}(2)))",
            lambda: f"eval('chance.answer(\"ev\", q)', {{'chance': chance, 'q': {self.n()}}})",
            lambda: f"effects.call(lambda a, *b, **c: a + len(b) + len(c), {self.value('int')}, 1, c=2)",
        ]

    def _lists(self) -> list[Option]:
        return [
            lambda: f"[{self.any_value()}, {self.any_value()}]",
            lambda: f"[chance.answer('in', at) for at in range({self.n(3)}) if chance.answer('if', at) > 3]",
            lambda: f"sorted(chance.numbers({self.n()}), key=lambda n: chance.answer('key', n))",
            lambda: f"list(map(chance.answer, 'abc'[:{self.n(3)}]))",
            lambda: f"list(effects.count({self.n(3)}))",
            lambda: f"[*{self.value('list')}[:3], *{self.items()}]",
            lambda: f"list({self._with('around')}({self.n(3)}))",
            lambda: f"copy.deepcopy({self.value('list')})",
            lambda: f"{self.value('list')}[:2]",
            lambda: f"list({self.value('box')})",
            lambda: f"{self.value('box')}.items",
            lambda: f"chance.each(lambda n: [n, {self.value('int')}], chance.numbers({self.n()}))",
            lambda: f"list(zip('ab', {self.items()}))",
            lambda: f"list(itertools.islice({self._with('steps')}(4), 2))",
            self._chance("random.sample(range(9), 3)", "[3]"),
            lambda: f"collections.deque({self.value('list')}, maxlen=3) and []",
        ]

    def _dicts(self) -> list[Option]:
        return [
            lambda: f"{{'x': {self.any_value()}, 'y': {self.any_value()}}}",
            lambda: f"{{**{self.value('dict')}, 'z': chance.answer('z', {self.n()})}}",
            lambda: f"{{key: chance.answer(key) for key in 'ab'[:{self.n(2)}]}}",
            lambda: f"dict(zip('ab', list(effects.count({self.n(2)}))))",
            lambda: "dict(effects.Headers({'h': 'v'}))",
            lambda: f"vars({self.value('box')})",
            lambda: f"{self._with('as_one')}({self.n(7)}, {self.value('list')})",
            lambda: f"json.loads(json.dumps({{'n': {self.value('int')}}}))",
        ]

    def _boxes(self) -> list[Option]:
        return [
            lambda: f"{self._with('Crate')}({self.value('int')}, {self.value('list')})",
            lambda: f"{self._with('Box')}.made_of({self.n()})",
            lambda: f"{self.value('box')}.add({self.value('int')})",
            lambda: f"copy.copy({self.value('box')})",
            lambda: f"effects.call({self._with('Box')}, {self.value('int')}, {self.value('list')})",
            lambda: f"{self._with('Box')}({self.value('int')}, {self.value('list')})",
        ]

    def _texts(self) -> list[Option]:
        return [
            lambda: f"f\"{{{self.value('int')}}} {{chance.answer('f', {self.n()})!r:>3}}\"",
            lambda: f"chance.word({self.n()}).upper()",
            lambda: f"str({self.any_value()})",
            lambda: f"''.join(sorted({self.value('text')}, key=effects.give))",
            self._chance("str(uuid.uuid4())", "'u'"),
        ]

    def _sets(self) -> list[Option]:
        return [
            lambda: f"set(chance.numbers({self.n()}))",
            lambda: f"{self.value('set')} | {{4}}",
            lambda: "{chance.answer(key) for key in 'ab'}",
        ]

    def _bytes(self) -> list[Option]:
        return [lambda: f"bytearray({self.value('text')}.encode())"]

    def items(self) -> str:
        """Return what can be iterated over; where a kill may stop the session, an outside iterable."""
        return f"effects.Rows({self.n(3)})" if self.halfway else f"chance.numbers({self.n()})"

    def _chance(self, text: str, otherwise: str) -> str:
        """Return what chance decides, but in a function: called by the outside, it is not the session's chance."""
        return otherwise if self.functions else text

    def _with(self, definition: str) -> str:
        self.need(definition)
        return definition
