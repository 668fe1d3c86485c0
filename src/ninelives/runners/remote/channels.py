"""Connections between hosts: who is on the other side, whether it is there, and how services are reached."""

from __future__ import annotations

import errno
import socket
import ssl
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import grpc.aio

from ninelives.errors import UsageError

#: Seconds without a word after which a side asks whether the other is there, and in which that has to answer.
KEEPALIVE = 5.0

#: Seconds after which a runner has surely ended whose host can't be reached: its manager misses the worker too.
FENCE = 3 * KEEPALIVE

#: Bytes of one message; builds, frames and prints travel in smaller pieces.
LARGEST = 4 << 20

#: Bytes of a piece of a build, of frames or of prints.
PIECE = 256 * 1024

#: What the certificates of the two sides are made out to (`ninelives.certificates`).
WORKER = "ninelives worker"
MANAGER = "ninelives manager"

_KEEPALIVE_MS = int(KEEPALIVE * 1000)

_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", _KEEPALIVE_MS),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_receive_message_length", LARGEST),
    ("grpc.enable_http_proxy", 0),
]
_OF_SERVERS: list[tuple[str, Any]] = [
    *_OPTIONS,
    ("grpc.http2.min_ping_interval_without_data_ms", 1000),
    ("grpc.http2.max_ping_strikes", 0),
    # Two workers at one address would get each other's runners.
    ("grpc.so_reuseport", 0),
]
_OF_CHANNELS: list[tuple[str, Any]] = [
    *_OPTIONS,
    # A worker that is new at an address is not held to the failures of the one before.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.enable_retries", 0),
]


class Credentials(NamedTuple):
    """What this side proves itself with, as PEM."""

    ca: bytes
    certificate: bytes
    key: bytes


class Method(NamedTuple):
    """One method of a service."""

    #: of `grpc.aio.Channel`, and how the handlers of `grpc` are named: unary_unary, stream_unary, stream_stream
    kind: str
    request: type[Any]
    response: type[Any]


class Service(NamedTuple):
    """A service and its methods, as its proto has them."""

    name: str
    methods: dict[str, Method]

    def call(self, channel: grpc.aio.Channel, method: str) -> Callable[..., Any]:
        """Return what calls a method over a channel."""
        kind, request, response = self.methods[method]
        make = getattr(channel, kind)
        called: Callable[..., Any] = make(
            f"/{self.name}/{method}",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )
        return called

    def handlers(self, functions: dict[str, Callable[..., Any]]) -> grpc.GenericRpcHandler:
        """Return what serves it.

        Args:
            functions: what does a method, by its name.
        """
        handlers = {
            method: getattr(grpc, f"{kind}_rpc_method_handler")(
                functions[method],
                request_deserializer=request.FromString,
                response_serializer=response.SerializeToString,
            )
            for method, (kind, request, response) in self.methods.items()
        }
        handler: grpc.GenericRpcHandler = grpc.method_handlers_generic_handler(self.name, handlers)
        return handler


def read_credentials(ca: str | None, certificate: str | None, key: str | None) -> Credentials:
    """Return the content of the files that the settings name.

    Raises:
        UsageError: one is not named, can't be read or is none.
    """
    contents: list[bytes] = []
    for name, path in (("ca", ca), ("certificate", certificate), ("key", key)):
        if path is None:
            raise UsageError(f"tls.{name} is not set: make certificates (ninelives certs init), and set tls.{name}")
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise UsageError(f"tls.{name}: {path} can't be read ({error.strerror}): name the file") from None
        contents.append(content)
    credentials = Credentials(*contents)
    try:
        _context(credentials)
    except ssl.SSLError as error:
        raise UsageError(
            f"tls: {ca}, {certificate} and {key} are no certificates that go together ({error.reason}): "
            "make them with ninelives certs init"
        ) from None
    return credentials


def server(credentials: Credentials, address: str, *, or_another: bool = False) -> tuple[grpc.aio.Server, int]:
    """Return a server that lets in only who has a certificate of the same authority, and its port.

    Args:
        credentials: of this side.
        address: HOST:PORT; port 0 takes a free one.
        or_another: take a free port if this one is taken.

    Raises:
        UsageError: it can't listen there.
    """
    made = grpc.aio.server(options=_OF_SERVERS)
    certificates = grpc.ssl_server_credentials(
        [(credentials.key, credentials.certificate)], credentials.ca, require_client_auth=True
    )
    try:
        return made, made.add_secure_port(address, certificates)
    except RuntimeError as error:
        number, why = _why_not(address)
        if or_another and number == errno.EADDRINUSE:
            return server(credentials, f"{address.rpartition(':')[0]}:0")
        raise UsageError(f"nothing can listen at {address}: {why or error}") from None


def channel(credentials: Credentials, address: str) -> grpc.aio.Channel:
    """Return a channel to an address; it connects when it is first used."""
    certificates = grpc.ssl_channel_credentials(credentials.ca, credentials.key, credentials.certificate)
    return grpc.aio.secure_channel(address, certificates, options=_OF_CHANNELS)


async def serve_health(made: grpc.aio.Server, services: list[Service], *, reflection: bool) -> None:
    """Let a server offer the standard health service for its services, and, if asked to, reflection."""
    from grpc_health.v1 import health, health_pb2, health_pb2_grpc

    healthy = health_pb2.HealthCheckResponse.SERVING
    servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, made)
    names = [service.name for service in services]
    for name in names:
        await servicer.set(name, healthy)
    if reflection:
        from grpc_reflection.v1alpha import reflection as reflecting

        reflecting.enable_server_reflection([*names, health.SERVICE_NAME, reflecting.SERVICE_NAME], made)


async def admit(context: grpc.aio.ServicerContext[Any, Any], side: str) -> None:
    """Refuse a peer whose certificate is made out to another side: a host with runners can't be taken for a worker.

    Args:
        context: of a call to this server.
        side: `WORKER` or `MANAGER`.
    """
    names = [name.decode("utf-8", "replace") for name in context.auth_context().get("x509_common_name", ())]
    if side not in names:
        shown = ", ".join(names) or "nobody"
        await context.abort(
            grpc.StatusCode.PERMISSION_DENIED,
            f"the certificate is that of {shown}, and only {side} may ask for this: see tls.certificate there",
        )


class Unreached(NamedTuple):
    """Why a side could not be reached."""

    why: str
    #: nothing listens there: who did has ended, and what it started with it
    is_gone: bool


def look(credentials: Credentials, address: str, patience: float) -> Unreached | None:
    """Find out, by a connection of its own, why an address can't be reached; None: it can. Blocks.

    gRPC says of most failures only that they were failures.

    Args:
        credentials: of this side.
        address: HOST:PORT.
        patience: seconds.
    """
    host, port = split(address)
    try:
        with socket.create_connection((host, port), patience) as plain:
            plain.settimeout(patience)
            with _context(credentials).wrap_socket(plain, server_hostname=host) as secure:
                # In TLS 1.3 a server refuses a certificate after the handshake, and gRPC's says nothing then; one that
                # accepts it speaks first.
                if not secure.recv(1):
                    return Unreached("it does not accept the certificate of this side: see tls on both", is_gone=False)
    except ssl.SSLCertVerificationError as error:
        return Unreached(f"its certificate is not accepted here ({error.verify_message})", is_gone=False)
    except ssl.SSLError as error:
        words = (error.reason or str(error)).lower().replace("_", " ")
        return Unreached(f"it does not accept the certificate of this side ({words})", is_gone=False)
    except TimeoutError:
        return Unreached(f"it does not answer within {patience:g} s", is_gone=False)
    except OSError as error:
        return Unreached((error.strerror or str(error)).lower(), is_gone=error.errno == errno.ECONNREFUSED)
    return None


def split(address: str) -> tuple[str, int]:
    """Return host and port of an address; a host in brackets is an IPv6 address."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _context(credentials: Credentials) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["h2"])
    try:
        context.load_verify_locations(cadata=credentials.ca.decode("ascii"))
    except UnicodeDecodeError:
        raise ssl.SSLError(0, "the authority is no PEM") from None
    # Only files can be loaded; these go with the block.
    with tempfile.NamedTemporaryFile() as chain:
        chain.write(credentials.certificate + b"\n" + credentials.key)
        chain.flush()
        context.load_cert_chain(chain.name)
    return context


def _why_not(address: str) -> tuple[int, str]:
    """Return what the system says of listening at an address: number and text of an error; 0: nothing against it."""
    host, port = split(address)
    try:
        family, kind, *_, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as tried:
            tried.bind(place)
    except OSError as error:
        return error.errno or -1, (error.strerror or str(error)).lower()
    return 0, ""
