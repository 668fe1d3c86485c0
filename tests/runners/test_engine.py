"""What is said where there is no engine to speak of; none is needed for that."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest
from crash.harness import in_child

from ninelives.errors import EngineError
from ninelives.runners.docker.engine import Engine


def _says(address: str) -> str:
    with pytest.raises(EngineError) as raised:
        Engine(address).ping()
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_no_engine(tmp_path: Path) -> None:
    said = _says(f"unix://{tmp_path}/socket")
    assert (
        said
        == f"no Docker engine runs at {tmp_path}/socket: start it (sudo systemctl start docker), or set DOCKER_HOST"
    )
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(f"{tmp_path}/socket")
    assert _says(f"unix://{tmp_path}/socket") == said


def test_no_permission(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(f"{tmp_path}/socket")
        engine.listen()
        os.chmod(f"{tmp_path}/socket", 0)
        os.chmod(tmp_path, 0o755)
        if os.getuid():
            assert "sudo usermod -aG docker" in _says(f"unix://{tmp_path}/socket")
            return

        # Root may use any: another user asks, from within the folder.
        def ask() -> int:
            os.chdir(tmp_path)
            os.setresuid(65534, 65534, 65534)
            assert "no permission to use the Docker engine at socket: add this user" in _says("unix://socket")
            return 0

        assert in_child(ask) == 0


def test_an_engine_elsewhere() -> None:
    assert _says("tcp://127.0.0.1:9") == (
        "the Docker engine at tcp://127.0.0.1:9 may be on another machine, and runners need a socket of this one: "
        "set DOCKER_HOST to a Unix socket (unix:///var/run/docker.sock)"
    )


def test_an_engine_that_speaks_another_language(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{tmp_path}/socket")
        listener.listen()

        def answer() -> None:
            with listener.accept()[0] as connection:
                connection.recv(1000)
                connection.sendall(b"what?\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        said = _says(f"unix://{tmp_path}/socket")
        thread.join()
        assert said == f"{tmp_path}/socket does not answer as a Docker engine does: set DOCKER_HOST to one"
