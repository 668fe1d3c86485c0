"""The process of a runner manager: listens until it is told to end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ninelives.runners.manager import Manager
from ninelives.runners.remote import channels, places
from ninelives.runners.remote.service import Service
from ninelives.runners.remote.services import RUNNER


class Serving(NamedTuple):
    """What a runner manager is started with."""

    #: HOST:PORT
    address: str
    credentials: channels.Credentials
    #: folder of builds and working directories
    home: Path
    #: runners that are alive at the same time
    most: int
    #: bytes of the largest build
    build_size: int
    #: answers to reflection too
    is_dev: bool = False


def serve(serving: Serving, offered: Callable[[], Manager], say: Callable[[str], None]) -> int:
    """Serve until SIGINT or SIGTERM comes, and return the exit code.

    Args:
        serving: where, and how.
        offered: returns the manager whose runners are offered.
        say: told what happens, a line at a time.

    Raises:
        UsageError: nothing can listen there.
    """
    return asyncio.run(_serve(serving, offered, say))


async def _serve(serving: Serving, offered: Callable[[], Manager], say: Callable[[str], None]) -> int:
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()

    def end(number: int) -> None:
        if not ended.done():
            ended.set_result(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end, number)
    server, port = channels.server(serving.credentials, serving.address)
    serving.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    places.tidy(serving.home)
    service = Service(
        offered(),
        serving.home,
        serving.credentials,
        most=serving.most,
        build_size=serving.build_size,
        log=say,
    )
    server.add_generic_rpc_handlers((RUNNER.handlers(service.functions()),))
    await channels.serve_health(server, [RUNNER], reflection=serving.is_dev)
    await server.start()
    say(f"listening on {serving.address.rpartition(':')[0]}:{port}")
    try:
        return await ended
    finally:
        await service.close()
        await server.stop(0)
