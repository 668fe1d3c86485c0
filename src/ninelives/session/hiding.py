"""Cuts secrets out of texts, in whatever way they are written there."""

from __future__ import annotations

import binascii
import html
import json
import re
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote, quote_plus

#: Characters of a line of a secret that has several (a key, say) that make it a secret of its own.
_LINE = 6

#: Characters of a secret in another encoding that tell it from chance.
_ENCODED = 8

#: Characters of what is left of a secret where a long text was cut that tell it from chance.
_LEFT = 4

#: Texts in texts: a JSON document in a JSON document in a list that `repr` shows.
_LEVELS = 3

_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=")

#: How a rendered text goes on where it was cut: `ninelives.session.render`.
_CUT = re.compile(r"['\"]…")


def hider(secrets: Iterable[str]) -> Callable[[str], str]:
    """Return a function that cuts secrets out of a text.

    Found are a secret as it is, its lines, and how `repr`, JSON, URLs, HTML, hex and Base64 write it, also in the
    middle of a longer text, and within literals within literals. Not found are other encodings, pieces of a secret,
    and what was computed of it; and in Base64 those of less than 7 bytes.

    Args:
        secrets: the values.
    """
    plain: set[str] = set()
    encoded: set[str] = set()
    for secret in secrets:
        for part in _parts(secret):
            plain |= _written(part)
            encoded |= _base64(part)
    whole = sorted(plain, key=len, reverse=True)

    def hide(text: str) -> str:
        for secret in whole:
            if secret in text:
                text = text.replace(secret, "***")
        for secret in encoded:
            if secret in text:
                text = _without_run(text, secret)
        return _without_rests(text, whole) if whole and "…" in text else text

    return hide


def _parts(secret: str) -> Iterator[str]:
    """Yield a secret, and its lines if it has several."""
    if secret:
        yield secret
        yield from (line.strip() for line in secret.splitlines() if len(line.strip()) >= _LINE)


def _written(secret: str) -> set[str]:
    """Return the ways in which a text is written, in itself or in a text that is written that way again."""
    data = secret.encode("utf-8", "surrogateescape")
    ways = {
        secret,
        repr(data)[2:-1],
        quote(data, safe=""),
        quote(data),
        quote_plus(data),
        html.escape(secret),
    }
    if len(data) * 2 >= _ENCODED:
        ways |= {data.hex(), data.hex().upper()}
    for _ in range(_LEVELS):
        ways |= {form for way in ways for form in _literals(way)}
    return ways


def _literals(text: str) -> Iterator[str]:
    """Yield the ways in which a text is written within a literal of Python or JSON."""
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield repr(text)[1:-1]
    # As in a longer text that has quotes of both kinds.
    yield repr(f"\"'{text}")[4:-1]


def _base64(secret: str) -> set[str]:
    """Return what Base64 makes of a secret within a longer text: it depends on where in three bytes it begins."""
    found: set[str] = set()
    data = secret.encode("utf-8", "surrogateescape")
    for before in range(3):
        text = binascii.b2a_base64(bytes(before) + data, newline=False)
        # The characters at both ends have bits of what is beside the secret.
        certain = text[(before * 8 + 5) // 6 : (before + len(data)) * 8 // 6].decode()
        if len(certain) >= _ENCODED:
            found |= {certain, certain.replace("+", "-").replace("/", "_")}
    return found


def _without_run(text: str, found: str) -> str:
    """Return a text without what is encoded around a secret: its other characters depend on the secret as well."""
    at = text.find(found)
    while at >= 0:
        start, end = at, at + len(found)
        while start > 0 and text[start - 1] in _ALPHABET:
            start -= 1
        while end < len(text) and text[end] in _ALPHABET:
            end += 1
        text = f"{text[:start]}***{text[end:]}"
        at = text.find(found, start + 3)
    return text


def _without_rests(text: str, secrets: list[str]) -> str:
    """Return a text without the beginnings of secrets that are left where a long text was cut."""
    kept, at = [], 0
    for cut in _CUT.finditer(text):
        before = text[at : cut.start()]
        rest = max((_overlap(before, secret) for secret in secrets), default=0)
        kept.append(before[: len(before) - rest] + "***" if rest >= _LEFT else before)
        at = cut.start()
    return "".join(kept) + text[at:]


def _overlap(text: str, secret: str) -> int:
    """Return how many characters at the end of a text begin a secret."""
    start = text.find(secret[:_LEFT], max(0, len(text) - len(secret)))
    while start >= 0 and not secret.startswith(text[start:]):
        start = text.find(secret[:_LEFT], start + 1)
    return len(text) - start if start >= 0 else 0
