"""`certs`: what hosts need to trust each other."""

from __future__ import annotations

from pathlib import Path

import click

from ninelives.cli.options import json_option
from ninelives.cli.output import emit, emit_fields, emit_json


@click.group(no_args_is_help=False)
def certs() -> None:
    """Certificates for mutual TLS between hosts.

    \b
    Example:
      ninelives certs init certs --worker 10.0.0.1 --manager 10.0.0.7
    """


@certs.command(short_help="Make an authority and the certificates of both sides.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--worker",
    metavar="HOST",
    multiple=True,
    help="Name or IP address at which the worker is reached; repeatable. Without one: this machine only.",
)
@click.option(
    "--manager",
    metavar="HOST",
    multiple=True,
    help="Name or IP address of a host with a runner manager; repeatable. Without one: this machine only.",
)
@click.option(
    "--days",
    metavar="N",
    type=click.IntRange(1, 3_650),
    default=825,
    show_default=True,
    help="For how long the certificates are good.",
)
@json_option
def init(folder: Path, *, worker: tuple[str, ...], manager: tuple[str, ...], days: int, as_json: bool) -> None:
    """Make what mutual TLS needs in DIR: an authority, and a certificate with its key for each side.

    DIR must be new or empty; nothing is overwritten. Copy ca.pem, worker.pem and worker.key to the worker, and ca.pem,
    manager.pem and manager.key to the hosts of runner managers, and name them there in config.yaml (tls). Keep ca.key
    to yourself: whoever has it can be either side.

    \b
    Example:
      ninelives certs init certs --worker 10.0.0.1 --manager runners.example.org --manager 10.0.0.7
    """
    from ninelives.certificates import LOCAL, make_certificates

    sides = {"worker": worker or LOCAL, "manager": manager or LOCAL}
    until = make_certificates(folder, sides, days)
    place = folder.absolute()
    if as_json:
        files = {
            side: {"certificate": str(place / f"{side}.pem"), "key": str(place / f"{side}.key"), "hosts": list(hosts)}
            for side, hosts in sides.items()
        }
        emit_json({"ca": str(place / "ca.pem"), "ca_key": str(place / "ca.key"), "until": until} | files)
        return
    shown = {side: f"{place / side}.pem, {side}.key ({', '.join(hosts)})" for side, hosts in sides.items()}
    emit_fields(({"authority": f"{place / 'ca.pem'}, ca.key"} | shown | {"until": f"{until:%Y-%m-%d}"}).items())
    emit("\n# config.yaml of the worker; of a manager: manager.pem and manager.key\n")
    emit(f"tls:\n  ca: {place}/ca.pem\n  certificate: {place}/worker.pem\n  key: {place}/worker.key\n")
