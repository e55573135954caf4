import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from socialgateway.admin.v1 import agency_pb2 as _agency_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Location(_message.Message):
    __slots__ = ("name", "agency", "claim", "connection_count", "create_time", "deletion")
    class Claim(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        CLAIM_UNSPECIFIED: _ClassVar[Location.Claim]
        FIRST_USE: _ClassVar[Location.Claim]
        GRANTED: _ClassVar[Location.Claim]
        NAMED: _ClassVar[Location.Claim]
        ASSIGNED: _ClassVar[Location.Claim]
    CLAIM_UNSPECIFIED: Location.Claim
    FIRST_USE: Location.Claim
    GRANTED: Location.Claim
    NAMED: Location.Claim
    ASSIGNED: Location.Claim
    NAME_FIELD_NUMBER: _ClassVar[int]
    AGENCY_FIELD_NUMBER: _ClassVar[int]
    CLAIM_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_COUNT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    DELETION_FIELD_NUMBER: _ClassVar[int]
    name: str
    agency: str
    claim: Location.Claim
    connection_count: int
    create_time: _timestamp_pb2.Timestamp
    deletion: _agency_pb2.Deletion
    def __init__(self, name: _Optional[str] = ..., agency: _Optional[str] = ..., claim: _Optional[_Union[Location.Claim, str]] = ..., connection_count: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., deletion: _Optional[_Union[_agency_pb2.Deletion, _Mapping]] = ...) -> None: ...
