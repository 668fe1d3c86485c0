"""The folders of sessions that run in containers: what a program leaves there lasts as long as its session."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from ninelives.errors import NinelivesError

#: The two that a session has: its working directory, and its ``/tmp``.
_PARTS = ("work", "tmp")


class Place:
    """The folders of one session.

    Args:
        home: folder of the docker manager.
        session_id: of the session.
    """

    def __init__(self, home: Path, session_id: str) -> None:
        self._folder = home / "sessions" / session_id
        self.work, self.tmp = (self._folder / part for part in _PARTS)

    def make(self) -> None:
        """Make the folders, if they are not there; whoever is in the container may write to them."""
        for folder in (self.work, self.tmp):
            folder.mkdir(parents=True, exist_ok=True)
            # Nobody else gets as far as here.
            folder.chmod(0o777)

    def tidy(self) -> None:
        """Remove the folders that are empty."""
        for folder in (self.work, self.tmp, self._folder):
            with suppress(OSError):  # there is something in it
                folder.rmdir()

    def remove(self) -> None:
        """Remove the folders, and all that is in them.

        Raises:
            NinelivesError: it can't be removed.
        """
        if self._folder.is_dir():
            try:
                shutil.rmtree(self._folder)
            except OSError as error:
                raise NinelivesError(
                    f"{self._folder} can't be removed ({error.strerror}): remove it as root"
                ) from error
