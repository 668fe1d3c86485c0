"""Functions marked `@activity` that are not what they look like."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ninelives.code.check.finding import Found, Rule
from ninelives.code.check.source import Module

#: Methods that change a list, dict or set.
_CHANGES = frozenset(
    {"add", "append", "appendleft", "clear", "discard", "extend", "insert", "pop", "popitem", "remove", "setdefault"}
    | {"update"}
)

#: Calls that make one.
_CONTAINERS = frozenset(
    {"builtins.dict", "builtins.list", "builtins.set", "collections.Counter", "collections.defaultdict"}
    | {"collections.deque", "collections.OrderedDict"}
)


def changed_globals(module: Module) -> Iterator[Found]:
    """Find globals that an activity sets, and containers of the module that it changes."""
    containers = _containers(module)
    for function in _activities(module):
        own = {name for node in module.inside(function) if isinstance(node, ast.Global) for name in node.names}
        for node in module.inside(function):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del) and node.id in own:
                yield Found(node, _lost(node.id))
            elif (name := _changed(node)) and name in containers and not module.binds(function, name):
                yield Found(node, _lost(name))


def generators(module: Module) -> Iterator[Found]:
    """Find activities that are generators: making one does nothing of its body."""
    for function in _activities(module):
        if any(isinstance(node, ast.Yield | ast.YieldFrom) for node in module.inside(function)):
            yield Found(function, f"{function.name} is a generator: the activity is over before its first line runs")


def charges(module: Module) -> Iterator[Found]:
    """Find payments that a restart in the middle makes twice."""
    for call, name in module.calls():
        if not name.startswith("stripe.") or name.rpartition(".")[2] not in ("create", "capture", "confirm"):
            continue
        if any(keyword.arg in ("idempotency_key", None) for keyword in call.keywords) or _stops(module, call):
            continue
        yield Found(call, f"{name} is made a second time if the process dies before its answer is recorded")


def _activities(module: Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in module.nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            decorator = module.marked(node)
            name = module.resolve(decorator.func if isinstance(decorator, ast.Call) else decorator)
            if name and name.endswith(".activity"):
                yield node


def _containers(module: Module) -> set[str]:
    """Return the variables of the module that hold a list, dict or set."""
    found: set[str] = set()
    for node in module.inside(module.tree):
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(target, ast.Name):
            value = node.value
            made = isinstance(value, ast.Call) and module.resolve(value.func) in _CONTAINERS
            if made or isinstance(value, ast.Dict | ast.List | ast.Set | ast.DictComp | ast.ListComp | ast.SetComp):
                found.add(target.id)
    return found


def _changed(node: ast.AST) -> str | None:
    """Return the name of a container that is changed: ``x[…] = …``, ``del x[…]``, ``x.append(…)``."""
    owner: ast.AST | None = None
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        owner = node.value
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGES:
        owner = node.func.value
    return owner.id if isinstance(owner, ast.Name) else None


def _lost(name: str) -> str:
    return f"the activity is not run again on replay, and {name} is then as it was before it"


def _stops(module: Module, call: ast.Call) -> bool:
    """Return whether a call is in an activity that says what happens if it is cut off."""
    for function in module.above(call):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            decorator = module.marked(function)
            if isinstance(decorator, ast.Call) and any(key.arg == "if_interrupted" for key in decorator.keywords):
                return True
    return False


RULES = (
    Rule("activity-global", "return the value, and set it outside of the activity", changed_globals),
    Rule("activity-generator", "return a list; or mark what the generator calls", generators),
    Rule(
        "charge-without-key",
        "pass idempotency_key=ninelives.idempotency_key() in an @activity, or mark that if_interrupted='stop'",
        charges,
    ),
)
