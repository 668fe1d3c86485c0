"""Runner managers on other hosts as a worker sees them: whether they are there, and what they answer."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import grpc
import grpc.aio

from ninelives.errors import NinelivesError, ProtocolError, RunnerError
from ninelives.protocol.messages import VERSION
from ninelives.runner.link import error_of
from ninelives.runners.remote.channels import PIECE, Credentials, channel, look
from ninelives.runners.remote.services import RUNNER
from ninelives.runners.remote.wire import runner_pb2 as r

#: Seconds in which a manager says how it is.
ANSWER = 5.0

#: Seconds in which a build is taken; and in which a runner is started, with its environment built and its turn come.
BRING = 300.0
START = 3600.0

#: Seconds for which a manager that could not be reached is asked last.
AVOID = 10.0


class UnreachedError(RunnerError):
    """A runner manager can't be reached, or does not answer.

    Args:
        why: for people.
        is_gone: nothing listens there any more.
        is_there: it can be reached.
    """

    def __init__(self, why: str, *, is_gone: bool = False, is_there: bool = False) -> None:
        super().__init__(why)
        self.is_gone = is_gone
        self.is_there = is_there


class BuildMissingError(NinelivesError):
    """A runner manager does not have the build yet."""


class Endpoint:
    """One runner manager.

    Args:
        address: HOST:PORT.
        credentials: of the worker.
    """

    def __init__(self, address: str, credentials: Credentials) -> None:
        self.address = address
        self._credentials = credentials
        self._channel = channel(credentials, address)
        #: it could not be reached then, as `time.monotonic` has it
        self._missed = -AVOID

    @property
    def is_avoided(self) -> bool:
        """Whether it could not be reached a short time ago."""
        return time.monotonic() - self._missed < AVOID

    async def ask(self, method: str, request: Any, within: float = ANSWER) -> Any:
        """Return what the manager answers.

        Args:
            method: of `RunnerService`.
            request: what is asked; an iterator of pieces for a method that takes them.
            within: seconds.

        Raises:
            UnreachedError: it does not.
            BuildMissingError: it needs the build first.
            NinelivesError: the problem that it has.
        """
        try:
            answer = await RUNNER.call(self._channel, method)(request, timeout=within)
        except grpc.aio.AioRpcError as error:
            raise await self._explained(error, within) from None
        problem: r.Problem | None = getattr(answer, "problem", None)
        if problem is None or not answer.HasField("problem"):
            return answer
        if problem.build_missing:
            raise BuildMissingError
        raise error_of(problem.kind, problem.text)

    async def bring(self, build_id: str, tar: bytes) -> None:
        """Bring a build."""
        await self.ask("PutBuild", _pieces(build_id, tar), BRING)

    async def close(self) -> None:
        """End the connection."""
        await self._channel.close()

    async def _explained(self, error: grpc.aio.AioRpcError, within: float) -> NinelivesError:
        said = error.details() or error.code().name
        if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
            # It is there, and will not.
            return UnreachedError(said, is_there=True)
        self._missed = time.monotonic()
        found = await asyncio.to_thread(look, self._credentials, self.address, ANSWER)
        if found is None:
            return UnreachedError(f"it does not answer within {within:.0f} s ({said})", is_there=True)
        return UnreachedError(found.why, is_gone=found.is_gone)


class Candidate(NamedTuple):
    """A manager that can take a session."""

    endpoint: Endpoint
    health: r.HealthResponse


async def candidates(endpoints: Sequence[Endpoint], session_id: str) -> tuple[list[Candidate], list[str]]:
    """Ask all managers how they are; return those that can take a session, best first, and why others can't.

    The one that has the session's working directory comes first, and then who has the most room.

    Args:
        endpoints: of the managers.
        session_id: of the session; "": of none yet.
    """
    found: list[Candidate] = []
    reasons: list[str] = []
    near = [endpoint for endpoint in endpoints if not endpoint.is_avoided]
    for group in (near, [endpoint for endpoint in endpoints if endpoint not in near]):
        if found:
            break
        request = r.HealthRequest(version=VERSION, session_id=session_id)
        answers = await asyncio.gather(*(e.ask("Health", request) for e in group), return_exceptions=True)
        for endpoint, answer in zip(group, answers, strict=True):
            if isinstance(answer, BaseException):
                if not isinstance(answer, NinelivesError):
                    raise answer
                reasons.append(f"{endpoint.address}: {answer}")
            elif problem := _problem(answer):
                reasons.append(f"{endpoint.address}: {problem}")
            else:
                found.append(Candidate(endpoint, answer))
    random.shuffle(found)
    found.sort(key=lambda one: (not one.health.knows_session, one.health.runners / max(one.health.most, 1)))
    return found, reasons


def _problem(health: r.HealthResponse) -> str:
    if health.version != VERSION:
        return str(
            ProtocolError(
                f"it speaks version {health.version} of the protocol, the worker {VERSION}: "
                "use the same version of ninelives on both sides"
            )
        )
    return "" if health.ok else health.why or "it is not well"


def _pieces(build_id: str, tar: bytes) -> Iterator[r.BuildPiece]:
    yield r.BuildPiece(version=VERSION, build_id=build_id)
    for at in range(0, len(tar), PIECE):
        yield r.BuildPiece(data=tar[at : at + PIECE])
