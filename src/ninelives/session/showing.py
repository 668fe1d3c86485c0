"""What people see of a session's calls: no secrets, paths relative to the code, places in the user's own files."""

from __future__ import annotations

from typing import Any

from ninelives.code.importer import UserCode


class Showing:
    """Makes texts of one session fit to be shown.

    Args:
        code: the user's code.
        secrets: cut out of every text.
        former_dir: where the code was when the session started, if that is somewhere else.
    """

    def __init__(self, code: UserCode, secrets: frozenset[str], former_dir: str) -> None:
        self._code = code
        self._hide = None
        if secrets:
            # Late: most sessions have none.
            from ninelives.session.hiding import hider

            self._hide = hider(secrets)
        self._code_dirs = [folder for folder in (str(code.root), former_dir) if folder]
        self._files: dict[str, str] = {}

    def hide(self, text: str) -> str:
        """Return ``text`` without secrets, and without halves of surrogate pairs, which can't be stored."""
        if not text.isascii():
            text = text.encode("utf-8", "backslashreplace").decode("utf-8")
        return text if self._hide is None else self._hide(text)

    def shown(self, text: str) -> str:
        """Return rendered arguments or results without secrets, and with paths relative to the code."""
        if self._hide is not None or not text.isascii():
            text = self.hide(text)
        for folder in self._code_dirs:
            if folder in text:
                text = text.replace(folder, ".")
        return text

    def place(self, frame: Any) -> tuple[str, int]:
        """Return the file, relative to the code, and the line of the nearest user code around a frame, or "" and 0."""
        around = frame
        while around is not None and around.f_builtins is not self._code.builtins:
            around = around.f_back
        if around is None:
            return "", 0
        path = around.f_code.co_filename
        found = self._files.get(path)
        if found is None:
            found = self._files[path] = self._code.relative(path)
        return found, around.f_lineno
