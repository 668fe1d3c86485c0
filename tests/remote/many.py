"""A worker with many sessions at once, as a process: ``python many.py ADDRESS CERTIFICATES FOLDER COUNT``."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from ninelives.runners.remote.channels import read_credentials
from ninelives.runners.remote.manager import Place, RemoteManager
from ninelives.session.observer import Silent
from ninelives.storage import Store
from ninelives.worker.direct import RunRequest, run
from ninelives.worker.isolated import Isolated

PROGRAM = """\
import os


def main(event):
    return sum(len(os.listdir("/proc/self")) > 0 for _ in range(10))
"""


def main() -> None:
    address, certificates, given, count = sys.argv[1:]
    folder = Path(given)
    (folder / "many").mkdir()
    (folder / "many" / "main.py").write_text(PROGRAM)
    files = (str(Path(certificates) / name) for name in ("ca.pem", "worker.pem", "worker.key"))
    came_to = []
    with Store.open(folder / "many-home") as store:
        manager = RemoteManager(Place([address], "127.0.0.1:0", read_credentials(*files)), store.builds.tar)

        def one() -> None:
            event = {"event_type": "test", "event_id": None, "integration_id": None, "data": {}}
            request = RunRequest(folder / "many" / "main.py", "main", event)
            finished = run(store, request, Silent(), Isolated(manager))
            came_to.append(f"{finished.state} {finished.error['type'] if finished.error else finished.result}")

        threads = [threading.Thread(target=one) for _ in range(int(count))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(manager.health())
        manager.close()
    print(sorted(set(came_to)), len(came_to))


main()
