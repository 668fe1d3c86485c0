"""moto's server of AWS; calls that change something are effects."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterable
from typing import Any

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from libraries.servers.web import Effects


def run(listening: socket.socket, effects: Effects) -> None:
    """Serve until the process ends."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    inner = DomainDispatcherApplication(create_backend_app)

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        if environ["REQUEST_METHOD"] in ("PUT", "DELETE") or target.endswith((".SendMessage", ".PutItem")):
            effects.append(f"{environ['REQUEST_METHOD']} {target or environ['PATH_INFO']}")
        found: Iterable[bytes] = inner(environ, start_response)
        return found

    host, port = listening.getsockname()
    make_server(host, port, app, threaded=True, fd=listening.fileno()).serve_forever()
