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
