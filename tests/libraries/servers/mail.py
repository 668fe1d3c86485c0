"""A mail server that takes mails after a login only."""

from __future__ import annotations

import asyncio
import logging
import socket
import warnings
from email import message_from_bytes
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword

from libraries.servers.web import Effects


class _Mails:
    def __init__(self, effects: Effects) -> None:
        self.effects = effects

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:
        content = envelope.content
        mail = message_from_bytes(content if isinstance(content, bytes) else str(content).encode())
        self.effects.append(f"mail to {', '.join(envelope.rcpt_tos)}: {mail['Subject']}")
        return "250 taken"


def _check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: LoginPassword) -> AuthResult:
    right = (given.login, given.password) == (b"bot", b"secret")
    return AuthResult(success=right, handled=right)


def run(listening: socket.socket, effects: Effects) -> None:
    """Serve until the process ends."""
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")

    def made() -> SMTP:
        options: dict[str, Any] = {"auth_required": True, "auth_require_tls": False, "authenticator": _check}
        return SMTP(_Mails(effects), hostname="test", **options)

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(made, sock=listening)
        await server.serve_forever()

    asyncio.run(serve())
