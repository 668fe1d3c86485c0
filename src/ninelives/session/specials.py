"""The callables with a rule of their own, and random numbers."""

from __future__ import annotations
import __future__

import ast
import builtins
import copy
import inspect
import os
import random
import sys
import uuid
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from ninelives.code.rewrite import rewrite_source, rewrite_tree
from ninelives.code.rules import Kind
from ninelives.errors import StoppedError
from ninelives.session import functions
from ninelives.session.lanes import Lane
from ninelives.session.options import DEFAULT
from ninelives.session.output import SessionStream
from ninelives.session.stop import Halt

if TYPE_CHECKING:
    from ninelives.session.session import Session

_FUTURES = 0
for _name in __future__.all_feature_names:
    _FUTURES |= getattr(__future__, _name).compiler_flag


class Specials:
    """What is called in place of such a callable, in one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._source: dict[str, Callable[..., Any]] = {
            "builtins.exec": self.exec,
            "builtins.eval": self.eval,
            "builtins.compile": self.compile,
            "importlib.import_module": session.import_module,
        }
        self._async: dict[str, Callable[..., Any]] | None = None

    def outside_of_lanes(self, name: str, f: Any) -> Any:
        """Return what is called in place of ``f`` where calls are direct: source is rewritten there too."""
        return self._source.get(name, f)

    def callable_for(self, lane: Lane, kind: Kind, name: str, f: Any) -> Any:
        """Return what is called in place of ``f`` on a lane."""
        if kind is Kind.CLOCK or kind is Kind.ENTROPY:
            return partial(self._session.readings.read, lane, name, f)
        if kind is Kind.RANDOM:
            return self._random(lane, name, f)
        if kind is Kind.SESSION:
            return self._session_function(name, f)
        if kind is Kind.THREAD:
            return f if self._session.loading else self._thread(name)
        if name in self._source:
            return self._source[name]
        if name in ("builtins.print", "builtins.input", "io.open", "io.open_code", "pathlib.Path.open"):
            return self._files(lane, name, f)
        if name in ("builtins.breakpoint", "sys.breakpointhook", "pdb.set_trace"):
            return partial(_debug, f)
        if name == "importlib.import_module":
            return self._session.import_module
        if name.startswith(("asyncio.", "anyio.", "uvloop.")):
            return self._asyncio(name, f)
        return f

    def _asyncio(self, name: str, f: Any) -> Any:
        if self._async is None:
            from ninelives.session.asyncfunctions import functions as async_functions

            self._async = async_functions(self._session)
        return self._async.get(name, f)

    # Random numbers.

    def _random(self, lane: Lane, name: str, f: Any) -> Any:
        loading = self._session.loading
        fresh = self._session.module_level.random() if loading else lane.fresh
        if isinstance(f, type) and issubclass(f, random.Random):
            own = issubclass(f, random.SystemRandom) or f.__init__ is not random.Random.__init__
            return f if own else partial(_seeded, fresh, f)
        if name in ("random.Random.seed", "random.Random.__init__", "numpy.random.default_rng"):
            return partial(_seeded, fresh, f)
        if name == "random.seed":
            return partial(_reseed, lane, fresh)
        if name.startswith("random."):
            lane.seeded = lane.seeded or name == "random.setstate"
            generator = fresh if loading and not lane.seeded else lane.random
            return getattr(generator, name.removeprefix("random."), f)
        if name == "uuid.uuid4":
            return lambda: uuid.UUID(int=fresh.getrandbits(128), version=4)
        return partial(self._session.readings.read, lane, name, f)

    # Source given to exec, eval and compile.

    def exec(self, source: Any, globals: Any = None, locals: Any = None, /, **kwargs: Any) -> None:
        """Do what ``exec`` does, with guards in the source."""
        frame = sys._getframe(1)
        scope = self._scope(frame, globals, locals)
        builtins.exec(self._code(source, "<string>", "exec", frame), *scope, **kwargs)

    def eval(self, source: Any, globals: Any = None, locals: Any = None, /) -> Any:
        """Do what ``eval`` does, with guards in the source."""
        frame = sys._getframe(1)
        source = source.lstrip(" \t") if isinstance(source, str) else source
        return builtins.eval(self._code(source, "<string>", "eval", frame), *self._scope(frame, globals, locals))

    def compile(
        self,
        source: Any,
        filename: Any,
        mode: str,
        flags: int = 0,
        dont_inherit: bool = False,
        optimize: int = -1,
        **kwargs: Any,
    ) -> Any:
        """Do what ``compile`` does, with guards in the source."""
        if flags & ast.PyCF_ONLY_AST:
            return builtins.compile(source, filename, mode, flags, True, optimize, **kwargs)
        if not dont_inherit:
            flags |= sys._getframe(1).f_code.co_flags & _FUTURES
        return builtins.compile(
            self._tree(source, os.fsdecode(filename), mode, flags), filename, mode, flags, True, optimize, **kwargs
        )

    def _code(self, source: Any, filename: str, mode: str, frame: Any) -> Any:
        if not isinstance(source, str | bytes | bytearray | memoryview):
            return source
        flags = frame.f_code.co_flags & _FUTURES
        return builtins.compile(self._tree(source, filename, mode, flags), filename, mode, flags, True)

    def _tree(self, source: Any, filename: str, mode: str, flags: int) -> Any:
        if isinstance(source, ast.AST):
            return rewrite_tree(copy.deepcopy(source))
        text = source if isinstance(source, str) else bytes(source)
        if mode == "exec" and not flags:
            return rewrite_source(text, filename)
        return rewrite_tree(builtins.compile(text, filename, mode, flags | ast.PyCF_ONLY_AST, True))

    def _scope(self, frame: Any, scope: Any, inner: Any) -> tuple[Any, ...]:
        if scope is None:
            return frame.f_globals, _locals(frame) if inner is None else inner
        given = scope.get("__builtins__", builtins)
        if given is builtins or given is vars(builtins):
            scope["__builtins__"] = self._session.builtins
        elif isinstance(given, dict) and not given.keys() >= self._session.hooks.keys():
            # The source may have few builtins, but it needs the guards.
            scope["__builtins__"] = {**given, **self._session.hooks}
        return (scope,) if inner is None else (scope, inner)

    # The rest.

    def _files(self, lane: Lane, name: str, f: Any) -> Any:
        if name == "builtins.print":
            return partial(self._print, lane, f)
        return f if self._session.loading else partial(self._session.activities.call, lane, f, name, DEFAULT)

    def _print(self, lane: Lane, f: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Print to the session's log; printing to an outside file is an activity."""
        file = kwargs.get("file")
        if file is None or isinstance(file, SessionStream) or self._session.loading:
            return f(*args, **kwargs)
        write = getattr(file, "write", None)
        if write is None or self._session.hooks["__guard__"](write) is write:
            return f(*args, **kwargs)
        return self._session.activities.call(lane, f, "builtins.print", DEFAULT, *args, **kwargs)

    def _session_function(self, name: str, f: Any) -> Any:
        if name == "time.sleep":
            return functions.sleep
        if name == "asyncio.sleep" or self._session.loading:
            return f
        raise Halt(StoppedError(f"{name}: needs events, and this version of ninelives has none yet"))

    def _thread(self, name: str) -> Any:
        raise Halt(
            StoppedError(
                f"{name}: forks of a session, and threads that its own modules do not start, are not durable; "
                "use threading or concurrent.futures, or put what uses them into one @activity"
            )
        )


def _locals(frame: Any) -> Any:
    """Return what ``exec`` and ``eval`` take as the locals of a frame: of a function, a snapshot (PEP 667)."""
    if sys.version_info >= (3, 13) and frame.f_code.co_flags & inspect.CO_OPTIMIZED:
        return dict(frame.f_locals)
    return frame.f_locals


#: What parameters are called that take a seed.
_SEED = frozenset({"a", "seed", "x"})


def _seeded(fresh: random.Random, f: Any, /, *args: Any, **kwargs: Any) -> Any:
    """Make or seed a generator; one that would be seeded from the outside is seeded from its lane."""
    named = {name: value for name, value in kwargs.items() if name not in _SEED or value is not None}
    if (args and args[0] is not None) or any(name in _SEED for name in named):
        return f(*args, **kwargs)
    return f(fresh.getrandbits(64), *args[1:], **named)


def _reseed(lane: Lane, fresh: random.Random, a: Any = None, version: int = 2) -> None:
    """Seed the lane's generator; without a seed, from its other one: entropy from the outside would not replay."""
    lane.random.seed(fresh.getrandbits(64) if a is None else a, version)
    lane.seeded = True


def _debug(f: Any, /, *args: Any, **kwargs: Any) -> Any:
    """Stop in the debugger, at the user's line, on the terminal and not in the session's log."""
    import pdb

    if sys.breakpointhook is not sys.__breakpointhook__ or os.environ.get("PYTHONBREAKPOINT"):
        return f(*args, **kwargs)
    out = sys.stdout.terminal if isinstance(sys.stdout, SessionStream) else sys.stdout
    pdb.Pdb(stdout=out, skip=["ninelives.*", "inspect"]).set_trace(sys._getframe(1))
    return None
