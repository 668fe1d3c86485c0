"""Children of a session's process die with it, however they were started and however it dies."""

import os
import select
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from ninelives.processes import MARKER, marker_of, process_identity
from ninelives.runner import cgroups
from ninelives.session.children import kill_orphans

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")

SOURCE = Path(__file__).parents[1] / "src"

#: a program that says its pid and then does nothing, and one that does so as a grandchild
IDLE = "import os,signal; print(os.getpid(), flush=True); signal.pause()"

PREAMBLE = f"""
import multiprocessing, os, signal, subprocess, sys, threading
from ninelives.session.children import watch_children
IDLE = {IDLE!r}
python = sys.executable
def say(text):
    os.write(1, f"{{text}}\\n".encode())
def idle():
    say(os.getpid())
    signal.pause()
def die():
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def session():
    """Start programs as session processes: `watch_children` is called before ``text``."""
    started = []

    def start(text, *, watched=True):
        process = subprocess.Popen(
            [sys.executable, "-c", PREAMBLE + ("watch_children()\n" if watched else "") + textwrap.dedent(text)],
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def hear(process):
    return process.stdout.readline().strip()


def is_dead_soon(pid):
    """Wait until the process is dead, for at most 10 seconds, and return whether it is."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    dead = bool(poll.poll(10_000))
    os.close(handle)
    return dead


WAYS = {
    "subprocess": "subprocess.Popen([python, '-c', IDLE])",
    "with an environment of its own": "subprocess.Popen([python, '-c', IDLE], env={})",
    "in a session of its own": "subprocess.Popen([python, '-c', IDLE], start_new_session=True, env={'A': 'b'})",
    "spawned by subprocess": "subprocess.Popen([python, '-c', IDLE], close_fds=False, env={})",
    "a shell in the background": "os.system(f'{python} -c \"{IDLE}\" &')",
    "a shell": "subprocess.Popen(f'{python} -c \"{IDLE}\"; true', shell=True)",
    "posix_spawn": "os.posix_spawn(python, [python, '-c', IDLE], {'A': 'b'})",
    "posix_spawnp": "os.posix_spawnp(python, [python, '-c', IDLE], {'A': 'b'})",
    "spawnve": "os.spawnve(os.P_NOWAIT, python, [python, '-c', IDLE], {'A': 'b'})",
    "spawnv": "os.spawnv(os.P_NOWAIT, python, [python, '-c', IDLE])",
    "fork": "os.fork() or idle()",
    "fork and exec": "os.fork() or os.execve(python, [python, '-c', IDLE], {})",
    "fork and exec, by keyword": "os.fork() or os.execve(path=python, argv=[python, '-c', IDLE], env={})",
    "a daemon": "os.fork() or os.setsid() or os.fork() and os._exit(0) or idle()",
    "the grandchild of a fork": "os.fork() or subprocess.run([python, '-c', IDLE], env={})",
    "multiprocessing, forked": "multiprocessing.get_context('fork').Process(target=idle).start()",
    "the environment cleared": "os.environ.clear(); subprocess.Popen([python, '-c', IDLE])",
}


@pytest.mark.parametrize("way", WAYS)
def test_a_child_dies_with_its_session(session, way):
    process = session(f"{WAYS[way]}\nsys.stdin.readline()")
    child = int(hear(process))
    assert process_identity(child)
    process.send_signal(signal.SIGKILL)
    assert is_dead_soon(child)


def test_a_child_of_a_session_inside_another_dies_too(session):
    process = session(
        f"""
        os.environ[{MARKER!r}] = "1:2@3"
        watch_children()
        {WAYS["the environment cleared"]}
        sys.stdin.readline()
        """,
        watched=False,
    )
    child = int(hear(process))
    process.send_signal(signal.SIGKILL)
    assert is_dead_soon(child)


def test_a_child_of_multiprocessing_spawn_dies_with_its_session(session, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        PREAMBLE
        + textwrap.dedent("""
        if __name__ == "__main__":
            watch_children()
            multiprocessing.get_context("spawn").Process(target=idle).start()
            sys.stdin.readline()
    """)
    )
    process = session(f"import runpy; runpy.run_path({str(program)!r}, run_name='__main__')", watched=False)
    child = int(hear(process))
    process.send_signal(signal.SIGKILL)
    assert is_dead_soon(child)


def test_all_of_a_family_die(session):
    process = session("""
        def breed(depth):
            for _ in range(3):
                if not os.fork():
                    if depth:
                        breed(depth - 1)
                    idle()
        breed(2)
        sys.stdin.readline()
    """)
    family = [int(hear(process)) for _ in range(3 + 9 + 27)]
    process.send_signal(signal.SIGKILL)
    assert all(is_dead_soon(pid) for pid in family)


@pytest.mark.parametrize(
    "end", ["sys.exit()", "os._exit(3)", "raise SystemError", "os.kill(os.getpid(), signal.SIGTERM)"]
)
def test_a_child_dies_however_the_session_ends(session, end):
    process = session(f"subprocess.Popen([python, '-c', IDLE])\nsys.stdin.readline()\nsys.stderr = None\n{end}")
    child = int(hear(process))
    process.stdin.write("\n")
    process.stdin.flush()
    assert is_dead_soon(child)


def test_a_child_outlives_the_thread_that_started_it(session):
    process = session("""
        def start():
            if not os.fork():
                idle()
        thread = threading.Thread(target=start)
        import warnings
        warnings.simplefilter("ignore")
        thread.start()
        thread.join()
        say("joined")
        sys.stdin.readline()
    """)
    said = {hear(process), hear(process)} - {"joined"}
    child = int(said.pop())
    poll = select.poll()
    handle = os.pidfd_open(child)
    poll.register(handle, select.POLLIN)
    assert not poll.poll(100)
    os.close(handle)
    process.kill()
    assert is_dead_soon(child)


def test_the_program_sees_no_child_and_no_variable_of_ours(session):
    process = session(f"""
        subprocess.run(["true"])
        try:
            os.wait()
        except ChildProcessError:
            say({MARKER!r} in os.environ)
        shown = subprocess.run([python, "-c", "import os; print(os.environ[{MARKER!r}])"], capture_output=True, text=True)
        say(shown.stdout.strip())
    """)
    assert hear(process) == "False"
    assert hear(process).startswith(f"{process.pid}:")


def test_a_program_without_children_has_no_reaper(session):
    process = session("from ninelives.session import children\nsay(children._watch.has_reaper)")
    assert hear(process) == "False"


def test_sessions_forked_from_a_warm_parent_do_not_die_with_each_other(session):
    process = session(
        """
        for _ in range(2):
            if not os.fork():
                watch_children()
                if not os.fork():
                    say(f"child {os.getpid()} {os.getppid()}")
                    signal.pause()
                sys.stdin.readline()
                signal.pause()
        signal.pause()
        """,
        watched=False,
    )
    (_, child_a, parent_a), (_, child_b, parent_b) = (hear(process).split() for _ in range(2))
    os.kill(int(parent_a), signal.SIGKILL)
    assert is_dead_soon(int(child_a))
    assert all(process_identity(int(pid)) for pid in (child_b, parent_b, process.pid))
    process.kill()
    assert process_identity(int(parent_b))
    os.kill(int(parent_b), signal.SIGKILL)
    assert is_dead_soon(int(child_b))


def test_orphans_whose_reaper_died_too_are_killed_by_whoever_takes_the_lease_over(session):
    process = session("""
        from ninelives.session import children
        children._watch.has_reaper = True
        if not os.fork():
            idle()
        subprocess.Popen([python, "-c", IDLE], env={})
        sys.stdin.readline()
    """)
    orphans = [int(hear(process)) for _ in range(2)]
    marker = marker_of(process.pid, process_identity(process.pid))
    process.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert all(process_identity(pid) for pid in orphans)
    assert kill_orphans(marker) == 2
    assert all(is_dead_soon(pid) for pid in orphans)
    assert kill_orphans(marker) == 0


def test_an_identity_is_that_of_a_running_process():
    assert process_identity(os.getpid()) == process_identity(os.getpid())
    assert process_identity(os.getpid()) != process_identity(1)
    assert process_identity(2**22 + 1) is None


@pytest.mark.skipif(cgroups.find() is None, reason="no group of processes can be made here; CI can")
@pytest.mark.parametrize("most", [1, 2])
def test_where_there_is_no_room_for_what_ends_children_none_is_started(session, most):
    process = session(f"""
    from ninelives.runner import cgroups
    group = cgroups.make(cgroups.find())
    group.enter()
    (group.folder / "pids.max").write_text("{most}")
    for attempt in range(2):
        try:
            subprocess.Popen([python, "-c", IDLE])
        except BlockingIOError:
            say("no room")
    group.limit(None)
    subprocess.Popen([python, "-c", IDLE]).wait()
    """)
    assert [process.stdout.readline() for _ in range(2)] == ["no room\n"] * 2
    child = int(process.stdout.readline())
    watched = os.pidfd_open(child)
    process.kill()
    poll = select.poll()
    poll.register(watched, select.POLLIN)
    assert poll.poll(30_000)
    os.close(watched)
    process.wait()
    cgroups.sweep(cgroups.find())
