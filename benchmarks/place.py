"""Where one measurement runs: a process of its own, with a store on a real disk."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "outside"))

#: Of this script's own measurement, on the disk that is measured; it is removed by whoever made it.
FOLDER = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()


def run(
    store: Any,
    handler: str,
    data: dict[str, Any] | None = None,
    session_id: str | None = None,
    *,
    isolated: Any = None,
    variables: dict[str, str] | None = None,
) -> None:
    """Run a handler of the benchmarks' programs as a session, or go on with it.

    Args:
        store: the store.
        handler: ``FILE.py:HANDLER``.
        data: the event's data.
        session_id: the id to create or to go on with; None makes a new one.
        isolated: where it runs; None: in this process.
        variables: of the program.

    Raises:
        RuntimeError: the session did not complete.
    """
    from ninelives.session.observer import Silent
    from ninelives.worker import direct

    file, _, name = handler.partition(":")
    event = {"event_type": "benchmark", "event_id": None, "integration_id": None, "data": data or {}}
    request = direct.RunRequest(HERE / "programs" / file, name, event, variables or {}, session_id=session_id)
    finished = direct.run(store, request, Silent(), isolated)
    if finished.state != "completed":
        raise RuntimeError(f"{handler} did not complete: {finished.state} {finished.error}")


def in_child(work: Callable[[], None]) -> None:
    """Do ``work``, which is to die of SIGKILL, in a forked process.

    Raises:
        RuntimeError: it ended in another way.
    """
    os.environ["BENCH_NOTES"] = str(FOLDER / "notes")
    pid = os.fork()
    if not pid:
        try:
            work()
        except BaseException:  # noqa: BLE001 - shown, and the process ends
            traceback.print_exc()
        finally:
            os._exit(1)
    status = os.waitpid(pid, 0)[1]
    if not os.WIFSIGNALED(status):
        raise RuntimeError(f"the measured process was to be killed, and ended with wait status {status}")


def report(numbers: dict[str, float]) -> None:
    """Print what was measured, for `run.py`."""
    sys.stdout.write(json.dumps(numbers) + "\n")
