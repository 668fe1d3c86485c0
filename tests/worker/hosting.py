"""A worker as a process: ``python -m worker.hosting FOLDER COUNT``, to be started, killed and started again.

It takes up what is left in the store of the folder, starts sessions until there are COUNT, and prints a line for each
that has ended. It ends with its stdin.
"""

from __future__ import annotations

import sys
from pathlib import Path

from crash.isolated import environment

from ninelives.errors import SessionExistsError
from ninelives.runners.local import LocalManager
from ninelives.session.children import watch_children
from ninelives.storage import Store
from ninelives.worker.creating import RunRequest
from ninelives.worker.direct import Finished
from ninelives.worker.service import Terms, Worker


def request(folder: Path, name: str) -> RunRequest:
    """Return the request of a session that has its name as data."""
    event = {"event_type": None, "event_id": None, "integration_id": None, "data": {"name": name}}
    return RunRequest(folder / "code" / "main.py", "main", event, {"EFFECTS": str(folder / "effects")}, session_id=name)


def _say(line: str) -> None:
    # Whole, since any thread of the worker says something.
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _ended(finished: Finished) -> None:
    _say(f"ended {finished.session_id} {finished.state} {finished.result or finished.error}")


def main() -> None:
    """Be a worker until stdin ends."""
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    watch_children()
    with Store.open(folder / "home") as store:
        manager = LocalManager(folder / "environments", environment=environment(), most=100)
        terms = Terms(most=100, let_go=0.3, back_off=(0.01, 0.1))
        worker = Worker(store, manager, terms, report=_say, ended=_ended)
        worker.adopt()
        for number in range(count):
            try:
                worker.start(request(folder, f"s{number}"))
            except SessionExistsError:
                continue
        _say("started")
        sys.stdin.read()
        worker.close()
        manager.close()
    _say("closed")


if __name__ == "__main__":
    main()
