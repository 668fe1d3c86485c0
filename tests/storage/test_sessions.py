"""Sessions in the store, and how a store is opened."""

import os
import sqlite3
import stat

import pytest

from ninelives.code.importer import RewriteCache
from ninelives.errors import (
    EventSeenError,
    SessionBusyError,
    SessionExistsError,
    SessionNotFoundError,
    StoreCorruptError,
    StoreError,
    StoreNewerError,
    StoreReadOnlyError,
)
from ninelives.storage import Line, Put, Row, SessionUpdate, Store


def test_a_session_is_there_with_its_first_rows_and_lines(store, make):
    line = Line(1.5, "stdout", "", "héllo \0 \udc80", "0")
    store.create(make("one", event_id="e1", python="3.11", cwd="/x"), [Row(1, "start", b"\0\xff")], [line])
    session = store.session("one")
    assert (session.state, session.project, session.entry_point, session.cwd) == ("created", "p", "a.py:main", "/x")
    assert (session.created_at, session.updated_at, session.live, session.event_id) == (1000.0, 1000.0, False, "e1")
    assert store.rows("one") == [Row(1, "start", b"\0\xff")]
    # Half of a surrogate pair can't be stored as it is.
    assert store.lines("one") == [(1, line._replace(text="héllo \0 \\udc80"))]


def test_an_event_starts_one_session_of_a_handler(store, make):
    store.create(make("one", event_id="e"), [])
    with pytest.raises(EventSeenError) as error:
        store.create(make("two", event_id="e"), [Row(1, "start", b"")])
    assert error.value.session_id == "one"
    store.create(make("three", event_id="e", entry_point="b.py:main"), [])
    store.create(make("four"), [])
    store.create(make("five"), [])
    assert [session.session_id for session in store.sessions()] == ["five", "four", "three", "one"]
    assert [session.session_id for session in store.sessions(limit=2)] == ["five", "four"]


def test_an_id_is_taken_once(store, make):
    store.create(make("one", event_id="e"), [])
    with pytest.raises(SessionExistsError, match="one already"):
        store.create(make("one", event_id="e"), [])


def test_the_beginning_of_an_id_will_do(store, make):
    for session_id in ("ab", "abc", "b%"):
        store.create(make(session_id), [])
    assert store.session("ab").session_id == "ab"
    assert store.session("abc").session_id == "abc"
    assert store.session("b").session_id == "b%"
    with pytest.raises(SessionNotFoundError, match="more than one"):
        store.session("a")
    for unknown in ("x", "%", ""):
        with pytest.raises(SessionNotFoundError, match="no session"):
            store.session(unknown)


def test_an_update_changes_what_it_names(store, make):
    store.create(make(), [])
    journal = store.acquire("one")
    assert store.session("one").live
    journal.commit(update=SessionUpdate(state="waiting", waiting_for='{"sleep": 3}'))
    assert store.session("one").state == "waiting"
    journal.release(SessionUpdate(state="completed", waiting_for="", result="42", error=""))
    session = store.session("one")
    assert (session.state, session.waiting_for, session.result, session.live) == ("completed", "", "42", False)
    assert session.updated_at > session.created_at
    assert session.lease_pid is None


def test_a_request_to_cancel_reaches_the_journal(store, make):
    store.create(make(), [])
    journal = store.acquire("one")
    assert not journal.cancel_requested()
    store.request_cancel("one")
    assert journal.cancel_requested()
    assert store.session("one").cancel_requested
    journal.release()


def test_a_deleted_session_leaves_nothing(store, home, make):
    store.create(make("one"), [Row(1, "start", b"")])
    store.create(make("two"), [Row(1, "start", b"2")])
    journal = store.acquire("one")
    journal.note([Row(2, "activity", b"")])
    with pytest.raises(SessionBusyError, match="run by this process"):
        store.delete("one")
    journal.release()
    store.delete("one")
    assert [session.session_id for session in store.sessions()] == ["two"]
    store.create(make("one"), [])
    assert store.rows("one") == []
    assert store.rows("two") == [Row(1, "start", b"2")]
    assert not list((home / "tails").iterdir())


def test_a_store_is_private_and_has_one_hash_seed(home):
    with Store.open(home) as store:
        seed = store.hash_seed
    assert 1 <= seed < 2**32
    with Store.open(home) as store, Store.open(home) as again:
        assert store.hash_seed == again.hash_seed == seed
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_what_is_made_in_a_folder_that_others_can_read_is_its_users_alone(home, make):
    home.mkdir(mode=0o755)
    with Store.open(home) as store:
        store.create(make(), [])
        journal = store.acquire("one")
        journal.note([Row(1, "start", b"")])
        with store.blobs.writer(journal.number) as writer:
            writer.write(b"large")
            sha256 = writer.finish()
        journal.commit(blobs=[sha256])
        RewriteCache(store.cache).compile(b"f()", "f.py")
        made = {path: stat.S_IMODE(path.stat().st_mode) for path in home.rglob("*")}
        assert {path.name for path in made} >= {
            "ninelives.db",
            "ninelives.db-wal",
            "ninelives.db-shm",
            "leases",
            sha256,
        }
        assert {"tails", "blobs", "new", "cache"} <= {path.name for path in made}
        assert made == {path: 0o700 if path.is_dir() else 0o600 for path in made}
        journal.release()


def test_a_store_in_memory_keeps_nothing_but_works(make, monkeypatch):
    with Store.open(None) as store:
        store.create(make(), [Row(1, "start", b"")])
        journal = store.acquire("one")
        journal.note([Row(2, "activity", b"")], [Line(0.0, "stdout", "", "hi", "0")])
        assert [row.seq for row in store.rows("one")] == [row[0] for row in journal.load()] == [1, 2]
        assert journal.commit([Row(3, "outcome", b"")], puts=[Put("p", "k", b"v", 0)])
        with pytest.raises(SessionBusyError):
            store.acquire("one")
        with store.blobs.writer(1) as writer:
            writer.write(b"large")
            sha256 = writer.finish()
        journal.commit(blobs=[sha256])
        assert store.blobs.open(sha256).read() == b"large"
        assert store.session("one").live
        journal.release(SessionUpdate(state="completed"))
        assert [line.text for _, line in store.lines("one")] == ["hi"]
        folder = store._temporary.name
    assert not os.path.exists(folder)


def test_a_store_that_is_not_there_can_be_listed_and_is_not_made(home):
    with Store.open(home, read_only=True) as store:
        assert store.sessions() == []
    assert not home.exists()


def test_a_reader_writes_nothing(home, store, make):
    store.create(make(), [])
    with Store.open(home, read_only=True) as reader:
        assert [session.session_id for session in reader.sessions()] == ["one"]
        assert reader.hash_seed == store.hash_seed
        with pytest.raises(StoreReadOnlyError, match=r"can't be written: .* NINELIVES_HOME"):
            reader.create(make("two"), [])


READ = """
    # Another user may not be allowed to read our Python.
    import shutil, tempfile, urllib.parse
    if os.getuid() == 0:
        os.setgroups([]), os.setgid(65534), os.setuid(65534)
    try:
        Store.open(home)
    except Exception as error:
        wrong = type(error).__name__
    with Store.open(home, read_only=True) as store:
        say(f"{wrong} {store.session('one').state} {[row.seq for row in store.rows('one')]}")
"""


@pytest.mark.parametrize("how", ["closed", "killed"])
def test_a_folder_that_cannot_be_written_can_be_read(how, run, make, monkeypatch):
    import tempfile

    # Not below pytest's own folder, which another user can't enter.
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        home = os.path.join(folder, "home")
        monkeypatch.setenv("NINELIVES_HOME", home)
        end = "die()" if how == "killed" else "journal.release(); store.close()"
        run(f"""
            store = Store.open(home)
            store.create(NewSession(session_id="one", project="p", entry_point="e", created_at=1.0), [Row(1, "", b"")])
            journal = store.acquire("one")
            journal.commit([Row(2, "", b"")])
            journal.note([Row(3, "", b"")])
            {end}
        """)
        for path, _, files in os.walk(home):
            for name in files:
                os.chmod(os.path.join(path, name), 0o444)
            os.chmod(path, 0o555)
        state = "interrupted" if how == "killed" else "created"
        assert run(READ) == f"StoreReadOnlyError {state} [1, 2, 3]"


@pytest.mark.parametrize("content", [b"not a database, but long enough to be taken for one" * 100, None])
def test_a_damaged_database_is_one_clear_error(home, make, content):
    with Store.open(home) as store:
        store.create(make(), [Row(seq, "start", b"x" * 1000) for seq in range(1, 100)])
    file = home / "ninelives.db"
    if content is None:
        content = file.read_bytes()
        content = content[:100] + b"\xff" * 4000 + content[4100:]
    file.write_bytes(content)
    for read_only in (False, True):
        with pytest.raises(StoreCorruptError, match=r"ninelives.db is damaged .* restore it from a backup"):
            Store.open(home, read_only=read_only)


def test_a_store_of_a_newer_version_is_left_alone(home):
    Store.open(home).close()
    db = sqlite3.connect(home / "ninelives.db")
    db.execute("PRAGMA user_version = 999")
    db.close()
    for read_only in (False, True):
        with pytest.raises(StoreNewerError, match="999"):
            Store.open(home, read_only=read_only)


def test_a_home_that_is_a_file_is_one_clear_error(home):
    home.write_text("")
    for read_only in (False, True):
        with pytest.raises(StoreError, match="is no folder: set NINELIVES_HOME to one"):
            Store.open(home, read_only=read_only)


def test_processes_that_make_the_same_store_at_once_agree(start):
    program = """
        say("ready")
        sys.stdin.readline()
        with Store.open(home) as store:
            say(store.hash_seed)
    """
    processes = [start(program) for _ in range(6)]
    for process in processes:
        assert process.hear() == "ready"
    for process in processes:
        process._process.stdin.write("\n")
        process._process.stdin.flush()
    assert len({process.hear() for process in processes} - {""}) == 1
    assert [process.end() for process in processes] == [0] * 6
