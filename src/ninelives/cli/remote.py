"""`runner-manager`: runners of this host for workers on others; and the other side of it, for `run --runner remote`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ninelives.cli import folders
from ninelives.errors import UsageError

if TYPE_CHECKING:
    from ninelives.config.settings import Settings
    from ninelives.runners.manager import Manager
    from ninelives.runners.remote.channels import Credentials

_EXTRA = "remote runners need grpcio: pip install 'ninelives[remote]'"


@click.command("runner-manager", short_help="Offer runners of this host to workers on others.")
@click.option("--listen", metavar="HOST:PORT", required=True, help="Where workers reach it; port 0 takes a free one.")
@click.option(
    "--runner", type=click.Choice(["local"]), help="What kind of runners; default: runner.type of config.yaml."
)
def runner_manager(*, listen: str, runner: str | None) -> int:
    """Start, watch and stop runners for workers on other hosts, until it is interrupted.

    Workers and managers prove to each other who they are: `ninelives certs init` makes the certificates, and tls in
    config.yaml names them. The first line on stderr says where it listens.

    \b
    Example:
      ninelives runner-manager --listen 10.0.0.7:9981
    """
    from ninelives.cli.settings import settings
    from ninelives.config.forms import ADDRESS

    set_to = settings()
    try:
        address = ADDRESS.parse(listen)
    except ValueError:
        raise UsageError(f"--listen must be {ADDRESS.expected}, not {listen!r}") from None
    credentials = _credentials(set_to)
    from ninelives.runners.remote.serving import Serving, serve

    home = Path(folders.data_folder()) / "manager"
    serving = Serving(
        address,
        credentials,
        home,
        most=set_to.limits.concurrent_sessions,
        build_size=set_to.limits.build_size,
        is_dev=set_to.mode == "dev",
    )
    return serve(serving, lambda: _offered(runner or set_to.runner.type, home), _say)


def _offered(kind: str, home: Path) -> Manager:
    if kind != "local":
        raise UsageError(f"a runner manager offers local runners, not {kind}: give --runner local")
    from ninelives.runners.local import LocalManager
    from ninelives.session.children import watch_children

    # The runners' parent is the first child, so that all of them die with this process.
    watch_children()
    return LocalManager(home / "environments", cache=home / "cache", most=sys.maxsize, report=_say)


def remote_manager(tar: Callable[[str], bytes], report: Callable[[str], None]) -> Manager:
    """Return the manager of runners on other hosts that the settings name.

    Args:
        tar: returns the archive of a build, by its id.
        report: told what takes long, a line at a time.

    Raises:
        UsageError: the settings do not say what it needs, or are wrong.
    """
    from ninelives.cli.settings import settings

    set_to = settings()
    if not set_to.runner.remote_endpoints:
        raise UsageError(
            "runner.remote_endpoints is not set: name the hosts where `ninelives runner-manager` runs, as HOST:PORT"
        )
    credentials = _credentials(set_to)
    from ninelives.runners.remote.manager import Place, RemoteManager

    place = Place(set_to.runner.remote_endpoints, set_to.worker.address, credentials, set_to.mode == "dev")
    return RemoteManager(place, tar, report=report)


def _credentials(set_to: Settings) -> Credentials:
    # What it logs of itself says less than our errors do, and comes besides.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        import grpc  # noqa: F401 - to see whether it is there
        import grpc_health  # noqa: F401
    except ImportError:
        raise UsageError(_EXTRA) from None
    from ninelives.runners.remote.channels import read_credentials

    return read_credentials(set_to.tls.ca, set_to.tls.certificate, set_to.tls.key)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
