from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar

from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message

DESCRIPTOR: _descriptor.FileDescriptor

class FromRunner(_message.Message):
    __slots__ = ("frames", "opening", "printed")
    OPENING_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    PRINTED_FIELD_NUMBER: _ClassVar[int]
    opening: Opening
    frames: bytes
    printed: Printed
    def __init__(
        self,
        opening: Opening | _Mapping | None = ...,
        frames: bytes | None = ...,
        printed: Printed | _Mapping | None = ...,
    ) -> None: ...

class Opening(_message.Message):
    __slots__ = ("call_id", "version")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    version: int
    call_id: str
    def __init__(self, version: int | None = ..., call_id: str | None = ...) -> None: ...

class Printed(_message.Message):
    __slots__ = ("data", "stream")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    stream: str
    data: bytes
    def __init__(self, stream: str | None = ..., data: bytes | None = ...) -> None: ...

class ToRunner(_message.Message):
    __slots__ = ("frames",)
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    frames: bytes
    def __init__(self, frames: bytes | None = ...) -> None: ...

class IsActiveRequest(_message.Message):
    __slots__ = ("call_id", "version")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    version: int
    call_id: str
    def __init__(self, version: int | None = ..., call_id: str | None = ...) -> None: ...

class IsActiveResponse(_message.Message):
    __slots__ = ("active",)
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    active: bool
    def __init__(self, active: bool | None = ...) -> None: ...

class HandlerHealthRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HandlerHealthResponse(_message.Message):
    __slots__ = ("runners", "version")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    RUNNERS_FIELD_NUMBER: _ClassVar[int]
    version: int
    runners: int
    def __init__(self, version: int | None = ..., runners: int | None = ...) -> None: ...
