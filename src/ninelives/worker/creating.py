"""Creates a session: the code as it is now, and the first entry of its journal."""

from __future__ import annotations

import json
import os
import random
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from ninelives.code.build import Build, pack
from ninelives.session import entries
from ninelives.session.entries import FORMAT, Start
from ninelives.session.journal import row
from ninelives.session.observer import Observer
from ninelives.storage import NewSession, Store
from ninelives.worker.project import Project, find_project
from ninelives.worker.vars import recorded as recorded_vars
from ninelives.worker.vars import resolve

if TYPE_CHECKING:
    from ninelives.worker.isolated import Isolated

#: Where the seeds of sessions come from.
entropy: random.Random = random.SystemRandom()

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


class RunRequest(NamedTuple):
    """What `ninelives run` was asked for."""

    file: Path
    handler: str
    #: event_type, event_id, integration_id, data
    event: dict[str, Any]
    vars: Mapping[str, str] = MappingProxyType({})
    #: names of the vars that are secret
    secret_vars: frozenset[str] = frozenset()
    #: files that secrets came from: no part of the program, even where they are beside it
    secret_files: tuple[Path, ...] = ()
    #: the id to create, or to go on with; None makes a new one
    session_id: str | None = None


class Created(NamedTuple):
    """A session that nobody has begun yet."""

    session_id: str
    start: Start
    project: Project


def create(
    store: Store,
    request: RunRequest,
    observer: Observer,
    isolated: Isolated | None,
    cwd: Callable[[str], str] | None = None,
) -> Created:
    """Put a new session on disk.

    Args:
        store: the store.
        request: what it is to run.
        observer: told what a person should know of the code.
        isolated: it will run there; None: in this process.
        cwd: returns the working directory of a session by its id; None: that of this process.

    Raises:
        EventSeenError: the event has started a session of this handler before.
        SessionExistsError: its id is taken.
        NinelivesError: it can't be started.
    """
    project = find_project(request.file)
    build = pack(project.root, leave_out=left_out(store, request.secret_files))
    if build.warning:
        observer.warned(build.warning)
    session_id = request.session_id or uuid.uuid4().hex
    # First: a manager on another host needs it.
    store.builds.put(build)
    python = PYTHON if isolated is None else isolated.python(build.id, project.root, container=project.container)
    start = _start(store, project, build, request, python)
    new = NewSession(
        session_id=session_id,
        project=project.name,
        entry_point=start.entry_point,
        build_id=build.id,
        code_dir=str(project.root),
        cwd=os.getcwd() if cwd is None else cwd(session_id),
        created_at=start.at,
        event_id=request.event.get("event_id"),
        python=python,
    )
    store.create(new, (row(start),))
    return Created(session_id, start, project)


def _start(store: Store, project: Project, build: Build, request: RunRequest, python: str) -> Start:
    file = request.file.resolve().relative_to(project.root)
    plain, secret = recorded_vars(project.vars, request.vars, request.secret_vars, os.environ)
    start = Start(
        1,
        time.time(),
        FORMAT,
        f"{file.as_posix()}:{request.handler}",
        entries.with_any_integers(request.event),
        entropy.getrandbits(63),
        store.hash_seed,
        python,
        build.id,
        plain,
        secret,
    )
    start.shown = _shown_event(
        request.event, resolve(project.vars, start, request.vars, request.secret_vars, os.environ)[1]
    )
    return start


def _shown_event(event: dict[str, Any], secrets: frozenset[str]) -> str:
    """Return an event as people may see it, if that is not as it is."""
    if not secrets:
        return ""
    text = json.dumps(event, default=str)
    shown = hider_of(secrets)(text)
    return "" if shown == text else shown


def hider_of(secrets: frozenset[str]) -> Callable[[str], str]:
    """Return what cuts secrets out of a text."""
    if not secrets:
        return str
    # Late: most sessions have none.
    from ninelives.session.hiding import hider

    return hider(secrets)


def left_out(store: Store, secret_files: tuple[Path, ...] = ()) -> list[Path]:
    """Return what is no part of a program, wherever it is: the store, and files that secrets came from."""
    return [*([store.home] if store.home is not None else []), *secret_files]
