"""Source in, source out: what each construct of the language becomes, and that open guards change nothing."""

from __future__ import annotations

import ast
import sys
import textwrap
import traceback
from typing import Any

import pytest

from ninelives.code.rewrite import HOOKS, rewrite_source, rewrite_tree

#: What is guarded: a name for the case, the user's source, what runs in its place.
GUARDED = [
    # Calls: the callable is guarded, its arguments stay where they were.
    ("call", "f(x, y=1)", "__guard__(f)(x, y=1)"),
    ("call with stars", "f(*xs, **options)", "__guard__(f)(*__guard_iter__(xs), **__guard_mapping__(options))"),
    ("call of a call", "f(x)(y)", "__guard__(__guard__(f)(x))(y)"),
    ("call in an argument", "f(g(x))", "__guard__(f)(__guard__(g)(x))"),
    ("method", "a.b.c(x)", "__guard__(__guard_read__(a).b.c)(x)"),
    ("chain of methods", "a.b(x).c(y)", "__guard__(__guard__(a.b)(x).c)(y)"),
    ("item called", "handlers[name](x)", "__guard__(__guard_read__(handlers)[name])(x)"),
    ("lambda called", "(lambda: 1)()", "__guard__(lambda: 1)()"),
    ("call with a generator", "sum((f(x) for x in xs))", "__guard__(sum)((__guard__(f)(x) for x in __guard_iter__(xs)))"),
    ("private name", "self.__load(x)", "__guard__(self.__load)(x)"),
    ("super", "super().run(x)", "__guard__(__guard__(super)().run)(x)"),
    ("super of two", "super(A, self).run(x)", "__guard__(__guard__(super)(A, self).run)(x)"),
    # Where calls can be.
    ("index", "xs[f(1)]", "__guard_read__(xs)[__guard__(f)(1)]"),
    ("slice", "xs[f(1):g(2)]", "__guard_read__(xs)[__guard__(f)(1):__guard__(g)(2)]"),
    ("f-string", "f'{f(x)!r:>{g(y)}} {z}'", "f'{__guard__(f)(x)!r:>{__guard__(g)(y)}} {z}'"),
    ("f-string in an f-string", "f'{x:{f(y)}}' + f'{g(z)}'", "f'{x:{__guard__(f)(y)}}' + f'{__guard__(g)(z)}'"),
    ("walrus", "if (n := f(x)):\n    pass", "if (n := __guard__(f)(x)):\n    pass"),
    ("conditional", "f(x) if g(x) else h(x)", "__guard__(f)(x) if __guard__(g)(x) else __guard__(h)(x)"),
    ("boolean", "f(x) and g(x)", "__guard__(f)(x) and __guard__(g)(x)"),
    ("raise", "raise f(x) from g(y)", "raise __guard__(f)(x) from __guard__(g)(y)"),
    ("assert", "assert f(x), g(x)", "assert __guard__(f)(x), __guard__(g)(x)"),
    ("delete", "del xs[f(x)]", "del __guard_read__(xs)[__guard__(f)(x)]"),
    ("augmented", "total += f(x)", "total += __guard__(f)(x)"),
    ("target", "cache[f(x)] = y", "__guard_read__(cache)[__guard__(f)(x)] = y"),
    ("while", "while f(x):\n    pass", "while __guard__(f)(x):\n    pass"),
    ("except", "try:\n    f()\nexcept g():\n    h()", "try:\n    __guard__(f)()\nexcept __guard__(g)():\n    __guard_except__()\n    __guard__(h)()"),
    ("except group", "try:\n    f()\nexcept* E:\n    g()", "try:\n    __guard__(f)()\nexcept* E:\n    __guard_except__()\n    __guard__(g)()"),
    ("dict", "{f(k): g(v), **h(m)}", "{__guard__(f)(k): __guard__(g)(v), **__guard_mapping__(__guard__(h)(m))}"),
    ("match", "match f(x):\n    case 1 if g(x):\n        h(x)", "match __guard__(f)(x):\n    case 1 if __guard__(g)(x):\n        __guard__(h)(x)"),
    ("lambda", "key = lambda row: f(row)", "key = lambda row: __guard__(f)(row)"),
    ("default", "def g(a=f(1), *, b=f(2)):\n    pass", "def g(a=__guard__(f)(1), *, b=__guard__(f)(2)):\n    pass"),
    ("lambda default", "g = lambda a=f(1): a", "g = lambda a=__guard__(f)(1): a"),
    ("annotated value", "n: int = f(x)", "n: int = __guard__(f)(x)"),
    ("dataclass field", "class A:\n    xs: list = field(default_factory=list)", "class A:\n    xs: list = __guard__(field)(default_factory=list)"),
    ("class in a class", "class A:\n    class B:\n        n = f(1)", "class A:\n\n    class B:\n        n = __guard__(f)(1)"),
    ("function in a function", "def g():\n\n    def h():\n        return f(1)", "def g():\n\n    def h():\n        return __guard__(f)(1)"),
    # The read.
    ("attribute", "a.b.c", "__guard_read__(__guard_read__(a).b).c"),
    ("item of an attribute", "a.b[c].d = e", "__guard_read__(__guard_read__(a).b)[c].d = e"),
    ("attribute in an f-string", "f'{a.b}'", "f'{__guard_read__(a).b}'"),
    ("module's name that is bound again", "import a\na = f(a)\na.b", "import a\na = __guard__(f)(a)\n__guard_read__(a).b"),
    ("name from a module", "from a import b\nb.c", "from a import b\n__guard_read__(b).c"),
    ("self of a derived class", "class A(B):\n\n    def f(self):\n        self.a", "class A(B):\n\n    def f(self):\n        __guard_read__(self).a"),
    ("self that is bound again", "class A:\n\n    def f(self):\n        self = g\n        self.a", "class A:\n\n    def f(self):\n        self = g\n        __guard_read__(self).a"),
    ("argument of a static method", "class A:\n\n    @staticmethod\n    def f(a):\n        a.b", "class A:\n\n    @staticmethod\n    def f(a):\n        __guard_read__(a).b"),
    # The iterated.
    ("for", "for x in xs:\n    pass", "for x in __guard_iter__(xs):\n    pass"),
    ("for else", "for x in xs:\n    f(x)\nelse:\n    g()", "for x in __guard_iter__(xs):\n    __guard__(f)(x)\nelse:\n    __guard__(g)()"),
    ("for over a call", "for x in f(y):\n    pass", "for x in __guard_iter__(__guard__(f)(y)):\n    pass"),
    ("comprehension", "[f(x) for x in xs if g(x)]", "[__guard__(f)(x) for x in __guard_iter__(xs) if __guard__(g)(x)]"),
    ("two loops", "{x for ys in xs for x in ys}", "{x for ys in __guard_iter__(xs) for x in __guard_iter__(ys)}"),
    ("dict comprehension", "{k: v for k, v in f(x)}", "{k: v for k, v in __guard_iter__(__guard__(f)(x))}"),
    ("yield from", "def g():\n    yield from xs", "def g():\n    yield from __guard_iter__(xs)"),
    ("star in a list", "[1, *xs]", "[1, *__guard_iter__(xs)]"),
    ("star in a return", "def g():\n    return (1, *xs)", "def g():\n    return (1, *__guard_iter__(xs))"),
    ("unpacking", "a, b = xs", "a, b = __guard_iter__(xs)"),
    ("unpacking into a list", "[a, b] = xs", "[a, b] = __guard_iter__(xs)"),
    ("unpacking with a rest", "a, *rest = xs", "a, *rest = __guard_iter__(xs)"),
    ("membership", "x in xs", "x in __guard_in__(xs)"),
    ("no membership", "x not in f(y)", "x not in __guard_in__(__guard__(f)(y))"),
    ("chained comparison", "a < b in xs", "a < b in __guard_in__(xs)"),
    # The entered and the awaited.
    ("with", "with f(x) as y:\n    pass", "with __guard_with__(__guard__(f)(x)) as y:\n    pass"),
    ("with of two", "with a as x, b:\n    pass", "with __guard_with__(a) as x, __guard_with__(b):\n    pass"),
    ("await", "async def g():\n    await f(x)", "async def g():\n    await __guard_await__(__guard__(f)(x))"),
    ("async for", "async def g():\n    async for x in xs:\n        pass", "async def g():\n    async for x in __guard_aiter__(xs):\n        pass"),
    ("async with", "async def g():\n    async with a as x:\n        pass", "async def g():\n    async with __guard_awith__(a) as x:\n        pass"),
    ("async comprehension", "async def g():\n    return [x async for x in xs]", "async def g():\n    return [x async for x in __guard_aiter__(xs)]"),
]  # fmt: skip

#: What is left as it was.
ALONE = [
    ("decorator", "@app.get('/x')\ndef g():\n    pass"),
    ("decorator of a class", "@dataclass(frozen=True)\nclass A:\n    pass"),
    ("decorator of a method", "class A:\n\n    @cache(1)\n    def g(self):\n        pass"),
    ("base class", "class A(namedtuple('A', 'x y')):\n    pass"),
    ("keyword of a class", "class A(B, key=f(1)):\n    pass"),
    ("annotation", "def g(a: f(1), *xs: f(2), **options: f(3)) -> f(4):\n    pass"),
    ("annotation of a name", "n: Annotated[int, Field(gt=0)]"),
    ("annotation of a value", "n: Annotated[int, Field(gt=0)] = 1"),
    ("import", "from a import b as c\nimport d.e"),
    ("class pattern", "match x:\n    case Point(x=0, y=[a, *rest]):\n        pass"),
    ("attribute set", "a.b = c"),
    ("attribute of a module", "import a\nb = a.c"),
    ("attribute of one's own", "class A:\n\n    def f(self):\n        return self.a + (lambda: self.b)"),
    ("value pattern", "match x:\n    case A.b | {A.c: 1}:\n        pass"),
    ("plain assignment", "a = b = c"),
    ("swap", "a, b = (b, a)"),
    ("list that is written out", "for x in [1, 2]:\n    pass"),
    ("membership in what is written out", "x in ('a', 'b')"),
    ("equality", "a == b is not c"),
    ("docstring", 'def g():\n    """f(x)"""'),
    ("global", "def g():\n    global a\n    a = 1"),
    ("yield", "def g():\n    x = (yield y)"),
]

NEW_IN_3_12 = [
    ("type alias", "type A[T: f(1)] = list[f(2)]"),
    ("type parameter", "def g[T: f(1)](a: T) -> T:\n    pass"),
    ("generic class", "class A[T: f(1)](B[T]):\n    pass"),
]
if sys.version_info >= (3, 12):
    ALONE += NEW_IN_3_12


@pytest.mark.parametrize(("source", "expected"), [case[1:] for case in GUARDED], ids=[case[0] for case in GUARDED])
def test_guarded(source: str, expected: str) -> None:
    assert rewritten(source) == expected


@pytest.mark.parametrize("source", [case[1] for case in ALONE], ids=[case[0] for case in ALONE])
def test_left_alone(source: str) -> None:
    assert rewritten(source) == source


@pytest.mark.parametrize("mode", ["exec", "eval", "single"])
def test_every_mode_of_compile(mode: str) -> None:
    tree = rewrite_tree(ast.parse("f(x)", mode=mode))
    assert ast.unparse(tree) == "__guard__(f)(x)"
    compile(tree, "<string>", mode)


def test_bytes_are_read_in_their_own_encoding() -> None:
    source = "# -*- coding: latin-1 -*-\nname = 'Zoë'\n".encode("latin-1")
    assert ast.unparse(rewrite_source(source, "name.py")) == "name = 'Zoë'"


def test_a_syntax_error_shows_the_users_line() -> None:
    with pytest.raises(SyntaxError) as caught:
        rewrite_source("x = 1\ny = f(\n", "broken.py")
    assert (caught.value.filename, caught.value.lineno) == ("broken.py", 2)
    assert caught.value.text == "y = f(\n"


#: Programs that set `seen`; with guards that let everything pass they see what they see without.
PROGRAMS = {
    "super": """
        class A:
            def name(self): return ["A"]
        class B(A):
            def name(self): return super().name() + ["B"]
            @classmethod
            def make(cls): return super().__new__(cls)
        seen = B.make().name()
    """,
    "locals": """
        def f(a, b=2):
            c = a + b
            return locals()
        seen = f(1)
    """,
    "eval and exec": """
        def f(n):
            return eval("n + 1"), [eval("k", {"k": k}) for k in (1, 2)]
        namespace = {}
        exec("x = 41 + 1", namespace)
        seen = f(1), namespace["x"]
    """,
    "class body": """
        class A:
            names = [name.upper() for name in ("a", "b")]
            def __init_subclass__(cls, **options): cls.options = options
            def __set_name__(self, owner, name): self.where = (owner.__name__, name)
        class B(A, deep=True):
            part = A()
        seen = A.names, B.options, B.part.where
    """,
    "names": """
        def outer():
            class Inner:
                def method(self): return (lambda: 1).__qualname__
            return Inner
        seen = outer().__qualname__, outer()().method(), outer.__name__
    """,
    "generators": """
        def inner():
            got = yield 1
            yield got
            return "done"
        def outer():
            result = yield from inner()
            yield result
        g = outer()
        seen = [next(g), g.send("sent"), next(g)]
    """,
    "private names": """
        class A:
            def __secret(self): return 1
            def open(self): return self.__secret()
        seen = A().open()
    """,
    "order": """
        seen = []
        def note(x): seen.append(x); return x
        def function(*args, **options): note("called")
        def pick(): note("picked"); return function
        pick()(note(1), *[note(2)], key=note(3), **{"other": note(4)})
        note(1) < note(0) < note(2)
    """,
    "with": """
        seen = []
        class Manager:
            def __enter__(self): seen.append("in"); return self
            def __exit__(self, *error): seen.append(error[0]); return True
        with Manager() as outer, Manager():
            raise KeyError("x")
    """,
    "async": """
        import asyncio
        class Stream:
            def __init__(self): self.left = 3
            def __aiter__(self): return self
            async def __anext__(self):
                self.left -= 1
                if self.left < 0: raise StopAsyncIteration
                return self.left
        class Manager:
            async def __aenter__(self): return "in"
            async def __aexit__(self, *error): pass
        async def main():
            async with Manager() as inside:
                return inside, [x async for x in Stream()], await asyncio.gather(*[double(n) for n in range(3)])
        async def double(n): return 2 * n
        seen = asyncio.run(main())
    """,
    "match": """
        from dataclasses import dataclass
        @dataclass
        class Point:
            x: int
            y: int = 0
        def where(value):
            match value:
                case Point(x=0): return "axis"
                case {"x": x, **rest}: return x, rest
                case [first, *others] if len(others) > 1: return first
                case str() | bytes(): return "text"
        seen = [where(v) for v in (Point(0), {"x": 1, "z": 2}, [1, 2, 3], "a", None)]
    """,
    "except group": """
        seen = []
        try:
            raise ExceptionGroup("both", [KeyError("a"), ValueError("b")])
        except* KeyError as group:
            seen.append(repr(group.exceptions))
        except* ValueError as group:
            seen.append(repr(group.exceptions))
    """,
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_open_guards_change_nothing(program: str) -> None:
    source = textwrap.dedent(program)
    assert seen_by(rewrite_source(source, "program.py")) == seen_by(ast.parse(source))


FAILING = """
def fail(xs):
    return (
        xs
        .copy()
        .index(
            "missing"
        )
    )

def outer():
    for x in [1]:
        with open(__file__) as file, \\
                file:
            value = f"{x}" + fail(
                [x],
            )

outer()
"""


def test_tracebacks_show_the_users_lines() -> None:
    after = traceback_of(rewrite_source(FAILING, "failing.py"))
    assert after == traceback_of(ast.parse(FAILING))
    assert [line for _, line in after] == [19, 15, 6]


def traceback_of(tree: ast.Module) -> list[tuple[str, int | None]]:
    namespace = {"__file__": __file__, **open_guards()}
    with pytest.raises(ValueError, match="not in list") as caught:
        exec(compile(tree, "failing.py", "exec"), namespace)
    frames = traceback.extract_tb(caught.value.__traceback__)
    return [(frame.name, frame.lineno) for frame in frames if frame.filename == "failing.py"]


def seen_by(tree: ast.Module) -> Any:
    # The name of a module that is there: dataclasses look theirs up.
    namespace: dict[str, Any] = {"__name__": __name__, **open_guards()}
    exec(compile(tree, "program.py", "exec"), namespace)
    return namespace["seen"]


def open_guards() -> dict[str, Any]:
    return dict.fromkeys(HOOKS, lambda operand=None: operand)


def rewritten(source: str) -> str:
    return ast.unparse(rewrite_source(source, "program.py"))
