"""A small client of a code host (GitHub's REST API). To the handler it is what any installed package is: outside."""

from __future__ import annotations

import base64
import json
import urllib.request
from typing import Any


class CodeHost:
    """The code host at a URL."""

    def __init__(self, url: str) -> None:
        self.url = url

    def changed_files(self, repository: str, number: int) -> list[str]:
        """Return the paths that a pull request changes."""
        files = self._ask("GET", f"/repos/{repository}/pulls/{number}/files")
        return [file["filename"] for file in files]

    def read_file(self, repository: str, path: str, ref: str) -> str:
        """Return a file's text at a commit."""
        return base64.b64decode(self._ask("GET", f"/repos/{repository}/contents/{path}?ref={ref}")["content"]).decode()

    def comment(self, repository: str, number: int, path: str, body: str) -> int:
        """Comment on a file of a pull request; return the comment's id."""
        comment = self._ask("POST", f"/repos/{repository}/pulls/{number}/comments", {"path": path, "body": body})
        return int(comment["id"])

    def set_status(self, repository: str, sha: str, state: str, description: str) -> None:
        """Set a commit's status."""
        self._ask("POST", f"/repos/{repository}/statuses/{sha}", {"state": state, "description": description})

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
