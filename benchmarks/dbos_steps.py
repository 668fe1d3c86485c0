"""The peer: one step of a DBOS workflow on SQLite, in seconds, with the same result as our activity.

The median of rounds' means counts, as for our activity; the start and the end of a workflow are not part of it.
"""

from statistics import median

import place
import stopwatch
from dbos import DBOS, DBOSConfig

ROUNDS = 8
N = 50

config: DBOSConfig = {
    "name": "steps",
    "system_database_url": f"sqlite:///{place.FOLDER / 'dbos.sqlite'}",
    "log_level": "ERROR",
}
DBOS(config=config)


@DBOS.step()
def give() -> str:
    return stopwatch.give()


@DBOS.workflow()
def steps() -> None:
    for _ in range(20):
        give()
    for _ in range(ROUNDS):
        stopwatch.start()
        for _ in range(N):
            give()
        stopwatch.stop("step")


DBOS.launch()
steps()
DBOS.destroy()
place.report({"step": median(stopwatch.times["step"]) / N})
