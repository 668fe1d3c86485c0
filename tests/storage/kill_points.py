"""Kills a process that uses a store at every call it makes, just before and just after, and looks at what is left.

Run as a program: kill_points.py STRIDE. Forked children of a warm parent do the work; the parent checks. Prints what is wrong.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ninelives.storage import Line, NewSession, Put, Row, SessionUpdate, Store, tail

SESSION = "s"
BLOB = b"large" * 1000

# Small, so that it is emptied in the middle of the work.
tail.LARGE = 700


def data(seq: int) -> bytes:
    return b"%d" % seq * 50


def line(at: int) -> Line:
    return Line(float(at), "stdout", "", f"line {at}", "0")


def work(home: Path, tell: Callable[[str, list[int], list[int]], None]) -> None:
    """Do a bit of everything; ``tell`` before and after each step which rows and lines it writes."""
    store = Store.open(home)
    store.create(
        NewSession(session_id=SESSION, project="p", entry_point="e", created_at=1.0), [Row(1, "start", data(1))]
    )
    tell("done", [1], [])
    journal = store.acquire(SESSION)
    seq, number = 1, 0
    for round in range(4):
        for rows, lines, commits in (
            (1, 0, False),
            (2, 1, False),
            (0, 2, False),
            (1, 1, True),
            (1, 0, True),
            (3, 2, False),
        ):
            seqs, numbers = list(range(seq + 1, seq + 1 + rows)), list(range(number + 1, number + 1 + lines))
            seq, number = seq + rows, number + lines
            tell("try", seqs, numbers)
            record = journal.commit if commits else journal.note
            record([Row(seq, "activity", data(seq)) for seq in seqs], [line(at) for at in numbers])
            tell("done", seqs, numbers)
        tell("put", [round], [])
        assert journal.commit(puts=[Put("p", "k", b"%d" % round, None)])
    writer = store.blobs.writer(journal.number)
    writer.write(BLOB)
    sha256 = writer.finish()
    tell("try", [seq + 1], [])
    journal.commit([Row(seq + 1, "outcome", sha256.encode())], blobs=[sha256])
    tell("done", [seq + 1], [])
    journal.note([], [line(number + 1)])
    journal.release(SessionUpdate(state="completed"))
    tell("released", [], [])
    store.close()


def kill_at(point: int) -> Callable[[Any, str, Any], None]:
    """Return a profile function that kills at the n-th event: each call of a C function is one, and each return."""
    count = 0

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        if event not in ("c_call", "c_return", "c_exception") or "ninelives" not in frame.f_code.co_filename:
            return
        count += 1
        if count == point:
            os.kill(os.getpid(), signal.SIGKILL)

    return profile


def child(home: Path, point: int, pipe: int) -> None:
    def tell(what: str, seqs: list[int], numbers: list[int]) -> None:
        os.write(pipe, repr((what, seqs, numbers)).encode() + b"\n")

    sys.setprofile(kill_at(point))
    work(home, tell)
    sys.setprofile(None)


def run(point: int) -> tuple[bool, list[str]]:
    """Return whether the child came to its end, and what is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            try:
                child(home, point, writing)
            except BaseException:
                sys.excepthook(*sys.exc_info())
                os._exit(1)
            os._exit(0)
        os.close(writing)
        with open(reading) as file:
            told = [eval(text) for text in file]
        status = os.waitpid(pid, 0)[1]
        if status not in (0, signal.SIGKILL):
            return True, [f"ended with {status}"]
        return status == 0, check(home, told)


def check(home: Path, told: list[tuple[str, list[int], list[int]]]) -> list[str]:
    sure_rows = [seq for what, seqs, _ in told for seq in seqs if what == "done"]
    sure_lines = [at for what, _, numbers in told for at in numbers if what == "done"]
    maybe = [seq for seq in told[-1][1] if told[-1][0] == "try"] if told else []
    maybe_lines = [at for at in told[-1][2] if told[-1][0] == "try"] if told else []
    put = [seqs[0] for what, seqs, _ in told if what == "put"]
    wrong: list[str] = []

    def expect(what: str, true: object) -> None:
        if not true:
            wrong.append(what)

    with Store.open(home) as store:
        if not sure_rows and not store.sessions():
            return wrong
        row = store.session(SESSION)
        expect("it is live", not row.live)
        read, read_lines = store.rows(SESSION), store.lines(SESSION)
        journal = store.acquire(SESSION)
        loaded = [Row(*row) for row in journal.load()]
        expect("reader and journal differ", read == loaded)
        seqs = [row.seq for row in loaded]
        expect(f"rows {seqs}, not {sure_rows}", seqs in (sure_rows, sure_rows + maybe, [1]))
        expect("data differ", all(row.data == data(row.seq) for row in loaded if row.kind != "outcome"))
        texts = [line.text for _, line in read_lines]
        wanted = [f"line {at}" for at in sure_lines]
        more = [f"line {at}" for at in maybe_lines]
        ending = not maybe and "released" in [what for what, _, _ in told]
        last = [f"line {len(wanted) + 1}"]
        expect(f"lines {texts}, not {wanted}", texts in (wanted, wanted + more, wanted + last))
        expect("numbers do not rise", [at for at, _ in read_lines] == sorted({at for at, _ in read_lines}))
        expect("a released line is gone", not ending or texts == wanted + last)
        expect("lines are counted wrongly", journal.line_counts() == ({"0": len(texts)} if texts else {}))
        value = store.get_value("p", "k")
        expect(
            f"value {value} after {put}",
            (int(value[0]) if value else -1) in [*put[-2:], -1 if len(put) < 2 else put[-1]],
        )
        for row in loaded:
            if row.kind == "outcome":
                expect("blob differs", store.blobs.open(row.data.decode()).read() == BLOB)
        # And on it goes.
        journal.note([Row(1001, "activity", b"x")], [line(1001)])
        journal.commit([Row(1000, "outcome", b"y")], [line(1000)])
        journal.note([Row(1002, "activity", b"z")])
        expect("can't go on", [row.seq for row in store.rows(SESSION)] == [*seqs, 1000, 1001, 1002])
        journal.release(SessionUpdate(state="completed"))
        expect("is lost at the end", [row.seq for row in store.rows(SESSION)] == [*seqs, 1000, 1001, 1002])
        expect("lines lost", [line.text for _, line in store.lines(SESSION)] == [*texts, "line 1001", "line 1000"])
        store.delete(SESSION)
        expect(
            "blobs stay",
            not list((home / "blobs").glob("??/*")) or not any(r.kind == "outcome" for r in loaded),
        )
        expect("a tail stays", not list((home / "tails").glob("*")))
    return wrong


def main() -> None:
    stride = int(sys.argv[1])
    point, kills, failures = 1, 0, 0
    started = time.monotonic()
    while True:
        finished, wrong = run(point)
        if wrong:
            failures += 1
            print(f"killed at {point}: {'; '.join(wrong)}")
        if finished:
            break
        kills += 1
        point += stride
    print(f"{kills} kills, {failures} wrong, {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
