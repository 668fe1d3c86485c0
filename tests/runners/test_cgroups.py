"""Groups of processes: where they are made, that nothing is left of them, and what holds where there are none."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from crash.isolated import WorkerKilled, warm_parent
from crash.programs import parse

from ninelives.processes import process_identity
from ninelives.runner import cgroups
from ninelives.runner.control import Limits

_FOLDER = cgroups.find()

needs_groups = pytest.mark.skipif(_FOLDER is None, reason="no group of processes can be made here; CI can")

V1 = """\
25 30 0:22 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro
31 25 0:27 / /sys/fs/cgroup/cpu,cpuacct rw shared:11 - cgroup cgroup rw,cpu,cpuacct
32 25 0:28 /docker/abc /sys/fs/cgroup/pids rw shared:12 - cgroup cgroup rw,pids
33 25 0:29 / /sys/fs/cgroup/unified rw shared:13 - cgroup2 cgroup2 rw
"""
V2 = "30 23 0:26 / /sys/fs/cgroup\\040two rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"


@pytest.mark.parametrize(
    ("mounts", "own", "found"),
    [
        (
            V1,
            "8:pids:/docker/abc/one\n1:cpu,cpuacct:/\n0::/",
            ["/sys/fs/cgroup/pids/one", "/sys/fs/cgroup/pids"],
        ),
        (V1, "8:pids:/docker/abc\n0::/", ["/sys/fs/cgroup/pids"]),
        (V1, "8:pids:/elsewhere\n0::/", []),
        (
            V2,
            "0::/user.slice/a",
            ["/sys/fs/cgroup two/user.slice/a", "/sys/fs/cgroup two/user.slice", "/sys/fs/cgroup two"],
        ),
        (V2, "0::/", ["/sys/fs/cgroup two"]),
        (V1 + V2, "0::/../other", []),
        ("", "0::/", []),
    ],
)
def test_places(mounts: str, own: str, found: list[str]) -> None:
    assert cgroups.places(mounts, own) == [Path(path) for path in found]


@pytest.fixture
def folder() -> Iterator[Path]:
    assert _FOLDER is not None
    yield _FOLDER
    cgroups.sweep(_FOLDER)


def _groups(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("ninelives-*")}


@needs_groups
def test_what_a_killed_process_left_is_removed_if_nobody_is_in_it(folder: Path) -> None:
    code = (
        "import os, signal, subprocess; from ninelives.runner import cgroups; folder = cgroups.find()\n"
        "empty, full = cgroups.make(folder), cgroups.make(folder); full.enter()\n"
        "child = subprocess.Popen(['sleep', '1000'], stdout=subprocess.DEVNULL)\n"
        "print(empty.folder, full.folder, child.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    said = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=False).stdout
    empty, full, child = said.split()
    try:
        mine = cgroups.make(folder)
        assert Path(empty).is_dir()
        cgroups.sweep(folder)
        assert not Path(empty).is_dir()
        assert Path(full).is_dir(), "somebody is in it"
        assert mine.folder.is_dir(), "its process lives"
        assert mine.remove()
    finally:
        cgroups.Group(Path(full)).kill(spare=0)
    assert process_identity(int(child)) is None


@needs_groups
def test_a_session_is_born_in_a_group_of_its_own_which_goes_with_it() -> None:
    text = "def main(event):\n    print(open('/proc/self/cgroup').read())\n"
    seen = []
    for _ in range(3):
        with WorkerKilled(parse("group", f"Says where it is.\n=== main.py\n{text}")) as place:
            assert place.run() == 0
            seen += [
                part for line in place.result().prints for part in line.split("/") if part.startswith("ninelives-")
            ]
    warm = warm_parent()._process.pid
    assert len(seen) == len(set(seen)) >= 3
    assert all(name.startswith(f"ninelives-{warm}-") for name in seen)
    assert _FOLDER is not None
    # At most that of the last one, which its parent is about to remove, and the one that it is in itself.
    assert len([name for name in _groups(_FOLDER) if name.startswith(f"ninelives-{warm}-")]) <= 2


def test_processes_where_there_are_no_groups() -> None:
    """The kernel counts all processes of a user: those that run already are not the session's."""
    code = """\
import os, signal
from ninelives.runner.control import Limits
from ninelives.runner.process import _restrict

if not os.geteuid():
    os.setresuid(65534, 65534, 65534)
running = int(open("/proc/loadavg").read().split()[3].partition("/")[2])
_restrict(Limits(processes=7))
started = []
try:
    while len(started) < 2 * running + 1000:
        pid = os.fork()
        if not pid:
            signal.pause()
        started.append(pid)
except BlockingIOError:
    print("no more")
print(7 - 1 <= len(started) <= running + 7 + 100)
for pid in started:
    os.kill(pid, signal.SIGKILL)
"""
    said = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert said.splitlines() == ["no more", "True"]
    assert Limits(1, 2, 3, 4).without_processes() == Limits(1, 2, 3)
