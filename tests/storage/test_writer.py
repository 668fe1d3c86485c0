"""One writer: group commit, failures, full and locked stores."""

import os
import sqlite3
import threading

import pytest

from ninelives.errors import StoreBusyError, StoreFullError
from ninelives.storage import Put, Row, SessionUpdate, Store, database

#: Makes a commit one of the database, where rows and lines alone go no further than the tail.
CHANGE = SessionUpdate(state="running")


@pytest.fixture
def journals(store, make):
    for name in ("a", "b", "c", "d"):
        store.create(make(name), [])
    journals = [store.acquire(name) for name in ("a", "b", "c", "d")]
    yield journals
    for journal in journals:
        journal.release()


def in_threads(*calls):
    """Run the calls in threads that all wait for the writer before any of them gets it; return results or errors."""
    answers = [None] * len(calls)

    def run(at, call):
        try:
            answers[at] = call()
        except Exception as error:
            answers[at] = error

    return [threading.Thread(target=run, args=item) for item in enumerate(calls)], answers


def together(store, *calls):
    threads, answers = in_threads(*calls)
    writer = store._writer
    with store._database.write_lock:
        for count, thread in enumerate(threads, start=1):
            thread.start()
            while len(writer._queue) < count:
                os.sched_yield()
    for thread in threads:
        thread.join()
    return answers


def test_what_waits_is_written_in_one_transaction(store, journals):
    statements = []
    store._database.writer().set_trace_callback(statements.append)
    answers = together(store, *(lambda j=journal: j.commit([Row(1, "x", b"")], update=CHANGE) for journal in journals))
    store._database.writer().set_trace_callback(None)
    assert answers == [True] * 4
    assert statements.count("COMMIT") == 1
    assert all(len(journal.load()) == 1 for journal in journals)


def test_a_work_that_fails_does_not_take_the_others_along(store, journals):
    a, b, c, d = journals
    a.commit([Row(1, "x", b"")], update=CHANGE)
    b.note([Row(1, "x", b"noted")])
    answers = together(
        store,
        lambda: a.commit([Row(1, "x", b"another")], update=CHANGE),
        lambda: b.commit([Row(2, "x", b"")], puts=[Put("p", "k", b"", 7)]),
        lambda: c.commit([Row(1, "x", b"")], blobs=["0" * 64]),
        lambda: d.commit([Row(1, "x", b"")], update=CHANGE),
    )
    assert [type(answer).__name__ for answer in answers] == ["StoreError", "bool", "StoreCorruptError", "bool"]
    assert answers[1] is False
    assert answers[3] is True
    assert [len(journal.load()) for journal in journals] == [1, 1, 0, 1]
    assert b.commit([Row(2, "x", b"")])
    assert [row.data for row in store.rows("b")] == [b"noted", b""]


def test_many_threads_lose_nothing(store, journals):
    def write(journal):
        for seq in range(1, 200, 2):
            journal.note([Row(seq, "x", b"")])
            journal.commit([Row(seq + 1, "x", b"")], puts=[Put("p", "k", b"%d" % seq, None)])

    threads, answers = in_threads(*(lambda j=journal: write(j) for journal in journals))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [None] * 4
    assert [[row.seq for row in store.rows(name)] for name in "abcd"] == [list(range(1, 201))] * 4


def test_a_store_that_another_process_keeps_locked_is_one_clear_error(store, journals, home, monkeypatch):
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 0.01)
    store._database.drop_writer()
    other = sqlite3.connect(home / "ninelives.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusyError, match=r"ninelives.db locked"):
        journals[0].commit([Row(1, "x", b"")], update=CHANGE)
    answers = together(store, *(lambda j=journal: j.commit([Row(1, "x", b"")], update=CHANGE) for journal in journals))
    assert {type(answer) for answer in answers} == {StoreBusyError}
    assert journals[0].load() == []
    other.execute("ROLLBACK")
    other.close()
    assert journals[0].commit([Row(1, "x", b"")], update=CHANGE)


def test_a_full_store_is_one_clear_error_and_the_same_commit_works_later(store, journals):
    journal = journals[0]
    journal.note([Row(1, "x", b"noted")])
    db = store._database.writer()
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages}")
    large = Row(2, "x", b"x" * 100_000)
    with pytest.raises(StoreFullError, match=r"no space is left for .*ninelives.db: free some and go on"):
        journal.commit([large], update=SessionUpdate(state="running"))
    assert [row[0] for row in journal.load()] == [row.seq for row in store.rows("a")] == [1]
    # In a group, what there is room for is written all the same.
    small = together(
        store,
        lambda: journal.commit([large], update=CHANGE),
        *(lambda j=other: j.commit([Row(1, "x", b"")], update=CHANGE) for other in journals[1:]),
    )
    assert [type(answer) for answer in small] == [StoreFullError, bool, bool, bool]
    db.execute("PRAGMA max_page_count = 1000000")
    assert journal.commit([large], update=SessionUpdate(state="running"))
    assert [row.seq for row in store.rows("a")] == [1, 2]


def test_a_full_disk_loses_nothing(small_disk, make):
    with Store.open(small_disk / "home") as store:
        store.create(make("one"), [])
        journal = store.acquire("one")
        ballast = small_disk / "ballast"
        ballast.write_bytes(b"x" * 3_000_000)
        written = []

        def fill_up(record):
            while True:
                seq = len(written) + 1
                record([Row(seq, "x", b"x" * 5000)])
                written.append(seq)

        def fill(record):
            with pytest.raises(StoreFullError, match="no space is left"):
                fill_up(record)

        fill(journal.note)
        with pytest.raises(StoreFullError), store.blobs.writer(1) as blob:
            blob.write(os.urandom(2_000_000))
        fill(journal.commit)
        fill(journal.note)
        assert [row[0] for row in journal.load()] == [row.seq for row in store.rows("one")] == written
        ballast.unlink()
        journal.commit([Row(len(written) + 1, "x", b"")])
        journal.release()
        assert [row.seq for row in store.rows("one")] == [*written, len(written) + 1]


class Interrupted(sqlite3.Connection):
    """A connection whose user presses Ctrl-C in the middle of a sync: Python raises just after it."""

    when = ""

    def execute(self, sql, *parameters):
        result = super().execute(sql, *parameters)
        if sql == self.when:
            Interrupted.when = ""
            raise KeyboardInterrupt
        return result


@pytest.mark.parametrize("when", ["BEGIN IMMEDIATE", "COMMIT"])
def test_an_interrupt_leaves_all_or_nothing(store, journals, home, when):
    journal = journals[0]
    store._database.drop_writer()
    connection = sqlite3.connect(
        home / "ninelives.db", isolation_level=None, check_same_thread=False, factory=Interrupted
    )
    store._database._write = connection
    Interrupted.when = when
    journal.note([Row(1, "x", b"")])
    with pytest.raises(KeyboardInterrupt):
        journal.commit([Row(2, "x", b"")], update=CHANGE)
    written = [1, 2] if when == "COMMIT" else [1]
    assert [row[0] for row in journal.load()] == [row.seq for row in store.rows("a")] == written
    assert journal.commit([Row(2, "x", b"")], update=CHANGE)
    assert [row[0] for row in journal.load()] == [1, 2]


def test_an_interrupted_leader_leaves_the_work_of_the_others_to_them(store, journals, home):
    store._database.drop_writer()
    connection = sqlite3.connect(
        home / "ninelives.db", isolation_level=None, check_same_thread=False, factory=Interrupted
    )
    store._database._write = connection
    Interrupted.when = "BEGIN IMMEDIATE"

    def interrupted():
        try:
            return journals[0].commit([Row(1, "x", b"")], update=CHANGE)
        except KeyboardInterrupt:
            return "interrupted"

    answers = together(
        store, interrupted, *(lambda j=journal: j.commit([Row(1, "x", b"")], update=CHANGE) for journal in journals[1:])
    )
    assert answers == ["interrupted", True, True, True]
    assert [len(journal.load()) for journal in journals] == [0, 1, 1, 1]
