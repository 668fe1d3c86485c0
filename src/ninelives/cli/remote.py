"""`runner-manager`: runners of this host for workers on others."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ninelives.cli import folders
from ninelives.cli.managers import credentials, local_manager
from ninelives.errors import UsageError

if TYPE_CHECKING:
    from ninelives.runners.manager import Manager


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
    here = credentials(set_to)
    from ninelives.runners.remote.serving import Serving, serve

    home = Path(folders.data_folder()) / "manager"
    serving = Serving(
        address,
        here,
        home,
        most=set_to.limits.concurrent_sessions,
        build_size=set_to.limits.build_size,
        is_dev=set_to.mode == "dev",
    )
    return serve(serving, lambda: _offered(runner or set_to.runner.type, home), _say)


def _offered(kind: str, home: Path) -> Manager:
    if kind != "local":
        raise UsageError(f"a runner manager offers local runners, not {kind}: give --runner local")
    # Who may have how many is seen to before.
    return local_manager(home, home / "cache", sys.maxsize, _say)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
