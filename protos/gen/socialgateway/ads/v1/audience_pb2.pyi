import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Audience(_message.Message):
    __slots__ = ("name", "display_name", "state", "size", "pending_members", "sent_members", "sending", "error", "provider_audience_id", "create_time", "update_time", "fetch_time", "removing")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Audience.State]
        COLLECTING: _ClassVar[Audience.State]
        SENDING: _ClassVar[Audience.State]
        BUILDING: _ClassVar[Audience.State]
        ACTIVE: _ClassVar[Audience.State]
        TOO_SMALL: _ClassVar[Audience.State]
        EXPIRED: _ClassVar[Audience.State]
        FAILED: _ClassVar[Audience.State]
    STATE_UNSPECIFIED: Audience.State
    COLLECTING: Audience.State
    SENDING: Audience.State
    BUILDING: Audience.State
    ACTIVE: Audience.State
    TOO_SMALL: Audience.State
    EXPIRED: Audience.State
    FAILED: Audience.State
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    PENDING_MEMBERS_FIELD_NUMBER: _ClassVar[int]
    SENT_MEMBERS_FIELD_NUMBER: _ClassVar[int]
    SENDING_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_AUDIENCE_ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    FETCH_TIME_FIELD_NUMBER: _ClassVar[int]
    REMOVING_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    state: Audience.State
    size: int
    pending_members: int
    sent_members: int
    sending: bool
    error: _status_pb2.Status
    provider_audience_id: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    fetch_time: _timestamp_pb2.Timestamp
    removing: bool
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., state: _Optional[_Union[Audience.State, str]] = ..., size: _Optional[int] = ..., pending_members: _Optional[int] = ..., sent_members: _Optional[int] = ..., sending: _Optional[bool] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., provider_audience_id: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., fetch_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., removing: _Optional[bool] = ...) -> None: ...

class AudienceMember(_message.Message):
    __slots__ = ("email", "phone", "maid")
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    PHONE_FIELD_NUMBER: _ClassVar[int]
    MAID_FIELD_NUMBER: _ClassVar[int]
    email: str
    phone: str
    maid: str
    def __init__(self, email: _Optional[str] = ..., phone: _Optional[str] = ..., maid: _Optional[str] = ...) -> None: ...

class Hashing(_message.Message):
    __slots__ = ("phone_region", "strip_aliases")
    PHONE_REGION_FIELD_NUMBER: _ClassVar[int]
    STRIP_ALIASES_FIELD_NUMBER: _ClassVar[int]
    phone_region: str
    strip_aliases: bool
    def __init__(self, phone_region: _Optional[str] = ..., strip_aliases: _Optional[bool] = ...) -> None: ...
