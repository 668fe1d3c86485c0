"""Who is let in, and what is said to who is not: certificates, versions, calls that nobody wants, bad names."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from ninelives import certificates as making
from ninelives.certificates import make_certificates
from remote.hosts import PORT, WORKER_PORT, Network, Process

#: Of how many tests one runs on other Pythons: they are about hosts.
QUICK_EVERY = 8

ODD = str(Path(__file__).with_name("odd.py"))


def ask(network: Network, started: list[Process], what: str, side: str = "worker", address: str = "") -> str:
    """Return what a peer of this kind is answered."""
    address = address or f"{network.one.address}:{PORT}"
    host = network.one if side == "manager" else network.worker
    process = host.start(what, address, str(network.certificates), side, python=(ODD,))
    started.append(process)
    assert process.end() == 0, process.stderr
    return process.stdout.strip()


def run(network: Network, started: list[Process], text: str = "def main(event):\n    return 1\n") -> Process:
    code = network.folder / "code"
    code.mkdir(exist_ok=True)
    (code / "main.py").write_text(text)
    process = network.worker.start("run", f"{code / 'main.py'}:main", "--runner", "remote")
    started.append(process)
    return process


def refused(network: Network, started: list[Process]) -> str:
    """Return what `run` says that is not let in."""
    process = run(network, started)
    assert process.end() == 3
    (line,) = process.stderr.splitlines()
    before = f"ninelives: no runner manager can take the session: {network.one.address}:{PORT}: "
    assert line.startswith(before)
    return line.removeprefix(before)


def test_what_a_manager_answers(network: Network, started: list[Process]) -> None:
    started.append(network.one.manager())
    assert ask(network, started, "health").startswith("version: 1 ok: true most: ")
    assert (
        ask(network, started, "exports")
        == 'exports { file: "main.py" line: 1 name: "main" args: "event" args: "*more" }'
    )
    assert ask(network, started, "standard_health") == "status: SERVING"
    assert ask(network, started, "reflected") == "not offered"
    newer = ask(network, started, "newer_worker")
    assert "the worker speaks version 99 of the protocol, the runner manager 1" in newer
    assert 'kind: "BuildGoneError"' in ask(network, started, "other_build")
    names, ids, missing = ask(network, started, "bad_names").split(" | ")
    assert "a build is named by its SHA-256" in names
    assert "ids of calls and sessions are letters" in ids
    assert missing == "problem { build_missing: true }"
    assert ask(network, started, "plain").startswith("UNAVAILABLE")
    role = ask(network, started, "health", "manager")
    assert role.startswith("PERMISSION_DENIED: the certificate is that of ninelives manager, and only ninelives worker")


def test_what_a_worker_answers(network: Network, started: list[Process]) -> None:
    started.append(network.one.manager())
    process = run(
        network,
        started,
        "import subprocess\n\n\ndef main(event):\n    print('up')\n    subprocess.run(['sleep', '600'])\n",
    )
    process.await_line("up")
    address = f"{network.worker.address}:{WORKER_PORT}"
    assert ask(network, started, "unknown_call", "manager", address) == (
        "NOT_FOUND: the worker does not want this runner, or not any more"
    )
    assert ask(network, started, "no_opening", "manager", address).startswith("FAILED_PRECONDITION: ")
    assert ask(network, started, "other_version", "manager", address).startswith(
        "FAILED_PRECONDITION: the runner manager speaks version 99 of the protocol, the worker 1"
    )
    assert ask(network, started, "unknown_call", "worker", address).startswith(
        "PERMISSION_DENIED: the certificate is that of ninelives worker, and only ninelives manager"
    )
    process.kill()


def test_reflection_in_dev_mode(network: Network, started: list[Process]) -> None:
    network.one.configure(network.certificates, "manager", mode="dev")
    started.append(network.one.manager())
    assert "ninelives.v1.RunnerService" in ask(network, started, "reflected").split()


def test_a_manager_of_another_authority(network: Network, started: list[Process]) -> None:
    make_certificates(network.folder / "others", {"manager": [network.one.address]}, 30)
    network.one.configure(network.folder / "others", "manager")
    started.append(network.one.manager())
    assert refused(network, started).startswith("its certificate is not accepted here (")


def test_a_worker_of_another_authority(network: Network, started: list[Process]) -> None:
    started.append(network.one.manager())
    make_certificates(network.folder / "others", {"worker": [network.worker.address]}, 30)
    mixed = network.folder / "mixed"
    mixed.mkdir()
    for name, folder in (("ca.pem", network.certificates), ("worker.pem", None), ("worker.key", None)):
        (mixed / name).write_bytes(((folder or network.folder / "others") / name).read_bytes())
    network.certificates = mixed
    network.endpoints(network.one)
    assert refused(network, started).startswith("it does not accept the certificate of this side")


def test_a_manager_of_another_name(network: Network, started: list[Process]) -> None:
    with_name = network.folder / "others"
    make_certificates(with_name, {"worker": [network.worker.address], "manager": ["elsewhere.example.org"]}, 30)
    network.certificates = with_name
    network.one.configure(with_name, "manager")
    network.endpoints(network.one)
    started.append(network.one.manager())
    assert refused(network, started).startswith("its certificate is not accepted here (IP address mismatch")


def test_a_certificate_that_has_expired(
    network: Network, started: list[Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "_SKEW", timedelta(days=60))
    make_certificates(
        network.folder / "others", {"worker": [network.worker.address], "manager": [network.one.address]}, -1
    )
    network.certificates = network.folder / "others"
    network.one.configure(network.certificates, "manager")
    network.endpoints(network.one)
    started.append(network.one.manager())
    assert refused(network, started) == "its certificate is not accepted here (certificate has expired)"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"key": None}, "tls.key is not set: make certificates (ninelives certs init), and set tls.key"),
        ({"ca": "/nowhere"}, "tls.ca: /nowhere can't be read (No such file or directory): name the file"),
        ({"key": "manager.key"}, "are no certificates that go together"),
    ],
)
def test_settings_that_are_wrong(
    network: Network, started: list[Process], change: dict[str, str | None], said: str
) -> None:
    for name, value in change.items():
        path = str(network.certificates / value) if value and "/" not in value else value or "none"
        process = network.worker.start(
            "runner-manager", "--listen", "127.0.0.1:0", **{f"NINELIVES_TLS_{name.upper()}": path}
        )
        started.append(process)
        assert process.end() == 2
        (line,) = process.stderr.splitlines()
        assert said in line


def test_an_address_that_is_taken(network: Network, started: list[Process]) -> None:
    started.append(network.one.manager())
    process = network.one.start("runner-manager", "--listen", f"{network.one.address}:{PORT}")
    started.append(process)
    assert process.end() == 2
    assert process.stderr == f"ninelives: nothing can listen at {network.one.address}:{PORT}: address already in use\n"


def test_no_endpoints(network: Network, started: list[Process]) -> None:
    network.endpoints()
    process = run(network, started)
    assert process.end() == 2
    assert process.stderr.startswith("ninelives: runner.remote_endpoints is not set: name the hosts")
