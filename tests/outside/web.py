"""A web service that only reads, on a Unix socket in the working directory; each process that imports this has one, at the same path."""

from __future__ import annotations

import contextlib
import json
import os
import socketserver
import threading
from http.server import BaseHTTPRequestHandler

PATH = "service.sock"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer a request; ``/stream`` streams events, everything else gives its path back."""
        if self.path == "/stream":
            self._stream()
            return
        body = json.dumps({"path": self.path, "cookie": self.headers.get("Cookie")}).encode()
        self.send_response(500 if self.path == "/broken" else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for number in range(4):
            self.wfile.write(f"data: token {number}\n\n".encode())

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def get_request(self) -> tuple[object, tuple[str, int]]:
        """Return a connection, and an address as the handler wants one."""
        return self.socket.accept()[0], ("unix", 0)

    def handle_error(self, *_: object) -> None:
        """Keep quiet: a client may leave at any moment."""


with contextlib.suppress(FileNotFoundError):
    os.unlink(PATH)
threading.Thread(target=_Server(PATH, _Handler).serve_forever, daemon=True).start()
