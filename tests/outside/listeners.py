"""Run as a script: small servers in a process of their own, which ends with its standard input. Prints their addresses as JSON.

Args: a folder, which gets a key and a certificate.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socketserver
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import certificates


class Echo(socketserver.StreamRequestHandler):
    """Greets, and says each line back."""

    def handle(self) -> None:
        # Who was killed hangs up.
        with contextlib.suppress(OSError):
            self.wfile.write(b"hello\n")
            for line in self.rfile:
                self.wfile.write(line)


class Pages(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(b"page")

    def log_message(self, *_: object) -> None:
        pass


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass


class _TLSServer(_Server):
    context: ssl.SSLContext

    def get_request(self):
        connection, address = super().get_request()
        return self.context.wrap_socket(connection, server_side=True), address


async def _websockets(ports: dict[str, int], ready: threading.Event) -> None:
    from websockets.asyncio.server import serve

    async def say_back(connection) -> None:
        async for message in connection:
            await connection.send(message)

    async with serve(say_back, "127.0.0.1", 0) as server:
        ports["websocket"] = server.sockets[0].getsockname()[1]
        ready.set()
        await asyncio.get_running_loop().create_future()


def main() -> None:
    certificate, context = certificates.make(Path(sys.argv[1]))
    ports: dict[str, int] = {}
    pages_tls = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    pages_tls.socket = context.wrap_socket(pages_tls.socket, server_side=True)
    _TLSServer.context = context
    servers = {
        "echo": _Server(("127.0.0.1", 0), Echo),
        "echo_tls": _TLSServer(("127.0.0.1", 0), Echo),
        "http": ThreadingHTTPServer(("127.0.0.1", 0), Pages),
        "https": pages_tls,
    }
    for name, server in servers.items():
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        ports[name] = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
    ready = threading.Event()
    threading.Thread(target=lambda: asyncio.run(_websockets(ports, ready)), daemon=True).start()
    ready.wait(30)
    print(json.dumps({**ports, "certificate": str(certificate)}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
