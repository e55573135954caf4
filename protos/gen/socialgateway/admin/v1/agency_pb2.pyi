import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Agency(_message.Message):
    __slots__ = ("name", "display_name", "state", "location_count", "api_key_count", "upload_bytes", "create_time", "suspend_time", "deletion")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Agency.State]
        ACTIVE: _ClassVar[Agency.State]
        SUSPENDED: _ClassVar[Agency.State]
        DELETING: _ClassVar[Agency.State]
    STATE_UNSPECIFIED: Agency.State
    ACTIVE: Agency.State
    SUSPENDED: Agency.State
    DELETING: Agency.State
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    LOCATION_COUNT_FIELD_NUMBER: _ClassVar[int]
    API_KEY_COUNT_FIELD_NUMBER: _ClassVar[int]
    UPLOAD_BYTES_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    SUSPEND_TIME_FIELD_NUMBER: _ClassVar[int]
    DELETION_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    state: Agency.State
    location_count: int
    api_key_count: int
    upload_bytes: int
    create_time: _timestamp_pb2.Timestamp
    suspend_time: _timestamp_pb2.Timestamp
    deletion: Deletion
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., state: _Optional[_Union[Agency.State, str]] = ..., location_count: _Optional[int] = ..., api_key_count: _Optional[int] = ..., upload_bytes: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., suspend_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., deletion: _Optional[_Union[Deletion, _Mapping]] = ...) -> None: ...

class Deletion(_message.Message):
    __slots__ = ("done_count", "total_count", "last_error", "create_time")
    DONE_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOTAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    done_count: int
    total_count: int
    last_error: str
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, done_count: _Optional[int] = ..., total_count: _Optional[int] = ..., last_error: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
