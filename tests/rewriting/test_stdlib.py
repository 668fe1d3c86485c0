"""The standard library's own sources: every file rewrites and compiles, and its functions are the functions they were."""

from __future__ import annotations

import ast
import inspect
import sys
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import pytest
from sampling import sampled

from ninelives.code.rewrite import HOOKS, rewrite_source

LIBRARY = Path(sysconfig.get_path("stdlib"))
FILES = sorted(
    str(file.relative_to(LIBRARY))
    for file in LIBRARY.rglob("*.py")
    if "site-packages" not in file.relative_to(LIBRARY).parts
)

#: Code of a function whose first constant is its docstring; before 3.13 every function has that slot.
HAS_DOCSTRING = 0x4000000


@pytest.mark.parametrize("name", sampled(FILES, every=12, quick=20))
def test_functions_stay_what_they_are(name: str) -> None:
    source = (LIBRARY / name).read_bytes()
    with warnings.catch_warnings():
        # Old escapes and the like, in files that are not ours.
        warnings.simplefilter("ignore")
        try:
            plain_tree = ast.parse(source, name)
            plain = compile(source, name, "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            with pytest.raises(type(error)):
                compile(rewrite_source(source, name), name, "exec", dont_inherit=True)
            return
        tree = rewrite_source(source, name)
        rewritten = compile(tree, name, "exec", dont_inherit=True)

    assert [described(code) for code in all_code(rewritten)] == [described(code) for code in all_code(plain)]
    assert list(docstrings(tree)) == list(docstrings(plain_tree))
    for after, before in zip(all_code(rewritten), all_code(plain), strict=True):
        assert set(after.co_names) - set(HOOKS) == set(before.co_names)
        assert lines(after) == lines(before), before.co_qualname


def test_the_library_is_there() -> None:
    assert len(FILES) > 500


def all_code(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from all_code(constant)


def described(code: CodeType) -> dict[str, object]:
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    return {
        "name": code.co_name,
        "qualname": code.co_qualname,
        "counts": (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount),
        "arguments": code.co_varnames[:count],
        "closure": (code.co_freevars, code.co_cellvars),
        "flags": code.co_flags,
        "line": code.co_firstlineno,
        "docstring": docstring(code),
    }


def docstring(code: CodeType) -> str | None:
    if not code.co_flags & inspect.CO_OPTIMIZED or code.co_name.startswith("<"):
        return None
    if sys.version_info >= (3, 13) and not code.co_flags & HAS_DOCSTRING:
        return None
    first = code.co_consts[0] if code.co_consts else None
    return first if isinstance(first, str) else None


def docstrings(tree: ast.Module) -> Iterator[tuple[str, str | None]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, ast.get_docstring(node, clean=False)
        elif isinstance(node, ast.Module):
            yield "", ast.get_docstring(node, clean=False)


def lines(code: CodeType) -> set[int | None]:
    return {line for _, _, line in code.co_lines()}
