import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReasonCode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REASON_CODE_UNSPECIFIED: _ClassVar[ReasonCode]
    REASON_CODE_VERIFICATION_OK: _ClassVar[ReasonCode]
    REASON_CODE_TOKEN_INVALID_OR_EXPIRED: _ClassVar[ReasonCode]
    REASON_CODE_TOKEN_REVOKED: _ClassVar[ReasonCode]
    REASON_CODE_MISSING_PROFILE_SCOPE: _ClassVar[ReasonCode]
    REASON_CODE_MISSING_VIDEO_LIST_SCOPE: _ClassVar[ReasonCode]
    REASON_CODE_MISSING_VIDEO_METRICS_SCOPE: _ClassVar[ReasonCode]
    REASON_CODE_ACCOUNT_NOT_ELIGIBLE_FOR_METRICS: _ClassVar[ReasonCode]
    REASON_CODE_TEMPORARY_API_FAILURE: _ClassVar[ReasonCode]
    REASON_CODE_CONNECTION_NOT_FOUND: _ClassVar[ReasonCode]
    REASON_CODE_UNKNOWN_ERROR: _ClassVar[ReasonCode]
    REASON_CODE_MISSING_PUBLISH_SCOPE: _ClassVar[ReasonCode]
    REASON_CODE_AWAITING_AUTHORIZATION: _ClassVar[ReasonCode]
    REASON_CODE_MISSING_ACTING_USER: _ClassVar[ReasonCode]
    REASON_CODE_GRANT_REMAINS: _ClassVar[ReasonCode]

class GrantOrigin(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GRANT_ORIGIN_UNSPECIFIED: _ClassVar[GrantOrigin]
    GRANT_ORIGIN_CONSENT: _ClassVar[GrantOrigin]
    GRANT_ORIGIN_STATIC_TOKEN: _ClassVar[GrantOrigin]
    GRANT_ORIGIN_PARENT: _ClassVar[GrantOrigin]

class GrantKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GRANT_KIND_UNSPECIFIED: _ClassVar[GrantKind]
    GRANT_KIND_USER: _ClassVar[GrantKind]
    GRANT_KIND_BUSINESS_ACCOUNT: _ClassVar[GrantKind]
    GRANT_KIND_ADVERTISER: _ClassVar[GrantKind]
    GRANT_KIND_LOCATION: _ClassVar[GrantKind]
    GRANT_KIND_COMPANY: _ClassVar[GrantKind]
REASON_CODE_UNSPECIFIED: ReasonCode
REASON_CODE_VERIFICATION_OK: ReasonCode
REASON_CODE_TOKEN_INVALID_OR_EXPIRED: ReasonCode
REASON_CODE_TOKEN_REVOKED: ReasonCode
REASON_CODE_MISSING_PROFILE_SCOPE: ReasonCode
REASON_CODE_MISSING_VIDEO_LIST_SCOPE: ReasonCode
REASON_CODE_MISSING_VIDEO_METRICS_SCOPE: ReasonCode
REASON_CODE_ACCOUNT_NOT_ELIGIBLE_FOR_METRICS: ReasonCode
REASON_CODE_TEMPORARY_API_FAILURE: ReasonCode
REASON_CODE_CONNECTION_NOT_FOUND: ReasonCode
REASON_CODE_UNKNOWN_ERROR: ReasonCode
REASON_CODE_MISSING_PUBLISH_SCOPE: ReasonCode
REASON_CODE_AWAITING_AUTHORIZATION: ReasonCode
REASON_CODE_MISSING_ACTING_USER: ReasonCode
REASON_CODE_GRANT_REMAINS: ReasonCode
GRANT_ORIGIN_UNSPECIFIED: GrantOrigin
GRANT_ORIGIN_CONSENT: GrantOrigin
GRANT_ORIGIN_STATIC_TOKEN: GrantOrigin
GRANT_ORIGIN_PARENT: GrantOrigin
GRANT_KIND_UNSPECIFIED: GrantKind
GRANT_KIND_USER: GrantKind
GRANT_KIND_BUSINESS_ACCOUNT: GrantKind
GRANT_KIND_ADVERTISER: GrantKind
GRANT_KIND_LOCATION: GrantKind
GRANT_KIND_COMPANY: GrantKind

class Connection(_message.Message):
    __slots__ = ("name", "provider", "grant_kind", "requested_scopes", "provider_settings", "status", "capabilities", "reason_code", "reason_message", "last_error_code", "last_error_message", "provider_subject", "authorization", "granted_scopes", "access_expire_time", "refresh_expire_time", "last_verify_time", "create_time", "update_time", "grant_origin", "parent_connection", "etag")
    class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATUS_UNSPECIFIED: _ClassVar[Connection.Status]
        PENDING: _ClassVar[Connection.Status]
        VALID: _ClassVar[Connection.Status]
        LIMITED: _ClassVar[Connection.Status]
        ERROR: _ClassVar[Connection.Status]
        EXPIRED: _ClassVar[Connection.Status]
        DISCONNECTED: _ClassVar[Connection.Status]
    STATUS_UNSPECIFIED: Connection.Status
    PENDING: Connection.Status
    VALID: Connection.Status
    LIMITED: Connection.Status
    ERROR: Connection.Status
    EXPIRED: Connection.Status
    DISCONNECTED: Connection.Status
    class Authorization(_message.Message):
        __slots__ = ("uri", "expire_time")
        URI_FIELD_NUMBER: _ClassVar[int]
        EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
        uri: str
        expire_time: _timestamp_pb2.Timestamp
        def __init__(self, uri: _Optional[str] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
    class Capabilities(_message.Message):
        __slots__ = ("can_read_profile", "can_list_videos", "can_read_video_metrics", "can_publish", "can_upload_drafts", "can_read_comments", "can_manage_ads")
        CAN_READ_PROFILE_FIELD_NUMBER: _ClassVar[int]
        CAN_LIST_VIDEOS_FIELD_NUMBER: _ClassVar[int]
        CAN_READ_VIDEO_METRICS_FIELD_NUMBER: _ClassVar[int]
        CAN_PUBLISH_FIELD_NUMBER: _ClassVar[int]
        CAN_UPLOAD_DRAFTS_FIELD_NUMBER: _ClassVar[int]
        CAN_READ_COMMENTS_FIELD_NUMBER: _ClassVar[int]
        CAN_MANAGE_ADS_FIELD_NUMBER: _ClassVar[int]
        can_read_profile: bool
        can_list_videos: bool
        can_read_video_metrics: bool
        can_publish: bool
        can_upload_drafts: bool
        can_read_comments: bool
        can_manage_ads: bool
        def __init__(self, can_read_profile: _Optional[bool] = ..., can_list_videos: _Optional[bool] = ..., can_read_video_metrics: _Optional[bool] = ..., can_publish: _Optional[bool] = ..., can_upload_drafts: _Optional[bool] = ..., can_read_comments: _Optional[bool] = ..., can_manage_ads: _Optional[bool] = ...) -> None: ...
    class ProviderSettingsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    GRANT_KIND_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_SCOPES_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_SETTINGS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    REASON_CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_SUBJECT_FIELD_NUMBER: _ClassVar[int]
    AUTHORIZATION_FIELD_NUMBER: _ClassVar[int]
    GRANTED_SCOPES_FIELD_NUMBER: _ClassVar[int]
    ACCESS_EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    REFRESH_EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_VERIFY_TIME_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    GRANT_ORIGIN_FIELD_NUMBER: _ClassVar[int]
    PARENT_CONNECTION_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    provider: str
    grant_kind: GrantKind
    requested_scopes: _containers.RepeatedScalarFieldContainer[str]
    provider_settings: _containers.ScalarMap[str, str]
    status: Connection.Status
    capabilities: Connection.Capabilities
    reason_code: ReasonCode
    reason_message: str
    last_error_code: str
    last_error_message: str
    provider_subject: str
    authorization: Connection.Authorization
    granted_scopes: _containers.RepeatedScalarFieldContainer[str]
    access_expire_time: _timestamp_pb2.Timestamp
    refresh_expire_time: _timestamp_pb2.Timestamp
    last_verify_time: _timestamp_pb2.Timestamp
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    grant_origin: GrantOrigin
    parent_connection: str
    etag: str
    def __init__(self, name: _Optional[str] = ..., provider: _Optional[str] = ..., grant_kind: _Optional[_Union[GrantKind, str]] = ..., requested_scopes: _Optional[_Iterable[str]] = ..., provider_settings: _Optional[_Mapping[str, str]] = ..., status: _Optional[_Union[Connection.Status, str]] = ..., capabilities: _Optional[_Union[Connection.Capabilities, _Mapping]] = ..., reason_code: _Optional[_Union[ReasonCode, str]] = ..., reason_message: _Optional[str] = ..., last_error_code: _Optional[str] = ..., last_error_message: _Optional[str] = ..., provider_subject: _Optional[str] = ..., authorization: _Optional[_Union[Connection.Authorization, _Mapping]] = ..., granted_scopes: _Optional[_Iterable[str]] = ..., access_expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., refresh_expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_verify_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., grant_origin: _Optional[_Union[GrantOrigin, str]] = ..., parent_connection: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class AccountAuthorization(_message.Message):
    __slots__ = ("uri", "expire_time", "provider_uri")
    URI_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_URI_FIELD_NUMBER: _ClassVar[int]
    uri: str
    expire_time: _timestamp_pb2.Timestamp
    provider_uri: str
    def __init__(self, uri: _Optional[str] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., provider_uri: _Optional[str] = ...) -> None: ...

class AttachableAccount(_message.Message):
    __slots__ = ("provider_account_id", "username", "display_name", "avatar_uri", "attached", "kind")
    PROVIDER_ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    AVATAR_URI_FIELD_NUMBER: _ClassVar[int]
    ATTACHED_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    provider_account_id: str
    username: str
    display_name: str
    avatar_uri: str
    attached: bool
    kind: str
    def __init__(self, provider_account_id: _Optional[str] = ..., username: _Optional[str] = ..., display_name: _Optional[str] = ..., avatar_uri: _Optional[str] = ..., attached: _Optional[bool] = ..., kind: _Optional[str] = ...) -> None: ...
