"""Which packages a warm parent may import: those whose import is nothing but that. Each is tried in a child first.

One that prints, starts a thread, fails, hangs or kills its process is left to the sessions: its words belong to them, a
process with threads should not fork, and a parent that dies takes all its sessions along.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import select
import sys
import time
from contextlib import suppress

#: Seconds in which all imports have to be done.
PATIENCE = 30.0

#: What `run` says of a module.
_BEGINS = "begins "
_HARMLESS = "harmless "

#: Modules of the standard library whose import does something.
_ODD = frozenset({"antigravity", "idlelib", "this", "tkinter", "turtle", "turtledemo"})


def is_package(module: str) -> bool:
    """Return whether a module is part of Python or of an installed package; no other is imported before a fork."""
    name = module.partition(".")[0]
    if name in sys.stdlib_module_names:
        return name not in _ODD
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.origin is not None and "-packages" in spec.origin


def run(names: list[str], writing: int) -> None:
    """In a child: import modules, and say of each when it begins, and that it was harmless.

    Args:
        names: the modules.
        writing: descriptor to say it to, for `hear`.
    """
    said = os.memfd_create("said")
    for descriptor in (1, 2):
        os.dup2(said, descriptor)
    for name in names:
        threads = _threads()
        os.write(writing, f"{_BEGINS}{name}\n".encode())
        with suppress(BaseException):
            importlib.import_module(name)
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            if os.fstat(said).st_size == 0 and _threads() == threads:
                os.write(writing, f"{_HARMLESS}{name}\n".encode())
        os.ftruncate(said, 0)


def hear(reading: int, names: list[str]) -> tuple[list[str], list[str]]:
    """Return the modules that `run` found harmless, and those that it did not come to.

    Args:
        reading: the other end of its descriptor.
        names: what it was given.
    """
    heard = b""
    until = time.monotonic() + PATIENCE
    while (left := until - time.monotonic()) > 0 and select.select([reading], [], [], left)[0]:
        data = os.read(reading, 65536)
        if not data:
            break
        heard += data
    lines = heard.decode().splitlines()
    begun = sum(line.startswith(_BEGINS) for line in lines)
    return [line.removeprefix(_HARMLESS) for line in lines if line.startswith(_HARMLESS)], names[max(1, begun) :]


def _threads() -> int:
    return len(os.listdir("/proc/self/task"))
