"""Sessions on other hosts, undisturbed: what they print and come to is what they do in this process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from remote.hosts import Network, Process

#: Of how many tests one runs on other Pythons: they are about hosts.
QUICK_EVERY = 8

PROGRAMS = {
    "completes": "def main(event):\n    print('hello', os.getcwd() != '/')\n    open('kept', 'w').write('x')\n    return open('kept').read() + event.data['more']\n",
    "raises": "def main(event):\n    print('before')\n    raise ValueError('no')\n",
    "exits": "def main(event):\n    sys.stderr.write('bye\\n')\n    sys.exit(7)\n",
    "prints past": "def main(event):\n    subprocess.run(['sh', '-c', 'echo from a child; echo and its stderr >&2'])\n    print('after')\n",
    "large": "def main(event):\n    return len(''.join(open('/dev/zero').read(3_000_000) for _ in range(3)))\n",
}


def write(folder: Path, text: str) -> str:
    code = folder / "code"
    code.mkdir(exist_ok=True)
    (code / "main.py").write_text(f"import os, subprocess, sys, time\n\n\n{text}")
    return f"{code / 'main.py'}:main"


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_same_output_and_exit_code(network: Network, started: list[Process], name: str) -> None:
    started.append(network.one.manager())
    handler = write(network.folder, PROGRAMS[name])
    came_to = []
    for more in ((), ("--runner", "remote")):
        process = network.worker.start("run", handler, "--session", f"s{len(more)}", "--data", '{"more": "y"}', *more)
        started.append(process)
        code = process.end()
        errors = [line.replace(f"s{len(more)}", "s") for line in process.stderr.splitlines()]
        came_to.append((code, process.stdout, errors))
    here, there = came_to
    assert there == here
    assert there[0] == {"raises": 1, "exits": 7}.get(name, 0)


def test_a_build_travels_once(network: Network, started: list[Process]) -> None:
    manager = network.one.manager()
    started.append(manager)
    handler = write(network.folder, "def main(event):\n    return 1\n")
    for _ in range(2):
        process = network.worker.start("run", handler, "--runner", "remote")
        started.append(process)
        assert process.end() == 0, process.stderr
    assert manager.kill(15) == 143
    assert [line.split(":")[0][:5] for line in manager.stderr.splitlines() if line.startswith("build")] == ["build"]


def test_repaired_code_travels_too(network: Network, started: list[Process]) -> None:
    started.append(network.one.manager())
    handler = write(network.folder, "def main(event):\n    print('first')\n    raise ValueError('no')\n")
    process = network.worker.start("run", handler, "--runner", "remote", "--session", "s")
    started.append(process)
    assert process.end() == 1
    write(network.folder, "def main(event):\n    print('first')\n    return 'repaired'\n")
    code = str(network.folder / "code")
    process = network.worker.start("resume", "s", "--runner", "remote", "--with-code", code, "--json")
    started.append(process)
    assert process.end() == 0, process.stderr
    assert '"result": "\'repaired\'"' in process.stdout


def test_secrets_and_vars_reach_the_program_only(network: Network, started: list[Process]) -> None:
    manager = network.one.manager()
    started.append(manager)
    handler = write(
        network.folder,
        "def main(event):\n    print(os.environ['KEY'], os.environ['PLAIN'])\n    return len(os.environ['KEY'])\n",
    )
    process = network.worker.start(
        "run", handler, "--runner", "remote", "--var", "KEY", "--var", "PLAIN=p", "--json", KEY="s3cret-key"
    )
    started.append(process)
    assert process.end() == 0, process.stderr
    assert '"result": "10"' in process.stdout
    manager.kill(15)
    assert "s3cret" not in process.stderr.replace("s3cret-key p", "", 1) + manager.stderr
    assert not [file for file in network.one.home.rglob("*") if file.is_file() and b"s3cret" in file.read_bytes()]


def test_sessions_are_spread(network: Network, started: list[Process]) -> None:
    managers = [network.one.manager(), network.two.manager()]
    started += managers
    network.endpoints(network.one, network.two)
    text = "def main(event):\n    return open(os.environ['GATE']).read()\n"
    handler = write(network.folder, text)
    gate = network.folder / "gate"
    os.mkfifo(gate)
    running = []
    for number in range(4):
        # One after the other, each while the ones before are still there.
        process = network.worker.start(
            "run", handler, "--runner", "remote", "--session", f"s{number}", "--var", f"GATE={gate}"
        )
        started.append(process)
        process.await_line("session: ")
        running.append(process)
        managers_said = 0
        while managers_said <= number:
            for manager in managers:
                manager.take_what_is_there()
            managers_said = sum(manager.stderr.count("wanted by") for manager in managers)
    assert [manager.stderr.count("wanted by") for manager in managers] == [2, 2]
    for process in running:
        process.kill()


def test_an_environment_that_can_not_be_built(network: Network, started: list[Process]) -> None:
    started.append(network.one.manager())
    handler = write(network.folder, "def main(event):\n    return 1\n")
    (network.folder / "code" / "requirements.txt").write_text("./here\n")
    came_to = []
    for runner in ("local", "remote"):
        process = network.worker.start("run", handler, "--runner", runner)
        started.append(process)
        code = process.end()
        came_to.append((code, [line.rpartition("requirements.txt")[2] for line in process.stderr.splitlines()]))
    assert came_to[0] == came_to[1]
    assert came_to[0][0] == 2
