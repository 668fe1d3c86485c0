"""Hosts for tests: network namespaces, joined by a bridge, in which real processes run and talk TLS."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import yaml

from ninelives.certificates import make_certificates

_NETWORK = "10.99.77"
PORT = 9981
WORKER_PORT = 9980

#: Seconds after which a process that a test waits for has failed: half-open connections take fifteen to be found.
LATE = 100.0

PATH = [str(Path(__file__).parents[2] / "src"), str(Path(__file__).parents[1])]


class Host:
    """A network namespace with a folder of its own."""

    def __init__(self, namespace: str, number: int, folder: Path) -> None:
        self.namespace = namespace
        self.address = f"{_NETWORK}.{number}"
        self.home = folder / namespace
        self.home.mkdir()
        self._port = f"{namespace}p"
        self._bridge = ""

    def attach(self, inside: Host, bridge: str) -> None:
        """Connect it to a bridge of another host."""
        _ip(
            "link",
            "add",
            "eth0",
            "netns",
            self.namespace,
            "type",
            "veth",
            "peer",
            "name",
            self._port,
            "netns",
            inside.namespace,
        )
        _ip("-n", self.namespace, "addr", "add", f"{self.address}/24", "dev", "eth0")
        _ip("-n", self.namespace, "link", "set", "eth0", "up")
        _ip("-n", inside.namespace, "link", "set", self._port, "master", bridge, "up")
        self._inside, self._bridge = inside, bridge

    def cut(self) -> None:
        """Let all packets vanish: no side is told."""
        _ip("-n", self._inside.namespace, "link", "set", self._port, "nomaster")

    def mend(self) -> None:
        """Let packets pass again."""
        _ip("-n", self._inside.namespace, "link", "set", self._port, "master", self._bridge)

    def configure(self, certificates: Path, side: str, **settings: Any) -> None:
        """Write the settings of this host.

        Args:
            certificates: folder of them.
            side: whose certificate it has.
            settings: more of them, by section.
        """
        files = {"ca": "ca.pem", "certificate": f"{side}.pem", "key": f"{side}.key"}
        tls = {name: str(certificates / file) for name, file in files.items()}
        (self.home / "config.yaml").write_text(yaml.safe_dump({"tls": tls, **settings}))

    def start(self, *command: str, python: tuple[str, ...] = ("-m", "ninelives"), **variables: str) -> Process:
        """Start a ninelives command on this host."""
        keep = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        environment = keep | {"NINELIVES_HOME": str(self.home), "PYTHONPATH": os.pathsep.join(PATH)} | variables
        return Process([*_inside(self.namespace), sys.executable, *python, *command], environment, self.home)

    def manager(self, address: str = "") -> Process:
        """Start a runner manager on this host, and wait until it listens."""
        process = self.start("runner-manager", "--listen", f"{address or self.address}:{PORT}", "--runner", "local")
        process.await_line("listening on")
        return process


class Process:
    """A process of a host; its stdout and stderr are read as they come."""

    def __init__(self, command: list[str], environment: dict[str, str], folder: Path) -> None:
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=folder,
        )
        self.said: dict[str, bytes] = {"stdout": b"", "stderr": b""}
        self._open: dict[str, IO[bytes]] = {}
        for name in self.said:
            stream: IO[bytes] = getattr(self.process, name)
            self._open[name] = stream

    @property
    def pid(self) -> int:
        return self.process.pid

    def await_line(self, part: str) -> str:
        """Wait until it has said a line that has this in it, and return the line."""
        until = time.monotonic() + LATE
        while True:
            for text in self.said.values():
                for line in text.decode().splitlines(keepends=True):
                    if part in line and line.endswith("\n"):
                        return line.rstrip("\n")
            assert self._open, f"it has ended and not said {part!r}: {self.said}"
            self._take(until, part)

    def end(self) -> int:
        """Wait for its end, and return its exit code."""
        until = time.monotonic() + LATE
        while self._open:
            self._take(until, "its end")
        return self.process.wait(LATE)

    def kill(self, number: int = signal.SIGKILL) -> int:
        """Send it a signal, and return its exit code."""
        self.process.send_signal(number)
        return self.end()

    @property
    def stdout(self) -> str:
        return self.said["stdout"].decode()

    @property
    def stderr(self) -> str:
        return self.said["stderr"].decode()

    def _take(self, until: float, what: str) -> None:
        ready, _, _ = select.select(list(self._open.values()), [], [], max(0.0, until - time.monotonic()))
        assert ready, f"still waiting for {what!r}: {self.said}"
        for name, stream in list(self._open.items()):
            if stream in ready:
                data = os.read(stream.fileno(), 65536)
                self.said[name] += data
                if not data:
                    self._open.pop(name).close()

    def take_what_is_there(self) -> None:
        """Read what it has said since, without waiting."""
        while self._open and select.select(list(self._open.values()), [], [], 0.01)[0]:
            self._take(time.monotonic() + 1, "what is there")

    def wait_a_second(self) -> None:
        """Wait for a second, or for its end, and read nothing."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(1)

    def close(self) -> None:
        """End it, if it has not ended."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in self._open.values():
            stream.close()
        self._open.clear()


class Network:
    """A worker's host, and two with runner managers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        names = [f"nl{os.getpid()}{name}" for name in ("w", "a", "b")]
        self.worker, self.one, self.two = (Host(name, number, folder) for number, name in enumerate(names, start=1))
        self.certificates = folder / "certificates"
        hosts = {"worker": [self.worker.address], "manager": [self.one.address, self.two.address]}
        make_certificates(self.certificates, hosts, 30)

    def open(self) -> None:
        """Make the namespaces."""
        for host in (self.worker, self.one, self.two):
            _ip("netns", "add", host.namespace)
            _ip("-n", host.namespace, "link", "set", "lo", "up")
        _ip("-n", self.worker.namespace, "link", "add", "bridge", "type", "bridge")
        _ip("-n", self.worker.namespace, "addr", "add", f"{self.worker.address}/24", "dev", "bridge")
        _ip("-n", self.worker.namespace, "link", "set", "bridge", "up")
        for host in (self.one, self.two):
            host.attach(self.worker, "bridge")
            host.configure(self.certificates, "manager")
        self.endpoints(self.one)

    def endpoints(self, *hosts: Host, **settings: Any) -> None:
        """Name the runner managers to the worker."""
        self.worker.configure(
            self.certificates,
            "worker",
            runner={"type": "remote", "remote_endpoints": [f"{host.address}:{PORT}" for host in hosts]},
            worker={"address": f"{self.worker.address}:{WORKER_PORT}"},
            **settings,
        )

    def close(self) -> None:
        """Remove the namespaces."""
        for host in (self.worker, self.one, self.two):
            subprocess.run(["ip", "netns", "del", host.namespace], capture_output=True, check=False)


def why_not() -> str:
    """Return why namespaces can't be made here; "": they can."""
    if sys.platform != "linux":
        return "network namespaces are Linux's"
    name = f"nl{os.getpid()}t"
    try:
        made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "there is no `ip` to make network namespaces with"
    if made.returncode:
        return f"network namespaces can't be made: {made.stderr.strip()}"
    subprocess.run(["ip", "netns", "del", name], check=True)
    return ""


@contextmanager
def processes(*started: Process) -> Iterator[None]:
    """End processes with the block."""
    try:
        yield
    finally:
        for process in started:
            process.close()


def fields(process: Process) -> Any:
    """Return the JSON document that a command printed."""
    return json.loads(process.stdout)


def _inside(namespace: str) -> list[str]:
    return ["ip", "netns", "exec", namespace]


def _ip(*command: str) -> None:
    subprocess.run(["ip", *command], check=True, capture_output=True, text=True)
