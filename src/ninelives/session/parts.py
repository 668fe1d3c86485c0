"""Parts of live values that can be saved, though the whole can't: an HTTP client's cookies.

They are recorded when a call changes them, and put into the value when it was made again: nobody has to log in twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

#: How a part is put back, as a kind of change.
PART = "part"


class _Part(NamedTuple):
    """How a part of a live value is read, and put into another one."""

    read: Callable[[Any], Any]
    put: Callable[[Any, Any], None]


def _cookies(client: Any) -> list[dict[str, Any]]:
    return [dict(vars(cookie)) for cookie in client.cookies.jar]


def _put_cookies(client: Any, cookies: list[dict[str, Any]]) -> None:
    from http.cookiejar import Cookie

    jar = client.cookies.jar
    jar.clear()
    for attributes in cookies:
        cookie = Cookie.__new__(Cookie)
        vars(cookie).update(attributes)
        jar.set_cookie(cookie)


_COOKIES = _Part(_cookies, _put_cookies)

#: The reviewed list, by module and class name.
_PARTS = {
    ("httpx", "AsyncClient"): _COOKIES,
    ("httpx", "Client"): _COOKIES,
    ("httpx2", "AsyncClient"): _COOKIES,
    ("httpx2", "Client"): _COOKIES,
}


def has_part(cls: type | None) -> bool:
    """Return whether objects of a class, or of what it inherits from, have a part that is saved."""
    return cls is not None and _part(cls) is not None


def read(value: Any) -> Any:
    """Return the part of a live value, as plain data."""
    part = _part(type(value))
    assert part is not None
    return part.read(value)


def put(value: Any, content: Any) -> None:
    """Give a live value the part that `read` took from it in another process."""
    part = _part(type(value))
    assert part is not None
    part.put(value, content)


def _part(cls: type) -> _Part | None:
    return next((_PARTS[base] for base in ((b.__module__, b.__name__) for b in cls.__mro__) if base in _PARTS), None)


def is_unread(value: Any, cls: type) -> bool:
    """Return whether an answer was not read to its end: its pickle would be the answer without its body."""
    return cls.__name__ == "Response" and cls.__module__ in ("httpx", "httpx2") and not hasattr(value, "_content")
