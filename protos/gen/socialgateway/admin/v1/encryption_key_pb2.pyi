import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EncryptionKey(_message.Message):
    __slots__ = ("name", "state", "wrapped_count", "rewrap")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[EncryptionKey.State]
        ACTIVE: _ClassVar[EncryptionKey.State]
        RETIRING: _ClassVar[EncryptionKey.State]
        RETIRED: _ClassVar[EncryptionKey.State]
        MISSING: _ClassVar[EncryptionKey.State]
    STATE_UNSPECIFIED: EncryptionKey.State
    ACTIVE: EncryptionKey.State
    RETIRING: EncryptionKey.State
    RETIRED: EncryptionKey.State
    MISSING: EncryptionKey.State
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    WRAPPED_COUNT_FIELD_NUMBER: _ClassVar[int]
    REWRAP_FIELD_NUMBER: _ClassVar[int]
    name: str
    state: EncryptionKey.State
    wrapped_count: int
    rewrap: Rewrap
    def __init__(self, name: _Optional[str] = ..., state: _Optional[_Union[EncryptionKey.State, str]] = ..., wrapped_count: _Optional[int] = ..., rewrap: _Optional[_Union[Rewrap, _Mapping]] = ...) -> None: ...

class Rewrap(_message.Message):
    __slots__ = ("done_count", "total_count", "last_error", "create_time", "end_time")
    DONE_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOTAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    done_count: int
    total_count: int
    last_error: str
    create_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, done_count: _Optional[int] = ..., total_count: _Optional[int] = ..., last_error: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
