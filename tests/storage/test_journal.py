"""Journals: what is noted, what is committed, and project values."""

import errno
import os

import pytest

from ninelives.errors import StoreError
from ninelives.storage import Line, Put, Row, SessionUpdate, Store, frames
from ninelives.storage import tail as tails

#: Makes a commit one of the database, where rows and lines alone go no further than the tail.
CHANGE = SessionUpdate(state="running")


def line(text, lane="0"):
    return Line(1.0, "stdout", "", text, lane)


def seqs(rows):
    return [row[0] for row in rows]


def texts(lines):
    return [line.text for _, line in lines]


@pytest.fixture
def journal(store, make):
    store.create(make(), [Row(1, "start", b"1")], [line("first")])
    journal = store.acquire("one")
    yield journal
    journal.release()


def in_database(store, table="rows"):
    return [number % 2**32 for (number,) in store._database.query(f"SELECT id FROM {table} ORDER BY id")]


def test_what_is_noted_is_read_at_once_and_rides_with_the_next_commit(store, home, journal):
    journal.note([Row(2, "activity", b"2")], [line("second")])
    journal.note([], [line("third", lane="0.1")])
    assert in_database(store) == in_database(store, "lines") == [1]
    with Store.open(home, read_only=True) as reader:
        assert (
            reader.rows("one")
            == store.rows("one")
            == journal.load()
            == [Row(1, "start", b"1"), Row(2, "activity", b"2")]
        )
        assert texts(reader.lines("one")) == ["first", "second", "third"]
    assert journal.line_counts() == {"0": 2, "0.1": 1}
    assert journal.commit([Row(3, "outcome", b"3")], [line("fourth")])
    assert in_database(store) == in_database(store, "lines") == [1]
    assert journal.commit(update=CHANGE)
    assert in_database(store) == seqs(journal.load()) == seqs(store.rows("one")) == [1, 2, 3]
    assert [number for number, _ in store.lines("one")] == in_database(store, "lines") == [1, 2, 3, 4]
    assert journal.line_counts() == {"0": 3, "0.1": 1}


def test_plain_tuples_will_do(store, journal):
    journal.note([(2, "value", b"2")], [(1.0, "log", "INFO", "plain", "0")])
    journal.commit([(3, "value", b"3")])
    assert store.rows("one")[1:] == [Row(2, "value", b"2"), Row(3, "value", b"3")]
    assert store.lines("one")[1:] == [(2, Line(1.0, "log", "INFO", "plain", "0"))]


def test_rows_come_in_the_order_of_their_seq(store, journal):
    # Lanes may note in another order than they took their numbers in.
    journal.commit([Row(4, "value", b"")])
    journal.note([Row(3, "value", b"")])
    assert seqs(journal.load()) == seqs(store.rows("one")) == [1, 3, 4]
    journal.commit([Row(2, "value", b"")])
    assert seqs(journal.load()) == seqs(store.rows("one")) == [1, 2, 3, 4]


def test_a_row_that_is_written_again_must_be_the_same(journal):
    assert journal.commit([Row(1, "start", b"1"), Row(2, "value", b"2")])
    assert journal.commit([Row(2, "value", b"2")], update=CHANGE)
    with pytest.raises(StoreError, match="row 2 of a journal was written twice"):
        journal.commit([Row(2, "value", b"other")], update=CHANGE)
    assert seqs(journal.load()) == [1, 2]


def test_a_large_tail_goes_into_the_database_and_is_begun_anew(store, home, journal):
    tail = home / "tails" / "1.tail"
    journal.note([Row(2, "value", b"x" * 100)])
    journal.note([Row(3, "value", b"x" * tails.LARGE)])
    length = tail.stat().st_size
    assert length > tails.LARGE
    assert in_database(store) == [1]
    journal.commit([Row(4, "outcome", b"")])
    assert in_database(store) == [1, 2, 3, 4]
    # Shorter, as long, and longer than the frame that was there: what is left of older frames does not count.
    for seq, size in ((5, 10), (6, 200), (7, 1000)):
        journal.commit([Row(seq, "value", b"y" * size)])
        assert seqs(frames.read_tail(tail).rows) == list(range(5, seq + 1))
    assert tail.stat().st_size == length
    assert seqs(store.rows("one")) == seqs(journal.load()) == [1, 2, 3, 4, 5, 6, 7]
    journal.release()
    assert not tail.exists()


def test_a_tail_of_notes_alone_does_not_grow_either(store, home, journal):
    for seq in range(2, 40):
        journal.note([Row(seq, "value", b"x" * (tails.LARGE // 10))], [line("x" * 1000)])
        assert len(journal.noted()[0]) <= 11
    assert (home / "tails" / "1.tail").stat().st_size < 2 * tails.LARGE
    assert seqs(store.rows("one")) == seqs(journal.load()) == list(range(1, 40))
    assert len(store.lines("one")) == 39


def test_a_torn_frame_is_cut_off_and_what_comes_later_is_found(home, store, run):
    run("""
        store = Store.open(home)
        store.create(NewSession(session_id="one", project="p", entry_point="e", created_at=1.0), [Row(1, "", b"")])
        journal = store.acquire("one")
        journal.note([Row(2, "", b"")])
        journal.note([Row(3, "", b"x" * 100)])
        die()
    """)
    tail = home / "tails" / "1.tail"
    whole = tail.read_bytes()[: frames.read_tail(tail).size]
    for damaged in (whole[:-1], whole[:-100], whole[:-1] + b"?", whole[:10] + bytes(4096)):
        tail.write_bytes(damaged)
        kept = [1, 2] if len(damaged) < 4096 else [1]
        assert seqs(store.rows("one")) == kept
        run("""
            journal = Store.open(home).acquire("one")
            journal.note([Row(9, "", b"")])
            die()
        """)
        assert seqs(store.rows("one")) == [*kept, 9]
    journal = store.acquire("one")
    journal.commit(update=CHANGE)
    assert in_database(store) == seqs(journal.load()) == [1, 9]
    journal.release()


def test_a_tail_that_is_in_the_database_already_counts_once(home, store, run):
    run("""
        store = Store.open(home)
        store.create(NewSession(session_id="one", project="p", entry_point="e", created_at=1.0), [])
        journal = store.acquire("one")
        journal.note([Row(1, "", b"")], [Line(1.0, "stdout", "", "a", "0")])
        journal.commit([Row(2, "", b"")], [Line(1.0, "stdout", "", "b", "0")], update=SessionUpdate(state="running"))
        journal.note([Row(3, "", b"")], [Line(1.0, "stdout", "", "c", "0")])
        die()
    """)
    assert seqs(store.rows("one")) == [1, 2, 3]
    assert texts(store.lines("one")) == ["a", "b", "c"]
    journal = store.acquire("one")
    assert seqs(journal.load()) == [1, 2, 3]
    assert journal.line_counts() == {"0": 3}
    journal.release()
    assert in_database(store) == in_database(store, "lines") == [1, 2, 3]


def test_frames_of_an_older_tail_do_not_count_after_a_new_one_of_the_same_length(home, store, run):
    run("""
        from ninelives.storage import tail
        tail.LARGE = 1000
        store = Store.open(home)
        store.create(NewSession(session_id="one", project="p", entry_point="e", created_at=1.0), [])
        journal = store.acquire("one")
        for seq in range(1, 15):
            journal.commit([Row(seq, "", b"x" * 80)])
        store._database.writer().execute("DELETE FROM rows")
        die()
    """)
    # What went into the database, and was taken out of it here, is not found in the tail either.
    found = seqs(store.rows("one"))
    assert found == list(range(found[0], 15))
    assert found[0] > 5


@pytest.mark.parametrize("call", ["pwrite", "fdatasync"])
def test_a_commit_that_is_interrupted_or_fails_is_not_written_later(store, journal, monkeypatch, call):
    real = getattr(os, call)
    for error, raised in ((KeyboardInterrupt(), KeyboardInterrupt), (OSError(errno.EIO, "broken"), StoreError)):

        def interrupted(*args, error=error):
            monkeypatch.undo()
            real(*args)
            raise error

        monkeypatch.setattr(os, call, interrupted)
        with pytest.raises(raised):
            journal.commit([Row(2, "x", b"")], [line("lost")])
        assert seqs(journal.load()) == seqs(store.rows("one")) == [1]
    journal.commit([Row(2, "x", b"again")], [line("second")])
    assert seqs(journal.load()) == seqs(store.rows("one")) == [1, 2]
    assert texts(store.lines("one")) == ["first", "second"]


def test_a_reader_sees_every_row_once_while_a_session_writes(store, start):
    process = start("""
        from ninelives.storage import tail
        tail.LARGE = 500
        store = Store.open(home)
        store.create(NewSession(session_id="one", project="p", entry_point="e", created_at=1.0), [])
        journal = store.acquire("one")
        say("ready")
        for seq in range(1, 20_000, 3):
            journal.note([Row(seq, "", b"x" * 50), Row(seq + 1, "", b"")])
            journal.commit([Row(seq + 2, "", b"")])
    """)
    assert process.hear() == "ready"
    before = 0
    for _ in range(300):
        found = seqs(store.rows("one"))
        assert found == list(range(1, len(found) + 1))
        assert len(found) >= before
        before = len(found)
    assert before
    process.kill()
    found = seqs(store.rows("one"))
    journal = store.acquire("one")
    assert seqs(journal.load()) == found
    journal.release()


def test_a_released_journal_is_of_no_use(store, journal):
    journal.release()
    journal.release()
    for record in (journal.note, journal.commit):
        with pytest.raises(StoreError, match="session one is not run by this process"):
            record([Row(2, "", b"")])


def test_a_value_changes_only_from_the_version_it_is_expected_to_have(store, journal):
    def put(data, expected, *, key="k"):
        return journal.commit([Row(0, "x", b"")], puts=[Put("p", key, data, expected)])

    journal.note([Row(2, "value", b"")])
    assert not put(b"a", 5)
    assert seqs(journal.load()) == [1, 2]
    assert in_database(store) == [1]
    assert journal.commit(puts=[Put("p", "k", b"a", 0)])
    data, first = store.get_value("p", "k")
    assert data == b"a"
    assert not put(b"b", 0)
    assert journal.commit(puts=[Put("p", "k", b"b", first), Put("p", "j", b"", 0), Put("q", "k", b"", None)])
    assert store.get_value("p", "k")[1] > first
    assert store.value_keys("p") == ["j", "k"]
    # A key that comes back does not have a version that it had.
    last = store.get_value("p", "k")[1]
    assert journal.commit(puts=[Put("p", "k", None, last)])
    assert store.get_value("p", "k") is None
    assert store.value_keys("p") == ["j"]
    assert journal.commit(puts=[Put("p", "k", b"c", 0)])
    assert store.get_value("p", "k")[1] > last
    # All or nothing.
    assert not journal.commit(puts=[Put("p", "j", b"changed", None), Put("p", "k", b"d", 1)])
    assert store.get_value("p", "j")[0] == b""


def test_two_processes_count_to_a_number_without_losing_any(store, journal, start):
    program = """
        store = Store.open(home)
        me = str(os.getpid())
        store.create(NewSession(session_id=me, project="p", entry_point="e", created_at=1.0), [])
        journal = store.acquire(me)
        for _ in range(50):
            while True:
                data, version = store.get_value("p", "n") or (b"0", 0)
                if journal.commit(puts=[Put("p", "n", b"%d" % (int(data) + 1), version)]):
                    break
        journal.release()
        say("done")
    """
    processes = [start(program) for _ in range(2)]
    assert [process.hear() for process in processes] == ["done", "done"]
    assert store.get_value("p", "n")[0] == b"100"


def test_a_forked_child_can_use_the_store_but_not_the_journal(run, store):
    said = run("""
        store = Store.open(home)
        store.create(NewSession(session_id="one", project="p", entry_point="e", created_at=1.0), [])
        store.create(NewSession(session_id="two", project="p", entry_point="e", created_at=1.0), [])
        journal = store.acquire("one")
        journal.note([Row(1, "", b"")])
        pid = os.fork()
        if not pid:
            tried = []
            for use in (lambda: journal.note([Row(2, "", b"")]), lambda: journal.commit(), lambda: store.acquire("one")):
                try:
                    use()
                except Exception as error:
                    tried.append(type(error).__name__)
            journal.release()
            mine = store.acquire("two")
            mine.commit([Row(1, "", b"child")])
            mine.release()
            store.close()
            assert tried == ["StoreError", "StoreError", "SessionBusyError"], tried
            sys.exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        assert store.session("one").live and not store.session("two").live
        journal.commit([Row(2, "", b"")])
        journal.release()
        say([row.data for row in store.rows("two")])
    """)
    assert said == "[b'child']"
    assert seqs(store.rows("one")) == [1, 2]


def test_threads_that_write_do_not_hinder_a_fork(run):
    said = run("""
        import threading
        store = Store.open(home)
        stop = threading.Event()
        def write(name):
            store.create(NewSession(session_id=name, project="p", entry_point="e", created_at=1.0), [])
            journal = store.acquire(name)
            seq = 0
            while not stop.is_set():
                seq += 1
                journal.commit([Row(seq, "", b"")])
            journal.release()
        threads = [threading.Thread(target=write, args=(f"t{n}",)) for n in range(3)]
        for thread in threads:
            thread.start()
        import warnings
        warnings.simplefilter("ignore")
        for turn in range(20):
            pid = os.fork()
            if not pid:
                store.create(NewSession(session_id=f"c{turn}", project="p", entry_point="e", created_at=1.0), [])
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
        stop.set()
        for thread in threads:
            thread.join()
        say(all(store.rows(f"t{n}") for n in range(3)))
    """)
    assert said == "True"
