"""Runs the process under a given hash seed, so that sets iterate in the same order whenever a session is replayed.

Python takes its seed from the environment when it starts, so another seed means: start again. That costs a bare
interpreter when it is done before anything is imported, which is why the installation's seed is kept in a file
beside the store, and why this file imports next to nothing.
"""

from __future__ import annotations

import os
import sys

VARIABLE = "PYTHONHASHSEED"

#: Set for the process that is started again: it was meant to have this seed, whatever the cache says.
_STARTED_AGAIN = "NINELIVES_HASH_SEED"

#: Taken out of the environment at once, so that no program started from here inherits it.
_meant = os.environ.pop(_STARTED_AGAIN, None)


def current() -> int | None:
    """Return the seed that this process runs under; None: a random one."""
    value = "" if sys.flags.ignore_environment else os.environ.get(VARIABLE, "")
    return int(value) if value.isdecimal() else None


def settle_early(home: str) -> None:
    """Start again under the installation's seed, if it is known without opening the store.

    Args:
        home: the store's folder.
    """
    if _meant is not None:
        return
    try:
        with open(_cache(home), encoding="ascii") as file:
            seed = int(file.read(16))
    except (OSError, ValueError):
        return  # never run before, or damaged: `settle` comes later and writes it anew
    settle(seed)


def settle(seed: int) -> None:
    """Start this process again if it does not run under ``seed``; what was opened before must be closed.

    Args:
        seed: a value of ``PYTHONHASHSEED``, 0 to 2**32 - 1.

    Raises:
        UsageError: Python was started so that it ignores the seed.
    """
    if current() == seed:
        return
    if sys.flags.ignore_environment or _meant == str(seed):
        from ninelives.errors import UsageError

        raise UsageError("Python was started with -E or -I and ignores PYTHONHASHSEED: start it without")
    sys.stdout.flush()
    sys.stderr.flush()
    environment = {**os.environ, VARIABLE: str(seed), _STARTED_AGAIN: str(seed)}
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)


def remember(home: str, seed: int) -> None:
    """Keep the installation's seed where :func:`settle_early` finds it.

    Args:
        home: the store's folder.
        seed: what the store says.
    """
    path = _cache(home)
    try:
        with open(path, encoding="ascii") as file:
            if file.read(16) == str(seed):
                return
    except OSError:
        pass  # not there yet
    partial = f"{path}.{os.getpid()}"
    try:
        # The database may be elsewhere, so that nothing else has made the folder.
        os.makedirs(home, 0o700, exist_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(str(seed))
        os.replace(partial, path)
    except OSError:
        # Only a start a little slower: a folder that can't be written is reported by the store.
        return


def _cache(home: str) -> str:
    return os.path.join(home, "hash_seed")
