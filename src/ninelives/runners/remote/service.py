"""What a host offers that has runners for workers on other hosts: `RunnerService`, over any other runner manager."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import grpc
import grpc.aio

from ninelives.code.exports import exports
from ninelives.errors import BuildGoneError, NinelivesError, ProtocolError, RunnerError
from ninelives.processes import kill_marked
from ninelives.protocol.messages import VERSION
from ninelives.runners.manager import Asked, Code, Limits, Manager, Runner, RunnerHealth
from ninelives.runners.remote import places
from ninelives.runners.remote.bridge import Bridge
from ninelives.runners.remote.channels import WORKER, Credentials, admit, channel
from ninelives.runners.remote.wire import runner_pb2 as r
from ninelives.storage.builds import Builds

#: Seconds in which a manager finds out how a runner ended.
_PATIENCE = 5.0

#: How many runners that have ended it can still say something of.
_REMEMBERED = 1_000

#: Seconds for which the connection to a worker is kept that has no call: its next session starts sooner.
_LINGER = 60.0

_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}")
_BUILD = re.compile(r"[0-9a-f]{64}")

_Context = grpc.aio.ServicerContext[Any, Any]
Response = TypeVar("Response")


class _Call:
    """A runner, from when a worker asks for it to when nothing of it is left."""

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        self.runner: Runner | None = None
        self.task: asyncio.Task[None] | None = None
        self.gone = asyncio.Event()
        #: why it does not end
        self.problem: NinelivesError | None = None
        #: it is being ended, and must not be disturbed at that
        self._is_ending = False

    def begin_end(self) -> None:
        """Say that it is being ended."""
        self._is_ending = True

    def cancel(self) -> None:
        """End it, if that has not begun."""
        if self.task is not None and not self._is_ending:
            self._is_ending = True
            self.task.cancel()

    async def end(self) -> None:
        """End it, and wait until nothing of it is left.

        Raises:
            RunnerError: it does not end.
        """
        self.cancel()
        await self.gone.wait()
        if self.problem is not None:
            raise self.problem


class _Connected:
    """A channel to a worker, and how many calls use it."""

    def __init__(self, made: grpc.aio.Channel) -> None:
        self.channel = made
        self.users = 0
        #: how often a call has left it
        self.used = 0
        self.closing: asyncio.Future[None] | None = None


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
        self._credentials = credentials
        self._most = most
        self._build_size = build_size
        self._log = log
        self._builds = Builds(home / "builds")
        self._room = asyncio.Semaphore(most)
        # Starting and ending each have threads of their own: what waits for one is never what the other needs.
        self._starting = ThreadPoolExecutor(16, "start")
        self._ending = ThreadPoolExecutor(16, "end")
        self._calls: dict[str, _Call] = {}
        self._ended: OrderedDict[str, RunnerHealth] = OrderedDict()
        self._workers: dict[str, _Connected] = {}

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
        await asyncio.gather(*(call.end() for call in list(self._calls.values())), return_exceptions=True)
        await asyncio.to_thread(self._manager.close)
        for pool in (self._starting, self._ending):
            pool.shutdown(wait=False)

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
        found = await self._in(self._starting, partial(exports, folder))
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
        await self._in(self._starting, partial(places.keep_build, self._builds, _Packed(build_id, bytes(tar))))
        self._log(f"build {build_id[:12]}: {len(tar):,} bytes")
        return r.PutBuildResponse()

    async def _prepare(self, request: r.PrepareRequest) -> r.PrepareResponse:
        code = Code(request.build_id, await self._code(request.build_id))
        python = await self._in(self._starting, partial(self._manager.prepare, code, request.python))
        return r.PrepareResponse(python=python)

    async def _start(self, request: r.StartRequest) -> r.StartResponse:
        if not _ID.fullmatch(request.call_id) or not _ID.fullmatch(request.session_id):
            raise ProtocolError("ids of calls and sessions are letters, digits, '-', '_' and '.'")
        if request.call_id in self._calls:
            raise ProtocolError("there is a runner of this id already")
        code = Code(request.build_id, await self._code(request.build_id))
        # Whoever goes on with a session must not meet what an earlier runner of it started.
        await self._end_session(request.session_id)
        call = self._calls[request.call_id] = _Call(request.session_id)
        opened: asyncio.Future[Runner] = asyncio.get_running_loop().create_future()
        # Nobody may be left to hear of an error.
        opened.add_done_callback(lambda done: done.cancelled() or done.exception())
        call.task = asyncio.create_task(self._serve(request, code, call, opened))
        try:
            runner = await asyncio.shield(opened)
        except asyncio.CancelledError:
            # The worker waits no more.
            call.cancel()
            raise
        cwd = runner.cwd or await self._in(
            self._starting, partial(places.working_directory, self._home, request.session_id)
        )
        cache = str(runner.cache or "")
        return r.StartResponse(code_dir=str(runner.code_dir), cwd=str(cwd), cache=cache)

    async def _serve(self, request: r.StartRequest, code: Code, call: _Call, opened: asyncio.Future[Runner]) -> None:
        """Start a runner when there is room, and carry its call on to the end."""
        bridge: Bridge | None = None
        self._log(f"session {call.session_id}: wanted by {request.worker}")
        try:
            async with self._room, _Use(self, request.worker) as to_worker:
                try:
                    bridge = await self._open(to_worker, request)
                    call.runner = await self._run(code, request)
                    opened.set_result(call.runner)
                    if await bridge.carry(call.runner):
                        await self._remember(request.call_id, call.runner)
                        await bridge.close()
                finally:
                    await self._clear_away(call, bridge)
        except (NinelivesError, OSError) as error:
            if opened.done():
                self._log(f"session {call.session_id}: {error}")
            else:
                opened.set_exception(error if isinstance(error, NinelivesError) else RunnerError(str(error)))
        finally:
            if not opened.done():
                opened.set_exception(RunnerError("it was ended before it began"))
            self._calls.pop(request.call_id, None)
            call.gone.set()
            self._log(f"session {call.session_id}: its runner is gone")

    async def _open(self, to_worker: grpc.aio.Channel, request: r.StartRequest) -> Bridge:
        bridge = Bridge(to_worker, request.call_id)
        try:
            await bridge.open()
        except RunnerError as error:
            raise RunnerError(
                f"it can't reach the worker at {request.worker}: {error}; see worker.address and tls on both sides"
            ) from None
        return bridge

    async def _run(self, code: Code, request: r.StartRequest) -> Runner:
        limits = _limits(request.limits)
        asked = Asked(request.session_id, request.token, request.hash_seed, request.python, limits)
        starting = self._in(self._starting, partial(self._manager.start, asked, code, dict(request.vars)))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            # It is started all the same: a thread can't be called back.
            runner = await starting
            await self._in(self._ending, partial(self._manager.stop, runner.id))
            raise

    async def _remember(self, call_id: str, runner: Runner) -> None:
        health = await self._in(self._ending, partial(self._manager.runner_health, runner.id, patience=_PATIENCE))
        self._ended[call_id] = health
        if len(self._ended) > _REMEMBERED:
            self._ended.popitem(last=False)

    async def _clear_away(self, call: _Call, bridge: Bridge | None) -> None:
        """End a runner and all that it started."""
        call.begin_end()
        if bridge is not None:
            bridge.cancel()
        if call.runner is not None:
            try:
                await asyncio.shield(self._in(self._ending, partial(self._stop_runner, call.runner, bridge)))
            except NinelivesError as error:
                call.problem = error
                raise

    def _stop_runner(self, runner: Runner, bridge: Bridge | None) -> None:
        self._manager.stop(runner.id)
        if bridge is not None and bridge.marker:
            kill_marked(bridge.marker)

    async def _stop(self, request: r.StopRequest) -> r.StopResponse:
        call = self._calls.get(request.call_id)
        if call is not None:
            await call.end()
        if request.session_id:
            await self._end_session(request.session_id)
        return r.StopResponse()

    async def _end_session(self, session_id: str) -> None:
        await asyncio.gather(*(call.end() for call in list(self._calls.values()) if call.session_id == session_id))

    async def _runner_health(self, request: r.RunnerHealthRequest, context: _Context) -> r.RunnerHealthResponse:
        await admit(context, WORKER)
        call = self._calls.get(request.call_id)
        if call is not None and request.call_id not in self._ended:
            try:
                async with asyncio.timeout(min(request.patience, _PATIENCE)):
                    await call.gone.wait()
            except TimeoutError:
                if request.call_id not in self._ended:
                    return r.RunnerHealthResponse(alive=True)
        found = self._ended.get(request.call_id)
        if found is None:
            return r.RunnerHealthResponse(alive=False)
        return r.RunnerHealthResponse(alive=False, status=found.status, why=found.why, limited=found.limited)

    async def _health(self, request: r.HealthRequest, context: _Context) -> r.HealthResponse:
        await admit(context, WORKER)
        health = await self._in(self._ending, self._manager.health)
        known = bool(_ID.fullmatch(request.session_id))
        return r.HealthResponse(
            version=VERSION,
            ok=health.ok,
            why=health.why,
            runners=len(self._calls),
            most=self._most,
            knows_session=known and places.has_session(self._home, request.session_id),
            runs_session=any(call.session_id == request.session_id for call in self._calls.values()),
        )

    async def _code(self, build_id: str) -> Path:
        """Return the folder of a build."""
        if not _BUILD.fullmatch(build_id):
            raise ProtocolError("a build is named by its SHA-256, in hex")
        try:
            return await self._in(self._starting, partial(places.build, self._builds, build_id))
        except BuildGoneError:
            raise _BuildMissingError from None

    @staticmethod
    def _in(pool: ThreadPoolExecutor, do: Callable[[], Response]) -> asyncio.Future[Response]:
        return asyncio.get_running_loop().run_in_executor(pool, do)


class _BuildMissingError(NinelivesError):
    """The build has not been brought yet."""


class _Use:
    """A channel to a worker, for one call; closed when no call has used it for a while."""

    def __init__(self, service: Service, worker: str) -> None:
        self._service = service
        self._worker = worker

    async def __aenter__(self) -> grpc.aio.Channel:
        workers = self._service._workers
        if self._worker not in workers:
            workers[self._worker] = _Connected(channel(self._service._credentials, self._worker))
        self._connected = workers[self._worker]
        self._connected.users += 1
        return self._connected.channel

    async def __aexit__(self, *_: object) -> None:
        self._connected.users -= 1
        self._connected.used += 1
        asyncio.get_running_loop().call_later(_LINGER, self._leave, self._connected.used)

    def _leave(self, used: int) -> None:
        connected, workers = self._connected, self._service._workers
        if not connected.users and connected.used == used:
            workers.pop(self._worker, None)
            # Held, so that it is not collected half done.
            connected.closing = asyncio.ensure_future(connected.channel.close())


def _check_version(version: int) -> None:
    if version != VERSION:
        raise ProtocolError(
            f"the worker speaks version {version} of the protocol, the runner manager {VERSION}: "
            "use the same version of ninelives on both sides"
        )


def _limits(limits: r.Limits) -> Limits:
    given = {field.name: value for field, value in limits.ListFields()}
    return Limits(**given)
