"""Asynchronous drivers when a process dies: the same rules as for the others."""

from __future__ import annotations

import json

import pytest

LOST = "a transaction was open when the process ended, and is lost: "

#: What imports a driver and connects; what is given to its ``execute``; what is done to each statement's cursor.
CONNECTS = {
    "psycopg": ("import psycopg", "await psycopg.AsyncConnection.connect(event.data.dsn)", "%s"),
    "aiosqlite": ("import aiosqlite", "await aiosqlite.connect('data.db')", "?"),
    "asyncpg": ("import asyncpg", "await asyncpg.connect(event.data.dsn)", "$1"),
}

#: Those made after PEP 249.
ALIKE = ("psycopg", "aiosqlite")


def address(text: str, postgres: str) -> str:
    """Return what the driver of a program connects to."""
    host = postgres.split()[0].removeprefix("host=")
    return f"postgresql://tester@/postgres?host={host}" if "asyncpg" in text else postgres


def killed(cli, program, text: str, postgres: str = "") -> None:
    program(text)
    answer = cli("run", "app.py:handler", "--session", "s", "--data", json.dumps({"dsn": address(text, postgres)}))
    assert answer.code == -9, answer.err


def text(driver: str, body: str) -> str:
    imports, connect, mark = CONNECTS[driver]
    lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
    made = f"{imports}\nfrom dying import die_once\n\nasync def handler(event):\n    db = {connect}\n{lines}"
    return made.replace("MARK", mark)


SETUP = "await db.execute('CREATE TABLE IF NOT EXISTS t (a int)')\nawait db.commit()\n"

GOES_ON = {
    "between transactions": (
        """
cur = await db.execute("INSERT INTO t VALUES (MARK)", (1,))
await db.commit()
print(cur.rowcount)
die_once()
print(cur.rowcount)
await cur.close()
async with db.cursor() as cur:
    await cur.execute("INSERT INTO t VALUES (MARK)", (2,))
    await cur.execute("SELECT a FROM t ORDER BY a")
    print([tuple(row) for row in await cur.fetchall()])
await db.commit()
await db.close()
""",
        "1\n[(1,), (2,)]\n",
    ),
    "rows one by one": (
        """
await db.execute("INSERT INTO t VALUES (1), (2), (3)")
await db.commit()
cur = await db.execute("SELECT a FROM t ORDER BY a")
rows = [row[0] async for row in cur]
await db.commit()
die_once()
print(rows)
await db.execute("DELETE FROM t")
await db.commit()
await db.close()
""",
        "[1, 2, 3]\n",
    ),
    "rolled back": (
        """
await db.execute("INSERT INTO t VALUES (1)")
die_once()
await db.rollback()
cur = await db.execute("SELECT count(*) FROM t")
print((await cur.fetchone())[0])
await db.close()
""",
        "0\n",
    ),
}


@pytest.mark.parametrize("driver", ALIKE)
@pytest.mark.parametrize("name", GOES_ON)
def test_goes_on(cli, program, postgres, tables, driver, name) -> None:
    body, printed = GOES_ON[name]
    killed(cli, program, text(driver, SETUP + body), postgres)
    resumed = cli("resume", "s")
    assert (resumed.code, resumed.out) == (0, printed), resumed.err


CUT = {
    "commit": "await db.execute('INSERT INTO t VALUES (1)')\ndie_once()\nawait db.commit()",
    "next statement": "await db.execute('INSERT INTO t VALUES (1)')\ndie_once()\nawait db.execute('DELETE FROM t')",
    "cursor": "cur = await db.cursor()\nawait cur.execute('INSERT INTO t VALUES (1)')\ndie_once()\nawait cur.execute('DELETE FROM t')",
    "with connection": "async with db:\n    await db.execute('INSERT INTO t VALUES (1)')\n    die_once()",
    "with transaction": "async with db.transaction():\n    await db.execute('INSERT INTO t VALUES (1)')\n    die_once()",
}


@pytest.mark.parametrize("driver", ALIKE)
@pytest.mark.parametrize("name", CUT)
def test_an_open_transaction_stops_the_session(cli, program, postgres, tables, driver, name) -> None:
    if driver == "aiosqlite" and name.startswith("with"):
        # Neither commits: its connection is closed, and it has no transactions.
        return
    body = CUT[name].replace("await db.cursor()", "db.cursor()" if driver == "psycopg" else "await db.cursor()")
    killed(cli, program, text(driver, SETUP + body), postgres)
    stopped = cli("resume", "s")
    assert stopped.code == 4, stopped.err
    assert LOST + "INSERT INTO t VALUES (1);" in stopped.err


SET_UP = {
    "psycopg": (
        """
await db.set_autocommit(True)
await db.execute("SET application_name = 'mine'")
db.row_factory = psycopg.rows.dict_row
await db.execute("CREATE TABLE IF NOT EXISTS t (a int)")
die_once()
await db.execute("INSERT INTO t VALUES (1)")
cur = await db.execute("SELECT a, current_setting('application_name') AS name FROM t")
print(await cur.fetchall())
await db.close()
""",
        "[{'a': 1, 'name': 'mine'}]\n",
    ),
    "aiosqlite": (
        """
await db.create_function("twice", 1, lambda a: 2 * a)
await db.execute("PRAGMA foreign_keys = ON")
db.row_factory = aiosqlite.Row
die_once()
cur = await db.execute("SELECT twice(4) AS n")
print(dict(await cur.fetchone()))
cur = await db.execute("PRAGMA foreign_keys")
print(tuple(await cur.fetchone()))
await db.close()
""",
        "{'n': 8}\n(1,)\n",
    ),
    "asyncpg": (
        """
await db.execute("SET application_name = 'mine'")
rows = await db.fetch("SELECT a, a + 1 AS b FROM (VALUES (1), (2)) AS t (a)")
one = await db.fetchrow("SELECT 7 AS n")
await db.execute("INSERT INTO t VALUES ($1)", 1)
async with db.transaction():
    await db.execute("INSERT INTO t VALUES ($1)", 2)
die_once()
print(rows, one["n"], dict(rows[1]))
async with db.transaction():
    print(await db.fetchval("INSERT INTO t VALUES (3) RETURNING a"))
print([tuple(row) for row in await db.fetch("SELECT a FROM t ORDER BY a")])
print(await db.fetchval("SELECT current_setting('application_name')"))
await db.close()
""",
        "[<Record a=1 b=2>, <Record a=2 b=3>] 7 {'a': 2, 'b': 3}\n3\n[(1,), (2,), (3,)]\nmine\n",
    ),
}


@pytest.mark.parametrize("driver", SET_UP)
def test_is_set_up_again(cli, program, postgres, tables, driver) -> None:
    body, printed = SET_UP[driver]
    killed(cli, program, text(driver, body), postgres)
    resumed = cli("resume", "s")
    assert (resumed.code, resumed.out) == (0, printed), resumed.err


ASYNCPG_CUT = {
    "with transaction": """
async with db.transaction():
    await db.execute("INSERT INTO t VALUES (1)")
    await db.fetchval("INSERT INTO t VALUES (2) RETURNING a")
    die_once()
""",
    "started": """
transaction = db.transaction()
await transaction.start()
await db.execute("INSERT INTO t VALUES (1)")
await db.fetchval("INSERT INTO t VALUES (2) RETURNING a")
die_once()
await transaction.commit()
""",
    "pool": """
async with db.pool.acquire() as db, db.transaction():
    await db.execute("INSERT INTO t VALUES (1)")
    await db.fetchval("INSERT INTO t VALUES (2) RETURNING a")
    die_once()
    await db.execute("DELETE FROM t")
""",
}


@pytest.mark.parametrize("name", ASYNCPG_CUT)
def test_an_open_transaction_of_asyncpg_stops_the_session(cli, program, postgres, tables, name) -> None:
    body = ASYNCPG_CUT[name]
    if name == "pool":
        body = "pool = await asyncpg.create_pool(event.data.dsn)\n" + body.strip().replace("db.pool", "pool")
    killed(cli, program, text("asyncpg", body), postgres)
    stopped = cli("resume", "s")
    assert stopped.code == 4, stopped.err
    assert LOST + "INSERT INTO t VALUES (1); INSERT INTO t VALUES (2) RETURNING a;" in stopped.err


def test_a_connection_is_made_again_for_a_call_that_others_overtook(cli, program, postgres, tables) -> None:
    program(
        """
        import asyncio
        import psycopg
        from dying import die_once

        async def slow(db):
            cur = await db.execute("SELECT 7, pg_sleep(0.5)")
            return (await cur.fetchone())[0]

        async def fast():
            await asyncio.sleep(0.05)
            die_once()

        async def handler(event):
            db = await psycopg.AsyncConnection.connect(event.data.dsn)
            await db.set_autocommit(True)
            found, _ = await asyncio.gather(slow(db), fast())
            print(found)
            await db.close()
        """
    )
    assert cli("run", "app.py:handler", "--session", "s", "--data", json.dumps({"dsn": postgres})).code == -9
    resumed = cli("resume", "s")
    assert (resumed.code, resumed.out) == (0, "7\n"), resumed.err
