"""The table of results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: How many of a unit are in one second; other units count themselves.
PER_SECOND = {"µs": 1e6, "ms": 1e3}

HEAD = ("what", "ours", "at most", "peer", "ratio", "ok")


@dataclass(frozen=True)
class Row:
    """One result.

    Parameters:
        what: what was measured.
        ours: seconds, or a plain number for other units.
        target: the most that is good enough, in the same unit as ``ours``.
        unit: in which it is shown: µs, ms, or ×.
        note: shown after our number.
        peer: who was measured beside us in the same run, or "".
        peers: the peer's number.
    """

    what: str
    ours: float
    target: float
    unit: str
    note: str = ""
    peer: str = ""
    peers: float = 0.0

    @property
    def is_ok(self) -> bool:
        """Whether the target is met."""
        return self.ours <= self.target

    def cells(self) -> tuple[str, ...]:
        """Return the cells of the row, in the order of the head; the ratio says how many times the peer is slower."""
        peer = f"{self.peer} {self._shown(self.peers)}" if self.peer else ""
        ratio = f"{self.peers / self.ours:.1f} ×" if self.peer else ""
        ours = f"{self._shown(self.ours)} {self.note}".rstrip()
        return self.what, ours, self._shown(self.target), peer, ratio, "yes" if self.is_ok else "NO"

    def _shown(self, number: float) -> str:
        scaled = number * PER_SECOND.get(self.unit, 1.0)
        digits = 0 if scaled >= 100 else 1 if scaled >= 10 else 2
        return f"{scaled:.{digits}f} {self.unit}"


def render(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table with aligned columns."""
    lines = [HEAD, *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    shown = ["| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in lines]
    return "\n".join([shown[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *shown[1:]])
