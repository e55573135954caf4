import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Category(_message.Message):
    __slots__ = ("name", "display_name", "color")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    COLOR_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    color: str
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., color: _Optional[str] = ...) -> None: ...

class Tag(_message.Message):
    __slots__ = ("name", "display_name")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ...) -> None: ...

class PostImport(_message.Message):
    __slots__ = ("name", "upload", "accounts", "state", "error", "row_count", "provider_state", "provider_import_id", "create_time", "update_time", "finalize_time")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[PostImport.State]
        CREATING: _ClassVar[PostImport.State]
        CHECKING: _ClassVar[PostImport.State]
        READY: _ClassVar[PostImport.State]
        FINALIZING: _ClassVar[PostImport.State]
        FINALIZED: _ClassVar[PostImport.State]
        INDETERMINATE: _ClassVar[PostImport.State]
        FAILED: _ClassVar[PostImport.State]
        DELETING: _ClassVar[PostImport.State]
    STATE_UNSPECIFIED: PostImport.State
    CREATING: PostImport.State
    CHECKING: PostImport.State
    READY: PostImport.State
    FINALIZING: PostImport.State
    FINALIZED: PostImport.State
    INDETERMINATE: PostImport.State
    FAILED: PostImport.State
    DELETING: PostImport.State
    NAME_FIELD_NUMBER: _ClassVar[int]
    UPLOAD_FIELD_NUMBER: _ClassVar[int]
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_STATE_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_IMPORT_ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    FINALIZE_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    upload: str
    accounts: _containers.RepeatedScalarFieldContainer[str]
    state: PostImport.State
    error: _status_pb2.Status
    row_count: int
    provider_state: str
    provider_import_id: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    finalize_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., upload: _Optional[str] = ..., accounts: _Optional[_Iterable[str]] = ..., state: _Optional[_Union[PostImport.State, str]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., row_count: _Optional[int] = ..., provider_state: _Optional[str] = ..., provider_import_id: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., finalize_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class PostImportRow(_message.Message):
    __slots__ = ("text", "schedule_time", "media_uris", "errors")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_TIME_FIELD_NUMBER: _ClassVar[int]
    MEDIA_URIS_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    text: str
    schedule_time: _timestamp_pb2.Timestamp
    media_uris: _containers.RepeatedScalarFieldContainer[str]
    errors: _containers.RepeatedCompositeFieldContainer[PostImportRowError]
    def __init__(self, text: _Optional[str] = ..., schedule_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., media_uris: _Optional[_Iterable[str]] = ..., errors: _Optional[_Iterable[_Union[PostImportRowError, _Mapping]]] = ...) -> None: ...

class PostImportRowError(_message.Message):
    __slots__ = ("provider_code", "place", "platform")
    PROVIDER_CODE_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    PLATFORM_FIELD_NUMBER: _ClassVar[int]
    provider_code: str
    place: str
    platform: str
    def __init__(self, provider_code: _Optional[str] = ..., place: _Optional[str] = ..., platform: _Optional[str] = ...) -> None: ...
