"""Finds the names in user code that stand for nothing outside, whatever happens: these need no guard."""

from __future__ import annotations

import ast
from collections.abc import Set


def of_modules(tree: ast.AST) -> Set[str]:
    """Return the names that nothing but ``import module`` binds in a tree."""
    imported: set[str] = set()
    others: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            others |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Name) and _binds(node):
            others.add(node.id)
        elif isinstance(node, ast.arg):
            others.add(node.arg)
        elif not isinstance(node, ast.alias):
            # Functions, classes, type parameters, `except … as` and patterns.
            others |= {name for name in (getattr(node, "name", None), getattr(node, "rest", None)) if name}
    return imported - others


def of_self(method: ast.FunctionDef | ast.AsyncFunctionDef) -> Set[str]:
    """Return the name by which a method of the user's own class knows its object, if it keeps to that."""
    args = [*method.args.posonlyargs, *method.args.args][:1]
    if not args or any(isinstance(mark, ast.Name) and mark.id == "staticmethod" for mark in method.decorator_list):
        return frozenset()
    name = args[0].arg
    bound = any(isinstance(node, ast.Name) and node.id == name and _binds(node) for node in ast.walk(method))
    return frozenset() if bound else {name}


def of_arguments(args: ast.arguments) -> Set[str]:
    """Return the names of a function's arguments."""
    return {node.arg for node in ast.walk(args) if isinstance(node, ast.arg)}


def _binds(name: ast.Name) -> bool:
    return not isinstance(name.ctx, ast.Load)
