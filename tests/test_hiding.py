"""Secrets are cut out of texts in whatever way they are written there."""

from __future__ import annotations

import base64
import html
import json
import time
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ninelives.session import render
from ninelives.session.hiding import hider

SECRET = 's3cr\'t "k€y"\\/+ä &<x>%\n'

WAYS = [
    str,
    repr,
    json.dumps,
    lambda text: json.dumps(text, ensure_ascii=False),
    lambda text: json.dumps(json.dumps({"a": text})),
    lambda text: repr({"body": json.dumps({"a": text})}),
    lambda text: repr([json.dumps({"a": json.dumps([text, "it's"])})]),
    lambda text: repr(text.encode()),
    lambda text: quote(text, safe=""),
    quote,
    quote_plus,
    lambda text: "https://h/?" + urlencode({"token": text, "x": "y"}),
    html.escape,
    lambda text: text.encode().hex(),
    lambda text: text.encode().hex().upper(),
    lambda text: base64.b64encode(text.encode()).decode(),
    lambda text: base64.urlsafe_b64encode(f"bot:{text}".encode()).decode(),
    lambda text: base64.b64encode(f"user:{text}:more".encode()).decode(),
    lambda text: base64.b64encode(f"a:{text}".encode()).decode().rstrip("="),
]


def hidden_in(text: str) -> str:
    return hider([SECRET])(f"before {text} after")


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_writing_it(way):
    assert way(SECRET) not in hidden_in(way(SECRET))
    assert "s3cr" not in hidden_in(way(SECRET))
    assert hidden_in(way(SECRET)).startswith("before ")
    assert hidden_in(way(SECRET)).endswith(" after")


@given(st.text(st.characters(codec="utf-8"), min_size=7), st.sampled_from(WAYS), st.text("ab /\"'"), st.text("ab \\\n"))
def test_any_secret_in_any_way(secret, way, before, after):
    written = way(secret)
    assert written not in hider([secret])(f"{before} {written} {after}") or written.strip("*'\"{}[]: ") == ""


@given(st.binary(max_size=9), st.text("abcXYZ019", min_size=12, max_size=40), st.binary(max_size=9))
def test_anywhere_in_base64(before, secret, after):
    data = before + secret.encode() + after
    for text in (base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()):
        assert hider([secret])(f"Basic {text} x") == "Basic *** x"


def test_several_secrets_the_longest_first():
    assert hider(["abc", "abcdef", "", "xyz"])("abcdef abc xyz") == "*** *** ***"


def test_lines_of_a_secret_are_secrets_unless_they_are_short():
    hide = hider(["first line\nend\nlast line"])
    assert hide("> first line\n> end\n> last line") == "> ***\n> end\n> ***"


def test_without_secrets_nothing_is_hidden():
    assert hider([])("a… b") == "a… b"


@pytest.mark.parametrize("before", [0, 1, 1990, 2000, 2400, 2490, 2497])
def test_a_secret_that_is_cut_in_the_middle(before):
    secret = "".join(f"{number:04x}-" for number in range(1000))
    shown = hider([secret])(render.text([" " * before + secret, "other"]))
    left = shown.replace(f"{len(' ' * before + secret):,} long", "")
    assert not any(f"{number:04x}-" in left for number in range(1000))
    assert shown.endswith(", 'other']")


def test_long_texts_take_no_time():
    secret = "k" * 12 + "0123456789abcdef" * 8
    hide = hider([secret, "other secret"])
    text = "A" * 2_000_000 + " " + base64.b64encode(secret.encode()).decode() + " " + "k" * 500_000 + "'…"
    begin = time.process_time()
    assert hide(text).count("***") == 2
    assert time.process_time() - begin < 1
