import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AccountHealth(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACCOUNT_HEALTH_UNSPECIFIED: _ClassVar[AccountHealth]
    ACCOUNT_HEALTH_USABLE: _ClassVar[AccountHealth]
    ACCOUNT_HEALTH_EXPIRED: _ClassVar[AccountHealth]
    ACCOUNT_HEALTH_INACTIVE: _ClassVar[AccountHealth]

class PrivacyLevel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRIVACY_LEVEL_UNSPECIFIED: _ClassVar[PrivacyLevel]
    PRIVACY_LEVEL_PUBLIC: _ClassVar[PrivacyLevel]
    PRIVACY_LEVEL_FOLLOWERS: _ClassVar[PrivacyLevel]
    PRIVACY_LEVEL_FRIENDS: _ClassVar[PrivacyLevel]
    PRIVACY_LEVEL_ONLY_ME: _ClassVar[PrivacyLevel]
ACCOUNT_HEALTH_UNSPECIFIED: AccountHealth
ACCOUNT_HEALTH_USABLE: AccountHealth
ACCOUNT_HEALTH_EXPIRED: AccountHealth
ACCOUNT_HEALTH_INACTIVE: AccountHealth
PRIVACY_LEVEL_UNSPECIFIED: PrivacyLevel
PRIVACY_LEVEL_PUBLIC: PrivacyLevel
PRIVACY_LEVEL_FOLLOWERS: PrivacyLevel
PRIVACY_LEVEL_FRIENDS: PrivacyLevel
PRIVACY_LEVEL_ONLY_ME: PrivacyLevel

class Account(_message.Message):
    __slots__ = ("name", "connection", "provider", "platform", "provider_account_id", "username", "display_name", "bio", "avatar_uri", "profile_uri", "verified", "follower_count", "following_count", "like_count", "video_count", "state", "fetch_time", "create_time", "union_id", "avatar_uris", "unavailable_fields", "kind", "health", "expire_time")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Account.State]
        ACTIVE: _ClassVar[Account.State]
        DETACHED: _ClassVar[Account.State]
        UNREACHABLE: _ClassVar[Account.State]
    STATE_UNSPECIFIED: Account.State
    ACTIVE: Account.State
    DETACHED: Account.State
    UNREACHABLE: Account.State
    class AvatarUrisEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    PLATFORM_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    BIO_FIELD_NUMBER: _ClassVar[int]
    AVATAR_URI_FIELD_NUMBER: _ClassVar[int]
    PROFILE_URI_FIELD_NUMBER: _ClassVar[int]
    VERIFIED_FIELD_NUMBER: _ClassVar[int]
    FOLLOWER_COUNT_FIELD_NUMBER: _ClassVar[int]
    FOLLOWING_COUNT_FIELD_NUMBER: _ClassVar[int]
    LIKE_COUNT_FIELD_NUMBER: _ClassVar[int]
    VIDEO_COUNT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    FETCH_TIME_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UNION_ID_FIELD_NUMBER: _ClassVar[int]
    AVATAR_URIS_FIELD_NUMBER: _ClassVar[int]
    UNAVAILABLE_FIELDS_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    connection: str
    provider: str
    platform: str
    provider_account_id: str
    username: str
    display_name: str
    bio: str
    avatar_uri: str
    profile_uri: str
    verified: bool
    follower_count: int
    following_count: int
    like_count: int
    video_count: int
    state: Account.State
    fetch_time: _timestamp_pb2.Timestamp
    create_time: _timestamp_pb2.Timestamp
    union_id: str
    avatar_uris: _containers.ScalarMap[str, str]
    unavailable_fields: _containers.RepeatedScalarFieldContainer[str]
    kind: str
    health: AccountHealth
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., connection: _Optional[str] = ..., provider: _Optional[str] = ..., platform: _Optional[str] = ..., provider_account_id: _Optional[str] = ..., username: _Optional[str] = ..., display_name: _Optional[str] = ..., bio: _Optional[str] = ..., avatar_uri: _Optional[str] = ..., profile_uri: _Optional[str] = ..., verified: _Optional[bool] = ..., follower_count: _Optional[int] = ..., following_count: _Optional[int] = ..., like_count: _Optional[int] = ..., video_count: _Optional[int] = ..., state: _Optional[_Union[Account.State, str]] = ..., fetch_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., union_id: _Optional[str] = ..., avatar_uris: _Optional[_Mapping[str, str]] = ..., unavailable_fields: _Optional[_Iterable[str]] = ..., kind: _Optional[str] = ..., health: _Optional[_Union[AccountHealth, str]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CreatorInfo(_message.Message):
    __slots__ = ("name", "privacy_levels", "comment_disabled", "duet_disabled", "stitch_disabled", "max_video_duration", "can_post", "cannot_post_reason", "fetch_time", "nickname", "username", "avatar_uri")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PRIVACY_LEVELS_FIELD_NUMBER: _ClassVar[int]
    COMMENT_DISABLED_FIELD_NUMBER: _ClassVar[int]
    DUET_DISABLED_FIELD_NUMBER: _ClassVar[int]
    STITCH_DISABLED_FIELD_NUMBER: _ClassVar[int]
    MAX_VIDEO_DURATION_FIELD_NUMBER: _ClassVar[int]
    CAN_POST_FIELD_NUMBER: _ClassVar[int]
    CANNOT_POST_REASON_FIELD_NUMBER: _ClassVar[int]
    FETCH_TIME_FIELD_NUMBER: _ClassVar[int]
    NICKNAME_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    AVATAR_URI_FIELD_NUMBER: _ClassVar[int]
    name: str
    privacy_levels: _containers.RepeatedScalarFieldContainer[PrivacyLevel]
    comment_disabled: bool
    duet_disabled: bool
    stitch_disabled: bool
    max_video_duration: _duration_pb2.Duration
    can_post: bool
    cannot_post_reason: str
    fetch_time: _timestamp_pb2.Timestamp
    nickname: str
    username: str
    avatar_uri: str
    def __init__(self, name: _Optional[str] = ..., privacy_levels: _Optional[_Iterable[_Union[PrivacyLevel, str]]] = ..., comment_disabled: _Optional[bool] = ..., duet_disabled: _Optional[bool] = ..., stitch_disabled: _Optional[bool] = ..., max_video_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., can_post: _Optional[bool] = ..., cannot_post_reason: _Optional[str] = ..., fetch_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., nickname: _Optional[str] = ..., username: _Optional[str] = ..., avatar_uri: _Optional[str] = ...) -> None: ...
