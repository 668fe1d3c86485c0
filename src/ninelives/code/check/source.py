"""One file of user code as rules see it: what its names mean, and what runs where."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping
from typing import TypeAlias, TypeGuard

from ninelives.code.rules import Kind, Rules

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Scope: TypeAlias = Function | ast.Module

#: Decorators that take a function out of the session's sight: what is in it happens as one, or directly.
_MARKS = frozenset(
    f"{package}.{mark}" for package in ("ninelives", "autokitteh") for mark in ("activity", "inhibit_activities")
)

#: Nodes that bind the name that they have.
_NAMING = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.ExceptHandler | ast.MatchAs | ast.MatchStar

#: Nodes that stand nowhere, and that trees share.
_MARKS_OF_SYNTAX = (ast.expr_context, ast.boolop, ast.operator, ast.unaryop, ast.cmpop)


class Module:
    """A parsed file.

    Args:
        file: how it is shown.
        tree: what it parses to.
        rules: our lists and the project's.
        users: top-level names of the project's own modules.
    """

    def __init__(self, file: str, tree: ast.Module, rules: Rules, users: frozenset[str]) -> None:
        self.file = file
        self.tree = tree
        self.rules = rules
        self.users = users
        self.parents: dict[ast.AST, ast.AST] = {}
        self.nodes: list[ast.AST] = []
        self._bound: dict[Scope, frozenset[str]] = {}
        self._imports: dict[Scope, dict[str, str]] = {tree: {}}
        self._scope: dict[ast.AST, Scope] = {}
        self._main_blocks: list[ast.If] = []
        self._inside: dict[Scope, list[ast.AST]] = {}
        self._read()
        uses = self._uses()
        marked: set[ast.AST] = {function for function in uses if self._is_marked(function)}
        self._within = _only_called_from(marked, uses, self)
        #: functions of the command line: what calls them is never a session
        self._apart = _only_called_from(set(self._main_blocks), uses, self)

    def walk(self, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
        """Yield the nodes of these classes that a session runs: all but those of ``if __name__ == "__main__"``."""
        return (node for node in self.nodes if isinstance(node, kinds))

    def calls(self) -> Iterator[tuple[ast.Call, str]]:
        """Yield the calls of outside functions and builtins, with their dotted names as the file has them."""
        for node in self.nodes:
            if isinstance(node, ast.Call) and (name := self.resolve(node.func)):
                yield node, name

    def resolve(self, node: ast.AST | None) -> str | None:
        """Return the dotted name of an outside thing: ``requests.get``, ``builtins.open``.

        None for what is a variable, an attribute of one, or the user's own.
        """
        if isinstance(node, ast.Attribute):
            owner = self.resolve(node.value)
            return None if owner is None else f"{owner}.{node.attr}"
        if not isinstance(node, ast.Name):
            return None
        for scope in self.scopes(node):
            if found := self._imports.get(scope, {}).get(node.id):
                return None if found.partition(".")[0] in self.users else found
            if node.id in self._bound[scope]:
                return None
        return f"builtins.{node.id}" if hasattr(builtins, node.id) else None

    def scopes(self, node: ast.AST) -> Iterator[Scope]:
        """Yield the functions around a node, the innermost first, and the module."""
        while node in self.parents:
            child, node = node, self.parents[node]
            # Decorators, defaults and annotations of a function belong to the scope that it is in.
            if isinstance(node, Function) and child not in (node.args, *_decorators(node)):
                yield node
        yield self.tree

    def scope(self, node: ast.AST) -> Scope:
        """Return the innermost function that a node runs in, or the module."""
        found = self._scope.get(node)
        return found if found is not None else self._scope.setdefault(node, next(self.scopes(node)))

    def inside(self, scope: Scope) -> list[ast.AST]:
        """Return the nodes that run in a function, or at the module's level, and not in a function within."""
        return self._inside.get(scope, [])

    def all_scopes(self) -> list[Scope]:
        """Return the module and its functions, in the order of their lines."""
        return list(self._inside)

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield what a node is in, from the inside out."""
        while node in self.parents:
            node = self.parents[node]
            yield node

    def class_of(self, function: ast.AST) -> ast.ClassDef | None:
        """Return the class whose method a function is."""
        parent = self.parents.get(function)
        return parent if isinstance(parent, ast.ClassDef) else None

    def in_activity(self, node: ast.AST) -> bool:
        """Return whether a node runs inside an activity: marked as one, or only called from such."""
        return any(scope in self._within for scope in self.scopes(node))

    def is_apart(self, node: ast.AST) -> bool:
        """Return whether a node runs for ``if __name__ == "__main__"`` only, so in no session."""
        return node in self._apart or any(around in self._apart for around in self.above(node))

    def is_activity_scope(self, scope: Scope) -> bool:
        """Return whether a function's body runs inside an activity."""
        return scope in self._within or self.in_activity(scope)

    def marked(self, function: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> ast.expr | None:
        """Return the decorator that makes a function or class an activity, or its calls direct."""
        for decorator in function.decorator_list:
            name = self.resolve(decorator.func if isinstance(decorator, ast.Call) else decorator)
            if name in _MARKS:
                return decorator
        return None

    def binds(self, scope: Scope, name: str) -> bool:
        """Return whether a name is a variable of this function (or module) itself."""
        return name in self._bound[scope]

    def is_activity(self, name: str) -> bool:
        """Return whether the lists leave an outside name an activity."""
        return self.rules.lookup(name) is Kind.ACTIVITY

    def _read(self) -> None:
        names: dict[Scope, set[str]] = {self.tree: set()}
        outer: dict[Scope, set[str]] = {}
        todo: list[ast.AST] = [self.tree]
        while todo:
            node = todo.pop()
            if not isinstance(node, _MARKS_OF_SYNTAX):
                self.nodes.append(node)
            for child in ast.iter_child_nodes(node):
                self.parents[child] = node
                if _is_main_block(child):
                    self._main_blocks.append(child)
                else:
                    todo.append(child)
            if isinstance(node, Function):
                names[node] = {arg.arg for arg in _arguments(node.args)}
        self.nodes.sort(key=lambda node: (getattr(node, "lineno", 0), getattr(node, "col_offset", 0)))
        for node in self.nodes:
            scope = self.scope(node)
            self._inside.setdefault(scope, []).append(node)
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._imports.setdefault(scope, {}).update(_imported(node))
            elif isinstance(node, ast.Global | ast.Nonlocal):
                outer.setdefault(scope, set()).update(node.names)
            elif self._in_class_body(node):
                continue
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
                names[scope].add(node.id)
            elif isinstance(node, _NAMING) and node.name:
                names[scope].add(node.name)
        for scope, globals_ in outer.items():
            names[self.tree] |= globals_
            names[scope] -= globals_
        self._bound = {scope: frozenset(found) for scope, found in names.items()}

    def _in_class_body(self, node: ast.AST) -> bool:
        """Return whether a name that a node binds is the attribute of a class, which is no variable of a method."""
        for around in self.above(node):
            if isinstance(around, ast.ClassDef):
                return True
            if isinstance(around, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.Module):
                return False
        return False

    def _is_marked(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        owner = self.class_of(function)
        if owner is not None and function.name == "__init__" and self.marked(owner):
            return True
        return self.marked(function) is not None

    def _uses(self) -> dict[ast.FunctionDef | ast.AsyncFunctionDef, list[ast.AST]]:
        """Return where the functions of this file are named; two of one name share their places."""
        blocks = [node for block in self._main_blocks for node in self._take_in(block)]
        places: dict[str, list[ast.AST]] = {}
        for node in [*self.nodes, *blocks]:
            if isinstance(node, ast.Name | ast.Attribute):
                places.setdefault(node.id if isinstance(node, ast.Name) else node.attr, []).append(node)
        functions = (node for node in self.nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
        return {function: places.get(function.name, []) for function in functions}

    def _take_in(self, block: ast.If) -> Iterator[ast.AST]:
        for node in ast.walk(block):
            for child in ast.iter_child_nodes(node):
                self.parents[child] = node
            yield node


def _may_be_handler(function: ast.FunctionDef | ast.AsyncFunctionDef, places: list[ast.AST], module: Module) -> bool:
    """Return whether a session may start at a function, whoever else calls it: to try it out, say."""
    takes = [arg.arg for arg in function.args.args]
    return "event" in takes or (bool(takes) and any(_is_main_block(node) for at in places for node in module.above(at)))


def _only_called_from(
    start: set[ast.AST], uses: Mapping[ast.FunctionDef | ast.AsyncFunctionDef, list[ast.AST]], module: Module
) -> frozenset[ast.AST]:
    """Return these places, and the functions that are named nowhere but in them; what may be a handler is not."""
    found = set(start)
    grown = True
    while grown:
        grown = False
        for function, places in uses.items():
            if function in found or not places or _may_be_handler(function, places, module):
                continue
            if all(not found.isdisjoint(module.above(place)) for place in places):
                found.add(function)
                grown = True
    return frozenset(found)


def _arguments(args: ast.arguments) -> list[ast.arg]:
    rest = [arg for arg in (args.vararg, args.kwarg) if arg]
    return [*args.posonlyargs, *args.args, *args.kwonlyargs, *rest]


def _decorators(node: Function) -> list[ast.expr | None]:
    return [] if isinstance(node, ast.Lambda) else [*node.decorator_list, node.returns]


def _imported(node: ast.Import | ast.ImportFrom) -> dict[str, str]:
    """Return the names that an import binds, with what they stand for; relative ones are the user's own."""
    if isinstance(node, ast.Import):
        return {
            alias.asname or alias.name.partition(".")[0]: alias.name if alias.asname else alias.name.partition(".")[0]
            for alias in node.names
        }
    start = "" if node.level else node.module or ""
    # A relative import gets a name that nothing is listed under.
    return {alias.asname or alias.name: f"{start or '<project>'}.{alias.name}" for alias in node.names}


def _is_main_block(node: ast.AST) -> TypeGuard[ast.If]:
    """Return whether a node is ``if __name__ == "__main__":``, which no session runs."""
    if not (isinstance(node, ast.If) and isinstance(node.test, ast.Compare) and not node.orelse):
        return False
    sides = [node.test.left, *node.test.comparators]
    return any(isinstance(side, ast.Name) and side.id == "__name__" for side in sides)


def is_sleep(name: str | None) -> bool:
    """Return whether a call by this name is a durable sleep or wait."""
    return name in {
        "time.sleep", "asyncio.sleep", "ninelives.sleep", "anyio.sleep",
        "autokitteh.next_event", "ninelives.next_event", "autokitteh.next_signal", "ninelives.next_signal",
    }  # fmt: skip
