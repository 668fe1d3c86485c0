"""Tails that are not as the last process left them: what a power loss does to them, and what is damage."""

import shutil

import pytest

from ninelives.errors import StoreCorruptError
from ninelives.storage import frames

#: A session with rows 1 to 9 in its tail, of which 2, 4, 6 and 8 are on disk; it is killed.
KILLED = """
    store = Store.open(home)
    store.create(NewSession(session_id="one", project="p", entry_point="e", created_at=1.0), [])
    journal = store.acquire("one")
    for seq in range(1, 10):
        record = journal.note if seq % 2 else journal.commit
        record([Row(seq, "", b"x" * 100)])
    die()
"""

GO_ON = """
    journal = Store.open(home).acquire("one")
    for seq in range(10, 20):
        journal.commit([Row(seq, "", b"x" * 100)])
    {end}
"""


def seqs(rows):
    return [row[0] for row in rows]


def tail_of(home):
    return home / "tails" / "1.tail"


def frame_ends(tail):
    """Return where each frame of a tail ends."""
    data, ends = tail.read_bytes(), []
    while found := frames._frame_at(data, ends[-1] if ends else 0):
        ends.append(found[1])
    return ends


def refused(store, home, match):
    """Check that nobody gets the session, and that nothing has changed."""
    tail, session = tail_of(home), store.session("one")
    before = tail.read_bytes() if tail.exists() else None
    for use in (store.acquire, store.rows, store.lines):
        with pytest.raises(StoreCorruptError, match=f"results of session one are lost: .*{match}.*; restore the whole"):
            use("one")
    assert store.session("one") == session
    assert (tail.read_bytes() if tail.exists() else None) == before


def lose_power(store):
    """Let the last process of each session be one of an earlier boot."""
    store._database.writer().execute("UPDATE sessions SET lease_started = '1@earlier'")


@pytest.mark.parametrize("reboot", [False, True])
@pytest.mark.parametrize("number", [1, 2, 8])
@pytest.mark.parametrize("how", ["header", "payload", "zeros"])
def test_a_frame_that_was_on_disk_and_is_damaged_is_an_error(store, home, run, reboot, number, how):
    run(KILLED)
    if reboot:
        lose_power(store)
    tail = tail_of(home)
    whole, ends = tail.read_bytes(), [0, *frame_ends(tail)]
    start, end = ends[number - 1], ends[number]
    at, garbage = {"header": (start, b"garbage"), "payload": (start + 60, b"garbage"), "zeros": (start, bytes(100))}[
        how
    ]
    tail.write_bytes(whole[:at] + garbage + whole[at + len(garbage) :])
    assert at + len(garbage) < end
    refused(store, home, f"is damaged: its frame {number}, at byte {start}")
    tail.write_bytes(whole)
    journal = store.acquire("one")
    assert seqs(journal.load()) == list(range(1, 10))
    journal.release()


def test_a_lost_tail_is_an_error_and_such_a_session_can_be_deleted(store, home, run):
    run(KILLED)
    tail_of(home).unlink()
    refused(store, home, "is missing")
    store.delete("one")
    assert store.sessions() == []


def test_a_killed_process_that_has_recorded_nothing_has_lost_nothing(store, home, run):
    run("""
        store = Store.open(home)
        store.create(NewSession(session_id="one", project="p", entry_point="e", created_at=1.0), [])
        store.acquire("one")
        die()
    """)
    assert store.rows("one") == []
    store.acquire("one").release()


@pytest.mark.parametrize("until", ["created", "killed"])
@pytest.mark.parametrize(
    ("end", "match"),
    [
        ("die()", "is newer than ninelives.db"),
        ("journal.commit(update=SessionUpdate(state='running')), die()", "is newer than ninelives.db"),
        ("journal.release(), die()", "is missing"),
    ],
)
def test_a_database_from_a_backup_that_does_not_go_with_the_tail_is_an_error(store, home, run, until, end, match):
    run(KILLED if until == "killed" else KILLED.replace("    journal = store.acquire", "    die()\n    journal = "))
    store.close()
    shutil.copytree(home, home.with_name("backup"))
    run(GO_ON.format(end=end))
    for file in home.glob("ninelives.db*"):
        file.unlink()
    for file in home.with_name("backup").glob("ninelives.db*"):
        shutil.copy(file, home)
    store = type(store).open(home)
    if until == "created" and match == "is missing":
        # Nothing says that it was ever run.
        assert store.rows("one") == []
    else:
        refused(store, home, match)
    store.close()


@pytest.mark.parametrize("again", [False, True])
def test_a_tail_from_a_backup_that_does_not_go_with_the_database_is_an_error(store, home, run, again):
    run(KILLED)
    old = tail_of(home).read_bytes()
    if again:
        # The tail that the session has now is another one.
        store.acquire("one").release()
        run(GO_ON.format(end="die()"))
    else:
        run(GO_ON.format(end="journal.commit(update=SessionUpdate(state='running')), die()"))
    tail_of(home).write_bytes(old)
    refused(store, home, "is older than ninelives.db" if again else "is damaged, or older than ninelives.db")


@pytest.mark.parametrize("lost", [[9], [9, 10], [10, 11]])
def test_what_a_power_loss_takes_of_frames_that_were_not_synced_is_cut_off(store, home, run, lost):
    run(KILLED.replace("    die()", "    journal.note([Row(10, '', b'')]), journal.note([Row(11, '', b'')]), die()"))
    tail = tail_of(home)
    data, ends = bytearray(tail.read_bytes()), [0, *frame_ends(tail)]
    for number in lost:
        data[ends[number - 1] + 5 : ends[number]] = bytes(ends[number] - ends[number - 1] - 5)
    tail.write_bytes(data)
    if lost != [10, 11]:
        refused(store, home, f"is damaged: its frame {lost[0]}")
        lose_power(store)
    kept = list(range(1, lost[0]))
    assert seqs(store.rows("one")) == kept
    # As long as the frame that was lost: what lies behind it must not count then.
    run(f"""
        journal = Store.open(home).acquire("one")
        journal.commit([Row({lost[0]}, "", b"x" * {100 if lost[0] == 9 else 0})])
        die()
    """)
    assert seqs(store.rows("one")) == [*kept, lost[0]]
    journal = store.acquire("one")
    assert seqs(journal.load()) == [*kept, lost[0]]
    journal.release()


def test_frames_that_are_in_the_database_may_be_lost_when_they_were_not_synced(store, home, run):
    run("""
        store = Store.open(home)
        store.create(NewSession(session_id="one", project="p", entry_point="e", created_at=1.0), [])
        journal = store.acquire("one")
        for seq in (1, 2, 3):
            journal.note([Row(seq, "", b"")])
        journal.commit(update=SessionUpdate(state="running"))
        die()
    """)
    tail = tail_of(home)
    tail.write_bytes(tail.read_bytes()[: frame_ends(tail)[0]])
    for before in ([], [4]):
        assert seqs(store.rows("one")) == [1, 2, 3, *before]
        run(f"""
            journal = Store.open(home).acquire("one")
            journal.commit([Row({4 + len(before)}, "", b"")])
            die()
        """)
    assert seqs(store.rows("one")) == [1, 2, 3, 4, 5]


def test_the_first_frame_of_a_tail_that_is_begun_anew_may_be_torn(store, home, run):
    run("""
        from ninelives.storage import tail
        tail.LARGE = 500
        store = Store.open(home)
        store.create(NewSession(session_id="one", project="p", entry_point="e", created_at=1.0), [])
        journal = store.acquire("one")
        seq = 0
        while not journal._tail.number or journal._tail.size:
            seq += 1
            journal.commit([Row(seq, "", b"x" * 100)])
        journal.note([Row(seq + 1, "", b"x" * 100)])
        die()
    """)
    tail = tail_of(home)
    data = tail.read_bytes()
    tail.write_bytes(data[:50] + bytes(20) + data[70:])
    found = seqs(store.rows("one"))
    assert found == list(range(1, len(found) + 1))
    assert found
    journal = store.acquire("one")
    assert seqs(journal.load()) == found
    journal.release()
