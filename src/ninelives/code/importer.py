"""Loads user code through Python's own import system: only files under the code directory are rewritten.

A path hook gives ``PathFinder`` our loader for folders of user code, so packages, namespace packages, relative
and circular imports are Python's business. This file knows imports and nothing of syntax trees.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.machinery
import importlib.util
import marshal
import os
import sys
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ninelives.code import names, rewrite

if TYPE_CHECKING:
    from importlib.abc import PathEntryFinder

#: Folders that hold other people's packages, wherever they are.
_PACKAGES = frozenset({"site-packages", "dist-packages", "node_modules", "__pycache__"})


class UserCode:
    """The user's modules of one session, from :meth:`install` to :meth:`uninstall`.

    One process has at most one installed at a time, since ``sys.modules`` is one.

    Args:
        root: the code directory.
        builtins: what user modules find as their builtins; the guards are among them.
        cache: folder of rewritten code; None keeps none.
    """

    def __init__(self, root: Path, builtins: dict[str, Any], cache: Path | None = None) -> None:
        self.root = root.resolve()
        self.builtins = builtins
        self.cache = RewriteCache(cache)
        #: how many of its modules are being loaded right now
        self.loading = 0
        #: how many times one was that none of them has imported
        self.loads = 0
        self._prefix = os.path.join(str(self.root), "")
        self._outside = tuple(os.path.join(str(path), "") for path in _foreign_folders(self.root))
        self._hook = self._find

    @contextmanager
    def at_module_level(self) -> Iterator[None]:
        """Let what is called meanwhile be direct, as it is while a module is being loaded."""
        self.loads += not self.loading
        self.loading += 1
        try:
            yield
        finally:
            self.loading -= 1

    def install(self) -> None:
        """Let imports find the user's modules, before all others."""
        self._forget_finders()
        sys.path_hooks.insert(0, self._hook)
        sys.path.insert(0, str(self.root))

    def uninstall(self) -> None:
        """Take the user's modules out of this process's imports."""
        sys.path_hooks.remove(self._hook)
        sys.path.remove(str(self.root))
        self._forget_finders()
        for name, module in sys.modules.copy().items():
            if getattr(module, "__dict__", {}).get("__builtins__") is self.builtins:
                del sys.modules[name]

    def owns(self, path: str) -> bool:
        """Return whether ``path`` is user code: under the code directory, and not an installed package."""
        path = os.path.join(path, "")
        if not path.startswith(self._prefix) or path.startswith(self._outside):
            return False
        parts = path[len(self._prefix) : -1].split(os.sep)
        return not any(part in _PACKAGES or (part.startswith(".") and len(part) > 1) for part in parts)

    def owns_file(self, path: str) -> bool:
        """Return whether a file is user code."""
        return self.owns(os.path.dirname(path))

    def has_module(self, name: str) -> bool:
        """Return whether the top-level package of a module is the user's own."""
        top = self.root / name.partition(".")[0]
        return top.is_dir() or top.with_suffix(".py").is_file()

    def relative(self, path: str) -> str:
        """Return a file of user code relative to the code directory; other paths as they are."""
        return path[len(self._prefix) :] if path.startswith(self._prefix) else path

    def _find(self, path: str) -> PathEntryFinder:
        if not self.owns(path):
            raise ImportError(path=path)
        user = self

        class Loader(_UserLoader):
            code = user

        extensions = importlib.machinery.EXTENSION_SUFFIXES
        return importlib.machinery.FileFinder(
            path, (importlib.machinery.ExtensionFileLoader, extensions), (Loader, importlib.machinery.SOURCE_SUFFIXES)
        )

    def _forget_finders(self) -> None:
        for path in list(sys.path_importer_cache):
            if os.path.join(path, "").startswith(self._prefix):
                del sys.path_importer_cache[path]


class _UserLoader(importlib.machinery.SourceFileLoader):
    """Compiles a user's file with the guards in it, and runs it over the session's builtins."""

    code: UserCode

    def get_code(self, fullname: str) -> types.CodeType:
        path = self.get_filename(fullname)
        return self.code.cache.compile(self.get_data(path), path)

    def exec_module(self, module: types.ModuleType) -> None:
        module.__dict__["__builtins__"] = self.code.builtins
        with self.code.at_module_level():
            super().exec_module(module)


class RewriteCache:
    """Rewritten code on disk, keyed by content, path, Python and the rewriter itself."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._version = b""

    def compile(self, source: bytes, path: str) -> types.CodeType:
        """Return the guarded code of a user's file.

        Raises:
            SyntaxError: the source is not valid Python.
        """
        if self.folder is None:
            return _compile(source, path)
        file = self.folder / (self._key(source, path) + ".bin")
        try:
            return marshal.loads(file.read_bytes())  # type: ignore[no-any-return]
        except FileNotFoundError:
            pass
        except (ValueError, EOFError, TypeError, OSError):
            # A damaged or unreadable entry is no reason not to run: compile it again below.
            pass
        code = _compile(source, path)
        self._save(file, code)
        return code

    def _key(self, source: bytes, path: str) -> str:
        if not self._version:
            own = Path(rewrite.__file__).read_bytes() + Path(names.__file__).read_bytes()
            self._version = hashlib.sha256(own + importlib.util.MAGIC_NUMBER).digest()
        return hashlib.sha256(b"\0".join((self._version, os.fsencode(path), source))).hexdigest()

    def _save(self, file: Path, code: types.CodeType) -> None:
        partial = file.with_suffix(f".{os.getpid()}")
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            partial.touch(mode=0o600)
            partial.write_bytes(marshal.dumps(code))
            partial.replace(file)
        except OSError:
            # The cache is a convenience: a full or read-only disk shows where it matters, in the store.
            with suppress(OSError):
                partial.unlink()


def _compile(source: bytes, path: str) -> types.CodeType:
    code: types.CodeType = compile(rewrite.rewrite_source(source, path), path, "exec", dont_inherit=True)
    # As it comes out of the cache, the first time too: a set of constants may iterate in another order after that.
    result: types.CodeType = marshal.loads(marshal.dumps(code))
    return result


def _foreign_folders(root: Path) -> list[Path]:
    """Return the folders under ``root`` that hold Python itself, an environment, or this package."""
    return [folder for folder in _installed() if root in folder.parents]


@functools.cache
def _installed() -> list[Path]:
    folders = [Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parent.parent]
    return [folder.resolve() for folder in folders]


def user_builtins(hooks: Mapping[str, Any]) -> dict[str, Any]:
    """Return a module's builtins with the guards added: a dict of its own, so nothing global is patched."""
    import builtins

    return {**vars(builtins), **hooks}
