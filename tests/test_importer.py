"""Loading user code: what is rewritten, what is left alone, and the cache."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from ninelives.code.importer import RewriteCache, UserCode, user_builtins
from ninelives.code.rewrite import HOOKS


@pytest.fixture
def seen(tmp_path):
    """What passed the guards of user code in this test's folder, which is installed meanwhile."""
    called: list[object] = []

    def passes(operand: object = None) -> object:
        called.append(operand)
        return operand

    code = UserCode(tmp_path, user_builtins(dict.fromkeys(HOOKS, passes)))
    code.install()
    yield called
    code.uninstall()


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_only_user_code_is_rewritten(tmp_path, seen) -> None:
    write(tmp_path / "nl_app.py", "import json\nLOADED = json.loads('1')\n")
    assert importlib.import_module("nl_app").LOADED == 1
    assert seen == [importlib.import_module("json").loads]


def test_installed_packages_below_the_code_are_not_user_code(tmp_path, monkeypatch, seen) -> None:
    packages = tmp_path / ".venv" / "lib" / "site-packages"
    write(packages / "nl_foreign.py", "VALUE = len('abc')\n")
    monkeypatch.syspath_prepend(packages)
    assert importlib.import_module("nl_foreign").VALUE == 3
    assert seen == []


def test_namespace_packages_and_relative_imports(tmp_path, seen) -> None:
    write(tmp_path / "nl_space" / "inner" / "one.py", "from .two import double\nVALUE = double(4)\n")
    write(tmp_path / "nl_space" / "inner" / "two.py", "def double(n):\n    return n * 2\n")
    assert importlib.import_module("nl_space.inner.one").VALUE == 8
    assert len(seen) == 1


def test_circular_imports(tmp_path, seen) -> None:
    write(tmp_path / "nl_ping.py", "import nl_pong\ndef name():\n    return 'ping'\n")
    write(tmp_path / "nl_pong.py", "import nl_ping\ndef other():\n    return nl_ping.name()\n")
    assert importlib.import_module("nl_ping").nl_pong.other() == "ping"


def test_uninstalled_code_is_gone(tmp_path) -> None:
    write(tmp_path / "nl_gone.py", "")
    code = UserCode(tmp_path, user_builtins({}))
    code.install()
    importlib.import_module("nl_gone")
    code.uninstall()
    assert "nl_gone" not in sys.modules
    assert str(tmp_path) not in sys.path


def test_two_sessions_one_after_the_other_load_their_own_modules(tmp_path) -> None:
    for number in (1, 2):
        folder = tmp_path / str(number)
        write(folder / "nl_same.py", f"VALUE = {number}\n")
        code = UserCode(folder, user_builtins({}))
        code.install()
        try:
            assert number == importlib.import_module("nl_same").VALUE
        finally:
            code.uninstall()


def test_the_cache_is_keyed_by_content_and_path(tmp_path) -> None:
    cache = RewriteCache(tmp_path / "cache")
    first = cache.compile(b"a = 1\n", "one.py")
    assert cache.compile(b"a = 1\n", "one.py") == first
    assert len(list((tmp_path / "cache").iterdir())) == 1
    cache.compile(b"a = 2\n", "one.py")
    assert cache.compile(b"a = 1\n", "two.py").co_filename == "two.py"
    assert len(list((tmp_path / "cache").iterdir())) == 3


def test_the_cache_is_keyed_by_the_rewriter(tmp_path, monkeypatch) -> None:
    cache = RewriteCache(tmp_path / "cache")
    cache.compile(b"a = 1\n", "one.py")
    newer = RewriteCache(tmp_path / "cache")
    newer._version = b"another version"
    newer.compile(b"a = 1\n", "one.py")
    assert len(list((tmp_path / "cache").iterdir())) == 2


@pytest.mark.parametrize("damage", [b"", b"garbage", b"\xe3\x00\x00"])
def test_a_damaged_entry_is_made_again(tmp_path, damage) -> None:
    cache = RewriteCache(tmp_path / "cache")
    code = cache.compile(b"a = 1\n", "one.py")
    (entry,) = (tmp_path / "cache").iterdir()
    entry.write_bytes(damage)
    assert RewriteCache(tmp_path / "cache").compile(b"a = 1\n", "one.py") == code
    assert entry.read_bytes() != damage


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    assert RewriteCache(tmp_path / "cache" / "below").compile(b"a = 1\n", "one.py").co_filename == "one.py"
