"""A part of GitHub's REST API: repositories that lists give in part, issues in pages, comments."""

from __future__ import annotations

import socket
from typing import Any

from libraries.servers.web import Answer, Effects, Request, serve


def _base(request: Request) -> str:
    return f"http://{request.headers['host']}"


def _repo(request: Request, *, whole: bool) -> dict[str, Any]:
    found = {"id": 1, "name": "shop", "full_name": "acme/shop", "url": f"{_base(request)}/repos/acme/shop"}
    if whole:
        found |= {"description": "a shop", "stargazers_count": 42, "default_branch": "main", "topics": ["a", "b"]}
    return found


def _whole(request: Request, effects: Effects) -> Answer:
    effects.append("reads acme/shop")
    return Answer(_repo(request, whole=True))


def _user(request: Request, _: Effects) -> Answer:
    return Answer({"login": "bot", "id": 7, "url": f"{_base(request)}/user"})


def _issue(request: Request, number: int) -> dict[str, Any]:
    url = f"{_base(request)}/repos/acme/shop/issues/{number}"
    user = {"login": f"user{number}", "id": number, "url": f"{_base(request)}/users/user{number}"}
    labels = [{"name": "bug", "color": "f00", "url": f"{_base(request)}/l"}] if number % 2 else []
    issue = {"id": number, "number": number, "title": f"issue {number}", "state": "open", "url": url, "user": user}
    return issue | {"labels": labels, "comments": 0, "body": "text"}


def _issues(request: Request, effects: Effects) -> Answer:
    page = int(request.query.get("page", "1"))
    effects.append(f"reads page {page}")
    issues = [_issue(request, number) for number in range(page * 2 - 1, page * 2 + 1)]
    following = f'<{_base(request)}{request.path}?page={page + 1}>; rel="next"'
    return Answer(issues, headers={"Link": following} if page < 3 else {})


def _one(request: Request, _: Effects) -> Answer:
    return Answer(_issue(request, int(request.path.rpartition("/")[2])))


def _comment(request: Request, effects: Effects) -> Answer:
    number = request.path.split("/")[-2]
    effects.append(f"comment {number}: {request.json()['body']}")
    return Answer({"id": int(number) * 10, "body": request.json()["body"], "url": f"{_base(request)}/c"}, 201)


def _edit(request: Request, effects: Effects) -> Answer:
    number = int(request.path.rpartition("/")[2])
    effects.append(f"edit {number}: {request.json()['state']}")
    return Answer(_issue(request, number) | {"state": request.json()["state"]})


def _missing(_: Request, effects: Effects) -> Answer:
    effects.append("reads acme/gone")
    return Answer({"message": "Not Found", "documentation_url": "about:blank"}, 404)


def run(listening: socket.socket, effects: Effects) -> None:
    """Serve until the process ends."""
    routes = {
        "GET /repos/acme/shop": _whole,
        "GET /repos/acme/gone": _missing,
        "GET /user": _user,
        "GET /user/repos": lambda request, _: Answer([_repo(request, whole=False)]),
        "GET /repos/acme/shop/issues": _issues,
        r"GET /repos/acme/shop/issues/\d+": _one,
        r"PATCH /repos/acme/shop/issues/\d+": _edit,
        r"POST /repos/acme/shop/issues/\d+/comments": _comment,
    }
    serve(listening, effects, routes)
