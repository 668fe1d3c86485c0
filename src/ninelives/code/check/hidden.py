"""Effects where nobody expects a call: at the end of an object, in what only looks, while a module loads."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ninelives.code.check.effects import effect
from ninelives.code.check.finding import Found, Rule
from ninelives.code.check.source import Module, is_sleep

#: Methods that Python, debuggers and libraries call without being asked to.
_LOOKING = frozenset(
    {"__bool__", "__eq__", "__format__", "__ge__", "__gt__", "__hash__", "__le__", "__len__", "__lt__", "__ne__"}
    | {"__repr__", "__str__", "__sizeof__", "__getstate__", "__reduce__", "__reduce_ex__", "__setstate__"}
)


def in_del(module: Module) -> Iterator[Found]:
    """Find effects of objects that come to their end."""
    for call, name, method in _effects_in_methods(module):
        if method.name == "__del__":
            yield Found(call, f"{name} in __del__ happens when Python throws the object away, and not if it is killed")


def in_looks(module: Module) -> Iterator[Found]:
    """Find effects of properties and of methods that Python calls by itself."""
    for call, name, method in _effects_in_methods(module):
        if any(module.resolve(decorator) == "builtins.property" for decorator in method.decorator_list):
            yield Found(call, f"{name} happens each time somebody looks at the property {method.name!r}")
        elif method.name in _LOOKING:
            yield Found(call, f"{name} in {method.name} happens whenever Python or a library looks at the object")


def at_module_level(module: Module) -> Iterator[Found]:
    """Find effects that happen each time the program is loaded, so in each replay too."""
    for node in module.walk(ast.Call):
        if not isinstance(node, ast.Call) or module.scope(node) is not module.tree or _is_asked_first(module, node):
            continue
        name = module.resolve(node.func)
        if (done := effect(module, node)) or (is_sleep(name) and (done := name)):
            yield Found(node, f"{done} at module level happens again on each load, so after a restart too")


def _effects_in_methods(module: Module) -> Iterator[tuple[ast.Call, str, ast.FunctionDef]]:
    for node in module.walk(ast.Call):
        if isinstance(node, ast.Call) and (name := effect(module, node)):
            method = module.scope(node)
            if isinstance(method, ast.FunctionDef) and module.class_of(method) is not None:
                yield node, name, method


def _is_asked_first(module: Module, node: ast.AST) -> bool:
    """Return whether a call is behind a condition: what is there already is not done again."""
    return any(isinstance(around, ast.If | ast.IfExp | ast.BoolOp) for around in module.above(node))


RULES = (
    Rule("effect-in-del", "give the class a close(), and call it or use 'with'", in_del),
    Rule("hidden-effect", "make it a method with a name that says what it does", in_looks),
    Rule("module-effect", "do it in the handler; clients and settings may stay", at_module_level),
)
