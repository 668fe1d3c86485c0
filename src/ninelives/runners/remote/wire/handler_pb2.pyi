from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FromRunner(_message.Message):
    __slots__ = ("opening", "frames", "printed")
    OPENING_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    PRINTED_FIELD_NUMBER: _ClassVar[int]
    opening: Opening
    frames: bytes
    printed: Printed
    def __init__(self, opening: _Optional[_Union[Opening, _Mapping]] = ..., frames: _Optional[bytes] = ..., printed: _Optional[_Union[Printed, _Mapping]] = ...) -> None: ...

class Opening(_message.Message):
    __slots__ = ("version", "call_id")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    version: int
    call_id: str
    def __init__(self, version: _Optional[int] = ..., call_id: _Optional[str] = ...) -> None: ...

class Printed(_message.Message):
    __slots__ = ("stream", "data")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    stream: str
    data: bytes
    def __init__(self, stream: _Optional[str] = ..., data: _Optional[bytes] = ...) -> None: ...

class ToRunner(_message.Message):
    __slots__ = ("frames",)
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    frames: bytes
    def __init__(self, frames: _Optional[bytes] = ...) -> None: ...

class IsActiveRequest(_message.Message):
    __slots__ = ("version", "call_id")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    version: int
    call_id: str
    def __init__(self, version: _Optional[int] = ..., call_id: _Optional[str] = ...) -> None: ...

class IsActiveResponse(_message.Message):
    __slots__ = ("active",)
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    active: bool
    def __init__(self, active: _Optional[bool] = ...) -> None: ...

class HandlerHealthRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HandlerHealthResponse(_message.Message):
    __slots__ = ("version", "runners")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    RUNNERS_FIELD_NUMBER: _ClassVar[int]
    version: int
    runners: int
    def __init__(self, version: _Optional[int] = ..., runners: _Optional[int] = ...) -> None: ...
