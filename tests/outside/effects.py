"""The outside of the test programs: what it does can be seen in a file, so doing a thing twice is noticed."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any


def append(text: str) -> int:
    """Append a line to the effects file; returns its length."""
    with open(os.environ["EFFECTS"], "a") as file:
        file.write(f"{text}\n")
    return len(text)


def lines() -> list[str]:
    """Return the lines of the effects file: what an outside service would answer."""
    try:
        with open(os.environ["EFFECTS"]) as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []


def give(value: Any) -> Any:
    """Return a value as it is."""
    return value


def fail(error: BaseException) -> None:
    """Raise an error."""
    raise error


def fail_until(name: str, succeeds_at: int) -> int:
    """Fail until it is called the ``succeeds_at``-th time, by its own count in the effects file."""
    append(name)
    calls = lines().count(name)
    if calls < succeeds_at:
        raise ConnectionError(f"{name}: call {calls} fails")
    return calls


def change(items: Any) -> None:
    """Change what it is given."""
    if isinstance(items, list):
        items.append("changed")
    elif isinstance(items, dict):
        items["changed"] = True
    elif isinstance(items, set):
        items.add("changed")
    elif isinstance(items, bytearray):
        items.extend(b"changed")
    else:
        items.changed = True


def call(function: Any, *args: Any) -> Any:
    """Call back."""
    return function(*args)


def count(n: int) -> Iterator[int]:
    """Yield numbers, each with an effect."""
    for number in range(n):
        append(f"item {number}")
        yield number


class Client:
    """A client that can't be saved; making one has an effect, so that making it again is seen."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lock = threading.Lock()

    def send(self, text: str) -> str:
        """Send a text."""
        append(f"{self.name}: {text}")
        return text.upper()


class Counter:
    """An outside object that can be saved, and changes."""

    def __init__(self) -> None:
        self.total = 0

    def add(self, n: int) -> int:
        """Add to the total."""
        append(f"add {n}")
        self.total += n
        return self.total


class Base:
    """An outside class for user classes to inherit from."""

    def record(self, text: str) -> int:
        """Have an effect."""
        return append(f"{type(self).__name__}: {text}")


class ApiError(Exception):
    """An error that pickles but does not unpickle."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.body = body


def reject(status: int, body: str) -> None:
    """Raise an `ApiError`."""
    append(f"reject {status}")
    raise ApiError(status, body)
