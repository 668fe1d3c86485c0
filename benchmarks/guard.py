"""What a guarded call costs beyond the plain call, in seconds, by what is called."""

import place
import stopwatch

from ninelives.storage import Store

with Store.open(None) as store:
    place.run(store, "calls.py:main")
place.report(stopwatch.beyond)
