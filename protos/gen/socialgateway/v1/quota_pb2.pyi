import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Quota(_message.Message):
    __slots__ = ("name", "metric", "subject", "limit", "used", "window", "reset_time", "source")
    class Source(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        SOURCE_UNSPECIFIED: _ClassVar[Quota.Source]
        DOCUMENTED: _ClassVar[Quota.Source]
        HEADER: _ClassVar[Quota.Source]
        LEARNED: _ClassVar[Quota.Source]
    SOURCE_UNSPECIFIED: Quota.Source
    DOCUMENTED: Quota.Source
    HEADER: Quota.Source
    LEARNED: Quota.Source
    NAME_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    RESET_TIME_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    name: str
    metric: str
    subject: str
    limit: int
    used: int
    window: _duration_pb2.Duration
    reset_time: _timestamp_pb2.Timestamp
    source: Quota.Source
    def __init__(self, name: _Optional[str] = ..., metric: _Optional[str] = ..., subject: _Optional[str] = ..., limit: _Optional[int] = ..., used: _Optional[int] = ..., window: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., reset_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., source: _Optional[_Union[Quota.Source, str]] = ...) -> None: ...

class QuotaCost(_message.Message):
    __slots__ = ("quota", "amount", "available", "available_time")
    QUOTA_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_TIME_FIELD_NUMBER: _ClassVar[int]
    quota: str
    amount: int
    available: int
    available_time: _timestamp_pb2.Timestamp
    def __init__(self, quota: _Optional[str] = ..., amount: _Optional[int] = ..., available: _Optional[int] = ..., available_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
