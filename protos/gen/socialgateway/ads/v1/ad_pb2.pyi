import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from socialgateway.ads.v1 import delivery_pb2 as _delivery_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Ad(_message.Message):
    __slots__ = ("name", "display_name", "creative", "state", "provider_state", "rejection_reason", "warnings", "reconciling", "error", "etag", "provider_ad_id", "create_time", "fetch_time")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    CREATIVE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_STATE_FIELD_NUMBER: _ClassVar[int]
    REJECTION_REASON_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    RECONCILING_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_AD_ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    FETCH_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    creative: Creative
    state: _delivery_pb2.DeliveryState
    provider_state: str
    rejection_reason: str
    warnings: _containers.RepeatedCompositeFieldContainer[_delivery_pb2.AdWarning]
    reconciling: bool
    error: _status_pb2.Status
    etag: str
    provider_ad_id: str
    create_time: _timestamp_pb2.Timestamp
    fetch_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., creative: _Optional[_Union[Creative, _Mapping]] = ..., state: _Optional[_Union[_delivery_pb2.DeliveryState, str]] = ..., provider_state: _Optional[str] = ..., rejection_reason: _Optional[str] = ..., warnings: _Optional[_Iterable[_Union[_delivery_pb2.AdWarning, _Mapping]]] = ..., reconciling: _Optional[bool] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., etag: _Optional[str] = ..., provider_ad_id: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., fetch_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Creative(_message.Message):
    __slots__ = ("upload", "post", "authorization_code", "text", "call_to_action", "landing_uri", "identity", "authorization_days", "provider_post_id")
    UPLOAD_FIELD_NUMBER: _ClassVar[int]
    POST_FIELD_NUMBER: _ClassVar[int]
    AUTHORIZATION_CODE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CALL_TO_ACTION_FIELD_NUMBER: _ClassVar[int]
    LANDING_URI_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    AUTHORIZATION_DAYS_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_POST_ID_FIELD_NUMBER: _ClassVar[int]
    upload: str
    post: str
    authorization_code: str
    text: str
    call_to_action: str
    landing_uri: str
    identity: AdIdentity
    authorization_days: int
    provider_post_id: str
    def __init__(self, upload: _Optional[str] = ..., post: _Optional[str] = ..., authorization_code: _Optional[str] = ..., text: _Optional[str] = ..., call_to_action: _Optional[str] = ..., landing_uri: _Optional[str] = ..., identity: _Optional[_Union[AdIdentity, _Mapping]] = ..., authorization_days: _Optional[int] = ..., provider_post_id: _Optional[str] = ...) -> None: ...

class AdIdentity(_message.Message):
    __slots__ = ("kind", "identity_id", "business_center_id")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[AdIdentity.Kind]
        ACCOUNT: _ClassVar[AdIdentity.Kind]
        BUSINESS_CENTER_ACCOUNT: _ClassVar[AdIdentity.Kind]
        POST_AUTHOR: _ClassVar[AdIdentity.Kind]
        CUSTOM: _ClassVar[AdIdentity.Kind]
    KIND_UNSPECIFIED: AdIdentity.Kind
    ACCOUNT: AdIdentity.Kind
    BUSINESS_CENTER_ACCOUNT: AdIdentity.Kind
    POST_AUTHOR: AdIdentity.Kind
    CUSTOM: AdIdentity.Kind
    KIND_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_ID_FIELD_NUMBER: _ClassVar[int]
    BUSINESS_CENTER_ID_FIELD_NUMBER: _ClassVar[int]
    kind: AdIdentity.Kind
    identity_id: str
    business_center_id: str
    def __init__(self, kind: _Optional[_Union[AdIdentity.Kind, str]] = ..., identity_id: _Optional[str] = ..., business_center_id: _Optional[str] = ...) -> None: ...
