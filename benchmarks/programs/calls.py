"""Loops of one call each, as a user writes them; the same file runs rewritten and plain."""

import html
import math
import os.path
import re
from collections.abc import Callable
from typing import Any

import stopwatch

from ninelives import register_no_activity


def function(x: int) -> int:
    return x


class Thing:
    def __init__(self, x: int) -> None:
        self.x = x

    def method(self, x: int) -> int:
        return x


THING = Thing(1)
TEXT = "text"
WORDS: dict[str, int] = {"text": 1}
ITEMS = [2, 1]
PATTERN = re.compile("t")


def call_function(n: int) -> None:
    for _ in range(n):
        function(1)


def call_method(n: int) -> None:
    for _ in range(n):
        THING.method(1)


def call_class(n: int) -> None:
    for _ in range(n):
        Thing(1)


def call_len(n: int) -> None:
    for _ in range(n):
        len(TEXT)


def call_sqrt(n: int) -> None:
    for _ in range(n):
        math.sqrt(2.0)


def call_upper(n: int) -> None:
    for _ in range(n):
        TEXT.upper()


def call_get(n: int) -> None:
    for _ in range(n):
        WORDS.get("text")


def call_match(n: int) -> None:
    for _ in range(n):
        PATTERN.match(TEXT)


def call_join(n: int) -> None:
    for _ in range(n):
        os.path.join("a", "b")


def call_escape(n: int) -> None:
    for _ in range(n):
        html.escape("a")


def call_str(n: int) -> None:
    for _ in range(n):
        str(1)


def call_sorted(n: int) -> None:
    for _ in range(n):
        sorted(ITEMS)


def call_list(n: int) -> None:
    for _ in range(n):
        list(ITEMS)


def read_attribute(n: int) -> None:
    for _ in range(n):
        _ = THING.x


def read_item(n: int) -> None:
    for _ in range(n):
        _ = ITEMS[0]


LOOPS: dict[str, Callable[[int], None]] = {
    "function": call_function,
    "method": call_method,
    "class": call_class,
    "len": call_len,
    "math.sqrt": call_sqrt,
    "str.upper": call_upper,
    "dict.get": call_get,
    "re.Pattern.match": call_match,
    "os.path.join": call_join,
    "html.escape": call_escape,
    "str": call_str,
    "sorted": call_sorted,
    "list": call_list,
    "attribute": read_attribute,
    "item": read_item,
}


def main(event: Any) -> None:
    register_no_activity([stopwatch.compare])
    stopwatch.compare(LOOPS)
