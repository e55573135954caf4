import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.type import money_pb2 as _money_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AdAccount(_message.Message):
    __slots__ = ("name", "connection", "provider_ad_account_id", "display_name", "currency_code", "time_zone", "balance", "state", "provider_state", "fetch_time", "rejection_reason")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[AdAccount.State]
        ACTIVE: _ClassVar[AdAccount.State]
        IN_REVIEW: _ClassVar[AdAccount.State]
        REJECTED: _ClassVar[AdAccount.State]
        SUSPENDED: _ClassVar[AdAccount.State]
        DISABLED: _ClassVar[AdAccount.State]
        UNREACHABLE: _ClassVar[AdAccount.State]
    STATE_UNSPECIFIED: AdAccount.State
    ACTIVE: AdAccount.State
    IN_REVIEW: AdAccount.State
    REJECTED: AdAccount.State
    SUSPENDED: AdAccount.State
    DISABLED: AdAccount.State
    UNREACHABLE: AdAccount.State
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_AD_ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_CODE_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    BALANCE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_STATE_FIELD_NUMBER: _ClassVar[int]
    FETCH_TIME_FIELD_NUMBER: _ClassVar[int]
    REJECTION_REASON_FIELD_NUMBER: _ClassVar[int]
    name: str
    connection: str
    provider_ad_account_id: str
    display_name: str
    currency_code: str
    time_zone: str
    balance: _money_pb2.Money
    state: AdAccount.State
    provider_state: str
    fetch_time: _timestamp_pb2.Timestamp
    rejection_reason: str
    def __init__(self, name: _Optional[str] = ..., connection: _Optional[str] = ..., provider_ad_account_id: _Optional[str] = ..., display_name: _Optional[str] = ..., currency_code: _Optional[str] = ..., time_zone: _Optional[str] = ..., balance: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., state: _Optional[_Union[AdAccount.State, str]] = ..., provider_state: _Optional[str] = ..., fetch_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., rejection_reason: _Optional[str] = ...) -> None: ...
