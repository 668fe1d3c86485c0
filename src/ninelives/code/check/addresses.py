"""Addresses of objects, which differ in each process, where they decide what a program does."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator

from ninelives.code.check.finding import Found, Rule
from ninelives.code.check.source import Function, Module, Scope

#: Classes whose objects hash by what they hold, or by their name.
_STABLE_BASES = frozenset(
    {"enum.Enum", "enum.IntEnum", "enum.StrEnum", "enum.Flag", "enum.IntFlag", "typing.NamedTuple"}
    | {f"builtins.{name}" for name in ("str", "int", "float", "bytes", "tuple", "frozenset")}
)

#: What takes the items of a set in the order that they have.
_ORDERED = frozenset({"builtins.enumerate", "builtins.iter", "builtins.list", "builtins.map", "builtins.next"}
                     | {"builtins.tuple", "builtins.zip", "itertools.chain"})  # fmt: skip

_PRINTED = frozenset({"builtins.str", "builtins.hex", "builtins.format", "builtins.repr"})


def sets(module: Module) -> Iterator[Found]:
    """Find sets of the program's own objects that hash by address, where something takes their items in order."""
    unstable = _unstable_classes(module)
    holders = _sets_of(module, unstable)
    for scope in module.all_scopes():
        for node in module.inside(scope):
            iterated = _iterated(module, node)
            if iterated is None:
                continue
            key = _key(module, scope, iterated)
            if name := holders.get(key) if key else _set_of(module, scope, iterated, unstable):
                yield Found(iterated, f"the order of a set of {name} objects is that of their addresses")


def ids(module: Module) -> Iterator[Found]:
    """Find ids that become text or an order. As keys of a dict, and compared, they do no harm."""
    for call, name in module.calls():
        for keyword in call.keywords:
            by_id = keyword.arg == "key" and module.resolve(keyword.value) == "builtins.id"
            if by_id and not _is_looking(module, call):
                yield Found(keyword.value, "an order by id() is another one in each process")
        if name == "builtins.id" and call.args and _is_text(module, call) and not _is_looking(module, call):
            yield Found(call, "id() is another number in each process")


def _unstable_classes(module: Module) -> set[str]:
    """Return the classes of this file that inherit the hash of `object`."""
    classes = [node for node in module.walk(ast.ClassDef) if isinstance(node, ast.ClassDef)]
    found: set[str] = set()
    for _ in classes:
        # A base may stand anywhere: as often as there are classes is enough.
        grown = {node.name for node in classes if _hashes_by_address(module, node, found)}
        if grown == found:
            break
        found = grown
    return found


def _hashes_by_address(module: Module, node: ast.ClassDef, found: set[str]) -> bool:
    methods = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
    aliases = {target.id for item in node.body if isinstance(item, ast.Assign) for target in item.targets
               if isinstance(target, ast.Name)}  # fmt: skip
    if {"__hash__", "__eq__"} & (methods | aliases) or node.keywords:
        return False
    if node.decorator_list:
        # A dataclass compares by value, and what other decorators do nobody knows.
        return False
    return all(
        module.resolve(base) == "builtins.object" or (isinstance(base, ast.Name) and base.id in found)
        for base in node.bases
    )


def _sets_of(module: Module, unstable: set[str]) -> dict[tuple[Scope | ast.ClassDef, str], str]:
    """Return the variables that hold such sets, with the class of what is in them."""
    found: dict[tuple[Scope | ast.ClassDef, str], str] = {}
    empty: set[tuple[Scope | ast.ClassDef, str]] = set()
    for scope in module.all_scopes():
        for node in module.inside(scope):
            value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
            target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
            if value is None or (key := _key(module, scope, target)) is None:
                continue
            if isinstance(value, ast.Call) and module.resolve(value.func) == "builtins.set" and not value.args:
                empty.add(key)
            elif name := _set_of(module, scope, value, unstable):
                found[key] = name
    for scope in module.all_scopes():
        for node in module.inside(scope):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add"):
                continue
            key = _key(module, scope, node.func.value)
            if key in empty and node.args and (name := _made(module, scope, node.args[0], unstable)):
                found[key] = name
    return found


def _key(module: Module, scope: Scope, node: ast.AST | None) -> tuple[Scope | ast.ClassDef, str] | None:
    """Return what a variable is known by: its scope or, for an attribute of `self`, the class."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        owner = module.class_of(scope)
        return None if owner is None else (owner, node.attr)
    if not isinstance(node, ast.Name):
        return None
    for around in (scope, *module.scopes(scope)):
        if module.binds(around, node.id):
            return (around, node.id)
    return None


def _set_of(module: Module, scope: Scope, node: ast.AST, unstable: set[str]) -> str | None:
    """Return the class of what is in a set that an expression makes."""
    if isinstance(node, ast.Call) and module.resolve(node.func) in ("builtins.set", "builtins.frozenset") and node.args:
        node = node.args[0]
        if isinstance(node, ast.List | ast.Tuple):
            return next(filter(None, (_made(module, scope, item, unstable) for item in node.elts)), None)
        if isinstance(node, ast.GeneratorExp | ast.ListComp):
            return _made(module, scope, node.elt, unstable)
    elif isinstance(node, ast.SetComp):
        return _made(module, scope, node.elt, unstable)
    elif isinstance(node, ast.Set):
        if sys.version_info < (3, 12) and len(node.elts) > 1 and any(_is_none(item) for item in node.elts):
            return "None and other"
        return next(filter(None, (_made(module, scope, item, unstable) for item in node.elts)), None)
    return None


def _made(module: Module, scope: Scope, node: ast.AST, unstable: set[str]) -> str | None:
    """Return the class of an object: one made here, held by a variable that is set once, or `self`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in unstable:
        return node.func.id
    if isinstance(node, ast.Lambda):
        return "function"
    if not isinstance(node, ast.Name):
        return None
    if node.id == "self" and (owner := module.class_of(scope)) is not None:
        return owner.name if owner.name in unstable else None
    values = [
        item.value
        for item in module.inside(scope)
        if isinstance(item, ast.Assign) and any(isinstance(t, ast.Name) and t.id == node.id for t in item.targets)
    ]
    return _made(module, scope, values[0], unstable) if len(values) == 1 and isinstance(values[0], ast.Call) else None


def _iterated(module: Module, node: ast.AST) -> ast.AST | None:
    """Return what a node takes the items of, in their order."""
    if isinstance(node, ast.For | ast.AsyncFor):
        return node.iter
    if isinstance(node, ast.comprehension):
        # In a set the order is lost again, and functions such as `sorted`, `sum` and `any` do not mind it.
        comprehension = module.parents[node]
        if isinstance(comprehension, ast.SetComp):
            return None
        call = module.parents[comprehension]
        if isinstance(comprehension, ast.GeneratorExp) and isinstance(call, ast.Call):
            return node.iter if module.resolve(call.func) in _ORDERED else None
        return None if _is_sorted(module, comprehension) else node.iter
    if not isinstance(node, ast.Call):
        return None
    if module.resolve(node.func) in _ORDERED and not _is_sorted(module, node):
        return node.args[-1] if node.args else None
    if isinstance(node.func, ast.Attribute) and node.func.attr == "pop" and not node.args:
        return node.func.value
    return None


def _is_sorted(module: Module, node: ast.AST) -> bool:
    parent = module.parents.get(node)
    return isinstance(parent, ast.Call) and module.resolve(parent.func) in ("builtins.sorted", "builtins.set")


def _is_text(module: Module, call: ast.Call) -> bool:
    parent = module.parents[call]
    if isinstance(parent, ast.FormattedValue):
        return True
    if isinstance(parent, ast.BinOp | ast.Tuple):
        # As text by the operator %.
        binary = parent if isinstance(parent, ast.BinOp) else module.parents[parent]
        left = binary.left if isinstance(binary, ast.BinOp) and isinstance(binary.op, ast.Mod) else None
        return isinstance(left, ast.Constant) and isinstance(left.value, str)
    return isinstance(parent, ast.Call) and module.resolve(parent.func) in _PRINTED


def _is_looking(module: Module, node: ast.AST) -> bool:
    """Return whether a node is in a method that describes an object, or in what only prints or logs."""
    for around in module.above(node):
        if isinstance(around, ast.FunctionDef) and ("repr" in around.name or around.name in ("__str__", "__hash__")):
            return True
        if isinstance(around, ast.Raise | ast.Assert):
            return True
        if isinstance(around, ast.JoinedStr | ast.BinOp) and _describes(around):
            return True
        if isinstance(around, ast.Call) and isinstance(around.func, ast.Attribute | ast.Name):
            name = around.func.attr if isinstance(around.func, ast.Attribute) else around.func.id
            if name in ("print", "debug", "info", "warning", "error", "exception", "log"):
                return True
        if isinstance(around, Function):
            return False
    return False


def _describes(text: ast.JoinedStr | ast.BinOp) -> bool:
    """Return whether a text begins as those of `repr` do: it names an object to people."""
    first = text.left if isinstance(text, ast.BinOp) else text.values[0]
    return isinstance(first, ast.Constant) and isinstance(first.value, str) and first.value.startswith("<")


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


RULES = (
    Rule("unordered-set", "use a list or a dict, sorted(…) with a key, or give the class a __hash__ and __eq__", sets),
    Rule("id-as-data", "give the object a name or a number of your own", ids),
)
