"""Tokens: what a runner shows to be let in. Each is good for one runner and one session, once."""

from __future__ import annotations

import hmac
import os

#: Bytes of a token.
SIZE = 32


class Tokens:
    """The tokens that a worker has given out and that nobody has shown yet."""

    def __init__(self) -> None:
        self._sessions: dict[str, list[bytes]] = {}

    def issue(self, session_id: str) -> bytes:
        """Return a new token for the next runner of a session."""
        token = os.urandom(SIZE)
        self._sessions.setdefault(session_id, []).append(token)
        return token

    def redeem(self, session_id: str, token: bytes) -> bool:
        """Return whether the token was issued for the session and not shown before; now it has been."""
        issued = self._sessions.get(session_id, [])
        found = None
        for known in issued:
            # Every one is compared in full: how long it takes tells nothing.
            if hmac.compare_digest(known, token):
                found = known
        if found is None:
            return False
        issued.remove(found)
        if not issued:
            del self._sessions[session_id]
        return True

    def withdraw(self, session_id: str, token: bytes) -> None:
        """Make a token worthless: its runner has ended."""
        self.redeem(session_id, token)
