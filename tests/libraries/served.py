"""A place for programs that talk to servers: each has its own, in processes that end with it."""

from __future__ import annotations

import importlib
import os
import re
import signal
import socket
import threading
import traceback
from collections.abc import Callable
from functools import partial
from typing import Self

from crash import plain
from crash.harness import Place, Result
from crash.programs import Program

from libraries.servers.web import Effects

#: What moto answers holds ids and times of its own; where it is cut short depends on them.
_OTHER_EACH_TIME = re.compile(r"(?<= = ).*'ResponseMetadata'.*")


class Served(Place):
    """The same, with the servers that the program names, each at the address in a variable of that name."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self._processes: list[tuple[int, int]] = []
        self._ports: dict[str, str] = {}

    def __enter__(self) -> Self:
        for name in self.program.servers:
            module = importlib.import_module(f"libraries.servers.{name}")
            with socket.create_server(("127.0.0.1", 0)) as listening:
                port = listening.getsockname()[1]
                self._processes.append(_in_process(partial(module.run, listening, Effects(self.folder / "effects"))))
            address = f"127.0.0.1:{port}"
            self._ports[address] = f"{name}:PORT"
            self.environment[name.upper()] = address if name == "mail" else f"http://{address}"
        return self

    def __exit__(self, *raised: object) -> None:
        for pid, held in self._processes:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(held)
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
        return [_OTHER_EACH_TIME.sub("…", line) for line in lines]


def _in_process(work: Callable[[], None]) -> tuple[int, int]:
    """Do ``work`` in a process that ends when we do; returns its id, and what holds it as long as it is open."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(reading)
        return pid, writing
    os.close(writing)
    threading.Thread(target=lambda: os._exit(len(os.read(reading, 1))), daemon=True).start()
    try:
        work()
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(1)
