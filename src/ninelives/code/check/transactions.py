"""Database connections: transactions that a restart cuts, and databases that are empty after one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TypeAlias

from ninelives.code.check.finding import Found, Rule
from ninelives.code.check.source import Module

#: Functions of PEP 249 drivers that connect.
_CONNECTS = frozenset(
    f"{driver}.connect"
    for driver in (
        "MySQLdb", "cx_Oracle", "duckdb", "mariadb", "mysql.connector", "oracledb", "psycopg", "psycopg.Connection",
        "psycopg2", "pymssql", "pymysql", "pyodbc", "sqlite3",
    )
)  # fmt: skip

#: Their classes, in annotations.
_CONNECTIONS = frozenset(
    {"sqlite3.Connection", "psycopg.Connection", "psycopg2.extensions.connection", "pyodbc.Connection"}
    | {"oracledb.Connection", "pymysql.connections.Connection"}
)

#: A variable, or an attribute of one: the scope or, for ``self``, the class that has it, and how it is written.
Place: TypeAlias = tuple[ast.AST, str]

_WRITES = re.compile(r"\s*(insert|update|delete|replace|merge|begin)\b", re.IGNORECASE)


def transactions(module: Module) -> Iterator[Found]:
    """Find statements that change something, outside of an activity, on a connection that does not commit by itself."""
    known, autocommit = _connections(module)
    for scope in module.all_scopes():
        if scope is module.tree or module.is_activity_scope(scope):
            continue
        nodes = module.inside(scope)
        cursors = _cursors(module, nodes)
        commits = {_place(module, connection) for _, connection in _methods(nodes, "commit")}
        reported: set[Place] = set()
        for call, used in _methods(nodes, "execute", "executemany"):
            owner = _owner(module, used, cursors)
            statement = _statement(call)
            if owner is None or statement is None or owner in autocommit or owner in reported:
                continue
            if owner in known or owner in commits:
                reported.add(owner)
                where = _block_of(module, call, owner) or call
                yield Found(where, f"a restart between '{statement}' and its commit loses it")


def memory_databases(module: Module) -> Iterator[Found]:
    """Find SQLite databases in memory that a handler keeps."""
    for call, name in module.calls():
        if name == "sqlite3.connect" and call.args and isinstance(call.args[0], ast.Constant):
            in_handler = module.scope(call) is not module.tree and not module.in_activity(call)
            if call.args[0].value in (":memory:", "") and in_handler:
                yield Found(call, "after a restart the database in memory is made again, and is empty")


def _connections(module: Module) -> tuple[set[Place], set[Place]]:
    """Return the variables (``db``, ``self.db``) that hold connections, and those that commit each statement."""
    known: set[Place] = set()
    autocommit: set[Place] = set()
    makers = {}
    for function in module.walk(ast.FunctionDef):
        if isinstance(function, ast.FunctionDef) and (made := _returned(module, function)):
            makers[function.name] = made
    for node in module.nodes:
        for target, value in _bindings(node):
            place, call = _place(module, target), _call_inside(value)
            if place is None or call is None:
                continue
            made = makers.get(_path(call.func) or "", call)
            if module.resolve(made.func) in _CONNECTS:
                (autocommit if _is_autocommit(made) else known).add(place)
        if (switched := _switched(node)) and (place := _place(module, switched)):
            autocommit.add(place)
        elif isinstance(node, ast.arg) and module.resolve(node.annotation) in _CONNECTIONS:
            known.add((module.parents[module.parents[node]], node.arg))
    return known - autocommit, autocommit


def _switched(node: ast.AST) -> ast.expr | None:
    """Return the connection of ``connection.autocommit = True`` or ``connection.isolation_level = None``."""
    if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute)):
        return None
    target = node.targets[0]
    value = node.value.value if isinstance(node.value, ast.Constant) else ...
    commits = (target.attr == "autocommit" and value is True) or (target.attr == "isolation_level" and value is None)
    return target.value if commits else None


def _returned(module: Module, function: ast.FunctionDef) -> ast.Call | None:
    """Return the call that connects, of a function that returns a new connection."""
    for node in module.inside(function):
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Call):
            return node.value if module.resolve(node.value.func) in _CONNECTS else None
    return None


def _bindings(node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST | None]]:
    if isinstance(node, ast.Assign):
        yield from ((target, node.value) for target in node.targets)
    elif isinstance(node, ast.AnnAssign | ast.NamedExpr):
        yield node.target, node.value
    elif isinstance(node, ast.With | ast.AsyncWith):
        yield from ((item.optional_vars, item.context_expr) for item in node.items if item.optional_vars)


def _call_inside(node: ast.AST | None) -> ast.Call | None:
    """Return the call that gives a value, without an ``await`` or ``closing(…)`` around it."""
    if isinstance(node, ast.Await):
        node = node.value
    if not isinstance(node, ast.Call):
        return None
    if isinstance(node.func, ast.Name | ast.Attribute) and (_path(node.func) or "").endswith("closing") and node.args:
        return _call_inside(node.args[0])
    return node


def _is_autocommit(connect: ast.Call) -> bool:
    return any(
        isinstance(keyword.value, ast.Constant)
        and ((keyword.arg == "autocommit" and keyword.value.value is True)
             or (keyword.arg == "isolation_level" and keyword.value.value is None))
        for keyword in connect.keywords
    )  # fmt: skip


def _cursors(module: Module, nodes: list[ast.AST]) -> dict[Place, Place]:
    """Return the connections of cursors."""
    found: dict[Place, Place] = {}
    for node in nodes:
        for target, value in _bindings(node):
            call, place = _call_inside(value), _place(module, target)
            if call is not None and place and isinstance(call.func, ast.Attribute) and call.func.attr == "cursor":
                connection = _place(module, call.func.value)
                if connection is not None:
                    found[place] = connection
    return found


def _owner(module: Module, node: ast.AST, cursors: dict[Place, Place]) -> Place | None:
    """Return the connection that a statement goes to."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "cursor":
        node = node.func.value
    place = _place(module, node)
    return None if place is None else cursors.get(place, place)


def _statement(call: ast.Call) -> str | None:
    """Return the beginning of a statement that changes something."""
    text: ast.AST | None = call.args[0] if call.args else None
    if isinstance(text, ast.JoinedStr):
        text = text.values[0] if text.values else None
    if not (isinstance(text, ast.Constant) and isinstance(text.value, str) and _WRITES.match(text.value)):
        return None
    return " ".join(text.value.split()[:3])


def _block_of(module: Module, call: ast.Call, owner: Place) -> ast.AST | None:
    """Return the ``with connection:`` that a statement stands in."""
    for node in module.above(call):
        if isinstance(node, ast.With | ast.AsyncWith):
            for item in node.items:
                if _place(module, item.context_expr) == owner:
                    return node
    return None


def _methods(nodes: list[ast.AST], *names: str) -> Iterator[tuple[ast.Call, ast.expr]]:
    """Yield the calls of methods of these names, and what they are methods of."""
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in names:
            yield node, node.func.value


def _place(module: Module, node: ast.AST | None) -> Place | None:
    """Return what an expression is known by: the same path in another function is another variable."""
    path = _path(node)
    if path is None or node is None:
        return None
    root = path.partition(".")[0]
    for scope in module.scopes(node):
        owner = module.class_of(scope)
        if root == "self" and owner is not None:
            return (owner, path)
        if module.binds(scope, root):
            return (scope, path)
    return None


def _path(node: ast.AST | None) -> str | None:
    """Return ``self.db`` of the expression ``self.db``."""
    if isinstance(node, ast.Name):
        return node.id
    owner = _path(node.value) if isinstance(node, ast.Attribute) else None
    return f"{owner}.{node.attr}" if owner and isinstance(node, ast.Attribute) else None


RULES = (
    Rule("open-transaction", "put all from the first statement to the commit into one @activity", transactions),
    Rule(
        "memory-database",
        "make, fill and read it in one @activity, or keep it in a file",
        memory_databases,
    ),
)
