"""File descriptors of the process that died: those of files that are opened again are replaced, others stop the session."""

from __future__ import annotations

import signal

import pytest
from sampling import sampled

from crash import programs
from crash.harness import Kill, Place

FSYNC = """\
import fcntl
import os

import effects


def main(event):
    with open("a.txt", "w") as first, open("b.txt", "wb") as second:
        first.write("one\\n")
        first.flush()
        os.fsync(first.fileno())
        number = second.fileno()
        effects.append("between")
        fcntl.flock(number, fcntl.LOCK_EX)
        print(os.fstat(first.fileno()).st_size)
        second.write(b"two\\n")
        effects.append("locked")
        os.fsync(fd=number)
        fcntl.flock(number, fcntl.LOCK_UN)
    print(open("a.txt").read() + open("b.txt").read())
"""


def _program(text: str) -> programs.Program:
    return programs.parse("descriptors", f"=== main.py\n{text}")


def test_descriptors_of_open_files_go_on() -> None:
    program = _program(FSYNC)
    with Place(program) as place:
        assert place.run() == 0
        undisturbed, writes = place.result(), len(place.writes())
    for kill in sampled([Kill(write, after) for write in range(1, writes + 1) for after in (False, True)], 3):
        with Place(program) as place:
            assert place.run(kill) == -signal.SIGKILL
            place.run()
            result = place.result()
            assert (result.prints, result.ends) == (undisturbed.prints, undisturbed.ends), kill
            # What was being done when it died is done again.
            assert len(result.effects) - len(undisturbed.effects) in (0, 1)


DIES = """\
import os
import signal

import ninelives


@ninelives.activity
def die_once():
    if not os.path.exists("died"):
        open("died", "w").close()
        os.kill(os.getpid(), signal.SIGKILL)


def main(event):
    number = os.open("f", os.O_CREAT | os.O_RDWR)
"""


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        # By such a number it might write into any file of its own process: the journal is one.
        (("die_once()", "open(number, 'w').write('lost')"), "io.open"),
        (("file = open(number, 'w')", "die_once()", "file.write('lost')"), "io.open"),
        (("file = os.fdopen(number, 'w')", "die_once()", "file.write('lost')"), "os.fdopen"),
        (("die_once()", "os.sendfile(1, number, 0, 1)"), "os.sendfile"),
        (("import select", "die_once()", "select.select([number], [], [])"), "select.select"),
    ],
)
def test_other_descriptors_stop_the_session(lines: tuple[str, ...], name: str) -> None:
    with Place(_program(DIES + "".join(f"    {line}\n" for line in lines))) as place:
        assert place.run() == -signal.SIGKILL
        assert place.run() == 4
        assert place.error()["message"].startswith(f"{name}: a file descriptor can't be made again after a restart; ")


def test_other_numbers_are_left_alone() -> None:
    lines = (
        "other = os.open('g', os.O_CREAT | os.O_RDWR)",
        "closed = os.open('h', os.O_CREAT | os.O_RDWR)",
        "os.close(closed)",
        "die_once()",
        # A count, a position and a mode that happen to be such numbers.
        "new = os.open('f', os.O_CREAT | os.O_RDWR, mode=0o600)",
        "os.write(new, b'-' * 100)",
        "print(os.lseek(new, other, os.SEEK_SET) == other, len(os.read(new, other)) == other)",
        "print(os.umask(number) >= 0, os.umask(0o022) == number)",
    )
    with Place(_program(DIES + "".join(f"    {line}\n" for line in lines))) as place:
        assert place.run() == -signal.SIGKILL
        assert place.run() == 0, place.error()
        assert place.result().prints == ["stdout: True True", "stdout: True True"]
