"""When garbage is collected: after fixed numbers of deliveries and at the end, so finalizers run at the same points.

By itself the collector runs after so many allocations, and replay allocates other things than the first run. So it
only comes by itself when very much was made between two deliveries: a program that only computes must not fill the
memory.
"""

from __future__ import annotations

import gc

#: Deliveries after which the youngest objects are looked at, those that stayed, and all. Few enough that the time does
#: not show beside what a delivery costs.
YOUNG, MIDDLE, ALL = 200, 2_000, 20_000

#: Objects made and not freed, between two of our collections, after which the collector comes by itself.
OBJECTS = 500_000


class Collector:
    """The garbage collector of this process while a session runs.

    Attributes:
        deliveries: how many there were; the session counts them, since that is cheaper than a call.
    """

    def __init__(self) -> None:
        self.deliveries = 0
        self._thresholds: tuple[int, int, int] | None = None

    def begin(self) -> None:
        """Take over, once the modules are loaded: what they hold stays, and is not looked at again."""
        self._thresholds = gc.get_threshold()
        gc.freeze()
        gc.set_threshold(OBJECTS, *self._thresholds[1:])

    def collect_all(self) -> None:
        """Collect at the end of the program, as Python does at its own: finalizers of cycles still do what they do."""
        if self._thresholds is not None and gc.isenabled():
            gc.collect()

    def end(self) -> None:
        """Give back."""
        if self._thresholds is not None:
            gc.set_threshold(*self._thresholds)
            gc.unfreeze()
            self._thresholds = None

    def collect(self) -> None:
        """Collect as is due after so many deliveries: called after every `YOUNG` of them."""
        if gc.isenabled():
            # A program that has switched it off does not want it.
            gc.collect(2 if self.deliveries % ALL == 0 else 1 if self.deliveries % MIDDLE == 0 else 0)
