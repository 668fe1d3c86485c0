"""A transaction that has only read when a process dies: cut off unnoticed where that is safe, else it stops the session."""

from __future__ import annotations

import json

import pytest

from ninelives.session import reading

LOST = "a transaction was open when the process ended, and is lost: "

CONNECTS = {
    "psycopg": "import psycopg\n\ndef handler(event):\n    db = psycopg.connect(event.data.dsn)\n    cur = db.cursor()\n",
    "psycopg2": "import psycopg2\n\ndef handler(event):\n    db = psycopg2.connect(event.data.dsn)\n    cur = db.cursor()\n",
    "async": (
        "import psycopg\n\nasync def handler(event):\n    db = await psycopg.AsyncConnection.connect(event.data.dsn)\n"
        "    cur = db.cursor()\n"
    ),
}

THEN = "cur.execute('INSERT INTO t VALUES (2)')\ndb.commit()\ncur.execute('SELECT a FROM t')\nprint(cur.fetchall())\ndb.commit()\n"


def resumed(cli, program, postgres, driver: str, lines: str):
    if driver == "async":
        lines = lines.replace("cur.", "await cur.").replace("db.", "await db.")
    body = "".join(f"    {line}\n" for line in lines.strip().splitlines())
    program("from dying import die_once\n" + CONNECTS[driver] + body)
    answer = cli("run", "app.py:handler", "--session", "s", "--data", json.dumps({"dsn": postgres}))
    assert answer.code == -9, answer.err
    return cli("resume", "s")


@pytest.mark.parametrize("driver", CONNECTS)
def test_goes_on(cli, program, postgres, tables, driver) -> None:
    lines = (
        "cur.execute('SELECT count(*) FROM t WHERE a > 0')\nfound = cur.fetchone()\ncur.execute('SELECT 1')\ndie_once()\n"
        + THEN
    )
    answer = resumed(cli, program, postgres, driver, lines)
    assert (answer.code, answer.out) == (0, "[(2,)]\n"), answer.err


STOPS = {
    "locks": "cur.execute('SELECT a FROM t FOR UPDATE')\ndie_once()\n",
    "a function that changes": "cur.execute('SELECT txid_current()')\ndie_once()\n",
    "a write after it": "cur.execute('SELECT a FROM t')\ncur.execute('INSERT INTO t VALUES (1)')\ncur.execute('SELECT 1')\ndie_once()\n",
    "an isolation that sees one state": (
        "cur.execute('SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ')\ndb.commit()\n"
        "cur.execute('SELECT a FROM t')\ndie_once()\n"
    ),
}


@pytest.mark.parametrize("driver", CONNECTS)
@pytest.mark.parametrize("name", STOPS)
def test_stops(cli, program, postgres, tables, driver, name) -> None:
    answer = resumed(cli, program, postgres, driver, STOPS[name] + THEN)
    assert answer.code == 4, answer.out
    assert LOST in answer.err


def test_one_that_the_program_began_stops(cli, program, postgres, tables) -> None:
    lines = "db.autocommit = True\nwith db.transaction():\n    cur.execute('SELECT a FROM t')\n    die_once()\n    cur.execute('SELECT 1')\n"
    answer = resumed(cli, program, postgres, "psycopg", lines)
    assert answer.code == 4, answer.out
    assert LOST in answer.err


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "select a, count(*) from t where b in (1, 2) and c = %s group by a",
        "SELECT * FROM t WHERE name = 'for update' AND note = 'it''s; f(x)'",
        "SHOW server_version",
        "SELECT a FROM (SELECT a FROM t) AS u WHERE EXISTS (SELECT 1)",
        "SELECT round(sum(a)::numeric(10, 2), 2), row_number() OVER (ORDER BY a) FROM t;",
    ],
)
def test_certainly_only_reads(sql: str) -> None:
    assert reading.plainly(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "INSERT INTO t VALUES (1)",
        "SELECT a INTO u FROM t",
        "SELECT a FROM t FOR SHARE",
        "SELECT nextval('s')",
        "SELECT my.count(a) FROM t",
        'SELECT "count"(a) FROM t',
        "SELECT 1; DELETE FROM t",
        "SELECT count /* a */ (a) FROM t",
        "SELECT E'\\' , f(1) --'",
        "SELECT $$ ' $$, f(1), $$ ' $$",
        "SELECT pg_advisory_lock(1)",
        "WITH gone AS (DELETE FROM t RETURNING a) SELECT a FROM gone",
        "SELECT * FROM (WITH gone AS (DELETE FROM t RETURNING a) SELECT a FROM gone) AS u",
        "EXPLAIN ANALYZE INSERT INTO t VALUES (1)",
        "SELECT set_config('a.b', 'c', true)",
    ],
)
def test_may_do_more(sql: str) -> None:
    assert not reading.plainly(sql)
