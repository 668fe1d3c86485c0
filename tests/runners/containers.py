"""A worker with a docker manager, for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ninelives.runners.docker.engine import Engine
from ninelives.runners.docker.manager import DockerManager
from ninelives.session.observer import Silent
from ninelives.storage import Store
from ninelives.worker.direct import Finished, RunRequest, run
from ninelives.worker.isolated import Isolated
from runners.engine import IMAGE


class Service:
    """A worker, and its program."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.code = folder / "code"
        self.code.mkdir()
        self.store = Store.open(folder / "home")
        self.home = folder / "docker"
        self.said: list[str] = []
        self.manager = self.made()

    def made(self, **options: Any) -> DockerManager:
        """Return a manager."""
        return DockerManager(
            self.home, self.store.builds.tar, **({"image": IMAGE, "keep": False, "report": self.said.append} | options)
        )

    def run(self, text: str = "", name: str = "s", vars: dict[str, str] | None = None, **options: Any) -> Finished:
        """Run a session to its end."""
        if text:
            (self.code / "main.py").write_text(text)
        event = {"event_type": None, "event_id": None, "integration_id": None, "data": {}}
        request = RunRequest(self.code / "main.py", "main", event, vars or {}, frozenset(vars or {}), session_id=name)
        return run(self.store, request, Silent(), Isolated(self.manager, back_off=(0, 0), **options))

    def returned(self, text: str, **options: Any) -> Any:
        """Run a program whose handler returns something printable as JSON."""
        finished = self.run(f"import json\n{text}", **options)
        assert finished.error is None, finished.error
        return json.loads(finished.result.strip("'"))

    def containers(self) -> list[Any]:
        """Return the containers of this installation."""
        return Engine().containers(f"ninelives.home={self.manager._name}")
