import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from socialgateway.v1 import account_pb2 as _account_pb2
from socialgateway.v1 import connection_pb2 as _connection_pb2
from socialgateway.v1 import engagement_pb2 as _engagement_pb2
from socialgateway.v1 import post_pb2 as _post_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EventType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EVENT_TYPE_UNSPECIFIED: _ClassVar[EventType]
    EVENT_TYPE_CONNECTION_STATUS_CHANGED: _ClassVar[EventType]
    EVENT_TYPE_CONNECTION_DENIED: _ClassVar[EventType]
    EVENT_TYPE_CONNECTION_DISCONNECTED: _ClassVar[EventType]
    EVENT_TYPE_ACCOUNT_ATTACHED: _ClassVar[EventType]
    EVENT_TYPE_ACCOUNT_DETACHED: _ClassVar[EventType]
    EVENT_TYPE_POST_STATE_CHANGED: _ClassVar[EventType]
    EVENT_TYPE_COMMENT_RECEIVED: _ClassVar[EventType]
    EVENT_TYPE_ENGAGEMENT_SYNCED: _ClassVar[EventType]
    EVENT_TYPE_PROVIDER_UNKNOWN: _ClassVar[EventType]
    EVENT_TYPE_POST_PUBLICLY_AVAILABLE: _ClassVar[EventType]
    EVENT_TYPE_POST_NO_LONGER_AVAILABLE: _ClassVar[EventType]
    EVENT_TYPE_AD_STATE_CHANGED: _ClassVar[EventType]
    EVENT_TYPE_WEBHOOK_ENDPOINT_DISABLED: _ClassVar[EventType]
    EVENT_TYPE_POST_UPDATED: _ClassVar[EventType]
EVENT_TYPE_UNSPECIFIED: EventType
EVENT_TYPE_CONNECTION_STATUS_CHANGED: EventType
EVENT_TYPE_CONNECTION_DENIED: EventType
EVENT_TYPE_CONNECTION_DISCONNECTED: EventType
EVENT_TYPE_ACCOUNT_ATTACHED: EventType
EVENT_TYPE_ACCOUNT_DETACHED: EventType
EVENT_TYPE_POST_STATE_CHANGED: EventType
EVENT_TYPE_COMMENT_RECEIVED: EventType
EVENT_TYPE_ENGAGEMENT_SYNCED: EventType
EVENT_TYPE_PROVIDER_UNKNOWN: EventType
EVENT_TYPE_POST_PUBLICLY_AVAILABLE: EventType
EVENT_TYPE_POST_NO_LONGER_AVAILABLE: EventType
EVENT_TYPE_AD_STATE_CHANGED: EventType
EVENT_TYPE_WEBHOOK_ENDPOINT_DISABLED: EventType
EVENT_TYPE_POST_UPDATED: EventType

class Event(_message.Message):
    __slots__ = ("name", "type", "subject", "create_time", "provider_event_id", "connection", "account", "post", "comment", "engagement_sync", "previous_status", "merged_into", "provider_post_id", "consent_denial", "provider_event", "ad_state_change")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    POST_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    ENGAGEMENT_SYNC_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_STATUS_FIELD_NUMBER: _ClassVar[int]
    MERGED_INTO_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_POST_ID_FIELD_NUMBER: _ClassVar[int]
    CONSENT_DENIAL_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_EVENT_FIELD_NUMBER: _ClassVar[int]
    AD_STATE_CHANGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    type: EventType
    subject: str
    create_time: _timestamp_pb2.Timestamp
    provider_event_id: str
    connection: _connection_pb2.Connection
    account: _account_pb2.Account
    post: _post_pb2.Post
    comment: _engagement_pb2.Comment
    engagement_sync: _engagement_pb2.EngagementSync
    previous_status: _connection_pb2.Connection.Status
    merged_into: str
    provider_post_id: str
    consent_denial: ConsentDenial
    provider_event: ProviderEvent
    ad_state_change: AdStateChange
    def __init__(self, name: _Optional[str] = ..., type: _Optional[_Union[EventType, str]] = ..., subject: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., provider_event_id: _Optional[str] = ..., connection: _Optional[_Union[_connection_pb2.Connection, _Mapping]] = ..., account: _Optional[_Union[_account_pb2.Account, _Mapping]] = ..., post: _Optional[_Union[_post_pb2.Post, _Mapping]] = ..., comment: _Optional[_Union[_engagement_pb2.Comment, _Mapping]] = ..., engagement_sync: _Optional[_Union[_engagement_pb2.EngagementSync, _Mapping]] = ..., previous_status: _Optional[_Union[_connection_pb2.Connection.Status, str]] = ..., merged_into: _Optional[str] = ..., provider_post_id: _Optional[str] = ..., consent_denial: _Optional[_Union[ConsentDenial, _Mapping]] = ..., provider_event: _Optional[_Union[ProviderEvent, _Mapping]] = ..., ad_state_change: _Optional[_Union[AdStateChange, _Mapping]] = ...) -> None: ...

class ConsentDenial(_message.Message):
    __slots__ = ("reason", "provider_code", "provider_message")
    REASON_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_CODE_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    reason: str
    provider_code: str
    provider_message: str
    def __init__(self, reason: _Optional[str] = ..., provider_code: _Optional[str] = ..., provider_message: _Optional[str] = ...) -> None: ...

class AdStateChange(_message.Message):
    __slots__ = ("previous_state", "state", "rejection_reason")
    PREVIOUS_STATE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REJECTION_REASON_FIELD_NUMBER: _ClassVar[int]
    previous_state: str
    state: str
    rejection_reason: str
    def __init__(self, previous_state: _Optional[str] = ..., state: _Optional[str] = ..., rejection_reason: _Optional[str] = ...) -> None: ...

class ProviderEvent(_message.Message):
    __slots__ = ("provider", "event", "content")
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    provider: str
    event: str
    content: _struct_pb2.Struct
    def __init__(self, provider: _Optional[str] = ..., event: _Optional[str] = ..., content: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...
