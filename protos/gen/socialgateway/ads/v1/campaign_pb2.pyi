import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from socialgateway.ads.v1 import delivery_pb2 as _delivery_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Campaign(_message.Message):
    __slots__ = ("name", "display_name", "objective", "budget", "special_industries", "state", "provider_state", "rejection_reason", "warnings", "reconciling", "error", "etag", "provider_campaign_id", "create_time", "fetch_time")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    OBJECTIVE_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    SPECIAL_INDUSTRIES_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_STATE_FIELD_NUMBER: _ClassVar[int]
    REJECTION_REASON_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    RECONCILING_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_CAMPAIGN_ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    FETCH_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    objective: str
    budget: _delivery_pb2.Budget
    special_industries: _containers.RepeatedScalarFieldContainer[str]
    state: _delivery_pb2.DeliveryState
    provider_state: str
    rejection_reason: str
    warnings: _containers.RepeatedCompositeFieldContainer[_delivery_pb2.AdWarning]
    reconciling: bool
    error: _status_pb2.Status
    etag: str
    provider_campaign_id: str
    create_time: _timestamp_pb2.Timestamp
    fetch_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., objective: _Optional[str] = ..., budget: _Optional[_Union[_delivery_pb2.Budget, _Mapping]] = ..., special_industries: _Optional[_Iterable[str]] = ..., state: _Optional[_Union[_delivery_pb2.DeliveryState, str]] = ..., provider_state: _Optional[str] = ..., rejection_reason: _Optional[str] = ..., warnings: _Optional[_Iterable[_Union[_delivery_pb2.AdWarning, _Mapping]]] = ..., reconciling: _Optional[bool] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., etag: _Optional[str] = ..., provider_campaign_id: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., fetch_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
