"""A shop with a JSON API, with logins kept in cookies, and with downloads."""

from __future__ import annotations

import socket

from libraries.servers.web import Answer, Effects, Request, serve

_ITEMS = [{"id": 1, "name": "anvil", "price": 30}, {"id": 2, "name": "rope", "price": 7}]


def _items(request: Request, _: Effects) -> Answer:
    if "max" in request.query:
        return Answer([item for item in _ITEMS if item["price"] <= int(request.query["max"])])
    return Answer(_ITEMS)


def _item(request: Request, _: Effects) -> Answer:
    number = int(request.path.rpartition("/")[2])
    found = next((item for item in _ITEMS if item["id"] == number), None)
    return Answer(found) if found else Answer({"error": f"no item {number}"}, 404)


def _order(request: Request, effects: Effects) -> Answer:
    item, count = request.json()["item"], request.json().get("count", 1)
    effects.append(f"order {count} {item}")
    return Answer({"order": f"{item}-{count}", "key": request.headers.get("x-api-key")}, 201)


def _flaky(_: Request, effects: Effects) -> Answer:
    count = effects.append("flaky")
    return Answer({"calls": count}) if count >= 3 else Answer({"error": "busy"}, 503, {"Retry-After": "0"})


def _login(request: Request, _: Effects) -> Answer:
    user = (request.form() if request.body else request.query)["user"]
    return Answer({"hello": user}, headers={"Set-Cookie": f"session={user}; Path=/"})


def _cart(request: Request, effects: Effects) -> Answer:
    cookie = request.headers.get("cookie", "")
    if not cookie.startswith("session="):
        return Answer({"error": "log in first"}, 401)
    user = cookie.removeprefix("session=")
    if request.method == "POST":
        effects.append(f"{user} puts {request.json()['item']}")
    return Answer({"user": user})


def _log(_: Request, effects: Effects) -> Answer:
    effects.append("download")
    return Answer(headers={"Content-Type": "text/plain"}, pieces=[f"line {n}\n".encode() for n in range(5)])


def run(listening: socket.socket, effects: Effects) -> None:
    """Serve until the process ends."""
    routes = {
        "GET /items": _items,
        r"GET /items/\d+": _item,
        "POST /orders": _order,
        "GET /flaky": _flaky,
        "POST /login": _login,
        "(GET|POST) /cart": _cart,
        "GET /log": _log,
    }
    serve(listening, effects, routes)
