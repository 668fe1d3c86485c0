"""How a session leaves the user's code at once: by an exception that no ``except Exception`` catches."""

from __future__ import annotations

from ninelives.errors import NinelivesError


class Halt(BaseException):
    """The session can't go on. While it leaves the user's code nothing more is recorded, done or printed.

    Args:
        error: the one clear error.
    """

    def __init__(self, error: NinelivesError) -> None:
        super().__init__(str(error))
        self.error = error
