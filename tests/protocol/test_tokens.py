"""Tokens let in one runner of one session, once."""

from __future__ import annotations

import hmac

import pytest

from ninelives.protocol.tokens import SIZE, Tokens


def test_a_token_is_good_once_and_for_its_session() -> None:
    tokens = Tokens()
    token = tokens.issue("one")
    assert len(token) == SIZE
    assert not tokens.redeem("two", token)
    assert not tokens.redeem("one", bytes(SIZE))
    assert not tokens.redeem("one", b"")
    assert tokens.redeem("one", token)
    assert not tokens.redeem("one", token)


def test_each_runner_has_its_own() -> None:
    tokens = Tokens()
    first, second = tokens.issue("one"), tokens.issue("one")
    assert first != second
    tokens.withdraw("one", first)
    assert not tokens.redeem("one", first)
    assert tokens.redeem("one", second)


def test_they_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(other)
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    tokens = Tokens()
    token = tokens.issue("one")
    tokens.issue("one")
    assert tokens.redeem("one", token)
    assert compared == [token, token]
