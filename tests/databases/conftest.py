"""A real PostgreSQL, started for the tests that want one, on a socket in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cli.conftest import *  # noqa: F403 - the command line, as its own tests have it

#: Where Debian keeps the programs of a server, which are not in anybody's PATH.
DEBIAN = Path("/usr/lib/postgresql")

DIES_ONCE = """
import os
import signal

def die_once(name="go"):
    if not os.path.exists(name):
        open(name, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
"""


def _program(name: str) -> str:
    found = shutil.which(name)
    versions = sorted(DEBIAN.glob(f"*/bin/{name}"))
    assert found or versions, "PostgreSQL's server is not installed (Debian: postgresql)"
    return found or str(versions[-1])


def _anybody() -> dict[str, Any]:
    """Return how to start a process of PostgreSQL: it refuses to be root."""
    if os.geteuid():
        return {}
    user = pwd.getpwnam("nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Return what connects to the server: a libpq connection string."""
    # The path of a Unix socket has 107 characters at most.
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    who = _anybody()
    if who:
        os.chown(folder, who["user"], who["group"])
    data = folder / "data"

    def run(*command: str) -> None:
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False, **who)
        log = folder / "log"
        assert done.returncode == 0, done.stderr + (log.read_text() if log.exists() else "")

    try:
        run(_program("initdb"), "-D", str(data), "-U", "tester", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
        options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        run(_program("pg_ctl"), "-D", str(data), "-l", str(folder / "log"), "-o", options, "-w", "start")
        try:
            yield f"host={folder} user=tester dbname=postgres"
        finally:
            run(_program("pg_ctl"), "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def tables(postgres: str) -> Iterator[Callable[[str], list[Any]]]:
    """Return a function that asks an otherwise empty database."""
    import psycopg

    with psycopg.connect(postgres, autocommit=True) as db:
        db.execute("DROP SCHEMA public CASCADE")
        db.execute("CREATE SCHEMA public")
        db.execute("CREATE TABLE t (a int)")
        yield lambda sql: db.execute(sql).fetchall()


@pytest.fixture(autouse=True)
def dying(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let programs import ``dying``, whose ``die_once`` kills their process, once."""
    folder = tmp_path_factory.mktemp("outside")
    (folder / "dying.py").write_text(DIES_ONCE)
    monkeypatch.setenv("PYTHONPATH", str(folder))
