"""The runner managers that commands use, as the settings say."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ninelives.cli.folders import data_folder
from ninelives.cli.settings import settings
from ninelives.errors import UsageError

if TYPE_CHECKING:
    from ninelives.config.settings import Settings
    from ninelives.runners.manager import Manager
    from ninelives.runners.remote.channels import Credentials
    from ninelives.storage import Store
    from ninelives.worker.isolated import Isolated

_EXTRA = "remote runners need grpcio: pip install 'ninelives[remote]'"


@contextmanager
def isolated(kind: str, store: Store, report: Callable[[str], None]) -> Iterator[Isolated]:
    """Give a place whose sessions run in runners; its manager ends with the block.

    Args:
        kind: local, docker or remote.
        store: of the sessions.
        report: told what takes long, a line at a time.

    Raises:
        UsageError: the settings are wrong, or do not say what the manager needs.
        RunnerError: there can be no such runners here.
    """
    from ninelives.runner.control import Limits
    from ninelives.worker.isolated import Isolated

    set_to = settings()
    most = set_to.limits
    with ExitStack() as stack:
        manager = _MANAGERS[kind](set_to, store, report, stack)
        stack.callback(manager.close)
        limits = Limits(most.cpu_seconds, most.memory, most.session_seconds, most.pids)
        yield Isolated(manager, limits=limits, crashes=most.crashes, stdin=0, let_go=most.let_go_seconds)


def _local(set_to: Settings, store: Store, report: Callable[[str], None], _: ExitStack) -> Manager:
    return local_manager(Path(data_folder()), store.cache, set_to.limits.concurrent_sessions, report)


def local_manager(home: Path, cache: Path | None, most: int, report: Callable[[str], None]) -> Manager:
    """Return a manager of local runners, which are children of this process.

    Args:
        home: folder that environments are kept in.
        cache: folder of rewritten code.
        most: runners at the same time.
        report: told what takes long, a line at a time.
    """
    from ninelives.runners.local import LocalManager
    from ninelives.session.children import watch_children

    # The runners' parent is the first child, so that all of them die with this process.
    watch_children()
    return LocalManager(home / "environments", cache=cache, most=most, report=report)


def _docker(set_to: Settings, store: Store, report: Callable[[str], None], stack: ExitStack) -> Manager:
    from ninelives.runners.docker.manager import MOST, DockerManager
    from ninelives.session.children import watch_children

    watch_children()
    # A store in memory keeps nothing.
    temporary = TemporaryDirectory(prefix="ninelives-")
    home = Path(data_folder()) / "docker" if store.home else Path(stack.enter_context(temporary))
    return DockerManager(
        home,
        store.builds.tar,
        image=set_to.runner.docker_image or "",
        most=min(set_to.limits.concurrent_sessions, MOST),
        keep=store.home is not None,
        report=report,
    )


def _remote(set_to: Settings, store: Store, report: Callable[[str], None], _: ExitStack) -> Manager:
    if not set_to.runner.remote_endpoints:
        raise UsageError(
            "runner.remote_endpoints is not set: name the hosts where `ninelives runner-manager` runs, as HOST:PORT"
        )
    here = credentials(set_to)
    from ninelives.runners.remote.manager import Place, RemoteManager

    place = Place(set_to.runner.remote_endpoints, set_to.worker.address, here, set_to.mode == "dev")
    return RemoteManager(place, store.builds.tar, report=report)


_MANAGERS = {"local": _local, "docker": _docker, "remote": _remote}


def credentials(set_to: Settings) -> Credentials:
    """Return what proves to other hosts who this one is.

    Raises:
        UsageError: the settings do not say it, or grpcio is not installed.
    """
    # What it logs of itself says less than our errors do, and comes besides.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        import grpc  # noqa: F401 - to see whether it is there
        import grpc_health  # noqa: F401
    except ImportError:
        raise UsageError(_EXTRA) from None
    from ninelives.runners.remote.channels import read_credentials

    return read_credentials(set_to.tls.ca, set_to.tls.certificate, set_to.tls.key)
