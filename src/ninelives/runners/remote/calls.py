"""The runners that a manager has for workers on other hosts, each with its call."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import grpc.aio

from ninelives.errors import NinelivesError, ProtocolError, RunnerError
from ninelives.processes import kill_marked
from ninelives.runners.manager import Asked, Code, Limits, Manager, Runner, RunnerHealth
from ninelives.runners.remote.bridge import Bridge
from ninelives.runners.remote.channels import Credentials, channel
from ninelives.runners.remote.wire import runner_pb2 as r

#: Seconds in which a manager finds out how a runner ended.
PATIENCE = 5.0

#: How many runners that have ended it can still say something of.
_REMEMBERED = 1_000

#: Seconds for which the connection to a worker is kept that has no call: its next session starts sooner.
_LINGER = 60.0

Found = TypeVar("Found")


class Call:
    """A runner, from when a worker asks for it to when nothing of it is left.

    Args:
        request: of the worker.
        code: what it runs.
    """

    def __init__(self, request: r.StartRequest, code: Code) -> None:
        self.request = request
        self.code = code
        self.session_id = request.session_id
        #: the runner, once it is started
        self.opened: asyncio.Future[Runner] = asyncio.get_running_loop().create_future()
        # Nobody may be left to hear of an error.
        self.opened.add_done_callback(lambda done: done.cancelled() or done.exception())
        self.bridge: Bridge | None = None
        self.runner: Runner | None = None
        self.task: asyncio.Task[None] | None = None
        self.gone = asyncio.Event()
        #: why it does not end
        self.problem: NinelivesError | None = None
        #: it is being ended, and must not be disturbed at that
        self.is_ending = False

    def cancel(self) -> None:
        """End it, if that has not begun."""
        if self.task is not None and not self.is_ending:
            self.is_ending = True
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


class Calls:
    """All of them.

    Args:
        manager: starts the runners; nothing of it is known but the protocol of managers.
        credentials: of this host.
        most: runners that are alive at the same time; who wants one more waits.
        log: told what happens, a line at a time.
    """

    def __init__(self, manager: Manager, credentials: Credentials, most: int, log: Callable[[str], None]) -> None:
        self._manager = manager
        self._workers = _Workers(credentials)
        self._log = log
        self._room = asyncio.Semaphore(most)
        # Starting and ending each have threads of their own: what waits for one is never what the other needs.
        self._starting = ThreadPoolExecutor(16, "start")
        self._ending = ThreadPoolExecutor(16, "end")
        self._calls: dict[str, Call] = {}
        self._ended: OrderedDict[str, RunnerHealth] = OrderedDict()

    def __len__(self) -> int:
        return len(self._calls)

    def has_session(self, session_id: str) -> bool:
        """Return whether a runner of the session is there."""
        return any(call.session_id == session_id for call in self._calls.values())

    async def start(self, request: r.StartRequest, code: Code) -> Runner:
        """Start a runner when there is room, after every other of its session has ended.

        Raises:
            NinelivesError: it can't be started.
        """
        if request.call_id in self._calls:
            raise ProtocolError("there is a runner of this id already")
        # Whoever goes on with a session must not meet what an earlier runner of it started.
        await self.end_session(request.session_id)
        call = self._calls[request.call_id] = Call(request, code)
        self._log(f"session {call.session_id}: wanted by {request.worker}")
        call.task = asyncio.create_task(self._serve(call))
        # It may be ended before it has begun.
        call.task.add_done_callback(lambda _: self._forget(call))
        try:
            return await asyncio.shield(call.opened)
        except asyncio.CancelledError:
            # The worker waits no more.
            call.cancel()
            raise

    async def end(self, call_id: str) -> None:
        """End a runner, if it is there, and wait until nothing of it is left."""
        call = self._calls.get(call_id)
        if call is not None:
            await call.end()

    async def end_session(self, session_id: str) -> None:
        """End all runners of a session."""
        await asyncio.gather(*(call.end() for call in list(self._calls.values()) if call.session_id == session_id))

    async def health(self, call_id: str, patience: float) -> RunnerHealth:
        """Return how a runner is.

        Args:
            call_id: its id.
            patience: seconds to wait for its end, if it is ending.
        """
        call = self._calls.get(call_id)
        if call is not None and call_id not in self._ended:
            try:
                async with asyncio.timeout(min(patience, PATIENCE)):
                    await call.gone.wait()
            except TimeoutError:
                if call_id not in self._ended:
                    return RunnerHealth(alive=True)
        return self._ended.get(call_id, RunnerHealth(alive=False))

    async def close(self) -> None:
        """End all runners, and the manager."""
        await asyncio.gather(*(call.end() for call in list(self._calls.values())), return_exceptions=True)
        await asyncio.to_thread(self._manager.close)
        await self._workers.close()
        for pool in (self._starting, self._ending):
            pool.shutdown(wait=False)

    def in_thread(self, do: Callable[[], Found]) -> asyncio.Future[Found]:
        """Do what blocks; never what ends a runner, which has threads of its own."""
        return asyncio.get_running_loop().run_in_executor(self._starting, do)

    async def _serve(self, call: Call) -> None:
        """Carry a call on to its end."""
        try:
            async with self._room:
                with self._workers.channel(call.request.worker) as to_worker:
                    try:
                        await self._run(call, to_worker)
                    finally:
                        await self._clear_away(call)
        except (NinelivesError, OSError) as error:
            if call.opened.done():
                self._log(f"session {call.session_id}: {error}")
            else:
                call.opened.set_exception(error if isinstance(error, NinelivesError) else RunnerError(str(error)))

    async def _run(self, call: Call, to_worker: grpc.aio.Channel) -> None:
        worker = call.request.worker
        bridge = call.bridge = Bridge(to_worker, call.request.call_id)
        try:
            await bridge.open()
        except RunnerError as error:
            raise RunnerError(
                f"it can't reach the worker at {worker}: {error}; see worker.address and tls on both sides"
            ) from None
        await self._start(call)
        assert call.runner is not None
        call.opened.set_result(call.runner)
        if await bridge.carry(call.runner):
            await self._remember(call.request.call_id, call.runner)
            await bridge.close()

    async def _start(self, call: Call) -> None:
        request = call.request
        given = {field.name: value for field, value in request.limits.ListFields()}
        asked = Asked(request.session_id, request.token, request.hash_seed, request.python, Limits(**given))
        starting = self.in_thread(partial(self._manager.start, asked, call.code, dict(request.vars)))
        try:
            call.runner = await asyncio.shield(starting)
        except asyncio.CancelledError:
            # It is started all the same, and then ended: a thread can't be called back.
            call.runner = await starting
            raise

    async def _remember(self, call_id: str, runner: Runner) -> None:
        self._ended[call_id] = await self._at_end(partial(self._manager.runner_health, runner.id, patience=PATIENCE))
        if len(self._ended) > _REMEMBERED:
            self._ended.popitem(last=False)

    async def _clear_away(self, call: Call) -> None:
        """End a runner and all that it started."""
        call.is_ending = True
        if call.bridge is not None:
            call.bridge.cancel()
        if call.runner is not None:
            try:
                await self._at_end(partial(self._stop, call.runner, call.bridge))
            except NinelivesError as error:
                call.problem = error
                raise

    def _stop(self, runner: Runner, bridge: Bridge | None) -> None:
        self._manager.stop(runner.id)
        if bridge is not None and bridge.marker:
            kill_marked(bridge.marker)

    def _forget(self, call: Call) -> None:
        if not call.opened.done():
            call.opened.set_exception(RunnerError("it was ended before it began"))
        del self._calls[call.request.call_id]
        call.gone.set()
        self._log(f"session {call.session_id}: its runner is gone")

    def _at_end(self, do: Callable[[], Found]) -> asyncio.Future[Found]:
        return asyncio.get_running_loop().run_in_executor(self._ending, do)


class _Connected:
    """A channel to a worker, and how many calls use it."""

    def __init__(self, made: grpc.aio.Channel) -> None:
        self.channel = made
        self.users = 0
        #: how often a call has left it
        self.used = 0


class _Workers:
    """Channels to workers, by address."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._connected: dict[str, _Connected] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @contextmanager
    def channel(self, address: str) -> Iterator[grpc.aio.Channel]:
        """Give a channel to a worker, for one call; it is closed when no call has used it for a while."""
        if address not in self._connected:
            self._connected[address] = _Connected(channel(self._credentials, address))
        connected = self._connected[address]
        connected.users += 1
        try:
            yield connected.channel
        finally:
            connected.users -= 1
            connected.used += 1
            asyncio.get_running_loop().call_later(_LINGER, self._end, address, connected, connected.used)

    def _end(self, address: str, connected: _Connected, used: int) -> None:
        if not connected.users and connected.used == used and self._connected.get(address) is connected:
            del self._connected[address]
            closing = asyncio.create_task(connected.channel.close())
            # Held, so that it is not collected half done.
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Close all of them."""
        while self._connected:
            await self._connected.popitem()[1].channel.close()
