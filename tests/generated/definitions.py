"""What generated programs define at module level, each only where it is used, so that a minimal program is short."""

from __future__ import annotations

#: The text of a definition, by its name; a later one may need an earlier one.
DEFINITIONS = {
    "Box": """
class Box:
    made = 0

    def __init__(self, n=0, items=None):
        self.n = n
        self.items = [] if items is None else items
        Box.made += 1

    def __repr__(self):
        return f"{type(self).__name__}({self.n}, {len(self.items)} items, {', '.join(vars(self))})"

    def add(self, n):
        self.n += n
        self.items.append(chance.answer("add", n))
        return self

    @property
    def weight(self):
        return self.n + chance.answer("weight", len(self.items))

    @weight.setter
    def weight(self, n):
        self.n = chance.answer("set", n)

    @classmethod
    def made_of(cls, n):
        return cls(chance.answer("made", n))

    def __iter__(self):
        for item in self.items[:3]:
            yield item

    def __call__(self, n):
        self.n += 1
        return self.n + n

    def __enter__(self):
        effects.append("enter box")
        return self

    def __exit__(self, kind, error, _):
        effects.append(f"leave box {kind and kind.__name__}")
        return isinstance(error, KeyError)
""",
    "Crate": """
class Crate(Box):
    def __init__(self, n=0, items=None):
        super().__init__(n, items)
        self.inner = Box(n)

    def add(self, n):
        self.inner.items = self.items
        return super().add(n)
""",
    "Point": """
@dataclasses.dataclass
class Point:
    n: int
    items: list = dataclasses.field(default_factory=list)
""",
    "Failed": """
class Failed(Exception):
    def __init__(self, n, *, where=None):
        super().__init__(n)
        self.where = where
""",
    "steps": """
def steps(n):
    total = 0
    try:
        for at in range(n):
            got = yield chance.answer("step", at)
            total += got or 1
    finally:
        effects.append("steps end")
    return total
""",
    "around": """
def around(n):
    total = yield from steps(n)
    yield total
""",
    "section": """
@contextlib.contextmanager
def section(name):
    effects.append(f"enter {name}")
    try:
        yield name
    except LookupError:
        effects.append(f"swallow {name}")
    finally:
        effects.append(f"leave {name}")
""",
    "traced": """
def traced(function):
    @functools.wraps(function)
    def call(*args, **kwargs):
        effects.append(f"trace {len(args)}")
        return function(*args, **kwargs)

    return call
""",
    "tree": """
def tree(n):
    return chance.answer("leaf", n) if n < 2 else tree(n - 1) + tree(n - 2)
""",
    "cached": """
@functools.lru_cache
def cached(n):
    return chance.answer("cached", n)
""",
    "as_one": """
@ninelives.activity
def as_one(n, items=None):
    if items is not None:
        items.append(chance.answer("one", n))
    if n % 4 == 3:
        raise ValueError(n)
    return {"n": n, "items": items}
""",
    "tally": """
TALLY = {"n": 0, "seen": []}


def tally(n):
    TALLY["n"] += n
    TALLY["seen"].append(chance.answer("tally", n))
    return TALLY["n"]
""",
    "numbered": """
async def numbered(n):
    try:
        for at in range(n):
            yield await chance.reply("numbered", at)
    finally:
        effects.append("numbered ends")
""",
    "inside": """
@contextlib.asynccontextmanager
async def inside(name):
    await chance.reply(f"enter {name}")
    try:
        yield name
    finally:
        effects.append(f"leave {name}")
""",
}

#: What a definition uses of the others.
NEEDS = {"Crate": ["Box"], "around": ["steps"]}

#: Modules, imported by the programs whose text names them.
MODULES = (
    "asyncio",
    "collections",
    "concurrent.futures",
    "contextlib",
    "copy",
    "dataclasses",
    "functools",
    "itertools",
    "json",
    "logging",
    "pathlib",
    "queue",
    "random",
    "sys",
    "threading",
    "time",
    "uuid",
)
OWN = ("chance", "effects", "ninelives")


def module(names: set[str], main: str) -> str:
    """Return a whole module.

    Args:
        names: the definitions that it needs.
        main: the text of its handler.
    """
    wanted = names | {other for name in names for other in NEEDS.get(name, ())}
    body = "\n".join([text for name, text in DEFINITIONS.items() if name in wanted] + ["", main])
    imports = ["\n".join(f"import {name}" for name in group if f"{name}." in body) for group in (MODULES, OWN)]
    return "\n\n".join(part for part in imports if part) + "\n" + body
