"""Connections of database drivers (PEP 249) and of SQLAlchemy: what is one, and whether its transaction is open.

A driver is known by what PEP 249 asks of its module: ``apilevel``, ``paramstyle`` and ``connect``. So drivers that no
list names are found too.
"""

from __future__ import annotations

import re
import sys
from typing import Any, Literal

from ninelives.code.naming import class_name

Role = Literal["connection", "cursor", "part", ""]

#: Drivers that say of themselves less than PEP 249 asks, or that are not made after it.
_DRIVERS = frozenset({"aiosqlite", "asyncpg"})

#: Classes that are connections, and have not the methods of one, or a module that is no driver.
_CONNECTIONS = frozenset(
    {
        "asyncpg.connection.Connection",
        "asyncpg.pool.PoolConnectionProxy",
        "sqlalchemy.engine.base.Connection",
        "sqlalchemy.ext.asyncio.engine.AsyncConnection",
        "sqlalchemy.ext.asyncio.session.AsyncSession",
        "sqlalchemy.orm.session.Session",
    }
)

#: Where a cursor, a result or a transaction has its connection.
_HOLDERS = ("_conn", "connection", "_connection", "_cnx")

#: Attributes of a cursor that say what its last statement came to: recorded with each call, so that reading one after
#: a restart makes nothing again.
RESULTS = ("description", "rowcount", "lastrowid", "rownumber", "statusmessage")

#: Methods that begin a cursor anew: what it was used for before does not matter to them.
FRESH = frozenset({"execute", "executemany", "executescript", "callproc", "copy", "stream", "close", "setinputsizes"})

#: Methods that make no statement of their own.
_SILENT = frozenset(
    {
        *("begin", "begin_nested", "close", "commit", "connect", "connection", "cursor", "fetchall", "fetchmany"),
        *("fetchone", "first", "fileno", "info", "mappings", "mogrify", "nextset", "one", "rollback"),
        *("rownumber", "scalar_one", "scroll", "setinputsizes", "setoutputsize", "start", "transaction", "tuples"),
        *("__aenter__", "__aexit__", "__anext__", "__enter__", "__exit__", "__iter__", "__next__"),
    }
)

#: Statements that only set up their connection. What they set for a transaction ends with it, what they set for the
#: whole server stays there.
_SETS_UP = re.compile(
    r"\s*(SET\s+(?!LOCAL\b|TRANSACTION\b|CONSTRAINTS\b|GLOBAL\b|PERSIST|PASSWORD\b|@@GLOBAL|@@PERSIST)"
    r"|USE\s|RESET\s|ATTACH\s|DETACH\s|LISTEN\s|UNLISTEN\s|PREPARE\s|DEALLOCATE\s|ALTER\s+SESSION\s"
    r"|PRAGMA\s+(analysis_limit|automatic_index|busy_timeout|cache_size|cache_spill|case_sensitive_like"
    r"|cell_size_check|defer_foreign_keys|foreign_keys|ignore_check_constraints|legacy_alter_table|locking_mode"
    r"|max_page_count|mmap_size|query_only|read_uncommitted|recursive_triggers|reverse_unordered_selects|synchronous"
    r"|temp_store|threads|trusted_schema|wal_autocheckpoint|writable_schema)\b)",
    re.IGNORECASE,
)

#: Statements whose effect ends with their connection, and that can't be repeated.
_ENDS_WITH_IT = re.compile(
    r"\s*CREATE\s+(LOCAL\s+)?TEMP(ORARY)?\s|\s*LOCK\s+TABLES?\s.*\b(READ|WRITE)\b"
    r"|.*\b(pg_(try_)?advisory_lock(_shared)?|GET_LOCK)\s*\(",
    re.IGNORECASE | re.DOTALL,
)

#: Statements that change nothing, so that the cursor of one may be made again by making it again.
_READS = re.compile(r"\s*(SELECT|SHOW|EXPLAIN|DESCRIBE|VALUES|PRAGMA)\b", re.IGNORECASE)

#: Transaction states of libpq that are open: active, in a transaction, in a failed one.
_LIBPQ_OPEN = (1, 2, 3)

#: SERVER_STATUS_IN_TRANS of MySQL's protocol.
_MYSQL_OPEN = 1

_roles: dict[type, Role] = {}


def role(cls: type | None) -> Role:
    """Return what objects of a class are to a database driver; an empty text for nothing."""
    if cls is None:
        return ""
    found = _roles.get(cls)
    return _roles.setdefault(cls, _role(cls)) if found is None else found


def _role(cls: type) -> Role:
    names = [class_name(base) for base in cls.__mro__]
    if any(name in _CONNECTIONS for name in names):
        return "connection"
    if not any(_is_driver(base.__module__) for base in cls.__mro__):
        return "part" if cls.__module__.startswith("sqlalchemy.") and hasattr(cls, "connection") else ""
    if all(hasattr(cls, name) for name in ("commit", "rollback", "cursor")):
        return "connection"
    if all(hasattr(cls, name) for name in ("execute", "fetchone")):
        return "cursor"
    return "part"


def _is_driver(module: Any) -> bool:
    if not isinstance(module, str):
        return False
    parts = module.split(".")
    if parts[0] in _DRIVERS:
        return True
    modules = (sys.modules.get(".".join(parts[:length])) for length in range(1, len(parts) + 1))
    return any(all(hasattr(found, name) for name in ("apilevel", "paramstyle", "connect")) for found in modules)


def connection_of(value: Any) -> Any:
    """Return the connection that an object is or works on; None if there is none."""
    kind = role(type(value))
    if kind == "connection":
        return value
    if kind:
        for name in _HOLDERS:
            found = getattr(value, name, None)
            if role(type(found)) == "connection":
                return found
    return None


def is_open(connection: Any, method: str, before: bool) -> bool:
    """Return whether a connection has an open transaction.

    Args:
        connection: the connection.
        method: the method that was just called.
        before: what was known before; used for drivers that do not say.
    """
    try:
        return _says(connection, method, before)
    except Exception:  # noqa: BLE001 - a driver's own class of error: the connection was closed, and its transaction with it
        return False


def _says(connection: Any, method: str, before: bool) -> bool:
    for name in ("in_transaction", "is_in_transaction", "transaction_in_progress"):
        found = getattr(connection, name, None)
        if found is not None:
            return bool(found() if callable(found) else found)
    status = getattr(getattr(connection, "info", None), "transaction_status", None)
    if status is not None:
        return int(status) in _LIBPQ_OPEN
    status = getattr(connection, "server_status", None)
    if isinstance(status, int):
        return bool(status & _MYSQL_OPEN)
    if method in ("commit", "rollback", "close", "__exit__"):
        return False
    return before or (is_statement(method) and getattr(connection, "autocommit", False) is not True)


def is_statement(method: str) -> bool:
    """Return whether a method of a connection or a cursor makes a statement."""
    return method not in _SILENT


def sql_of(args: tuple[Any, ...]) -> str:
    """Return the text of the statement among a call's arguments; empty if there is none."""
    first: Any = args[0] if args else None
    if type(first) is str:
        return first
    if type(first) is bytes:
        return first.decode("utf-8", "replace")
    module = type(first).__module__
    try:
        if module.startswith("sqlalchemy."):
            return str(first)
        return str(first.as_string(None)) if module.startswith("psycopg") else ""
    except Exception:  # noqa: BLE001 - a library's own class of error: it can't be shown without its dialect
        return ""


def sets_up(sql: str) -> bool:
    """Return whether a statement only sets up its connection."""
    return _SETS_UP.match(sql) is not None


def ends_with_connection(sql: str) -> bool:
    """Return whether what a statement does ends with its connection, and can't be repeated."""
    return _ENDS_WITH_IT.match(sql) is not None


def reads(sql: str) -> bool:
    """Return whether a statement changes nothing."""
    return _READS.match(sql) is not None
