from collections.abc import Iterable as _Iterable
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar

from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from google.protobuf.internal import containers as _containers

DESCRIPTOR: _descriptor.FileDescriptor

class Problem(_message.Message):
    __slots__ = ("build_missing", "kind", "text")
    KIND_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    BUILD_MISSING_FIELD_NUMBER: _ClassVar[int]
    kind: str
    text: str
    build_missing: bool
    def __init__(
        self, kind: str | None = ..., text: str | None = ..., build_missing: bool | None = ...
    ) -> None: ...

class ExportsRequest(_message.Message):
    __slots__ = ("build_id", "version")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    BUILD_ID_FIELD_NUMBER: _ClassVar[int]
    version: int
    build_id: str
    def __init__(self, version: int | None = ..., build_id: str | None = ...) -> None: ...

class ExportsResponse(_message.Message):
    __slots__ = ("exports", "problem")
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    EXPORTS_FIELD_NUMBER: _ClassVar[int]
    problem: Problem
    exports: _containers.RepeatedCompositeFieldContainer[Export]
    def __init__(
        self,
        problem: Problem | _Mapping | None = ...,
        exports: _Iterable[Export | _Mapping] | None = ...,
    ) -> None: ...

class Export(_message.Message):
    __slots__ = ("args", "file", "line", "name")
    FILE_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ARGS_FIELD_NUMBER: _ClassVar[int]
    file: str
    line: int
    name: str
    args: _containers.RepeatedScalarFieldContainer[str]
    def __init__(
        self,
        file: str | None = ...,
        line: int | None = ...,
        name: str | None = ...,
        args: _Iterable[str] | None = ...,
    ) -> None: ...

class BuildPiece(_message.Message):
    __slots__ = ("build_id", "data", "version")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    BUILD_ID_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    version: int
    build_id: str
    data: bytes
    def __init__(
        self, version: int | None = ..., build_id: str | None = ..., data: bytes | None = ...
    ) -> None: ...

class PutBuildResponse(_message.Message):
    __slots__ = ("problem",)
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    problem: Problem
    def __init__(self, problem: Problem | _Mapping | None = ...) -> None: ...

class PrepareRequest(_message.Message):
    __slots__ = ("build_id", "python", "version")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    BUILD_ID_FIELD_NUMBER: _ClassVar[int]
    PYTHON_FIELD_NUMBER: _ClassVar[int]
    version: int
    build_id: str
    python: str
    def __init__(
        self, version: int | None = ..., build_id: str | None = ..., python: str | None = ...
    ) -> None: ...

class PrepareResponse(_message.Message):
    __slots__ = ("problem", "python")
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    PYTHON_FIELD_NUMBER: _ClassVar[int]
    problem: Problem
    python: str
    def __init__(self, problem: Problem | _Mapping | None = ..., python: str | None = ...) -> None: ...

class StartRequest(_message.Message):
    __slots__ = (
        "build_id",
        "call_id",
        "hash_seed",
        "limits",
        "python",
        "session_id",
        "token",
        "vars",
        "version",
        "worker",
    )
    class VarsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: str | None = ..., value: str | None = ...) -> None: ...

    VERSION_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    BUILD_ID_FIELD_NUMBER: _ClassVar[int]
    HASH_SEED_FIELD_NUMBER: _ClassVar[int]
    PYTHON_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    VARS_FIELD_NUMBER: _ClassVar[int]
    version: int
    call_id: str
    worker: str
    session_id: str
    token: bytes
    build_id: str
    hash_seed: int
    python: str
    limits: Limits
    vars: _containers.ScalarMap[str, str]
    def __init__(
        self,
        version: int | None = ...,
        call_id: str | None = ...,
        worker: str | None = ...,
        session_id: str | None = ...,
        token: bytes | None = ...,
        build_id: str | None = ...,
        hash_seed: int | None = ...,
        python: str | None = ...,
        limits: Limits | _Mapping | None = ...,
        vars: _Mapping[str, str] | None = ...,
    ) -> None: ...

class Limits(_message.Message):
    __slots__ = ("cpu", "memory", "processes", "time")
    CPU_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    PROCESSES_FIELD_NUMBER: _ClassVar[int]
    cpu: float
    memory: int
    time: float
    processes: int
    def __init__(
        self,
        cpu: float | None = ...,
        memory: int | None = ...,
        time: float | None = ...,
        processes: int | None = ...,
    ) -> None: ...

class StartResponse(_message.Message):
    __slots__ = ("cache", "code_dir", "cwd", "problem")
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    CODE_DIR_FIELD_NUMBER: _ClassVar[int]
    CWD_FIELD_NUMBER: _ClassVar[int]
    CACHE_FIELD_NUMBER: _ClassVar[int]
    problem: Problem
    code_dir: str
    cwd: str
    cache: str
    def __init__(
        self,
        problem: Problem | _Mapping | None = ...,
        code_dir: str | None = ...,
        cwd: str | None = ...,
        cache: str | None = ...,
    ) -> None: ...

class StopRequest(_message.Message):
    __slots__ = ("call_id", "session_id", "version")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    version: int
    call_id: str
    session_id: str
    def __init__(
        self, version: int | None = ..., call_id: str | None = ..., session_id: str | None = ...
    ) -> None: ...

class StopResponse(_message.Message):
    __slots__ = ("problem",)
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    problem: Problem
    def __init__(self, problem: Problem | _Mapping | None = ...) -> None: ...

class RunnerHealthRequest(_message.Message):
    __slots__ = ("call_id", "patience", "version")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    PATIENCE_FIELD_NUMBER: _ClassVar[int]
    version: int
    call_id: str
    patience: float
    def __init__(
        self, version: int | None = ..., call_id: str | None = ..., patience: float | None = ...
    ) -> None: ...

class RunnerHealthResponse(_message.Message):
    __slots__ = ("alive", "limited", "status", "why")
    ALIVE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    LIMITED_FIELD_NUMBER: _ClassVar[int]
    alive: bool
    status: int
    why: str
    limited: bool
    def __init__(
        self,
        alive: bool | None = ...,
        status: int | None = ...,
        why: str | None = ...,
        limited: bool | None = ...,
    ) -> None: ...

class HealthRequest(_message.Message):
    __slots__ = ("session_id", "version")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    version: int
    session_id: str
    def __init__(self, version: int | None = ..., session_id: str | None = ...) -> None: ...

class HealthResponse(_message.Message):
    __slots__ = ("knows_session", "most", "ok", "runners", "runs_session", "version", "why")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    OK_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    RUNNERS_FIELD_NUMBER: _ClassVar[int]
    MOST_FIELD_NUMBER: _ClassVar[int]
    KNOWS_SESSION_FIELD_NUMBER: _ClassVar[int]
    RUNS_SESSION_FIELD_NUMBER: _ClassVar[int]
    version: int
    ok: bool
    why: str
    runners: int
    most: int
    knows_session: bool
    runs_session: bool
    def __init__(
        self,
        version: int | None = ...,
        ok: bool | None = ...,
        why: str | None = ...,
        runners: int | None = ...,
        most: int | None = ...,
        knows_session: bool | None = ...,
        runs_session: bool | None = ...,
    ) -> None: ...
