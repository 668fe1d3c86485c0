"""What threads cost, in seconds: the copies of their modules, an uncontended ``with lock``, passing the baton.

The least of the rounds counts: they are short, so that one falls between what else the machine does.
"""

import place
import stopwatch

from ninelives.storage import Store

LOCKS, SWITCHES = 5_000, 1_000
SESSIONS = 3

with Store.open(None) as store:
    # Warm: the first session of a process reads the code of the copies.
    place.run(store, "threads.py:main")
    stopwatch.times.clear()
    for _ in range(SESSIONS):
        place.run(store, "threads.py:main")
least = {name: min(found) for name, found in stopwatch.times.items()}
place.report({"copies": least["copies"], "lock": least["lock"] / LOCKS, "switch": least["switch"] / SWITCHES})
