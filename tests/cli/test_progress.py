"""The live line on a terminal: a real pseudo-terminal, and what a person sees on it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

ERASE = "\r\x1b[2K"


def on_terminal(script: str, *, stdout_too: bool = True, **environment: str) -> str:
    """Run Python code with a terminal as stderr, and return all that was written there."""
    outside, inside = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", "from ninelives.cli.progress import Progress\nimport os, sys, time\n" + script],
        stderr=inside,
        stdout=inside if stdout_too else subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm", **environment},
    )
    os.close(inside)
    written = b""
    while piece := _read(outside):
        written += piece
    os.close(outside)
    assert process.wait() == 0, written
    return written.decode().replace("\r\n", "\n")


def _read(file: int) -> bytes:
    try:
        return os.read(file, 65536)
    except OSError:
        return b""  # Linux's way to say that the other side is closed


def seen(written: str) -> str:
    """Return what is left on the screen."""
    return "\n".join(line.rpartition(ERASE)[2] for line in written.split("\n"))


@pytest.fixture(autouse=True)
def _sources(cli) -> None:
    """`cli` puts ninelives on the path of the processes started here."""


#: Holds the program until a text has been drawn.
UNTIL_DRAWN = """
import queue
import ninelives.cli.progress as module
write, drawn = module._write, queue.SimpleQueue()
module._write = lambda text: (write(text), drawn.put(text))
def until(text):
    while text not in drawn.get(timeout=20): pass
"""


def test_the_line_is_drawn_and_gone_in_the_end() -> None:
    written = on_terminal(
        UNTIL_DRAWN
        + """
with Progress() as progress:
    progress.session_started("s1")
    progress.activity_started("requests.get", 1); until("requests.get")
    progress.activity_finished(1); until("1 activity done")
    progress.waiting("sleep", time.time() + 90); until("waits for sleep")
    progress.replaying(5, 9); until("replays 5/9")
progress.say("completed")
"""
    )
    assert f"{ERASE}0 activities done · requests.get (0 s)" in written
    assert f"{ERASE}1 activity done · waits for sleep (1 min left)" in written or "(2 min left)" in written
    assert seen(written) == "session: s1\ncompleted\n"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_what_the_program_prints_is_never_mixed_with_it(stream) -> None:
    written = on_terminal(
        UNTIL_DRAWN
        + f"""
with Progress() as progress:
    progress.session_started("s1")
    progress.activity_started("work", 1); until("work")
    print("whole", file=sys.{stream})
    progress.activity_started("more", 2); until("more")
    print("begun, ", end="", file=sys.{stream})
    progress.activity_started("unseen", 3)
    print("ended", file=sys.{stream})
    progress.activity_started("last", 4); until("last")
"""
    )
    assert seen(written) == "session: s1\nwhole\nbegun, ended\n"


def test_stdout_in_a_pipe_is_left_alone() -> None:
    script = "before = sys.stdout.write\nwith Progress(): assert 'write' not in vars(sys.stdout)"
    assert seen(on_terminal(script, stdout_too=False)) == ""


def test_the_streams_are_as_before_in_the_end() -> None:
    on_terminal("with Progress(): assert 'write' in vars(sys.stderr)\nassert 'write' not in vars(sys.stderr)")


def test_a_forked_child_prints_without_waiting_for_the_parents_lock() -> None:
    written = on_terminal(
        """
with Progress() as progress:
    with progress._line._lock:
        pid = os.fork()
        if pid == 0:
            print("from the child", flush=True)
            os._exit(0)
        os.waitpid(pid, 0)
""",
        PYTHONWARNINGS="ignore",
    )
    assert "from the child" in seen(written)


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}])
def test_a_terminal_without_cursor_gets_plain_lines(environment) -> None:
    script = "with Progress() as progress: progress.session_started('s1'); assert not progress._live"
    assert on_terminal(script, **environment) == "session: s1\n"


def test_telling_costs_next_to_nothing() -> None:
    on_terminal("""
import timeit
with Progress() as progress:
    def step():
        progress.activity_started("requests.get", 1)
        progress.activity_finished(1)
    assert min(timeit.repeat(step, number=10_000, repeat=5)) / 10_000 < 4e-6
""")
