"""The remote runner manager: a worker's runners are on other hosts, whose managers bring it their streams."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from ninelives.code.build import pack
from ninelives.errors import RunnerError
from ninelives.protocol.carrier import SocketCarrier, to_runner
from ninelives.protocol.messages import VERSION, FromRunner
from ninelives.runners.manager import Asked, Code, Health, RunnerHealth
from ninelives.runners.remote import channels
from ninelives.runners.remote.endpoints import (
    ANSWER,
    START,
    BuildMissingError,
    Candidate,
    Endpoint,
    UnreachedError,
    candidates,
)
from ninelives.runners.remote.handler import Handler, Wanted
from ninelives.runners.remote.services import HANDLER
from ninelives.runners.remote.wire import runner_pb2 as r

#: Seconds in which managers that were there come back, or others do: a host is started again, a network is mended.
RETURN = 30.0

#: Seconds between looking for them.
_LOOK = 0.5

#: Seconds in which a manager that can be reached ends a runner.
_END = 60.0

Result = TypeVar("Result")


class RemoteRunner:
    """A process of another host. See `ninelives.runners.manager.Runner`."""

    def __init__(self, wanted: Wanted, endpoint: Endpoint, started: r.StartResponse) -> None:
        self.id = wanted.id
        self.wanted = wanted
        self.endpoint = endpoint
        self.carrier: SocketCarrier[FromRunner] = to_runner(wanted.connection)
        self.outputs: Mapping[str, int] = wanted.outputs
        self.code_dir = Path(started.code_dir)
        self.cwd = Path(started.cwd) if started.cwd else None
        self.cache = Path(started.cache) if started.cache else None


class Place(NamedTuple):
    """Where a worker is, and where its runner managers are."""

    #: HOST:PORT of each
    endpoints: Sequence[str]
    #: HOST:PORT at which they reach the worker
    address: str
    credentials: channels.Credentials
    #: answers to reflection too
    is_dev: bool = False


class RemoteManager:
    """Starts runners on other hosts. See `ninelives.runners.manager.Manager`.

    Args:
        place: where everybody is.
        tar: returns the archive of a build, by its id.
        report: told what takes long, a line at a time.

    Raises:
        UsageError: the worker can't listen at its address.
    """

    def __init__(
        self, place: Place, tar: Callable[[str], bytes], *, report: Callable[[str], None] = lambda _: None
    ) -> None:
        self._place = place
        self._tar = tar
        self._report = report
        self._handler = Handler()
        self._runners: dict[str, RemoteRunner] = {}
        #: minor version of Python, by build and the one that was asked for
        self._prepared: dict[tuple[str, str], str] = {}
        #: a manager has been there once, so one may come back
        self._was_there = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="remote runners", daemon=True)
        self._thread.start()
        try:
            self._do(self._open())
        except BaseException:
            self._end_loop()
            raise

    async def _open(self) -> None:
        # Each `ninelives run` is a worker of its own: managers are told where this one is.
        self._server, port = channels.server(self._place.credentials, self._place.address, or_another=True)
        handler = self._handler
        functions: dict[str, Callable[..., Any]] = {
            "Call": handler.call,
            "IsActive": handler.is_active,
            "Health": handler.health,
        }
        self._server.add_generic_rpc_handlers((HANDLER.handlers(functions),))
        await channels.serve_health(self._server, [HANDLER], reflection=self._place.is_dev)
        await self._server.start()
        host = self._place.address.rpartition(":")[0]
        self._address = f"{host}:{port}"
        self._endpoints = [Endpoint(address, self._place.credentials) for address in self._place.endpoints]

    def prepare(self, code: Code, python: str = "") -> str:
        """See `Manager.prepare`."""
        build = self._build(code)
        known = self._prepared.get((build.id, python))
        if known is not None:
            return known

        async def prepare(one: Candidate) -> str:
            request = r.PrepareRequest(version=VERSION, build_id=build.id, python=python)
            prepared = await self._with_build(one.endpoint, "Prepare", request, build)
            return str(prepared.python)

        found = self._prepared[build.id, python] = self._do(self._anywhere("", prepare))
        return found

    def start(self, session: Asked, code: Code, vars: Mapping[str, str]) -> RemoteRunner:
        """See `Manager.start`."""
        build = self._build(code)

        async def start(one: Candidate) -> RemoteRunner:
            wanted = self._handler.want()
            try:
                request = _request(wanted.id, self._address, session, build.id, vars)
                started = await self._with_build(one.endpoint, "Start", request, build)
            except BaseException:
                self._handler.forget(wanted.id)
                wanted.close()
                raise
            runner = self._runners[wanted.id] = RemoteRunner(wanted, one.endpoint, started)
            return runner

        return self._do(self._anywhere(session.session_id, start))

    def runner_health(self, runner_id: str, *, patience: float = 0.0) -> RunnerHealth:
        """See `Manager.runner_health`."""
        runner = self._runners.get(runner_id)
        if runner is None:
            return RunnerHealth(alive=False)
        request = r.RunnerHealthRequest(version=VERSION, call_id=runner_id, patience=patience)
        try:
            found = self._do(runner.endpoint.ask("RunnerHealth", request, patience + channels.KEEPALIVE))
        except UnreachedError as error:
            return RunnerHealth(False, None, f"was lost with its host {runner.endpoint.address}: {error}")
        if found.alive:
            return RunnerHealth(alive=True)
        status = found.status if found.HasField("status") else None
        why = found.why or f"was lost by the runner manager at {runner.endpoint.address}"
        return RunnerHealth(False, status, why, found.limited)

    def stop(self, runner_id: str) -> None:
        """See `Manager.stop`.

        A runner whose host can't be reached ends by itself, since it can't reach the worker; that is waited for.
        """
        runner = self._runners.pop(runner_id, None)
        if runner is None:
            return
        runner.carrier.close()
        for descriptor in runner.outputs.values():
            os.close(descriptor)
        self._do(self._stop(runner))

    async def _stop(self, runner: RemoteRunner) -> None:
        self._handler.forget(runner.id)
        fence = (runner.wanted.ended_at or time.monotonic()) + channels.FENCE
        latest = time.monotonic() + _END
        while True:
            request = r.StopRequest(version=VERSION, call_id=runner.id)
            try:
                await runner.endpoint.ask("Stop", request, max(fence - time.monotonic(), ANSWER))
            except UnreachedError as error:
                # A manager that answers, and not this, is at it still.
                left = (latest if error.is_there else fence) - time.monotonic()
                if error.is_there and left <= 0:
                    raise RunnerError(f"the runner manager at {runner.endpoint.address} can't end a runner") from None
                if error.is_gone or left <= 0:
                    return
                self._report(f"waiting for the end of a runner at {runner.endpoint.address}: {error}")
                await asyncio.sleep(min(left, _LOOK * 4))
            else:
                return

    def health(self) -> Health:
        """See `Manager.health`."""
        found, reasons = self._do(candidates(self._endpoints, ""))
        return Health(bool(found), len(self._runners), "; ".join(reasons))

    def close(self) -> None:
        """See `Manager.close`."""
        for runner_id in list(self._runners):
            self.stop(runner_id)
        self._do(self._shut())
        self._end_loop()

    async def _shut(self) -> None:
        await self._server.stop(0)
        for endpoint in self._endpoints:
            await endpoint.close()

    async def _anywhere(self, session_id: str, do: Callable[[Candidate], Coroutine[Any, Any, Result]]) -> Result:
        """Do something with the best manager that can be reached; with the next one if it can't after all."""
        until = time.monotonic() + RETURN
        while True:
            found, reasons = await candidates(self._endpoints, session_id)
            if session_id:
                await self._end_others(found, session_id)
            self._was_there = self._was_there or bool(found)
            is_lost = False
            for one in found:
                try:
                    return await do(one)
                except UnreachedError as error:
                    is_lost = True
                    reasons.append(f"{one.endpoint.address}: {error}")
                except RunnerError as error:
                    reasons.append(f"{one.endpoint.address}: {error}")
            may_return = self._was_there and (is_lost or not found)
            if not may_return or time.monotonic() > until:
                raise RunnerError(f"no runner manager can take the session: {'; '.join(reasons)}")
            self._report(f"waiting for a runner manager: {'; '.join(reasons)}")
            await asyncio.sleep(_LOOK)

    @staticmethod
    async def _end_others(found: Sequence[Candidate], session_id: str) -> None:
        """End what an earlier worker, which was killed, has left of a session."""
        for one in found:
            if one.health.runs_session:
                with suppress(UnreachedError):
                    await one.endpoint.ask("Stop", r.StopRequest(version=VERSION, session_id=session_id), _END)

    async def _with_build(self, endpoint: Endpoint, method: str, request: Any, build: _Build) -> Any:
        """Ask a manager for something that needs a build; it is brought to it once."""
        try:
            return await endpoint.ask(method, request, START)
        except BuildMissingError:
            await endpoint.bring(build.id, await asyncio.to_thread(build.tar))
            return await endpoint.ask(method, request, START)

    def _build(self, code: Code) -> _Build:
        if code.build:
            return _Build(code.build, lambda: self._tar(code.build))
        made = pack(code.folder)
        return _Build(made.id, lambda: made.tar)

    def _do(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class _Build(NamedTuple):
    id: str
    #: returns the archive
    tar: Callable[[], bytes]


def _request(call_id: str, worker: str, session: Asked, build_id: str, vars: Mapping[str, str]) -> r.StartRequest:
    limits = msgspec.structs.asdict(session.limits)
    given = {name: value for name, value in limits.items() if value is not None}
    return r.StartRequest(
        version=VERSION,
        call_id=call_id,
        worker=worker,
        session_id=session.session_id,
        token=session.token,
        build_id=build_id,
        hash_seed=session.hash_seed,
        python=session.python,
        limits=r.Limits(**given),
        vars=vars,
    )
