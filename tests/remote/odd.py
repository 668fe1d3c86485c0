"""A peer that does not keep to the protocol, as a process: ``python odd.py WHAT ADDRESS CERTIFICATES SIDE``."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from ninelives.protocol.messages import VERSION
from ninelives.runners.remote.channels import Credentials, channel
from ninelives.runners.remote.services import HANDLER, RUNNER
from ninelives.runners.remote.wire import handler_pb2 as h
from ninelives.runners.remote.wire import runner_pb2 as r


async def opening(to: grpc.aio.Channel, said: h.FromRunner) -> str:
    stream = HANDLER.call(to, "Call")()
    try:
        await stream.write(said)
        await stream.read()
    except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
        pass
    return f"{(await stream.code()).name}: {await stream.details()}"


async def unknown_call(to: grpc.aio.Channel) -> str:
    return await opening(to, h.FromRunner(opening=h.Opening(version=VERSION, call_id="0" * 32)))


async def other_version(to: grpc.aio.Channel) -> str:
    return await opening(to, h.FromRunner(opening=h.Opening(version=99, call_id="0" * 32)))


async def no_opening(to: grpc.aio.Channel) -> str:
    return await opening(to, h.FromRunner(frames=b"hello"))


async def ask(to: grpc.aio.Channel, method: str, request: Any) -> str:
    try:
        answer = await RUNNER.call(to, method)(request, timeout=20)
    except grpc.aio.AioRpcError as error:
        return f"{error.code().name}: {error.details()}"
    return " ".join(str(answer).split())


async def health(to: grpc.aio.Channel) -> str:
    return await ask(to, "Health", r.HealthRequest(version=VERSION))


async def newer_worker(to: grpc.aio.Channel) -> str:
    return await ask(to, "Prepare", r.PrepareRequest(version=99, build_id="0" * 64))


async def bad_names(to: grpc.aio.Channel) -> str:
    request = {"version": VERSION, "worker": "10.0.0.1:1", "call_id": "c", "build_id": "0" * 64}
    return " | ".join(
        [
            await ask(to, "Prepare", r.PrepareRequest(version=VERSION, build_id="../../etc")),
            await ask(to, "Start", r.StartRequest(**request | {"session_id": "../s"})),
            await ask(to, "Start", r.StartRequest(**request | {"session_id": "s"})),
        ]
    )


async def other_build(to: grpc.aio.Channel) -> str:
    return await ask(to, "PutBuild", iter([r.BuildPiece(version=VERSION, build_id="0" * 64, data=b"something else")]))


async def exports(to: grpc.aio.Channel) -> str:
    import hashlib

    from ninelives.archive import Member, pack

    tar = pack([Member("main.py", b"def main(event, *more):\n    pass\n", executable=False)])
    build_id = hashlib.sha256(tar).hexdigest()
    pieces = [r.BuildPiece(version=VERSION, build_id=build_id), r.BuildPiece(data=tar[:9]), r.BuildPiece(data=tar[9:])]
    await ask(to, "PutBuild", iter(pieces))
    return await ask(to, "Exports", r.ExportsRequest(version=VERSION, build_id=build_id))


async def standard_health(to: grpc.aio.Channel) -> str:
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    stub = health_pb2_grpc.HealthStub(to)
    answer = await stub.Check(health_pb2.HealthCheckRequest(service=RUNNER.name), timeout=20)
    return " ".join(str(answer).split())


async def reflected(to: grpc.aio.Channel) -> str:
    from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

    stub = reflection_pb2_grpc.ServerReflectionStub(to)
    try:
        async for answer in stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")])):
            return " ".join(service.name for service in answer.list_services_response.service)
    except grpc.aio.AioRpcError:
        # UNIMPLEMENTED, or INTERNAL if the server has ended the stream before the request was sent.
        return "not offered"
    return ""


async def plain(address: str) -> str:
    async with grpc.aio.insecure_channel(address) as to:
        return await ask(to, "Health", r.HealthRequest(version=VERSION))


async def main() -> None:
    what, address, certificates, side = sys.argv[1:]
    if what == "plain":
        print(await plain(address))
        return
    files = [(Path(certificates) / name).read_bytes() for name in ("ca.pem", f"{side}.pem", f"{side}.key")]
    async with channel(Credentials(*files), address) as to:
        print(await globals()[what](to))


asyncio.run(main())
