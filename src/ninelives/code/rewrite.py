"""Rewrites the syntax tree of user code, so that whatever may touch the outside passes a guard first.

Every call ``f(x)`` becomes ``__guard__(f)(x)``: the guard returns what to call in place of ``f``, most often ``f``
itself, so a direct call has the frames it had. The other ways to reach the outside get a guard for their operand:

========================  =====================================
``for x in xs``           ``for x in __guard_iter__(xs)``
``yield from xs``         ``yield from __guard_iter__(xs)``
``*xs``, ``a, b = xs``    the same
``x in xs``               ``x in __guard_in__(xs)``
``**xs``                  ``**__guard_mapping__(xs)``
``async for x in xs``     ``async for x in __guard_aiter__(xs)``
``with m``                ``with __guard_with__(m)``
``async with m``          ``async with __guard_awith__(m)``
``await a``               ``await __guard_await__(a)``
``a.name``, ``a[key]``    ``__guard_read__(a).name``, ``__guard_read__(a)[key]``
========================  =====================================

Of ``a.name`` what is called at once is left out (asking for a method touches nothing), and attributes of modules and of
``self`` in a class without bases. With ``a[key]``, setting and deleting is guarded too.

An ``except`` block begins with ``__guard_except__()``, which takes our own frames out of the traceback.

Decorators, base classes and annotations are left alone: they run while modules load, and tools read them.
This file knows syntax trees and nothing of imports.
"""

from __future__ import annotations

import ast
from collections.abc import Set
from typing import Any, TypeVar

from ninelives.code import names

CALL = "__guard__"
ITER = "__guard_iter__"
CONTAINS = "__guard_in__"
MAPPING = "__guard_mapping__"
ASYNC_ITER = "__guard_aiter__"
WITH = "__guard_with__"
ASYNC_WITH = "__guard_awith__"
AWAIT = "__guard_await__"
CAUGHT = "__guard_except__"
READ = "__guard_read__"

#: The names that rewritten code takes from its module's builtins.
HOOKS = (CALL, ITER, CONTAINS, MAPPING, ASYNC_ITER, WITH, ASYNC_WITH, AWAIT, CAUGHT, READ)

Node = TypeVar("Node", bound=ast.AST)
Function = TypeVar("Function", ast.FunctionDef, ast.AsyncFunctionDef)

#: What iterates without running code from elsewhere, so needs no guard.
_DISPLAYS = (
    ast.Constant,
    ast.Tuple,
    ast.List,
    ast.Set,
    ast.Dict,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.JoinedStr,
)


def rewrite_source(source: str | bytes, filename: str) -> ast.Module:
    """Parse user code and return its guarded tree, ready to compile.

    Args:
        source: the text of a module; bytes are decoded as Python does (PEP 263).
        filename: the name that a syntax error shows.

    Raises:
        SyntaxError: the source is not valid Python.
    """
    try:
        tree = ast.parse(source, filename)
    except (ValueError, SyntaxError) as error:
        if getattr(error, "filename", None):
            raise
        # A null byte: Python does not say where.
        raise SyntaxError(str(error), (filename, 1, 0, None)) from error
    return rewrite_tree(tree)


def rewrite_tree(tree: Node) -> Node:
    """Guard a parsed tree in place (any of ``ast.Module``, ``ast.Expression``, ``ast.Interactive``) and return it."""
    result: Node = _Guards(names.of_modules(tree)).visit(tree)
    return result


class _Guards(ast.NodeTransformer):
    """Puts the guards in; every new node has the position of what it guards, so tracebacks and coverage stay.

    Args:
        own: names that stand for modules.
    """

    def __init__(self, own: Set[str]) -> None:
        #: names of what is no outside object: modules, and `self` of the method that is visited
        self._own = own
        #: the class without bases in whose body the visitor is
        self._class: ast.ClassDef | None = None

    def visit_Call(self, node: ast.Call) -> ast.Call:
        if isinstance(node.func, ast.Attribute):
            node.func.value = self.visit(node.func.value)
            _start_at_attribute(node, node.func)
        else:
            node.func = self.visit(node.func)
        node.args = [self.visit(arg) for arg in node.args]
        node.keywords = [self.visit(keyword) for keyword in node.keywords]
        node.func = _guarded(CALL, node.func)
        for keyword in node.keywords:
            if keyword.arg is None and not isinstance(keyword.value, _DISPLAYS):
                keyword.value = _guarded(MAPPING, keyword.value)
        return node

    def visit_Dict(self, node: ast.Dict) -> ast.Dict:
        self.generic_visit(node)
        for index, (key, value) in enumerate(zip(node.keys, node.values, strict=True)):
            if key is None and not isinstance(value, _DISPLAYS):
                node.values[index] = _guarded(MAPPING, value)
        return node

    # The read.

    def visit_Attribute(self, node: ast.Attribute) -> ast.Attribute:
        self.generic_visit(node)
        if isinstance(node.ctx, ast.Load):
            node.value = self._read(node.value)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.Subscript:
        self.generic_visit(node)
        node.value = self._read(node.value)
        return node

    def _read(self, operand: ast.expr) -> ast.expr:
        if isinstance(operand, _DISPLAYS) or (isinstance(operand, ast.Name) and operand.id in self._own):
            return operand
        return _guarded(READ, operand)

    # The iterated.

    def visit_For(self, node: ast.For) -> ast.For:
        self.generic_visit(node)
        node.iter = _iterated(node.iter)
        return node

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AsyncFor:
        self.generic_visit(node)
        node.iter = _guarded(ASYNC_ITER, node.iter)
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.comprehension:
        self.generic_visit(node)
        node.iter = _guarded(ASYNC_ITER, node.iter) if node.is_async else _iterated(node.iter)
        return node

    def visit_YieldFrom(self, node: ast.YieldFrom) -> ast.YieldFrom:
        self.generic_visit(node)
        node.value = _iterated(node.value)
        return node

    def visit_Starred(self, node: ast.Starred) -> ast.Starred:
        self.generic_visit(node)
        if isinstance(node.ctx, ast.Load):
            node.value = _iterated(node.value)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.Assign:
        self.generic_visit(node)
        if any(isinstance(target, ast.Tuple | ast.List) for target in node.targets):
            node.value = _iterated(node.value)
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.Compare:
        self.generic_visit(node)
        for index, (operator, right) in enumerate(zip(node.ops, node.comparators, strict=True)):
            if isinstance(operator, ast.In | ast.NotIn) and not isinstance(right, _DISPLAYS):
                node.comparators[index] = _guarded(CONTAINS, right)
        return node

    # The entered and the awaited.

    def visit_With(self, node: ast.With) -> ast.With:
        self.generic_visit(node)
        for item in node.items:
            item.context_expr = _guarded(WITH, item.context_expr)
        return node

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AsyncWith:
        self.generic_visit(node)
        for item in node.items:
            item.context_expr = _guarded(ASYNC_WITH, item.context_expr)
        return node

    def visit_Await(self, node: ast.Await) -> ast.Await:
        self.generic_visit(node)
        node.value = _guarded(AWAIT, node.value)
        return node

    # The caught.

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.ExceptHandler:
        # In the line of the `except`, which has code in any case: a `pass` below it may have none.
        position = {
            "lineno": node.lineno,
            "col_offset": node.col_offset,
            "end_lineno": node.lineno,
            "end_col_offset": node.col_offset + len("except"),
        }
        self.generic_visit(node)
        node.body.insert(
            0, ast.Expr(ast.Call(ast.Name(CAUGHT, ast.Load(), **position), [], [], **position), **position)
        )
        return node

    # What is left alone.

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AsyncFunctionDef:
        return self._function(node)

    def _function(self, node: Function) -> Function:
        self._defaults(node.args)
        before = self._own, self._class
        self._own = self._own - names.of_arguments(node.args)
        if self._class is not None:
            self._own |= names.of_self(node)
        self._class = None
        node.body = [self.visit(statement) for statement in node.body]
        self._own, self._class = before
        return node

    def _defaults(self, args: ast.arguments) -> None:
        args.defaults = [self.visit(default) for default in args.defaults]
        args.kw_defaults = [default and self.visit(default) for default in args.kw_defaults]

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        self._defaults(node.args)
        before, self._own = self._own, self._own - names.of_arguments(node.args)
        node.body = self.visit(node.body)
        self._own = before
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        before, self._class = self._class, None if node.bases or node.keywords else node
        node.body = [self.visit(statement) for statement in node.body]
        self._class = before
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign:
        node.target = self.visit(node.target)
        node.value = node.value and self.visit(node.value)
        return node

    def visit_TypeAlias(self, node: ast.AST) -> ast.AST:
        return node

    def visit_match_case(self, node: ast.match_case) -> ast.match_case:
        # Patterns have a grammar of their own.
        node.guard = node.guard and self.visit(node.guard)
        node.body = [self.visit(statement) for statement in node.body]
        return node


def _guarded(hook: str, operand: ast.expr) -> ast.expr:
    position = _position(operand)
    return ast.Call(ast.Name(hook, ast.Load(), **position), [operand], [], **position)


def _position(node: ast.expr) -> dict[str, Any]:
    return {
        "lineno": node.lineno,
        "col_offset": node.col_offset,
        "end_lineno": node.end_lineno,
        "end_col_offset": node.end_col_offset,
    }


def _iterated(operand: ast.expr) -> ast.expr:
    return operand if isinstance(operand, _DISPLAYS) else _guarded(ITER, operand)


def _start_at_attribute(call: ast.Call, func: ast.Attribute) -> None:
    """Let a method call begin in the line of its name, as the compiler does for ``a.b()`` over several lines.

    The compiler no longer sees a method call, so tracebacks would show the first line of a chain instead.
    """
    if func.end_lineno is None or func.end_col_offset is None or call.lineno == func.end_lineno:
        return
    call.lineno = func.end_lineno
    call.col_offset = max(0, func.end_col_offset - len(func.attr))
