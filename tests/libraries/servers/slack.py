"""Slack's Web API: forms or JSON in, ``ok`` out, rate limits as status 429."""

from __future__ import annotations

import json
import socket
from typing import Any

from libraries.servers.web import Answer, Effects, Request, serve


def _fields(request: Request) -> dict[str, Any]:
    return request.json() if "json" in request.headers.get("content-type", "") else request.form()


def _post(request: Request, effects: Effects) -> Answer:
    fields = _fields(request)
    if fields["channel"] == "#nowhere":
        return Answer({"ok": False, "error": "channel_not_found"})
    blocks = fields.get("blocks") or []
    blocks = json.loads(blocks) if isinstance(blocks, str) else blocks
    effects.append(f"slack {fields['channel']}: {fields.get('text')} {len(blocks)}")
    return Answer(
        {
            "ok": True,
            "channel": "C1",
            "ts": f"{len(str(fields.get('text')))}.0",
            "message": {"text": fields.get("text")},
        }
    )


def _limited(request: Request, effects: Effects) -> Answer:
    if effects.append(f"reaction {_fields(request)['name']}") == 1:
        return Answer({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": "1"})
    return Answer({"ok": True})


def _users(request: Request, _: Effects) -> Answer:
    cursor = _fields(request).get("cursor") or "0"
    members = [{"id": f"U{cursor}{n}", "name": f"user {cursor}{n}"} for n in range(2)]
    following = {"0": "1", "1": "2"}.get(cursor, "")
    return Answer({"ok": True, "members": members, "response_metadata": {"next_cursor": following}})


def _who(request: Request, effects: Effects) -> Answer:
    # Asked while the program loads, or as if it did: by each process.
    if "busy" in request.headers["authorization"] and effects.append("load busy") == 1:
        return Answer({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": "0"})
    return Answer({"ok": True, "user": "bot", "team": "T"})


def run(listening: socket.socket, effects: Effects) -> None:
    """Serve until the process ends."""
    routes = {
        "POST /api/chat.postMessage": _post,
        "POST /api/reactions.add": _limited,
        "(GET|POST) /api/users.list": _users,
        "POST /api/auth.test": _who,
    }
    serve(listening, effects, routes)
