"""Parts of the standard library that hold live things, undisturbed and after a kill."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest

DIES_ONCE = """
import os
import signal

def die_once(name="go"):
    if not os.path.exists(name):
        open(name, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def dying(tmp_path_factory, monkeypatch) -> None:
    folder = tmp_path_factory.mktemp("outside")
    (folder / "dying.py").write_text(DIES_ONCE)
    monkeypatch.setenv("PYTHONPATH", str(folder))


class Pages(http.server.BaseHTTPRequestHandler):
    """Answers with the path."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.path)))
        self.end_headers()
        self.wfile.write(self.path.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        threading.Thread(target=server.serve_forever).start()
        yield server.server_port
        server.shutdown()


def killed_and_resumed(cli, program, text: str, **data: object) -> str:
    """Return what a program prints in all that dies once in the middle; it gives ``data`` as its event."""
    import json

    program(text)
    killed = cli("run", "app.py:handler", "--session", "s", "--data", json.dumps(data))
    assert killed.code == -9, killed.err
    resumed = cli("resume", "s")
    assert resumed.code == 0, resumed.err
    return killed.out + resumed.out


def test_http_client(cli, program, port) -> None:
    text = """
        import http.client
        from urllib.request import urlopen
        from dying import die_once

        def handler(event):
            connection = http.client.HTTPConnection("127.0.0.1", event.data.port)
            connection.request("GET", "/one")
            print(connection.getresponse().read())
            die_once()
            connection = http.client.HTTPConnection("127.0.0.1", event.data.port)
            connection.request("GET", "/two")
            print(connection.getresponse().read())
            with urlopen(f"http://127.0.0.1:{event.data.port}/three") as answer:
                print(answer.status, answer.read())
    """
    assert killed_and_resumed(cli, program, text, port=port) == "b'/one'\nb'/two'\n200 b'/three'\n"


def test_sqlite(cli, program) -> None:
    text = """
        import sqlite3
        from contextlib import closing
        from dying import die_once

        def handler(event):
            with closing(sqlite3.connect("data.db", isolation_level=None)) as db:
                db.row_factory = sqlite3.Row
                db.execute("create table t (a, b)")
                db.executemany("insert into t values (?, ?)", [(1, "x"), (2, "y")])
                row = db.execute("select * from t").fetchone()
                die_once()
                print(dict(row), [tuple(row) for row in db.execute("select * from t order by a desc")])
            with closing(sqlite3.connect("data.db")) as db:
                print(db.execute("select count(*) from t").fetchone()[0])
    """
    assert killed_and_resumed(cli, program, text) == "{'a': 1, 'b': 'x'} [(2, 'y'), (1, 'x')]\n2\n"


def test_a_temporary_directory(cli, program) -> None:
    program(
        """
        import tempfile
        from pathlib import Path

        def handler(event):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "a"
                path.write_text("q")
                print(path.read_text())
            print(Path(folder).exists())
        """
    )
    assert cli("run", "app.py:handler").out == "q\nFalse\n"


def test_asyncio_streams(cli, program, port) -> None:
    text = """
        import asyncio
        from dying import die_once

        async def handler(event):
            reader, writer = await asyncio.open_connection("127.0.0.1", event.data.port)
            die_once()
            writer.write(b"GET /path HTTP/1.0\\r\\n\\r\\n")
            await writer.drain()
            print((await reader.read()).endswith(b"/path"))
            writer.close()
    """
    assert killed_and_resumed(cli, program, text, port=port) == "True\n"


def test_files_are_closed_when_nobody_has_them(cli, program) -> None:
    program(
        """
        import resource

        def handler(event):
            resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
            with open("data.txt", "w") as file:
                file.write("data")
            print(sum(len(open("data.txt").read()) for _ in range(150)))
        """
    )
    answer = cli("run", "app.py:handler")
    assert answer.out == "600\n", answer.err


UNDISTURBED = {
    "named temporary file": (
        """
        import tempfile
        def handler(event):
            with tempfile.NamedTemporaryFile("w+") as file:
                file.write("text")
                file.seek(0)
                print(file.read())
        """,
        "text\n",
    ),
    "shelve": (
        """
        import shelve
        def handler(event):
            with shelve.open("data") as shelf:
                shelf["a"] = [1]
                print(shelf["a"])
        """,
        "[1]\n",
    ),
    "exit stack of files": (
        """
        from contextlib import ExitStack
        def handler(event):
            with ExitStack() as stack:
                files = [stack.enter_context(file) for file in map(open, ["app.py", "app.py"])]
                print([file.readline() for file in files])
        """,
        "['\\n', '\\n']\n",
    ),
    "bytes to stdout": (
        r"""
        import sys
        def handler(event):
            sys.stdout.buffer.write(b"bin\xff\n")
            sys.stdout.reconfigure(encoding="utf-8")
        """,
        "bin\udcff\n",
    ),
    "very long numbers and odd texts": (
        r"""
        import operator
        import shutil
        def handler(event):
            items = []
            for _ in range(6):
                items.append(items)
            print(shutil.which(str(len(items))), operator.add(10 ** 5000, 1) > 0)
            try:
                open("\udcff")
            except FileNotFoundError as error:
                print(ascii(error.filename))
            return 10 ** 5000
        """,
        "None True\n'\\udcff'\n",
    ),
}


@pytest.mark.parametrize(("text", "prints"), UNDISTURBED.values(), ids=UNDISTURBED.keys())
def test_undisturbed_as_in_plain_python(cli, program, text, prints) -> None:
    program(text)
    answer = cli("run", "app.py:handler")
    assert (answer.code, answer.out) == (0, prints), answer.err


def test_configuration_files(cli, program, tmp_path) -> None:
    (tmp_path / "c.ini").write_text("[a]\nkey = value\n")
    text = """
        import configparser
        from dying import die_once

        def handler(event):
            parser = configparser.ConfigParser()
            parser.read("c.ini")
            die_once()
            print(parser["a"]["key"], parser.sections())
    """
    assert killed_and_resumed(cli, program, text) == "value ['a']\n"


STOPS = {
    "open transaction": (
        """
        import sqlite3
        def work(die_once):
            db = sqlite3.connect("data.db")
            db.execute("create table t (a)")
            db.execute("insert into t values (1)")
            die_once()
            db.commit()
        """,
        "a transaction was open when the process ended, and is lost: ",
    ),
    "archive": (
        """
        import zipfile
        def work(die_once):
            with zipfile.ZipFile("z.zip", "w") as archive:
                archive.writestr("a", "a")
                die_once()
                archive.writestr("b", "b")
        """,
        "zipfile.ZipFile can't be made again after a restart",
    ),
    "compressed file": (
        """
        import gzip
        def work(die_once):
            with gzip.open("a.gz", "wt") as file:
                file.write("one")
                die_once()
                file.write("two")
        """,
        "can't be made again after a restart",
    ),
    "file descriptor": (
        """
        import os
        def work(die_once):
            descriptor = os.open("a.txt", os.O_CREAT | os.O_WRONLY)
            os.write(descriptor, b"one")
            die_once()
            os.write(descriptor, b"two")
        """,
        "os.write: a file descriptor can't be made again after a restart",
    ),
    "temporary file": (
        """
        import tempfile
        def work(die_once):
            with tempfile.NamedTemporaryFile("w+") as file:
                file.write("one")
                die_once()
                file.write("two")
        """,
        "tempfile._TemporaryFileWrapper can't be made again after a restart",
    ),
    "generator read a little": (
        """
        import os
        def work(die_once):
            walk = os.scandir(".")
            next(walk)
            die_once()
            print(len(list(walk)))
        """,
        "was read half-way (1 items) when its process ended",
    ),
    "cursor read a little": (
        """
        import sqlite3
        def work(die_once):
            db = sqlite3.connect("data.db", isolation_level=None)
            cursor = db.execute("select 1 union select 2 union select 3")
            print(next(cursor))
            die_once()
            print(cursor.fetchall())
        """,
        "sqlite3.Cursor can't be made again after a restart",
    ),
    "socket": (
        """
        import socket
        def work(die_once):
            one = socket.create_server(("127.0.0.1", 0))
            two = socket.create_connection(one.getsockname())
            two.sendall(b"question")
            die_once()
            two.recv(10)
        """,
        "socket.socket can't be made again after a restart",
    ),
}


@pytest.mark.parametrize(("text", "problem"), STOPS.values(), ids=STOPS.keys())
def test_what_has_a_state_of_its_own_stops_a_session_that_was_killed(cli, program, text, problem) -> None:
    program(text + "\n        from dying import die_once\n\n        def handler(event):\n            work(die_once)\n")
    assert cli("run", "app.py:handler", "--session", "s").code == -9
    answer = cli("resume", "s")
    assert answer.code == 4
    assert problem in answer.err


def test_a_log_file_goes_on(cli, program, tmp_path) -> None:
    text = """
        import logging.handlers
        from dying import die_once

        def handler(event):
            log = logging.getLogger("mine")
            log.setLevel("INFO")
            log.addHandler(logging.FileHandler("log.txt", "w"))
            log.addHandler(logging.handlers.RotatingFileHandler("rotating.txt", "w"))
            log.info("one")
            die_once()
            log.info("two")
    """
    assert killed_and_resumed(cli, program, text) == ""
    for name in ("log.txt", "rotating.txt"):
        assert (tmp_path / name).read_text() == "one\ntwo\n"
