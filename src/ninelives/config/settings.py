"""Every setting: its name, its type, its default, what it means, and how it is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, NamedTuple, get_type_hints

import msgspec

from ninelives.config import forms
from ninelives.config.forms import Form


class About(NamedTuple):
    """What is said of a setting where it is defined."""

    meaning: str
    form: Form


class Runner(msgspec.Struct, frozen=True):
    """Where user code runs that is kept apart from the worker."""

    type: Annotated[
        Literal["local", "docker", "remote"],
        About("the runner manager that starts sessions", forms.choice("local", "docker", "remote")),
    ] = "local"
    docker_image: Annotated[
        str | None,
        About(
            "the image that containers are based on, for the type docker; none: Docker's own of Python",
            forms.optional(forms.IMAGE),
        ),
    ] = None
    remote_endpoints: Annotated[
        list[str], About("runner managers on other hosts, for the type remote", forms.list_of(forms.ADDRESS))
    ] = []
    lazy_environments: Annotated[
        bool, About("build the environment of a project's requirements when it is first needed", forms.FLAG)
    ] = True
    log_runner_code: Annotated[bool, About("log what runners say beside the prints of programs", forms.FLAG)] = False


class Worker(msgspec.Struct, frozen=True):
    """The side that owns journals, timers and events."""

    address: Annotated[str, About("where remote runner managers reach the worker", forms.ADDRESS)] = "127.0.0.1:9980"


class Building(msgspec.Struct, frozen=True):
    """How builds are made."""

    log: Annotated[bool, About("`ninelives build` names each file that it takes", forms.FLAG)] = False


class Database(msgspec.Struct, frozen=True):
    """The database of sessions and journals."""

    type: Annotated[Literal["sqlite"], About("what kind of database it is", forms.choice("sqlite"))] = "sqlite"
    dsn: Annotated[
        str | None,
        About(
            "the database; a relative path begins in the data folder; none: `ninelives.db` there",
            forms.optional(forms.SQLITE),
        ),
    ] = None


class Tls(msgspec.Struct, frozen=True):
    """Files for mutual TLS between hosts; `ninelives certs init` makes them."""

    ca: Annotated[
        str | None, About("certificate of the authority that both sides trust", forms.optional(forms.PATH))
    ] = None
    certificate: Annotated[str | None, About("certificate of this host", forms.optional(forms.PATH))] = None
    key: Annotated[str | None, About("private key of this host", forms.optional(forms.PATH))] = None


class Limits(msgspec.Struct, frozen=True):
    """What one session, and all of them, may take."""

    cpu_seconds: Annotated[float | None, About("CPU time of a session in one runner", forms.optional(forms.SPAN))] = (
        3600.0
    )
    memory: Annotated[int | None, About("memory of a session", forms.optional(forms.SIZE))] = 2 * 2**30
    pids: Annotated[int | None, About("processes and threads of a session", forms.optional(forms.number(1)))] = 256
    session_seconds: Annotated[
        float | None, About("time a session may run in one runner without waiting", forms.optional(forms.SPAN))
    ] = None
    build_size: Annotated[int, About("size of a build", forms.SIZE)] = 200 * 2**20
    file_size: Annotated[int, About("size of a file in a build", forms.SIZE)] = 5 * 2**20
    concurrent_sessions: Annotated[int, About("sessions that have a runner; further ones queue", forms.number(1))] = 100
    crashes: Annotated[
        int, About("crashes of a runner at the same entry after which its session stops", forms.number(1))
    ] = 3
    let_go_seconds: Annotated[
        float, About("a session that waits for longer than this lets its runner go", forms.SPAN)
    ] = 5.0


class Settings(msgspec.Struct, frozen=True):
    """All settings of an installation."""

    mode: Annotated[
        Literal["default", "test", "dev"],
        About("what this installation is for", forms.choice("default", "test", "dev")),
    ] = "default"
    runner: Runner = Runner()
    worker: Worker = Worker()
    build: Building = Building()
    db: Database = Database()
    tls: Tls = Tls()
    limits: Limits = Limits()


class Setting(NamedTuple):
    """One setting."""

    #: with dots: ``runner.type``
    name: str
    default: Any
    meaning: str
    form: Form

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return "NINELIVES_" + self.name.upper().replace(".", "_")


def all_settings() -> dict[str, Setting]:
    """Return every setting by its name, in order."""
    return {setting.name: setting for setting in _settings(Settings(), "")}


def value_of(settings: Settings, name: str) -> Any:
    """Return the value of the setting with this name."""
    found: Any = settings
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _settings(section: msgspec.Struct, prefix: str) -> Iterator[Setting]:
    hints = get_type_hints(type(section), include_extras=True)
    for name in section.__struct_fields__:
        default = getattr(section, name)
        if isinstance(default, msgspec.Struct):
            yield from _settings(default, f"{prefix}{name}.")
        else:
            about: About = hints[name].__metadata__[0]
            yield Setting(prefix + name, default, about.meaning, about.form)
