"""A place for programs that talk to servers: each has its own, in processes that end with it."""

from __future__ import annotations

import importlib
import os
import signal
import socket
from typing import Self

from crash import plain
from crash.harness import Place, Result
from crash.programs import Program
from libraries.servers.web import Effects


class Served(Place):
    """The same, with the servers that the program names, each at the address in a variable of that name."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self._pids: list[int] = []
        self._ports: dict[str, str] = {}

    def __enter__(self) -> Self:
        for name in self.program.servers:
            module = importlib.import_module(f"libraries.servers.{name}")
            with socket.create_server(("127.0.0.1", 0)) as listening:
                port = listening.getsockname()[1]
                self._pids.append(_in_process(lambda module=module, at=listening: module.run(at, Effects(self.folder / "effects"))))
            address = f"127.0.0.1:{port}"
            self._ports[address] = f"{name}:PORT"
            self.environment[name.upper()] = address if name == "mail" else f"http://{address}"
        return self

    def __exit__(self, *raised: object) -> None:
        for pid in self._pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        super().__exit__(*raised)

    def result(self) -> Result:
        """Return what the session came to, without the servers' ports."""
        return Result(*map(self._without_ports, super().result()))

    def run_plain(self) -> plain.Ran:
        """Run the program in plain Python, in a new process."""
        ran = super().run_plain()
        return ran._replace(prints=self._without_ports(ran.prints), ends=self._without_ports(ran.ends))

    def _without_ports(self, lines: list[str]) -> list[str]:
        for address, name in self._ports.items():
            port = address.rpartition(":")[2]
            lines = [line.replace(address, name).replace(f", {port}", ", PORT") for line in lines]
        return lines


def _in_process(work: object) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        work()  # type: ignore[operator]
    finally:
        os._exit(1)
