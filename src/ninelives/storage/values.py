"""Project values: shared by the sessions of a project, each with a version."""

from __future__ import annotations

import sqlite3

from ninelives.storage.database import Database
from ninelives.storage.records import Put
from ninelives.storage.writer import RefusedError


def get_value(database: Database, project: str, key: str) -> tuple[bytes, int] | None:
    """Return the encoded value and its version, or None."""
    rows = database.query("SELECT data, version FROM project_values WHERE project = ? AND key = ?", (project, key))
    return rows[0] if rows else None


def value_keys(database: Database, project: str) -> list[str]:
    """Return the keys of a project's values, sorted."""
    rows = database.query("SELECT key FROM project_values WHERE project = ? ORDER BY key", (project,))
    return [key for (key,) in rows]


def apply(db: sqlite3.Connection, put: Put) -> None:
    """Change a value inside a transaction.

    Raises:
        RefusedError: the value does not have the expected version.
    """
    if put.expected is not None:
        at = (put.project, put.key)
        row = db.execute("SELECT version FROM project_values WHERE project = ? AND key = ?", at).fetchone()
        if put.expected != (row[0] if row else 0):
            raise RefusedError
    if put.data is None:
        db.execute("DELETE FROM project_values WHERE project = ? AND key = ?", (put.project, put.key))
        return
    db.execute("UPDATE value_version SET last = last + 1")
    db.execute(
        "INSERT OR REPLACE INTO project_values (project, key, data, version) SELECT ?, ?, ?, last FROM value_version",
        (put.project, put.key, put.data),
    )
