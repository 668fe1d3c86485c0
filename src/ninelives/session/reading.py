"""Transactions that only read, and that a restart may cut without anybody having to know.

That is safe where each statement of a transaction sees what is committed when it begins (*read committed*), and where
it took no lock and changed nothing. Under any other isolation the program relies on all its statements seeing the same
state, or on the database refusing a write that was decided by what has changed since: a new transaction would not.
So it is asked of PostgreSQL, once in each transaction; other databases have other isolations by default.
"""

from __future__ import annotations

import re
from typing import Any

#: Functions that only compute. A statement that calls any other one may change something.
_PURE = frozenset(
    re.findall(
        r"\w+",
        """
    abs array_agg avg bool_and bool_or cast ceil ceiling coalesce concat concat_ws count date_part date_trunc dense_rank
    every extract first_value floor greatest json_agg json_build_object jsonb_agg jsonb_build_object lag last_value lead
    least left length lower ltrim max min mod nullif position rank replace right round row_number rtrim split_part
    string_agg substr substring sum to_char to_date to_timestamp trim unnest upper
    """,
    )
)

#: Words and types of the language that may stand before a parenthesis.
_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
    all and any as between by case char decimal distinct else except exists filter from having ilike in intersect is
    join lateral like limit not numeric offset on or over partition row select some then union using values varchar when
    where
    """,
    )
)

_READS = re.compile(r"\s*(SELECT|SHOW|TABLE|VALUES)\b", re.IGNORECASE)
_TEXT = re.compile(r"'[^']*'")
#: A call of something: a word, or a name in quotes.
_CALL = re.compile(r"([\w.]+|\")\s*\(")
_OTHER = re.compile(r"\b(call|delete|execute|for|insert|into|lock|merge|update)\b|--|/\*|;\s*\S|\$|\\", re.IGNORECASE)

#: Of libpq: in a transaction, and idle.
_IN_TRANSACTION = 2

_ISOLATION = "SHOW transaction_isolation"
_READ_COMMITTED = "read committed"


def plainly(sql: str) -> bool:
    """Return whether a statement certainly only reads, and locks nothing that outlasts it."""
    if _READS.match(sql) is None:
        return False
    bare = _TEXT.sub("''", sql)
    if "'" in bare.replace("''", "") or _OTHER.search(bare):
        return False
    return all(name.lower() in _PURE or name.lower() in _WORDS for name in _CALL.findall(bare))


def sees_newest(connection: Any) -> bool:
    """Return whether each statement of a connection's transaction sees what is committed when it begins.

    Only if the transaction began by itself: one that the program began would have to be begun again.
    """
    module = type(connection).__module__.partition(".")[0]
    ask = _ASK.get(module)
    if ask is None or getattr(connection, "autocommit", True) is not False:
        return False
    try:
        return bool(int(connection.info.transaction_status) == _IN_TRANSACTION and ask(connection) == _READ_COMMITTED)
    except Exception:  # noqa: BLE001 - the driver's own class of error: then it is not known
        return False


def _ask_psycopg(connection: Any) -> str:
    # Beside the driver's cursors, and the same for those that are awaited.
    found: str = connection.pgconn.exec_(_ISOLATION.encode()).get_value(0, 0).decode()
    return found


def _ask_psycopg2(connection: Any) -> str:
    from psycopg2.extensions import cursor  # type: ignore[import-untyped]

    with connection.cursor(cursor_factory=cursor) as asking:
        asking.execute(_ISOLATION)
        found: str = asking.fetchone()[0]
        return found


_ASK = {"psycopg": _ask_psycopg, "psycopg2": _ask_psycopg2}
