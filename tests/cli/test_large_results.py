"""Large results are kept outside the journal table, shared by content, and cost at most three times their size in memory."""

from __future__ import annotations

import pytest

SIZE = 48 * 2**20

OUTSIDE = f"""
import os
import random
import resource
import signal

def make(kind, size={SIZE}):
    piece = random.Random(1).randbytes(2**19)
    if kind == "text":
        return piece.hex() * (size >> 20)
    data = piece * (size >> 19)
    if kind == "bytes":
        return data
    return [data[start : start + 1024] for start in range(0, len(data), 1024)]

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

def die_once():
    if not os.path.exists("go"):
        os.kill(os.getpid(), signal.SIGKILL)
"""

PROGRAM = f"""
from large import die_once, make, peak

def handler(event):
    make(event.data.kind, 2**20)
    before = peak()
    result = make(event.data.kind)
    print((peak() - before) / {SIZE})
    die_once()
    print(len(result), result[-1:] == make(event.data.kind)[-1:])
"""


@pytest.fixture(autouse=True)
def outside(tmp_path_factory, monkeypatch) -> None:
    folder = tmp_path_factory.mktemp("outside")
    (folder / "large.py").write_text(OUTSIDE)
    monkeypatch.setenv("PYTHONPATH", str(folder))


@pytest.mark.parametrize("kind", ["bytes", "text", "list"])
def test_at_most_three_times_its_size(cli, home, program, tmp_path, kind) -> None:
    program(PROGRAM)
    killed = cli("run", "app.py:handler", "--session", "s", "--data", f'{{"kind": "{kind}"}}')
    assert killed.code == -9
    # One of the copies is the outside function's own.
    assert float(killed.out) <= 3
    (tmp_path / "go").touch()
    resumed = cli("resume", "s")
    assert resumed.out.endswith("True\n"), resumed.err
    blobs = [path for path in (home / "blobs").glob("*/*") if path.is_file()]
    assert len(blobs) == 2, "the same content is kept once"
    assert (home / "ninelives.db").stat().st_size < 2**20
