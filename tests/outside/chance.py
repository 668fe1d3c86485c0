"""An outside that answers and fails as if by chance, and always the same for the same question, so that runs can be compared.

What concurrent calls do can't be told apart by place in the effects file, so each call also writes down its idempotency key,
attempt and process.
"""

from __future__ import annotations

import asyncio
import os
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import effects

import ninelives


class Refused(Exception):
    """An error that pickles but does not unpickle."""

    def __init__(self, name: str, *, code: int) -> None:
        super().__init__(f"{name} refused")
        self.code = code


#: What a call that fails raises.
ERRORS = (ConnectionError, KeyError, TimeoutError, Refused)


def dice(*parts: Any) -> int:
    """Return a number that depends on the arguments only."""
    return zlib.crc32(repr(parts).encode())


def begin(text: str) -> None:
    """Have the effect of a call."""
    effects.append(text)
    with open(f"{os.environ['EFFECTS']}.keys", "a") as file:
        file.write(f"{ninelives.idempotency_key()} {ninelives.attempt()} {os.getpid()}\n")


def answer(name: str, n: int = 0) -> int:
    """Return a number from 0 to 9."""
    begin(f"answer {name} {n}")
    return dice(name, n) % 10


def word(n: int) -> str:
    """Return a text."""
    begin(f"word {n}")
    return "".join("aé\n b"[dice(n, at) % 5] for at in range(dice(n) % 6))


def numbers(n: int) -> list[int]:
    """Return a list of numbers."""
    begin(f"numbers {n}")
    return [dice(n, at) % 10 for at in range(dice(n) % 4)]


def table(n: int) -> dict[str, Any]:
    """Return a dict with a list, which is also in it a second time."""
    begin(f"table {n}")
    inner = [dice(n) % 10]
    return {"a": dice(n, "a") % 10, "items": inner, "again": inner}


def shaky(name: str, n: int) -> int:
    """Return a number, or fail."""
    begin(f"shaky {name} {n}")
    return _or_fail(name, n)


def change(target: Any, n: int) -> int:
    """Change what it is given, and sometimes fail after that."""
    begin(f"change {n}")
    if isinstance(target, list):
        target.append(n)
        if dice(n) % 3 == 0:
            del target[0]
    elif isinstance(target, dict):
        target[f"k{n % 3}"] = n
    elif isinstance(target, set):
        target ^= {n % 4}
    elif isinstance(target, bytearray):
        target.extend(b"%d" % n)
    else:
        target.n = n
    return _or_fail("change", n) if n % 4 == 3 else n


def each(function: Any, items: Any) -> list[Any]:
    """Call back with each item."""
    begin("each")
    return [function(item) for item in items]


def count(n: int, fails_at: int = -1) -> Iterator[int]:
    """Yield numbers, and fail half-way if asked to."""
    for at in range(n):
        if at == fails_at:
            raise ConnectionError(f"item {at}")
        effects.append(f"item {at}")
        yield at


async def reply(name: str, n: int = 0) -> int:
    """Return a number from 0 to 9, after a while that is another one each time."""
    await _jitter()
    begin(f"reply {name} {n}")
    return dice(name, n) % 10


async def shaky_reply(name: str, n: int) -> int:
    """Return a number, or fail, after a while that is another one each time."""
    await _jitter()
    begin(f"shaky {name} {n}")
    return _or_fail(name, n)


async def stream(name: str, n: int) -> AsyncIterator[int]:
    """Yield numbers, each after a while."""
    for at in range(n):
        await _jitter()
        effects.append(f"streamed {name} {at}")
        yield at


def work(name: str, n: int = 0) -> int:
    """Return a number from 0 to 9, after a while, as `reply` for threads."""
    time.sleep(os.urandom(1)[0] / 256_000)
    begin(f"work {name} {n}")
    return dice(name, n) % 10


def shaky_work(name: str, n: int) -> int:
    """Return a number, or fail, after a while."""
    time.sleep(os.urandom(1)[0] / 256_000)
    begin(f"shaky {name} {n}")
    return _or_fail(name, n)


async def _jitter() -> None:
    drawn = os.urandom(1)[0]
    # Many answers at once race as well as late ones.
    await asyncio.sleep(0 if drawn < 64 else drawn / 256_000)


def _or_fail(name: str, n: int) -> int:
    drawn = dice("fails", name, n)
    if drawn % 3 == 0:
        error = ERRORS[drawn // 3 % len(ERRORS)]
        raise error(name, code=n) if error is Refused else error(f"{name} {n}")
    return drawn % 10
