"""Waits that never let go, and what is half read during a long one."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ninelives.code.check.finding import Found, Rule
from ninelives.code.check.source import Module, is_sleep

#: Methods that only ask; a loop around one of them waits for somebody else.
_ASKS = frozenset({"done", "empty", "is_alive", "is_set", "locked"})

_CLOCKS = frozenset(
    {"time.time", "time.monotonic", "time.perf_counter", "datetime.datetime.now", "datetime.datetime.utcnow"}
    | {"time.time_ns", "time.monotonic_ns", "time.perf_counter_ns"}
)


def busy_loops(module: Module) -> Iterator[Found]:
    """Find loops that do nothing until something changes."""
    for node in module.walk(ast.While):
        if isinstance(node, ast.While) and all(map(_is_nothing, node.body)) and _only_asks(module, node.test):
            yield Found(node, "a loop that never waits holds up the whole session, and what it waits for can't come")


def sleeps_in_async(module: Module) -> Iterator[Found]:
    """Find sleeps that hold up all tasks."""
    for call, name in module.calls():
        in_task = isinstance(module.scope(call), ast.AsyncFunctionDef) and not module.in_activity(call)
        if name == "time.sleep" and in_task:
            yield Found(call, "time.sleep in an async function holds up all other tasks")


def half_read(module: Module) -> Iterator[Found]:
    """Find loops over a cursor that sleep between two rows: the likeliest place for a restart."""
    for node in module.walk(ast.For):
        if not isinstance(node, ast.For) or module.in_activity(node.iter):
            continue
        sleeps = any(
            isinstance(inner, ast.Call) and is_sleep(module.resolve(inner.func))
            for statement in node.body
            for inner in ast.walk(statement)
        )
        if sleeps and (what := _read_in_parts(module, node.iter)):
            yield Found(node.iter, f"{what} is half read while the loop sleeps: a restart then stops the session")


def _is_nothing(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Pass | ast.Continue)


def _only_asks(module: Module, test: ast.expr) -> bool:
    """Return whether a condition has no effect that could end the loop, and can change at all."""
    if isinstance(test, ast.Constant):
        return bool(test.value)
    for node in ast.walk(test):
        if isinstance(node, ast.Await | ast.NamedExpr | ast.Yield):
            return False
        if isinstance(node, ast.Call):
            asks = isinstance(node.func, ast.Attribute) and node.func.attr in _ASKS and not node.args
            if not asks and module.resolve(node.func) not in _CLOCKS:
                return False
    return True


def _read_in_parts(module: Module, iterable: ast.AST) -> str | None:
    if isinstance(iterable, ast.Call):
        if isinstance(iterable.func, ast.Attribute) and iterable.func.attr == "execute":
            return "the cursor"
        return "os.scandir" if module.resolve(iterable.func) == "os.scandir" else None
    if isinstance(iterable, ast.Name):
        for node in module.inside(module.scope(iterable)):
            target = node.targets[0] if isinstance(node, ast.Assign) else None
            if isinstance(target, ast.Name) and target.id == iterable.id and isinstance(node, ast.Assign):
                value = node.value
                if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
                    return "the cursor" if value.func.attr in ("cursor", "execute") else None
    return None


RULES = (
    Rule("busy-loop", "wait with an Event, a Condition or a Queue, or sleep in the loop", busy_loops),
    Rule("sleep-in-async", "await asyncio.sleep(…)", sleeps_in_async),
    Rule("half-read", "loop over list(…)", half_read),
)
