"""What sessions that sleep add to a worker: it takes up 100,000 of them, in bytes.

Their rows are written here, as a worker leaves them that was killed while they slept.
"""

from __future__ import annotations

import gc
import json
import time
from pathlib import Path

import place

from ninelives.runners.local import LocalManager
from ninelives.session.children import watch_children
from ninelives.storage import NewSession, Store
from ninelives.worker.service import Terms, Worker

SESSIONS = 100_000


def resident() -> int:
    """Return the memory that this process has now, in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def _multiply(store: Store, waiting_for: str) -> None:
    """Let there be so many sessions like the first one, all of which wait."""
    with store._database.write_lock:
        db = store._database.writer()
        db.execute("BEGIN")
        names = [name for _, name, *_ in db.execute("PRAGMA table_info(sessions)")]
        rest = ", ".join(name for name in names if name not in ("number", "session_id"))
        db.execute(
            f"INSERT INTO sessions (session_id, {rest}) "
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
            f"SELECT printf('%032x', i), {rest} FROM n, sessions WHERE session_id = 'first'",
            (SESSIONS,),
        )
        db.execute("UPDATE sessions SET state = 'waiting', waiting_for = ?", (waiting_for,))
        db.execute("COMMIT")


def main() -> None:
    """Measure, and report it."""
    watch_children()
    until = time.time() + 3600
    with Store.open(place.FOLDER / "home") as store:
        store.create(NewSession(session_id="first", project="p", entry_point="m.py:main", created_at=until), ())
        _multiply(store, json.dumps({"for": "sleep", "until": until, "keeps": ""}))
        manager = LocalManager(place.FOLDER / "environments")
        worker = Worker(store, manager, Terms())
        gc.collect()
        before = resident()
        if worker.adopt() <= SESSIONS - 1:
            raise RuntimeError("not all sessions were taken up")
        gc.collect()
        added = resident() - before
        worker.close()
        manager.close()
    place.report({"sleeping": added})


main()
