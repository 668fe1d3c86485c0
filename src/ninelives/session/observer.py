"""Who watches a session: the command line's line of progress, a server's page."""

from __future__ import annotations

from typing import Protocol


class Observer(Protocol):
    """Told what a session does. Called from the session's own thread, often: every method must be quick."""

    def session_started(self, session_id: str) -> None:
        """A session begins or goes on."""
        ...

    def handler_loaded(self) -> None:
        """The user's modules are loaded, and the handler is called."""
        ...

    def replaying(self, done: int, total: int) -> None:
        """``done`` of ``total`` recorded outcomes were given to the program again."""
        ...

    def activity_started(self, name: str, n: int) -> None:
        """The activity ``name``, operation ``n`` of its lane, starts."""
        ...

    def activity_finished(self, done: int) -> None:
        """An activity finished; ``done`` have, counting recorded ones."""
        ...

    def waiting(self, what: str, until: float | None) -> None:
        """The session waits for ``what``, at the latest until a unix time in seconds; an empty ``what``: no longer."""
        ...

    def warned(self, text: str) -> None:
        """There is something that a person should know: one line, as of a session that begins."""
        ...

    def output_lost(self, stream: str, why: str) -> None:
        """``stream``, stdout or stderr, takes nothing any more; the session goes on, and its log is whole."""
        ...

    def ended(self, session_id: str, how: str, exit_code: int) -> None:
        """The session's process ends at once: it was interrupted or cancelled, or ``how`` says why."""
        ...


class Silent:
    """An observer that looks away."""

    def session_started(self, session_id: str) -> None:
        """See `Observer`."""

    def handler_loaded(self) -> None:
        """See `Observer`."""

    def replaying(self, done: int, total: int) -> None:
        """See `Observer`."""

    def activity_started(self, name: str, n: int) -> None:
        """See `Observer`."""

    def activity_finished(self, done: int) -> None:
        """See `Observer`."""

    def waiting(self, what: str, until: float | None) -> None:
        """See `Observer`."""

    def warned(self, text: str) -> None:
        """See `Observer`."""

    def output_lost(self, stream: str, why: str) -> None:
        """See `Observer`."""

    def ended(self, session_id: str, how: str, exit_code: int) -> None:
        """See `Observer`."""
