"""The code host of the demo: a real HTTP server with one pull request, which counts what it is asked to do."""

from __future__ import annotations

import base64
import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

#: The files that the pull request changes.
REPOSITORY = Path(__file__).parent / "repository"


class CodeHostServer(ThreadingHTTPServer):
    """Serves on a free port of this machine, and holds one request back.

    Args:
        hold_after_comments: after so many comments the next request gets no answer before :meth:`let_go`.
    """

    daemon_threads = True

    def __init__(self, hold_after_comments: int) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.paths = sorted(str(path.relative_to(REPOSITORY)) for path in REPOSITORY.rglob("*.py"))
        self.comments: list[dict[str, Any]] = []
        self.statuses: list[dict[str, Any]] = []
        #: how often each request came, by method and path; a comment's has its file behind it
        self.asked: Counter[str] = Counter()
        self.held = threading.Event()
        #: the request that was held back
        self.held_request = ""
        self._hold_after = hold_after_comments
        self._go_on = threading.Event()
        threading.Thread(target=self.serve_forever, name="code host", daemon=True).start()

    def let_go(self) -> None:
        """Answer the request that was held back, and all that come."""
        self._go_on.set()

    def answer(self, method: str, path: str, body: dict[str, Any]) -> Any:
        """Do what a request asks, and return the answer; None when there is nothing of that name."""
        shown = f"{method} {path}" + (f" {body['path']}" if "path" in body else "")
        self.asked[shown] += 1
        if len(self.comments) == self._hold_after and not self._go_on.is_set():
            self.held_request = shown
            self.held.set()
            self._go_on.wait()
        match method, path.split("/")[4:]:
            case "GET", ["pulls", _, "files"]:
                return [{"filename": path, "status": "modified"} for path in self.paths]
            case "GET", ["contents", *parts] if "/".join(parts) in self.paths:
                return {
                    "encoding": "base64",
                    "content": base64.b64encode(REPOSITORY.joinpath(*parts).read_bytes()).decode(),
                }
            case "POST", ["pulls", _, "comments"]:
                self.comments.append(body)
                return {"id": len(self.comments), **body}
            case "POST", ["statuses", sha]:
                self.statuses.append({"sha": sha, **body})
                return {"id": len(self.statuses), **body}
        return None


class _Answer(BaseHTTPRequestHandler):
    server: CodeHostServer

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _answer(self, body: dict[str, Any]) -> None:
        answer = self.server.answer(self.command, urlsplit(self.path).path, body)
        data = json.dumps(answer).encode()
        try:
            self.send_response(404 if answer is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except ConnectionError:
            # Who asked was killed meanwhile: that is what the demo is about.
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: the demo says what happened."""
