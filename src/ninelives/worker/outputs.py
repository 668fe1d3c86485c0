"""What a runner's processes print past its session: passed on, and its end kept as the runner's last words."""

from __future__ import annotations

import os
import select
from collections.abc import Mapping

from ninelives.worker.terminal import Shown

#: Bytes of what a runner printed past its session that are kept as its last words.
_WORDS = 2_000

#: Bytes that are taken from a pipe at a time.
_TAKE = 64 * 1024


class Outputs:
    """The pipes of one runner.

    Args:
        descriptors: of the pipes, which do not block, by stream.
        shown: where it is shown.
    """

    def __init__(self, descriptors: Mapping[str, int], shown: Shown) -> None:
        self._descriptors = dict(descriptors)
        self._shown = shown
        #: the end of what was printed to stderr
        self.words = b""

    def register(self, poll: select.poll) -> None:
        """Let a poll look at them."""
        for descriptor in self._descriptors.values():
            poll.register(descriptor, select.POLLIN)

    def pass_on(self, poll: select.poll | None = None) -> None:
        """Show what is there; one that has ended is taken out of the poll."""
        for name, descriptor in list(self._descriptors.items()):
            try:
                # As much as a pipe holds, so all that was there; who prints on and on does not keep us from messages.
                data = os.read(descriptor, _TAKE)
            except BlockingIOError:
                continue
            if not data:
                del self._descriptors[name]
                if poll is not None:
                    poll.unregister(descriptor)
                continue
            self._shown.pass_on(name, data)
            if name == "stderr":
                self.words = (self.words + data)[-_WORDS:]
