"""What is about this process, which the session outlives: its end, its signals, its children, its locks."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ninelives.code.check.finding import Found, Rule
from ninelives.code.check.source import Module

_ENDS = frozenset(
    {"os._exit", "os.abort", "os.execl", "os.execle", "os.execlp", "os.execlpe", "os.execv", "os.execve", "os.execvp"}
    | {"os.execvpe"}
)
_FORKS = frozenset({"os.fork", "os.forkpty"})

#: Signal handlers that run none of the program's code.
_PLAIN = frozenset({"signal.SIG_DFL", "signal.SIG_IGN", "signal.default_int_handler"})

#: Makes what the journal can't hold and no call makes again.
_HELD = frozenset(
    {"asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell", "mmap.mmap", "multiprocessing.Process"}
    | {"subprocess.Popen", "tempfile.NamedTemporaryFile"}
)
_LOCKS = frozenset({"fcntl.flock", "fcntl.lockf", "msvcrt.locking"})


def ends(module: Module) -> Iterator[Found]:
    """Find calls that end or replace the process at once. In a forked child they are right."""
    for call, name in module.calls():
        if name in _ENDS and not _has_forked(module, call):
            yield Found(call, f"{name} ends the process behind the session's back, which is interrupted then")


def forks(module: Module) -> Iterator[Found]:
    """Find forks of the process that has the session."""
    for call, name in module.calls():
        if name in _FORKS and not module.in_activity(call):
            yield Found(call, f"{name} in a handler stops the session: two processes can't have one journal")


def handlers(module: Module) -> Iterator[Found]:
    """Find signal handlers of the program."""
    for call, name in module.calls():
        if name != "signal.signal" or len(call.args) < 2 or module.in_activity(call):
            continue
        handler = call.args[1]
        given_back = isinstance(handler, ast.Name) and _is_earlier_handler(module, handler.id)
        if not (given_back or _does_nothing(handler) or module.resolve(handler) in _PLAIN):
            yield Found(call, "a signal handler runs between any two calls, and on replay no signal comes")


def held(module: Module) -> Iterator[Found]:
    """Find processes and the like that later calls use."""
    for call, name in module.calls():
        alone = isinstance(module.parents.get(call), ast.Expr)
        outside = module.scope(call) is not module.tree and not module.in_activity(call)
        if name in _HELD and outside and not alone:
            yield Found(call, f"what {name} gives ends with the process: used after a restart, it stops the session")


def locks(module: Module) -> Iterator[Found]:
    """Find locks of the operating system that calls outside of an activity rely on."""
    for call, name in module.calls():
        if name in _LOCKS and module.scope(call) is not module.tree and not module.in_activity(call):
            yield Found(call, f"a lock of {name} ends with the process, and is not taken again after a restart")


def _has_forked(module: Module, call: ast.Call) -> bool:
    around = module.inside(module.scope(call))
    return any(isinstance(node, ast.Call) and module.resolve(node.func) in _FORKS for node in around)


def _is_earlier_handler(module: Module, name: str) -> bool:
    """Return whether a variable holds what `signal.signal` or `signal.getsignal` gave."""
    return any(
        isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and module.resolve(node.value.func) in ("signal.signal", "signal.getsignal")
        and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
        for node in module.nodes
    )


def _does_nothing(handler: ast.AST) -> bool:
    return isinstance(handler, ast.Lambda) and isinstance(handler.body, ast.Constant)


RULES = (
    Rule("ends-process", "raise SystemExit(code)", ends),
    Rule("fork", "put the fork and all that the child does into one @activity, or use subprocess.run", forks),
    Rule("signal-handler", "take Python's own handling; in an @activity, a handler may be set and put back", handlers),
    Rule("held-process", "put all calls that use it into one @activity; for a program use subprocess.run", held),
    Rule("file-lock", "take the lock, do the work and release it in one @activity", locks),
)
