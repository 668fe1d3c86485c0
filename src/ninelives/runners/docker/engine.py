"""The Docker Engine's API, as far as runners need it: a dozen requests over its Unix socket.

Ours rather than a package: PyPI's `docker` brings requests and urllib3 along, and takes four times as long to import,
for requests that `http.client` makes as well. Paths have no version in them, which means the engine's own: from 1.41 on
(Docker 20.10) none of them has changed, and newer engines refuse versions that older ones need.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any
from urllib.parse import quote, urlencode

from ninelives.errors import EngineError

#: Where Docker's own tools look for another engine than the usual one.
HOST = "DOCKER_HOST"

_USUAL = "/var/run/docker.sock"

#: Seconds in which the engine has to say something, except where it waits for a container itself.
_PATIENCE = 120.0

#: Bytes before each piece of a container's output: stream, three of nothing, length.
_HEADER = 8


class NotThereError(EngineError):
    """The engine does not have that image or container."""


class ConflictError(EngineError):
    """The engine has a container of that name, or something still uses what is to be removed."""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str, patience: float | None) -> None:
        super().__init__("docker", timeout=patience)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Engine:
    """A Docker engine of this machine. Any thread may use it: each request has a connection of its own.

    Args:
        address: as `DOCKER_HOST` has it, "unix:///run/docker.sock"; "": what that says, else the usual one.

    Raises:
        EngineError: it is no Unix socket.
    """

    def __init__(self, address: str = "") -> None:
        address = address or os.environ.get(HOST, "") or f"unix://{_USUAL}"
        if not address.startswith("unix://"):
            raise EngineError(
                f"the Docker engine at {address} may be on another machine, and runners need a socket of this one: "
                f"set {HOST} to a Unix socket (unix:///var/run/docker.sock)"
            )
        self._path = address.removeprefix("unix://")

    # Images.

    def image(self, name: str) -> dict[str, Any] | None:
        """Return what the engine knows of an image, by name or id; None: it has none."""
        try:
            found: dict[str, Any] = self._ask("GET", f"/images/{quote(name)}/json")
        except NotThereError:
            return None
        return found

    def pull(self, name: str, report: Callable[[str], None]) -> None:
        """Fetch an image from its registry.

        Args:
            name: of the image.
            report: told what is being done, a line at a time.
        """
        repository, tag = _name_and_tag(name)
        with self._request("POST", "/images/create", {"fromImage": repository, "tag": tag}) as answer:
            for line in answer:
                said = json.loads(line) if line.strip() else {}
                if "error" in said:
                    raise EngineError(_one_line(said["error"]))
                if said.get("status") and "progress" not in said:
                    report(" ".join(filter(None, (said.get("id", ""), said["status"]))))

    def remove_image(self, name: str) -> None:
        """Remove an image, or a name of it.

        Raises:
            NotThereError: there is none.
            ConflictError: a container or another image uses it.
        """
        self._ask("DELETE", f"/images/{quote(name)}")

    def unnamed_images(self, label: str) -> list[str]:
        """Return the ids of images with a label and without a name."""
        found = self._ask("GET", "/images/json", {"filters": _filters(dangling="true", label=label)})
        return [image["Id"] for image in found]

    # Containers.

    def containers(self, label: str) -> list[dict[str, Any]]:
        """Return the containers with a label, those that have ended too."""
        found: list[dict[str, Any]] = self._ask(
            "GET", "/containers/json", {"all": "1", "filters": _filters(label=label)}
        )
        return found

    def create(self, name: str, container: Mapping[str, Any]) -> str:
        """Make a container, and return its id.

        Args:
            name: what it is called; "": as the engine likes.
            container: as the API has it.

        Raises:
            NotThereError: the image is not there.
            ConflictError: there is one of that name.
        """
        made = self._ask("POST", "/containers/create", {"name": name} if name else {}, container)
        return str(made["Id"])

    def put(self, container: str, folder: str, tar: bytes | IO[bytes]) -> None:
        """Unpack an archive in a folder of a container."""
        self._ask("PUT", f"/containers/{container}/archive", {"path": folder}, tar)

    def start(self, container: str) -> None:
        """Start a container."""
        self._ask("POST", f"/containers/{container}/start")

    def wait(self, container: str) -> int:
        """Wait until a container has ended, and return its exit code."""
        with self._request("POST", f"/containers/{container}/wait", patience=None) as answer:
            said = self._read(answer)
        if not said.strip():
            raise EngineError(f"the Docker engine at {self._path} stopped while a container ran")
        return int(json.loads(said)["StatusCode"])

    def state(self, container: str) -> dict[str, Any]:
        """Return how a container is."""
        found: dict[str, Any] = self._ask("GET", f"/containers/{container}/json")["State"]
        return found

    def output(self, container: str, *, errors: bool, lines: int = 1000) -> str:
        """Return the last lines of what a container has printed.

        Args:
            container: its id.
            errors: to stderr; else to stdout.
            lines: how many.
        """
        query = {"stderr" if errors else "stdout": "1", "tail": str(lines)}
        with self._request("GET", f"/containers/{container}/logs", query) as answer:
            return b"".join(_pieces(self._read(answer))).decode("utf-8", "replace")

    def commit(self, container: str, name: str, labels: Mapping[str, str]) -> None:
        """Make what is in a container an image.

        Args:
            container: its id.
            name: of the image.
            labels: of the image.
        """
        repository, tag = _name_and_tag(name)
        self._ask("POST", "/commit", {"container": container, "repo": repository, "tag": tag}, {"Labels": dict(labels)})

    def remove(self, container: str) -> None:
        """End a container, if it runs, and remove it; there may be none."""
        try:
            self._ask("DELETE", f"/containers/{container}", {"force": "1", "v": "1"})
        except (NotThereError, ConflictError):
            # It is gone, or somebody else is removing it.
            return

    def ping(self) -> None:
        """Ask whether the engine is there."""
        with self._request("GET", "/_ping"):
            return

    # Help.

    def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | bytes | IO[bytes] | None = None,
    ) -> Any:
        with self._request(method, path, query, body) as answer:
            said = self._read(answer)
        return json.loads(said) if said.strip() else None

    def _read(self, answer: http.client.HTTPResponse) -> bytes:
        try:
            said = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise EngineError(f"the Docker engine at {self._path} stopped in the middle of an answer") from error
        return said

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | bytes | IO[bytes] | None = None,
        *,
        patience: float | None = _PATIENCE,
    ) -> http.client.HTTPResponse:
        connection = _Connection(self._path, patience)
        headers = {"Connection": "close"}
        if isinstance(body, Mapping):
            body = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        elif body is not None:
            headers["Content-Type"] = "application/x-tar"
            if not isinstance(body, bytes):
                headers["Content-Length"] = str(os.fstat(body.fileno()).st_size)
        try:
            connection.request(method, f"{path}?{urlencode(query)}" if query else path, body, headers)
            answer = connection.getresponse()
        except OSError as error:
            connection.close()
            raise self._unreachable(error) from error
        except http.client.HTTPException as error:
            connection.close()
            raise EngineError(f"{self._path} does not answer as a Docker engine does: set {HOST} to one") from error
        if answer.status >= 400:
            with answer:
                raise _error(answer.status, answer.read())
        return answer

    def _unreachable(self, error: OSError) -> EngineError:
        if isinstance(error, PermissionError):
            return EngineError(
                f"no permission to use the Docker engine at {self._path}: add this user to its group "
                "(sudo usermod -aG docker USER), and log in again"
            )
        if isinstance(error, FileNotFoundError | ConnectionRefusedError):
            return EngineError(
                f"no Docker engine runs at {self._path}: start it (sudo systemctl start docker), or set {HOST}"
            )
        if isinstance(error, TimeoutError):
            return EngineError(f"the Docker engine at {self._path} has said nothing for {_PATIENCE:g} s: restart it")
        return EngineError(f"the Docker engine at {self._path} can't be used: {error.strerror or error}")


def _error(status: int, said: bytes) -> EngineError:
    try:
        message = str(json.loads(said)["message"])
    except (ValueError, KeyError, TypeError):
        message = said.decode("utf-8", "replace")
    kind = {404: NotThereError, 409: ConflictError}.get(status, EngineError)
    return kind(_one_line(message) or f"the Docker engine answered with status {status}")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _name_and_tag(name: str) -> tuple[str, str]:
    """Return the two parts of an image's name; the host of a registry may have a port."""
    repository, colon, tag = name.rpartition(":")
    if "@" in name or not colon or "/" in tag:
        return name, "" if "@" in name else "latest"
    return repository, tag


def _filters(**filters: str) -> str:
    return json.dumps({name: [value] for name, value in filters.items()})


def _pieces(output: bytes) -> Iterator[bytes]:
    """Yield what was printed: the engine sends each piece with a header."""
    at = 0
    while at + _HEADER <= len(output):
        end = at + _HEADER + int.from_bytes(output[at + 4 : at + _HEADER], "big")
        yield output[at + _HEADER : end]
        at = end
