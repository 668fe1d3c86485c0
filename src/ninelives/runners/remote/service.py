"""What a host offers that has runners for workers on other hosts: `RunnerService`, over any other runner manager."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import grpc.aio

from ninelives.code.exports import exports
from ninelives.errors import BuildGoneError, NinelivesError, ProtocolError, RunnerError
from ninelives.protocol.messages import VERSION
from ninelives.runners.manager import Code, Manager
from ninelives.runners.remote import places
from ninelives.runners.remote.calls import Calls
from ninelives.runners.remote.channels import WORKER, Credentials, admit
from ninelives.runners.remote.wire import runner_pb2 as r
from ninelives.storage.builds import Builds

_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}")
_BUILD = re.compile(r"[0-9a-f]{64}")

_Context = grpc.aio.ServicerContext[Any, Any]
Response = TypeVar("Response")


class _Packed(NamedTuple):
    id: str
    tar: bytes


class Service:
    """Serves `RunnerService`.

    Args:
        manager: starts the runners; nothing of it is known but the protocol of managers.
        home: folder of builds and of the sessions' working directories.
        credentials: of this host.
        most: runners that are alive at the same time; who wants one more waits.
        build_size: bytes of the largest build.
        log: told what happens, a line at a time.
    """

    def __init__(
        self,
        manager: Manager,
        home: Path,
        credentials: Credentials,
        *,
        most: int,
        build_size: int,
        log: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._manager = manager
        self._home = home
        self._most = most
        self._build_size = build_size
        self._log = log
        self._builds = Builds(home / "builds")
        self._calls = Calls(manager, credentials, most, log)

    def functions(self) -> dict[str, Callable[..., Any]]:
        """Return what does each method of the service."""
        return {
            "Exports": partial(self._answer, self._exports, r.ExportsResponse),
            "PutBuild": self._put_build,
            "Prepare": partial(self._answer, self._prepare, r.PrepareResponse),
            "Start": partial(self._answer, self._start, r.StartResponse),
            "Stop": partial(self._answer, self._stop, r.StopResponse),
            "RunnerHealth": self._runner_health,
            "Health": self._health,
        }

    async def close(self) -> None:
        """End all runners."""
        await self._calls.close()

    async def _answer(
        self,
        do: Callable[[Any], Coroutine[Any, Any, Response]],
        response: Callable[..., Response],
        request: Any,
        context: _Context,
    ) -> Response:
        """Do what a request asks for; what users can mend is an answer, too."""
        await admit(context, WORKER)
        try:
            _check_version(request.version)
            return await do(request)
        except _BuildMissingError:
            return response(problem=r.Problem(build_missing=True))
        except NinelivesError as error:
            return response(problem=r.Problem(kind=type(error).__name__, text=str(error)))

    async def _exports(self, request: r.ExportsRequest) -> r.ExportsResponse:
        folder = await self._code(request.build_id)
        found = await self._calls.in_thread(partial(exports, folder))
        return r.ExportsResponse(exports=[r.Export(file=e.file, line=e.line, name=e.name, args=e.args) for e in found])

    async def _put_build(self, pieces: AsyncIterator[r.BuildPiece], context: _Context) -> r.PutBuildResponse:
        await admit(context, WORKER)
        try:
            return await self._keep(pieces)
        except NinelivesError as error:
            return r.PutBuildResponse(problem=r.Problem(kind=type(error).__name__, text=str(error)))

    async def _keep(self, pieces: AsyncIterator[r.BuildPiece]) -> r.PutBuildResponse:
        tar, build_id = bytearray(), ""
        async for piece in pieces:
            if not build_id:
                _check_version(piece.version)
                build_id = piece.build_id
            tar += piece.data
            if len(tar) > self._build_size:
                raise RunnerError(f"the build is over {self._build_size:,} bytes: raise limits.build_size there")
        await self._calls.in_thread(partial(places.keep_build, self._builds, _Packed(build_id, bytes(tar))))
        self._log(f"build {build_id[:12]}: {len(tar):,} bytes")
        return r.PutBuildResponse()

    async def _prepare(self, request: r.PrepareRequest) -> r.PrepareResponse:
        code = Code(request.build_id, await self._code(request.build_id))
        python = await self._calls.in_thread(partial(self._manager.prepare, code, request.python))
        return r.PrepareResponse(python=python)

    async def _start(self, request: r.StartRequest) -> r.StartResponse:
        if not _ID.fullmatch(request.call_id) or not _ID.fullmatch(request.session_id):
            raise ProtocolError("ids of calls and sessions are letters, digits, '-', '_' and '.'")
        code = Code(request.build_id, await self._code(request.build_id))
        runner = await self._calls.start(request, code)
        cwd = runner.cwd or await self._calls.in_thread(
            partial(places.working_directory, self._home, request.session_id)
        )
        cache = str(runner.cache or "")
        return r.StartResponse(code_dir=str(runner.code_dir), cwd=str(cwd), cache=cache)

    async def _stop(self, request: r.StopRequest) -> r.StopResponse:
        await self._calls.end(request.call_id)
        if request.session_id:
            await self._calls.end_session(request.session_id)
        return r.StopResponse()

    async def _runner_health(self, request: r.RunnerHealthRequest, context: _Context) -> r.RunnerHealthResponse:
        await admit(context, WORKER)
        found = await self._calls.health(request.call_id, request.patience)
        return r.RunnerHealthResponse(alive=found.alive, status=found.status, why=found.why, limited=found.limited)

    async def _health(self, request: r.HealthRequest, context: _Context) -> r.HealthResponse:
        await admit(context, WORKER)
        health = await asyncio.to_thread(self._manager.health)
        known = bool(_ID.fullmatch(request.session_id))
        return r.HealthResponse(
            version=VERSION,
            ok=health.ok,
            why=health.why,
            runners=len(self._calls),
            most=self._most,
            knows_session=known and places.has_session(self._home, request.session_id),
            runs_session=self._calls.has_session(request.session_id),
        )

    async def _code(self, build_id: str) -> Path:
        """Return the folder of a build."""
        if not _BUILD.fullmatch(build_id):
            raise ProtocolError("a build is named by its SHA-256, in hex")
        try:
            return await self._calls.in_thread(partial(places.build, self._builds, build_id))
        except BuildGoneError:
            raise _BuildMissingError from None


class _BuildMissingError(NinelivesError):
    """The build has not been brought yet."""


def _check_version(version: int) -> None:
    if version != VERSION:
        raise ProtocolError(
            f"the worker speaks version {version} of the protocol, the runner manager {VERSION}: "
            "use the same version of ninelives on both sides"
        )
