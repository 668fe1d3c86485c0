"""How a session leaves the user's code at once: by an exception that no ``except Exception`` catches."""

from __future__ import annotations

from ninelives.errors import NinelivesError
from ninelives.session.lanes import active


class Halt(BaseException):
    """The session can't go on. While it leaves the user's code nothing more is recorded, done or printed.

    Args:
        error: the one clear error.
    """

    def __init__(self, error: NinelivesError) -> None:
        super().__init__(str(error))
        self.error = error
        if active.session is not None:
            active.session.halt(self)
