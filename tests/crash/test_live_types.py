"""Each entry of the lists of live values (`session/livetypes.py`), in a session that is killed between two uses of one.

A value is *fresh* if nothing was called on it when its process died, and *used* if something was.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from crash import programs
from crash.harness import OUTSIDE, Place
from ninelives.session.livetypes import AGAIN, DESCRIPTORS, FILES, NOT_RESTORABLE, WITH_STATE


class Entry(NamedTuple):
    """How a program makes a live value ``v`` and uses it."""

    make: str
    #: prints ``said``; done before the kill as well as after it
    use: str
    said: str
    #: what the error says when it was used before; the entry's own name if empty
    names: str = ""
    #: whether a fresh one is made again; else its first use after a restart stops the session too
    fresh: bool = True


_HTTP = """
import http.client
c = http.client.HTTPConnection("127.0.0.1", event.data.http)
c.request("GET", "/")
v = c.getresponse()
"""
_TRUST = """
import ssl
trusting = ssl.create_default_context(cafile=event.data.certificate)
"""
_FILE_SAYS = "print(v.write(b'ab'))"
_TEMPORARY = "import tempfile\n"

#: By name in the lists.
ENTRIES = {
    "asyncio.StreamReader": Entry(
        "import asyncio\nv, w = await asyncio.open_connection('127.0.0.1', event.data.echo)",
        "print(await v.readline())",
        "b'hello\\n'",
    ),
    "asyncio.StreamWriter": Entry(
        "import asyncio\nr, v = await asyncio.open_connection('127.0.0.1', event.data.echo)",
        "v.write(b'ab\\n')\nprint(v.can_write_eof())",
        "True",
    ),
    "asyncio.subprocess.Process": Entry(
        "import asyncio\nv = await asyncio.create_subprocess_exec('true')", "print(await v.wait())", "0", fresh=False
    ),
    "bz2.BZ2File": Entry("import bz2\nv = bz2.open('f', 'wb')", _FILE_SAYS, "2"),
    "codecs.StreamReaderWriter": Entry(
        "import codecs\nv = codecs.open('f', 'w+', 'utf-8')", "v.write('ab')\nv.seek(0)\nprint(v.read())", "ab"
    ),
    "codecs.StreamRecoder": Entry(
        "import codecs\nv = codecs.EncodedFile(open('f', 'w+b'), 'utf-8', 'latin-1')",
        "v.write(b'ab')\nv.seek(0)\nprint(v.read())",
        "b'ab'",
        # It is noticed earlier that the file under it was written to.
        names="f: behind byte 0 stands something that the session did not write",
    ),
    "gzip.GzipFile": Entry("import gzip\nv = gzip.open('f', 'wb')", _FILE_SAYS, "2"),
    "http.client.HTTPConnection": Entry(
        "import http.client\nv = http.client.HTTPConnection('127.0.0.1', event.data.http)",
        "v.request('GET', '/')\nprint(v.getresponse().read())",
        "b'page'",
    ),
    "http.client.HTTPSConnection": Entry(
        _TRUST + "import http.client\nv = http.client.HTTPSConnection('localhost', event.data.https, context=trusting)",
        "v.request('GET', '/')\nprint(v.getresponse().read())",
        "b'page'",
    ),
    # Made again by the connection, which was used.
    "http.client.HTTPResponse": Entry(_HTTP, "print(v.read(2))", "b'pa'", fresh=False),
    "lzma.LZMAFile": Entry("import lzma\nv = lzma.open('f', 'wb')", _FILE_SAYS, "2"),
    "mmap.mmap": Entry(
        "import mmap\nv = mmap.mmap(-1, 100)", "v.write(b'ab')\nprint(v.tell() > 0)", "True", fresh=False
    ),
    **{
        f"multiprocessing.context.{name}": Entry(
            f"import multiprocessing\nv = multiprocessing.{of}Process(target=print)",
            "print(v.is_alive())",
            "False",
            fresh=False,
        )
        for name, of in {
            "Process": "",
            "ForkProcess": "get_context('fork').",
            "ForkServerProcess": "get_context('forkserver').",
            "SpawnProcess": "get_context('spawn').",
        }.items()
    },
    **{
        f"multiprocessing.queues.{name}": Entry(
            f"import multiprocessing\nv = multiprocessing.{name}()", "print(v.empty())", "True"
        )
        for name in ("JoinableQueue", "Queue", "SimpleQueue")
    },
    "multiprocessing.connection.Connection": Entry(
        "import multiprocessing\nv, w = multiprocessing.Pipe()", "v.send_bytes(b'ab')\nprint(v.poll())", "False"
    ),
    "multiprocessing.managers.SyncManager": Entry(
        "import multiprocessing\nv = multiprocessing.Manager()",
        "print(type(v.list()).__name__)",
        "ListProxy",
        fresh=False,
    ),
    **{
        f"multiprocessing.pool.{name}": Entry(
            "import multiprocessing\npool = multiprocessing.Pool(1)\nv = pool." + how, use, said, fresh=False
        )
        for name, how, use, said in [
            ("ApplyResult", "apply_async(abs, (-1,))", "print(v.get())", "1"),
            ("MapResult", "map_async(abs, [-1])", "print(v.get())", "[1]"),
            ("IMapIterator", "imap(abs, [-1, -1])", "print(v.next())", "1"),
            ("IMapUnorderedIterator", "imap_unordered(abs, [-1, -1])", "print(v.next())", "1"),
        ]
    },
    "dbm.sqlite3._Database": Entry("import dbm.sqlite3\nv = dbm.sqlite3.open('f', 'c')", "print(list(v.keys()))", "[]"),
    "dbm.dumb._Database": Entry("import dbm.dumb\nv = dbm.dumb.open('f')", "print(v.sync())", "None"),
    "select.epoll": Entry("import select\nv = select.epoll()", "print(v.poll(0))", "[]"),
    **{
        f"selectors.{name}": Entry(f"import selectors\nv = selectors.{name}()", "print(v.select(0))", "[]")
        for name in ("EpollSelector", "PollSelector", "SelectSelector")
    },
    "shelve.DbfilenameShelf": Entry("import shelve\nv = shelve.open('f')", "print(v.get('a'))", "None"),
    "socket.socket": Entry(
        "import socket\nv = socket.create_connection(('127.0.0.1', event.data.echo))", "print(v.recv(6))", "b'hello\\n'"
    ),
    "sqlite3.Blob": Entry(
        "import sqlite3\ndb = sqlite3.connect('f', isolation_level=None)\n"
        "db.execute('CREATE TABLE IF NOT EXISTS t (a)')\ndb.execute('INSERT INTO t VALUES (zeroblob(4))')\n"
        "v = db.blobopen('t', 'a', 1)",
        "print(v.read(1))",
        "b'\\x00'",
    ),
    "sqlite3.Cursor": Entry(
        "import sqlite3\ndb = sqlite3.connect('f', isolation_level=None)\nv = db.execute('SELECT 1 UNION SELECT 2')",
        "print(v.fetchone() is not None)",
        "True",
    ),
    "ssl.SSLSocket": Entry(
        _TRUST
        + "import socket\nplain = socket.create_connection(('127.0.0.1', event.data.echo_tls))\n"
        + "v = trusting.wrap_socket(plain, server_hostname='localhost')",
        "print(v.recv(6))",
        "b'hello\\n'",
    ),
    "subprocess.Popen": Entry("import subprocess\nv = subprocess.Popen(['true'])", "print(v.wait())", "0", fresh=False),
    "tarfile.TarFile": Entry(
        "import tarfile\nv = tarfile.open('f', 'w')", "v.add('/dev/null', 'n')\nprint(v.getnames()[:1])", "['n']"
    ),
    "telnetlib.Telnet": Entry(
        "import warnings\nwarnings.simplefilter('ignore')\nimport telnetlib\nv = telnetlib.Telnet('127.0.0.1', event.data.echo)",
        "v.write(b'ab\\n')\nprint(v.read_until(b'ab'))",
        "b'hello\\nab'",
    ),
    "tempfile.SpooledTemporaryFile": Entry(_TEMPORARY + "v = tempfile.SpooledTemporaryFile()", _FILE_SAYS, "2"),
    "tempfile._TemporaryFileWrapper": Entry(
        _TEMPORARY + "v = tempfile.NamedTemporaryFile()", "print(v.close())", "None", fresh=False
    ),
    "websocket._core.WebSocket": Entry(
        "import websocket\nv = websocket.create_connection(f'ws://127.0.0.1:{event.data.websocket}')",
        "v.send('ab')\nprint(v.recv())",
        "ab",
    ),
    "websockets.asyncio.client.ClientConnection": Entry(
        "from websockets.asyncio.client import connect\nv = await connect(f'ws://127.0.0.1:{event.data.websocket}')",
        "await v.send('ab')\nprint(await v.recv())",
        "ab",
    ),
    "websockets.sync.client.ClientConnection": Entry(
        "from websockets.sync.client import connect\nv = connect(f'ws://127.0.0.1:{event.data.websocket}', legacy=True)",
        "v.send('ab')\nprint(v.recv())",
        "ab",
    ),
    "zipfile.ZipExtFile": Entry(
        "import zipfile\nwith zipfile.ZipFile('f', 'w') as z:\n    z.writestr('n', 'abcd')\n"
        "z = zipfile.ZipFile('f')\nv = z.open('n')",
        "print(len(v.read(2)))",
        "2",
        fresh=False,
    ),
    "zipfile.ZipFile": Entry(
        "import zipfile\nv = zipfile.ZipFile('f', 'w')", "v.writestr('n', 'a')\nprint(v.namelist()[:1])", "['n']"
    ),
    # Files that another function than `open` opened.
    "io.BufferedRandom": Entry(_TEMPORARY + "v = tempfile.TemporaryFile()", _FILE_SAYS, "2"),
    "io.BufferedReader": Entry(
        "import io\nv = io.BufferedReader(io.FileIO('/dev/zero'))", "print(v.read(1))", "b'\\x00'"
    ),
    "io.BufferedWriter": Entry("import io\nv = io.BufferedWriter(io.FileIO('f', 'w'))", _FILE_SAYS, "2"),
    "io.BufferedRWPair": Entry(
        "import io\nv = io.BufferedRWPair(io.FileIO('/dev/zero'), io.FileIO('f', 'w'))", _FILE_SAYS, "2"
    ),
    "io.FileIO": Entry("import io\nv = io.FileIO('f', 'w')", _FILE_SAYS, "2"),
    "io.TextIOWrapper": Entry("import gzip\nv = gzip.open('f', 'wt')", "print(v.write('ab'))", "2"),
    # File descriptors.
    "os.dup": Entry("import os\nv = os.dup(1)", "print(os.isatty(v))", "False", fresh=False),
    "os.dup2": Entry("import os\nv = os.dup2(1, 200)", "print(os.isatty(v))", "False", fresh=False),
    "os.eventfd": Entry("import os\nv = os.eventfd(1)", "print(os.eventfd_write(v, 1))", "None", fresh=False),
    "os.memfd_create": Entry("import os\nv = os.memfd_create('m')", "print(os.write(v, b'ab'))", "2", fresh=False),
    "os.open": Entry(
        "import os\nv = os.open('f', os.O_CREAT | os.O_RDWR)", "print(os.write(v, b'ab'))", "2", fresh=False
    ),
    "os.openpty": Entry("import os\nv, _ = os.openpty()", "print(os.write(v, b'ab'))", "2", fresh=False),
    "os.pidfd_open": Entry("import os\nv = os.pidfd_open(1)", "print(os.get_inheritable(v))", "False", fresh=False),
    "os.pipe": Entry("import os\n_, v = os.pipe()", "print(os.write(v, b'ab'))", "2", fresh=False),
    "os.posix_openpt": Entry(
        "import os\nv = os.posix_openpt(os.O_RDWR)", "print(os.get_inheritable(v))", "False", fresh=False
    ),
    "os.timerfd_create": Entry(
        "import os, time\nv = os.timerfd_create(time.CLOCK_REALTIME)",
        "print(os.get_inheritable(v))",
        "False",
        fresh=False,
    ),
    "pty.openpty": Entry("import os, pty\nv, _ = pty.openpty()", "print(os.write(v, b'ab'))", "2", fresh=False),
    "tempfile.mkstemp": Entry(
        "import os, tempfile\nv, _ = tempfile.mkstemp(dir='.')", "print(os.write(v, b'ab'))", "2", fresh=False
    ),
    "os.pipe2": Entry("import os\n_, v = os.pipe2(0)", "print(os.write(v, b'ab'))", "2", fresh=False),
}

#: Entries that can't run here, and why.
NOT_HERE = {
    "websockets.legacy.client.WebSocketClientProtocol": "a class that says it is deprecated, and goes",
    **({"dbm.sqlite3._Database": "new in Python 3.13"} if sys.version_info < (3, 13) else {}),
    **({"os.posix_openpt": "new in Python 3.13"} if sys.version_info < (3, 13) else {}),
    **({"os.timerfd_create": "new in Python 3.13"} if sys.version_info < (3, 13) else {}),
    **({"telnetlib.Telnet": "gone from Python 3.13"} if sys.version_info >= (3, 13) else {}),
}

MAIN = """\
import os
import signal

import ninelives


@ninelives.activity
def die_once():
    if not os.path.exists("died"):
        open("died", "w").close()
        os.kill(os.getpid(), signal.SIGKILL)


async def main(event):
{body}
"""


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Where the servers listen."""
    command = [sys.executable, str(OUTSIDE / "listeners.py"), str(tmp_path_factory.mktemp("certificate"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as servers:
        assert servers.stdout is not None
        yield json.loads(servers.stdout.readline())
        servers.communicate()


def _program(lines: list[str], ports: dict[str, Any]) -> programs.Program:
    is_async = any("await " in line for line in lines)
    body = "\n".join(lines).strip().replace("\n", "\n    ")
    text = MAIN.replace("{body}", "    " + body)
    text = text if is_async else text.replace("async def", "def")
    return programs.parse("live", f"=== main.py\n{text}\n=== event\n{json.dumps(ports)}\n")


def _killed_and_resumed(lines: list[str], ports: dict[str, Any]) -> tuple[int, list[str], str]:
    """Return how it ended: exit code, what was printed, the error."""
    with Place(_program(lines, ports)) as place:
        code = place.run()
        assert code == -signal.SIGKILL, (code, place.result())
        code = place.run()
        error = place.error()["message"] if code else ""
        return code, place.result().prints, error


HERE = [name for name in ENTRIES if name not in NOT_HERE]


@pytest.mark.parametrize("name", HERE)
def test_used_before_and_after(ports: dict[str, Any], name: str) -> None:
    entry = ENTRIES[name]
    code, printed, error = _killed_and_resumed([entry.make, entry.use, "die_once()", entry.use], ports)
    assert (code, printed) == (4, [f"stdout: {entry.said}"]), error
    what = "a file descriptor" if name in DESCRIPTORS else name
    assert (entry.names or f"{what} can't be made again after a restart") in error


@pytest.mark.parametrize("name", HERE)
def test_first_used_after(ports: dict[str, Any], name: str) -> None:
    entry = ENTRIES[name]
    code, printed, error = _killed_and_resumed([entry.make, "die_once()", entry.use], ports)
    assert (code, printed) == ((0, [f"stdout: {entry.said}"]) if entry.fresh else (4, [])), error


@pytest.mark.parametrize("name", HERE)
def test_used_before_only(ports: dict[str, Any], name: str) -> None:
    entry = ENTRIES[name]
    code, printed, error = _killed_and_resumed([entry.make, entry.use, "die_once()", "print('end')"], ports)
    assert (code, printed) == (0, [f"stdout: {entry.said}", "stdout: end"]), error


def test_every_entry_is_here() -> None:
    assert set(ENTRIES) | set(NOT_HERE) >= NOT_RESTORABLE | WITH_STATE | FILES | DESCRIPTORS
    assert not set(ENTRIES) & set(AGAIN)
