"""An HTTP/1.1 server on a socket that is bound already: routes by method and path, effects in a file."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit


class Request(NamedTuple):
    """What a client asks."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)

    def form(self) -> dict[str, str]:
        """Return the body as a form."""
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


class Answer(NamedTuple):
    """What it gets: a body at once, or in pieces."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = MappingProxyType({})
    pieces: Iterable[bytes] = ()


Route = Callable[["Request", "Effects"], Answer]


class Effects:
    """The effects file, and what the server has counted."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, text: str) -> int:
        """Write down an effect; returns how often there was one like it."""
        with self.path.open("a") as file:
            file.write(f"{text}\n")
        return self.path.read_text().splitlines().count(text)


def serve(listening: socket.socket, effects: Effects, routes: dict[str, Route]) -> None:
    """Serve until the process ends.

    Args:
        listening: a bound, listening socket.
        effects: where effects go.
        routes: by method and a pattern of the path: ``GET /orders/\\d+``.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def date_time_string(self, timestamp: float | None = None) -> str:
            """Return always the same: journals are compared."""
            return "Thu, 01 Jan 2026 00:00:00 GMT"

        def answer(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, parts.path, query, headers, body)
            wanted = f"{request.method} {request.path}"
            route = next((route for pattern, route in routes.items() if re.fullmatch(pattern, wanted)), None)
            self.send(route(request, effects) if route else Answer({"error": f"no {wanted}"}, 404))

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

        def send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.pieces:
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for piece in (*answer.pieces, b""):
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                return
            data = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(listening.getsockname(), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listening
    # A client that is killed hangs up.
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    server.daemon_threads = True
    server.serve_forever()


def events(*items: tuple[str, Any]) -> Answer:
    """Return an answer of server-sent events; an item is the event's name, or ``""``, and its data."""
    pieces = []
    for name, data in items:
        text = data if isinstance(data, str) else json.dumps(data)
        pieces.append((f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode())
    return Answer(headers={"Content-Type": "text/event-stream"}, pieces=pieces)
