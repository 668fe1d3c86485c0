"""The peer: one step of a DBOS workflow on SQLite, in seconds, with the same result as our activity."""

import place
import stopwatch
from dbos import DBOS, DBOSConfig

N = 300

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
def steps(n: int) -> None:
    for _ in range(n):
        give()


DBOS.launch()
steps(20)
stopwatch.start()
steps(N)
stopwatch.stop("step")
DBOS.destroy()
place.report({"step": stopwatch.times["step"][0] / N})
