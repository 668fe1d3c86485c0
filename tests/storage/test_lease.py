"""Leases: two processes never run one session, and a dead one keeps none."""

import os
import signal

import pytest

from ninelives.errors import SessionBusyError
from ninelives.processes import marker_of, process_identity
from ninelives.storage import Row, Store
from ninelives.storage.works import SOON, Execute

HOLD = """
    store = Store.open(home)
    journal = store.acquire("one")
    say("held")
    sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def session(store, make):
    store.create(make(), [])


def test_a_session_that_another_process_runs_is_busy(store, start):
    process = start(HOLD)
    assert process.hear() == "held"
    session = store.session("one")
    assert session.live
    assert session.lease_pid == process.pid
    for use in (store.acquire, store.delete):
        with pytest.raises(SessionBusyError, match=f"run by process {process.pid}: "):
            use("one")


@pytest.mark.parametrize("reaped", [True, False])
def test_a_killed_process_holds_nothing_also_before_its_parent_has_noticed(store, start, reaped):
    process = start(HOLD)
    assert process.hear() == "held"
    marker = marker_of(process.pid, process_identity(process.pid))
    if reaped:
        process.kill()
    else:
        process.kill_unreaped()
        assert process_identity(process.pid) is None
    session = store.session("one")
    assert (session.state, session.live, session.lease_pid) == ("interrupted", False, process.pid)
    journal = store.acquire("one")
    assert journal.taken_over == marker
    assert (store.session("one").state, store.session("one").live) == ("created", True)
    journal.release()
    journal = store.acquire("one")
    assert journal.taken_over == ""
    journal.release()


def test_a_child_that_outlives_the_holder_does_not_hold(store, start):
    process = start("""
        store = Store.open(home)
        journal = store.acquire("one")
        pid = os.fork()
        if not pid:
            signal.pause()
        say(pid)
        sys.stdin.readline()
    """)
    child = int(process.hear())
    process._process.send_signal(signal.SIGKILL)
    process._process.wait()
    try:
        assert process_identity(child)
        store.acquire("one").release()
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_process_that_has_the_pid_of_a_dead_holder_does_not_hold(store):
    me = os.getpid()
    store._database.writer().execute("UPDATE sessions SET lease_pid = ?, lease_started = 'before'", (me,))
    assert store.session("one").state == "interrupted"
    journal = store.acquire("one")
    assert journal.taken_over == f"{me}:before"
    journal.release()


def test_one_process_may_run_two_sessions_each_of_them_once(store, home, make):
    store.create(make("two"), [])
    one, two = store.acquire("one"), store.acquire("two")
    one.note([Row(1, "", b"1")])
    two.commit([Row(1, "", b"2")])
    # Closing another store on the same folder must not give the leases up, which is what the kernel would do.
    with Store.open(home) as again, Store.open(home, read_only=True) as reader:
        for other in (store, again):
            with pytest.raises(SessionBusyError, match="run by this process"):
                other.acquire("one")
        assert reader.session("two").live
    one.release()
    assert [session.live for session in store.sessions()] == [True, False]
    two.release()


def test_a_lease_outlives_other_stores_of_the_process(store, home, start):
    journal = store.acquire("one")
    with Store.open(home), Store.open(home, read_only=True) as reader:
        assert reader.sessions()[0].live
    process = start("""
        try:
            Store.open(home).acquire("one")
        except Exception as error:
            say(error)
    """)
    assert process.hear().startswith(f"session one is run by process {os.getpid()}: ")
    journal.release()


def test_of_many_processes_one_gets_the_session(start, store):
    program = """
        store = Store.open(home)
        say("ready")
        sys.stdin.readline()
        try:
            store.acquire("one")
            say("mine")
        except Exception as error:
            say(type(error).__name__)
        sys.stdin.readline()
    """
    processes = [start(program) for _ in range(5)]
    for process in processes:
        assert process.hear() == "ready"
    for process in processes:
        process._process.stdin.write("\n")
        process._process.stdin.flush()
    assert sorted(process.hear() for process in processes) == ["SessionBusyError"] * 4 + ["mine"]


def test_processes_that_die_soon_at_the_same_place_are_counted(store, start):
    def deaths(*, notes: str = "", commits: str = "") -> int:
        process = start(f"""
            journal = Store.open(home).acquire("one")
            say(journal.deaths)
            journal.note([{notes}])
            journal.commit([{commits}])
            die()
        """)
        found = int(process.hear())
        # The end of what it says: it has died by itself.
        assert not process.hear()
        process.kill()
        return found

    started, done = "Row({}, STARTS, b'')", "Row({}, 'outcome', b'')"
    assert deaths(commits=started.format(1)) == 0
    assert deaths(commits=started.format(2)) == 1
    assert deaths(commits=started.format(3)) == 2, "an attempt is nothing new"
    assert deaths(notes=done.format(4)) == 3
    assert deaths(commits=done.format(5)) == 1, "what was only noted is"
    assert deaths(commits=started.format(6)) == 1, "what is in the database, too"
    assert deaths() == 2
    store._writer.submit(Execute("UPDATE sessions SET taken_at = taken_at - ?", (SOON,)))
    assert deaths() == 1, "it had lived for a while"
    journal = store.acquire("one")
    assert journal.deaths == 2
    journal.release()
    assert deaths() == 0, "it was given back"
