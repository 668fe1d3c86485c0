"""Database connections when a process dies: autocommit goes on, an open transaction stops the session and is named."""

from __future__ import annotations

import json
import re

import pytest

LOST = "a transaction was open when the process ended, and is lost: "

#: How a program connects with each driver, and a statement's placeholder.
CONNECTS = {
    "psycopg": "import psycopg as driver",
    "psycopg2": "import psycopg2 as driver",
}


def killed(cli, program, text: str, postgres: str = "", **vars: str):
    program(text)
    given = [f"--var={name}" for name in vars]
    data = json.dumps({"dsn": postgres})
    answer = cli("run", "app.py:handler", "--session", "s", "--data", data, *given, **vars)
    assert answer.code == -9, answer.err
    return answer


@pytest.mark.parametrize("driver", CONNECTS)
def test_autocommit_just_works(cli, program, postgres, tables, driver) -> None:
    text = f"""
        {CONNECTS[driver]}
        from dying import die_once

        def handler(event):
            db = driver.connect(event.data.dsn)
            db.autocommit = True
            cur = db.cursor()
            cur.execute("SET application_name = 'mine'")
            cur.execute("INSERT INTO t VALUES (%s)", (1,))
            print(cur.rowcount)
            die_once()
            print(cur.rowcount, cur.statusmessage)
            cur.execute("INSERT INTO t VALUES (2)")
            cur.execute("SELECT count(*), current_setting('application_name') FROM t")
            print(*cur.fetchone())
    """
    killed(cli, program, text, postgres)
    resumed = cli("resume", "s")
    assert (resumed.code, resumed.out) == (0, "1 INSERT 0 1\n2 mine\n"), resumed.err
    assert tables("SELECT a FROM t ORDER BY a") == [(1,), (2,)]


@pytest.mark.parametrize("driver", CONNECTS)
def test_a_commit_before_the_restart_is_one(cli, program, postgres, tables, driver) -> None:
    text = f"""
        {CONNECTS[driver]}
        from dying import die_once

        def handler(event):
            db = driver.connect(event.data.dsn)
            cur = db.cursor()
            cur.execute("INSERT INTO t VALUES (1)")
            db.commit()
            with db:
                cur.execute("INSERT INTO t VALUES (2)")
            db = driver.connect(event.data.dsn)
            die_once()
            with db.cursor() as cur:
                cur.execute("INSERT INTO t VALUES (3)")
            db.commit()
    """
    killed(cli, program, text, postgres)
    assert cli("resume", "s").code == 0
    assert tables("SELECT a FROM t ORDER BY a") == [(1,), (2,), (3,)]


CUT = {
    "commit": """
            db.execute("INSERT INTO t VALUES (1)")
            db.execute("UPDATE t SET a = a + %s", (10,))
            die_once()
            db.commit()
    """,
    "next statement": """
            db.execute("INSERT INTO t VALUES (1)")
            db.execute("UPDATE t SET a = a + %s", (10,))
            die_once()
            db.execute("INSERT INTO t VALUES (2)")
            db.commit()
    """,
    "cursor": """
            cur = db.cursor()
            cur.execute("INSERT INTO t VALUES (1)")
            cur.execute("UPDATE t SET a = a + %s", (10,))
            die_once()
            cur.execute("INSERT INTO t VALUES (2)")
            db.commit()
    """,
    "with connection": """
            with db:
                db.execute("INSERT INTO t VALUES (1)")
                db.execute("UPDATE t SET a = a + %s", (10,))
                die_once()
    """,
    "with transaction": """
            db.autocommit = True
            with db.transaction():
                db.execute("INSERT INTO t VALUES (1)")
                db.execute("UPDATE t SET a = a + %s", (10,))
                die_once()
    """,
    "module level": """
            module_level.execute("INSERT INTO t VALUES (1)")
            module_level.execute("UPDATE t SET a = a + %s", (10,))
            die_once()
            module_level.commit()
    """,
    "handed on": """
            effects_of(db)
            db.execute("INSERT INTO t VALUES (1)")
            db.execute("UPDATE t SET a = a + %s", (10,))
            die_once()
            effects_of(db)
    """,
}


@pytest.mark.parametrize("how", CUT)
def test_an_open_transaction_stops_the_session(cli, program, postgres, tables, how) -> None:
    text = f"""
        import os
        import ninelives
        import psycopg
        from dying import die_once

        module_level = psycopg.connect(os.environ["DSN"])

        @ninelives.activity
        def effects_of(db):
            db.execute("INSERT INTO t VALUES (3)")
            db.commit()

        def handler(event):
            db = psycopg.connect(event.data.dsn)
            {CUT[how].strip()}
    """
    killed(cli, program, text, postgres, DSN=postgres)
    stopped = cli("resume", "s", DSN=postgres)
    assert stopped.code == 4, stopped.err
    said = stopped.err.splitlines()[-1]
    assert LOST + "INSERT INTO t VALUES (1); UPDATE t SET a = a + %s;" in said
    assert "'ninelives resume s --with-code DIR'" in said
    # The way on: a fork in front of the transaction, which makes it again as a whole.
    at = re.search(r"'ninelives sessions fork s --at (\d+)'", said)
    assert at
    fork = cli("sessions", "fork", "s", "--at", at[1], "--json").document["session_id"]
    before = tables("SELECT count(*) FROM t")
    resumed = cli("resume", fork, DSN=postgres)
    assert resumed.code == 0, resumed.err
    assert 11 in [a for (a,) in tables("SELECT a FROM t")]
    assert tables("SELECT count(*) FROM t") != before


def test_repaired_code_goes_on_with_a_connection_of_its_own(cli, program, postgres, tables) -> None:
    text = """
        import psycopg
        from dying import die_once

        def handler(event):
            db = psycopg.connect(event.data.dsn)
            db.execute("INSERT INTO t VALUES (1)")
            die_once()
            db.commit()
    """
    killed(cli, program, text, postgres)
    assert cli("resume", "s").code == 4
    repaired = """
        import ninelives
        import psycopg
        from dying import die_once

        @ninelives.activity
        def insert(dsn):
            with psycopg.connect(dsn) as db:
                db.execute("INSERT INTO t VALUES (1)")

        def handler(event):
            db = psycopg.connect(event.data.dsn)
            db.execute("INSERT INTO t VALUES (1)")
            die_once()
            insert(event.data.dsn)
    """
    program(repaired, "repaired/app.py")
    resumed = cli("resume", "s", "--with-code", "repaired")
    assert resumed.code == 0, resumed.err
    assert tables("SELECT a FROM t") == [(1,)]


def test_a_transaction_of_one_connection_is_none_of_another(cli, program, postgres, tables) -> None:
    text = """
        import psycopg
        from dying import die_once

        def handler(event):
            one = psycopg.connect(event.data.dsn)
            other = psycopg.connect(event.data.dsn, autocommit=True)
            one.execute("INSERT INTO t VALUES (1)")
            other.execute("INSERT INTO t VALUES (2)")
            die_once()
            other.execute("INSERT INTO t VALUES (3)")
            print("other")
            one.commit()
    """
    killed(cli, program, text, postgres)
    stopped = cli("resume", "s")
    assert (stopped.code, stopped.out) == (4, "other\n")
    assert f"{LOST}INSERT INTO t VALUES (1);" in stopped.err
    assert tables("SELECT a FROM t ORDER BY a") == [(2,), (3,)]


def test_a_transaction_that_is_given_up_is_no_loss(cli, program, postgres, tables) -> None:
    text = """
        import psycopg
        from dying import die_once

        def handler(event):
            db = psycopg.connect(event.data.dsn)
            db.execute("INSERT INTO t VALUES (1)")
            die_once("one")
            db.rollback()
            try:
                with db:
                    db.execute("INSERT INTO t VALUES (2)")
                    die_once("two")
                    raise KeyError("no")
            except KeyError:
                print("caught")
            with psycopg.connect(event.data.dsn) as db:
                db.execute("INSERT INTO t VALUES (3)")
    """
    killed(cli, program, text, postgres)
    assert cli("resume", "s").code == -9
    resumed = cli("resume", "s")
    assert (resumed.code, resumed.out) == (0, "caught\n"), resumed.err
    assert tables("SELECT a FROM t") == [(3,)]


def test_secrets_and_parameters_are_not_named(cli, program, postgres, tables) -> None:
    text = """
        import os
        import psycopg
        from dying import die_once

        def handler(event):
            db = psycopg.connect(event.data.dsn)
            db.execute(f"UPDATE t SET a = 1 WHERE '{os.environ['TOKEN']}' = ''")
            db.execute("SELECT %s::text, %s", (os.environ["TOKEN"], 4711))
            db.execute("SELECT " + ", ".join(map(str, range(1000))))
            die_once()
            db.commit()
    """
    killed(cli, program, text, postgres, TOKEN="hunter2hunter2")
    said = cli("resume", "s", TOKEN="hunter2hunter2").err.splitlines()[-1]
    assert f"{LOST}UPDATE t SET a = 1 WHERE '***' = ''; SELECT %s::text, %s; SELECT 0, 1, 2," in said
    assert "hunter2" not in said
    assert "4711" not in said
    assert len(said) < 800


def test_a_kill_in_the_middle_of_a_commit_says_that_nobody_knows(cli, program) -> None:
    text = """
        import sqlite3
        from dying import die_once

        def handler(event):
            db = sqlite3.connect("data.db")
            db.set_trace_callback(lambda sql: die_once() if sql == "COMMIT" else None)
            db.execute("CREATE TABLE t (a)")
            db.execute("INSERT INTO t VALUES (1)")
            db.commit()
    """
    killed(cli, program, text)
    stopped = cli("resume", "s")
    assert stopped.code == 4
    assert (
        "a transaction was being committed when the process ended, and only the database knows whether it was: "
        "INSERT INTO t VALUES (1); look there, and if it was not, fork the session in front of it: " in stopped.err
    )


def test_sqlalchemy_connections(cli, program, postgres, tables) -> None:
    text = """
        from sqlalchemy import create_engine, text
        from dying import die_once

        def handler(event):
            host = event.data.dsn.split()[0].removeprefix("host=")
            engine = create_engine(f"postgresql+psycopg://tester@/postgres?host={host}")
            with engine.connect() as db:
                db.execute(text("INSERT INTO t VALUES (1)"))
                db.commit()
            with engine.begin() as db:
                db.execute(text("INSERT INTO t VALUES (:a)"), {"a": 2})
                die_once()
            print("end")
    """
    killed(cli, program, text, postgres)
    stopped = cli("resume", "s")
    assert stopped.code == 4
    assert LOST in stopped.err
    assert "INSERT INTO t VALUES (:a)" in stopped.err
    assert tables("SELECT a FROM t") == [(1,)]


SQLITE = {
    "settings": (
        """
        db = sqlite3.connect("data.db", isolation_level=None)
        db.row_factory = sqlite3.Row
        db.create_function("twice", 1, lambda a: 2 * a)
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("ATTACH 'other.db' AS other")
        db.execute("CREATE TABLE IF NOT EXISTS other.t (a)")
        die_once()
        print(db.row_factory is sqlite3.Row)
        print(dict(db.execute("SELECT twice(4) AS n").fetchone()))
        print(db.execute("PRAGMA foreign_keys").fetchone()[0], db.execute("SELECT count(*) FROM other.t").fetchone()[0])
        """,
        "True\n{'n': 8}\n1 0\n",
    ),
    "attributes of a cursor": (
        """
        db = sqlite3.connect("data.db", isolation_level=None)
        db.execute("CREATE TABLE t (a)")
        cur = db.execute("INSERT INTO t VALUES (7)")
        die_once()
        print(cur.lastrowid, cur.rowcount, cur.description)
        cur = db.execute("SELECT a FROM t")
        print([column[0] for column in cur.description], cur.fetchall())
        """,
        "1 1 None\n['a'] [(7,)]\n",
    ),
    "a committed block": (
        """
        db = sqlite3.connect("data.db")
        with db:
            db.execute("CREATE TABLE t (a)")
            db.execute("INSERT INTO t VALUES (7)")
        die_once()
        with db:
            db.execute("INSERT INTO t VALUES (8)")
        print(db.execute("SELECT a FROM t").fetchall())
        """,
        "[(7,), (8,)]\n",
    ),
}


@pytest.mark.parametrize("name", SQLITE)
def test_sqlite_goes_on(cli, program, name) -> None:
    body, printed = SQLITE[name]
    program("import sqlite3\nfrom dying import die_once\n\ndef handler(event):" + body.replace("\n    ", "\n"))
    assert cli("run", "app.py:handler", "--session", "s").code == -9
    resumed = cli("resume", "s")
    assert (resumed.code, resumed.out) == (0, printed), resumed.err


STOPS = {
    "a database in memory": (
        """
        db = sqlite3.connect(":memory:", isolation_level=None)
        db.execute("CREATE TABLE t (a)")
        die_once()
        db.execute("INSERT INTO t VALUES (7)")
        """,
        "sqlite3.Connection, and what 'CREATE TABLE t (a)' made on it, can't be made again after a restart",
    ),
    "a temporary table": (
        """
        db = sqlite3.connect("data.db", isolation_level=None)
        db.execute("CREATE TEMP TABLE t (a)")
        die_once()
        db.execute("INSERT INTO t VALUES (7)")
        """,
        "sqlite3.Connection, and what 'CREATE TEMP TABLE t (a)' made on it, can't be made again after a restart",
    ),
    # Made again by the same call, it would insert again.
    "the cursor of a statement with an effect": (
        """
        db = sqlite3.connect("data.db", isolation_level=None)
        db.execute("CREATE TABLE t (a)")
        cur = db.execute("INSERT INTO t VALUES (7) RETURNING a")
        die_once()
        print(cur.fetchone())
        """,
        "sqlite3.Cursor, and what 'INSERT INTO t VALUES (7) RETURNING a' made on it, can't be made again",
    ),
}


@pytest.mark.parametrize("name", STOPS)
def test_sqlite_stops(cli, program, name) -> None:
    body, said = STOPS[name]
    program("import sqlite3\nfrom dying import die_once\n\ndef handler(event):" + body.replace("\n    ", "\n"))
    assert cli("run", "app.py:handler", "--session", "s").code == -9
    resumed = cli("resume", "s")
    assert resumed.code == 4
    assert said in resumed.err


#: A driver that nobody knows, and which does not say whether a transaction is open.
DRIVER = """
apilevel, paramstyle, threadsafety = "2.0", "qmark", 1
import threading

def connect():
    return Connection()

class Connection:
    def __init__(self):
        self.lock = threading.Lock()
        self.autocommit = False

    def cursor(self):
        return Cursor(self)

    def commit(self):
        pass

    rollback = close = commit

class Cursor:
    rowcount, lastrowid, description = 1, None, None

    def __init__(self, connection):
        self.connection = connection

    def execute(self, sql, parameters=()):
        return self

    def fetchone(self):
        return (1,)

    def close(self):
        pass
"""


@pytest.mark.parametrize(("setting", "code"), [("False", 4), ("True", 0)])
def test_a_driver_that_nobody_knows(cli, program, tmp_path_factory, monkeypatch, setting, code) -> None:
    folder = tmp_path_factory.mktemp("driver")
    (folder / "strangedb.py").write_text(DRIVER)
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=":")
    program(
        f"""
        import strangedb
        from dying import die_once

        def handler(event):
            db = strangedb.connect()
            db.autocommit = {setting}
            cur = db.cursor()
            cur.execute("insert 1")
            db.commit()
            cur.execute("insert 2", (2,))
            die_once()
            cur.execute("insert 3")
            db.commit()
        """
    )
    assert cli("run", "app.py:handler", "--session", "s").code == -9
    resumed = cli("resume", "s")
    assert resumed.code == code, resumed.err
    assert (f"{LOST}insert 2;" in resumed.err) is (code == 4)
