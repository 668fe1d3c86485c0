from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Problem(_message.Message):
    __slots__ = ("kind", "text", "build_missing")
    KIND_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    BUILD_MISSING_FIELD_NUMBER: _ClassVar[int]
    kind: str
    text: str
    build_missing: bool
    def __init__(self, kind: _Optional[str] = ..., text: _Optional[str] = ..., build_missing: _Optional[bool] = ...) -> None: ...

class ExportsRequest(_message.Message):
    __slots__ = ("version", "build_id")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    BUILD_ID_FIELD_NUMBER: _ClassVar[int]
    version: int
    build_id: str
    def __init__(self, version: _Optional[int] = ..., build_id: _Optional[str] = ...) -> None: ...

class ExportsResponse(_message.Message):
    __slots__ = ("problem", "exports")
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    EXPORTS_FIELD_NUMBER: _ClassVar[int]
    problem: Problem
    exports: _containers.RepeatedCompositeFieldContainer[Export]
    def __init__(self, problem: _Optional[_Union[Problem, _Mapping]] = ..., exports: _Optional[_Iterable[_Union[Export, _Mapping]]] = ...) -> None: ...

class Export(_message.Message):
    __slots__ = ("file", "line", "name", "args")
    FILE_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ARGS_FIELD_NUMBER: _ClassVar[int]
    file: str
    line: int
    name: str
    args: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, file: _Optional[str] = ..., line: _Optional[int] = ..., name: _Optional[str] = ..., args: _Optional[_Iterable[str]] = ...) -> None: ...

class BuildPiece(_message.Message):
    __slots__ = ("version", "build_id", "data")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    BUILD_ID_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    version: int
    build_id: str
    data: bytes
    def __init__(self, version: _Optional[int] = ..., build_id: _Optional[str] = ..., data: _Optional[bytes] = ...) -> None: ...

class PutBuildResponse(_message.Message):
    __slots__ = ("problem",)
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    problem: Problem
    def __init__(self, problem: _Optional[_Union[Problem, _Mapping]] = ...) -> None: ...

class PrepareRequest(_message.Message):
    __slots__ = ("version", "build_id", "python")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    BUILD_ID_FIELD_NUMBER: _ClassVar[int]
    PYTHON_FIELD_NUMBER: _ClassVar[int]
    version: int
    build_id: str
    python: str
    def __init__(self, version: _Optional[int] = ..., build_id: _Optional[str] = ..., python: _Optional[str] = ...) -> None: ...

class PrepareResponse(_message.Message):
    __slots__ = ("problem", "python")
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    PYTHON_FIELD_NUMBER: _ClassVar[int]
    problem: Problem
    python: str
    def __init__(self, problem: _Optional[_Union[Problem, _Mapping]] = ..., python: _Optional[str] = ...) -> None: ...

class StartRequest(_message.Message):
    __slots__ = ("version", "call_id", "worker", "session_id", "token", "build_id", "hash_seed", "python", "limits", "vars")
    class VarsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
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
    def __init__(self, version: _Optional[int] = ..., call_id: _Optional[str] = ..., worker: _Optional[str] = ..., session_id: _Optional[str] = ..., token: _Optional[bytes] = ..., build_id: _Optional[str] = ..., hash_seed: _Optional[int] = ..., python: _Optional[str] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., vars: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("cpu", "memory", "time", "processes")
    CPU_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    PROCESSES_FIELD_NUMBER: _ClassVar[int]
    cpu: float
    memory: int
    time: float
    processes: int
    def __init__(self, cpu: _Optional[float] = ..., memory: _Optional[int] = ..., time: _Optional[float] = ..., processes: _Optional[int] = ...) -> None: ...

class StartResponse(_message.Message):
    __slots__ = ("problem", "code_dir", "cwd", "cache")
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    CODE_DIR_FIELD_NUMBER: _ClassVar[int]
    CWD_FIELD_NUMBER: _ClassVar[int]
    CACHE_FIELD_NUMBER: _ClassVar[int]
    problem: Problem
    code_dir: str
    cwd: str
    cache: str
    def __init__(self, problem: _Optional[_Union[Problem, _Mapping]] = ..., code_dir: _Optional[str] = ..., cwd: _Optional[str] = ..., cache: _Optional[str] = ...) -> None: ...

class StopRequest(_message.Message):
    __slots__ = ("version", "call_id", "session_id")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    version: int
    call_id: str
    session_id: str
    def __init__(self, version: _Optional[int] = ..., call_id: _Optional[str] = ..., session_id: _Optional[str] = ...) -> None: ...

class StopResponse(_message.Message):
    __slots__ = ("problem",)
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    problem: Problem
    def __init__(self, problem: _Optional[_Union[Problem, _Mapping]] = ...) -> None: ...

class RunnerHealthRequest(_message.Message):
    __slots__ = ("version", "call_id", "patience")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    PATIENCE_FIELD_NUMBER: _ClassVar[int]
    version: int
    call_id: str
    patience: float
    def __init__(self, version: _Optional[int] = ..., call_id: _Optional[str] = ..., patience: _Optional[float] = ...) -> None: ...

class RunnerHealthResponse(_message.Message):
    __slots__ = ("alive", "status", "why", "limited")
    ALIVE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    LIMITED_FIELD_NUMBER: _ClassVar[int]
    alive: bool
    status: int
    why: str
    limited: bool
    def __init__(self, alive: _Optional[bool] = ..., status: _Optional[int] = ..., why: _Optional[str] = ..., limited: _Optional[bool] = ...) -> None: ...

class HealthRequest(_message.Message):
    __slots__ = ("version", "session_id")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    version: int
    session_id: str
    def __init__(self, version: _Optional[int] = ..., session_id: _Optional[str] = ...) -> None: ...

class HealthResponse(_message.Message):
    __slots__ = ("version", "ok", "why", "runners", "most", "knows_session", "runs_session")
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
    def __init__(self, version: _Optional[int] = ..., ok: _Optional[bool] = ..., why: _Optional[str] = ..., runners: _Optional[int] = ..., most: _Optional[int] = ..., knows_session: _Optional[bool] = ..., runs_session: _Optional[bool] = ...) -> None: ...
