"""Which modules a program imports, by reading it: nothing is imported or run."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from ninelives.code.exports import user_files

#: Files that are looked at: in a larger program the rest imports what these do, or is imported late.
_MOST = 200


def imports(code_dir: Path) -> list[str]:
    """Return the modules of others that a program imports anywhere, sorted; files that are no Python count for nothing.

    Args:
        code_dir: the code directory.
    """
    files = islice(user_files(code_dir), _MOST)
    own = {path.name for path in code_dir.iterdir() if path.is_dir()} | {path.stem for path in code_dir.glob("*.py")}
    found: set[str] = set()
    for file in files:
        try:
            with warnings.catch_warnings(action="ignore"):
                tree = ast.parse(file.read_bytes())
        except (OSError, SyntaxError, ValueError):
            continue
        found.update(_imported(tree))
    return sorted(name for name in found if name.partition(".")[0] not in own)


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
