import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TextUnit(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TEXT_UNIT_UNSPECIFIED: _ClassVar[TextUnit]
    TEXT_UNIT_UTF16_UNIT: _ClassVar[TextUnit]
    TEXT_UNIT_CODE_POINT: _ClassVar[TextUnit]
    TEXT_UNIT_GRAPHEME: _ClassVar[TextUnit]
    TEXT_UNIT_UTF8_BYTE: _ClassVar[TextUnit]

class RequiredMedia(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REQUIRED_MEDIA_UNSPECIFIED: _ClassVar[RequiredMedia]
    REQUIRED_MEDIA_ANY: _ClassVar[RequiredMedia]
    REQUIRED_MEDIA_VIDEO: _ClassVar[RequiredMedia]

class Support(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SUPPORT_UNSPECIFIED: _ClassVar[Support]
    SUPPORT_FULL: _ClassVar[Support]
    SUPPORT_PARTIAL: _ClassVar[Support]
    SUPPORT_NOT_YET: _ClassVar[Support]
    SUPPORT_IMPOSSIBLE: _ClassVar[Support]

class Capability(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CAPABILITY_UNSPECIFIED: _ClassVar[Capability]
    CAPABILITY_OAUTH: _ClassVar[Capability]
    CAPABILITY_STATIC_TOKEN: _ClassVar[Capability]
    CAPABILITY_REVOKE: _ClassVar[Capability]
    CAPABILITY_AGENCY_GRANTS: _ClassVar[Capability]
    CAPABILITY_CREATOR_INFO: _ClassVar[Capability]
    CAPABILITY_ACCOUNT_LIST: _ClassVar[Capability]
    CAPABILITY_ACCOUNT_ATTACH: _ClassVar[Capability]
    CAPABILITY_ACCOUNT_DETACH: _ClassVar[Capability]
    CAPABILITY_VIDEO_LIST: _ClassVar[Capability]
    CAPABILITY_VIDEO_QUERY: _ClassVar[Capability]
    CAPABILITY_POST_VIDEO_UPLOAD: _ClassVar[Capability]
    CAPABILITY_POST_VIDEO_PULL: _ClassVar[Capability]
    CAPABILITY_POST_PHOTO: _ClassVar[Capability]
    CAPABILITY_POST_INBOX: _ClassVar[Capability]
    CAPABILITY_POST_PLANNER_DRAFT: _ClassVar[Capability]
    CAPABILITY_POST_PLANNER_REVIEW: _ClassVar[Capability]
    CAPABILITY_POST_TEXT: _ClassVar[Capability]
    CAPABILITY_POST_SCHEDULE: _ClassVar[Capability]
    CAPABILITY_POST_EDIT: _ClassVar[Capability]
    CAPABILITY_POST_CANCEL: _ClassVar[Capability]
    CAPABILITY_POST_DELETE: _ClassVar[Capability]
    CAPABILITY_METRICS: _ClassVar[Capability]
    CAPABILITY_ACCOUNT_METRICS: _ClassVar[Capability]
    CAPABILITY_COMMENT_LIST: _ClassVar[Capability]
    CAPABILITY_COMMENT_REPLY: _ClassVar[Capability]
    CAPABILITY_COMMENT_MODERATE: _ClassVar[Capability]
    CAPABILITY_COMMENT_HIDE: _ClassVar[Capability]
    CAPABILITY_COMMENT_DELETE: _ClassVar[Capability]
    CAPABILITY_PLANNER_LABELS: _ClassVar[Capability]
    CAPABILITY_POST_IMPORT: _ClassVar[Capability]
    CAPABILITY_WEBHOOKS: _ClassVar[Capability]
    CAPABILITY_ADS: _ClassVar[Capability]
    CAPABILITY_AUDIENCES: _ClassVar[Capability]
TEXT_UNIT_UNSPECIFIED: TextUnit
TEXT_UNIT_UTF16_UNIT: TextUnit
TEXT_UNIT_CODE_POINT: TextUnit
TEXT_UNIT_GRAPHEME: TextUnit
TEXT_UNIT_UTF8_BYTE: TextUnit
REQUIRED_MEDIA_UNSPECIFIED: RequiredMedia
REQUIRED_MEDIA_ANY: RequiredMedia
REQUIRED_MEDIA_VIDEO: RequiredMedia
SUPPORT_UNSPECIFIED: Support
SUPPORT_FULL: Support
SUPPORT_PARTIAL: Support
SUPPORT_NOT_YET: Support
SUPPORT_IMPOSSIBLE: Support
CAPABILITY_UNSPECIFIED: Capability
CAPABILITY_OAUTH: Capability
CAPABILITY_STATIC_TOKEN: Capability
CAPABILITY_REVOKE: Capability
CAPABILITY_AGENCY_GRANTS: Capability
CAPABILITY_CREATOR_INFO: Capability
CAPABILITY_ACCOUNT_LIST: Capability
CAPABILITY_ACCOUNT_ATTACH: Capability
CAPABILITY_ACCOUNT_DETACH: Capability
CAPABILITY_VIDEO_LIST: Capability
CAPABILITY_VIDEO_QUERY: Capability
CAPABILITY_POST_VIDEO_UPLOAD: Capability
CAPABILITY_POST_VIDEO_PULL: Capability
CAPABILITY_POST_PHOTO: Capability
CAPABILITY_POST_INBOX: Capability
CAPABILITY_POST_PLANNER_DRAFT: Capability
CAPABILITY_POST_PLANNER_REVIEW: Capability
CAPABILITY_POST_TEXT: Capability
CAPABILITY_POST_SCHEDULE: Capability
CAPABILITY_POST_EDIT: Capability
CAPABILITY_POST_CANCEL: Capability
CAPABILITY_POST_DELETE: Capability
CAPABILITY_METRICS: Capability
CAPABILITY_ACCOUNT_METRICS: Capability
CAPABILITY_COMMENT_LIST: Capability
CAPABILITY_COMMENT_REPLY: Capability
CAPABILITY_COMMENT_MODERATE: Capability
CAPABILITY_COMMENT_HIDE: Capability
CAPABILITY_COMMENT_DELETE: Capability
CAPABILITY_PLANNER_LABELS: Capability
CAPABILITY_POST_IMPORT: Capability
CAPABILITY_WEBHOOKS: Capability
CAPABILITY_ADS: Capability
CAPABILITY_AUDIENCES: Capability

class Provider(_message.Message):
    __slots__ = ("name", "display_name", "capabilities", "publishing_limits", "platform_limits")
    class PlatformLimitsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: PublishingLimits
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[PublishingLimits, _Mapping]] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    PUBLISHING_LIMITS_FIELD_NUMBER: _ClassVar[int]
    PLATFORM_LIMITS_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    capabilities: _containers.RepeatedCompositeFieldContainer[CapabilitySupport]
    publishing_limits: PublishingLimits
    platform_limits: _containers.MessageMap[str, PublishingLimits]
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., capabilities: _Optional[_Iterable[_Union[CapabilitySupport, _Mapping]]] = ..., publishing_limits: _Optional[_Union[PublishingLimits, _Mapping]] = ..., platform_limits: _Optional[_Mapping[str, PublishingLimits]] = ...) -> None: ...

class CapabilitySupport(_message.Message):
    __slots__ = ("capability", "support", "note")
    CAPABILITY_FIELD_NUMBER: _ClassVar[int]
    SUPPORT_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    capability: Capability
    support: Support
    note: str
    def __init__(self, capability: _Optional[_Union[Capability, str]] = ..., support: _Optional[_Union[Support, str]] = ..., note: _Optional[str] = ...) -> None: ...

class PublishingLimits(_message.Message):
    __slots__ = ("max_caption_length", "max_photos", "max_video_bytes", "min_chunk_bytes", "max_chunk_bytes", "max_posts_per_day", "max_title_length", "max_photo_caption_length", "max_photo_bytes", "max_photo_short_side", "max_video_duration", "text_unit", "max_caption_bytes", "required_media", "photo_mime_types", "video_mime_types")
    MAX_CAPTION_LENGTH_FIELD_NUMBER: _ClassVar[int]
    MAX_PHOTOS_FIELD_NUMBER: _ClassVar[int]
    MAX_VIDEO_BYTES_FIELD_NUMBER: _ClassVar[int]
    MIN_CHUNK_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_CHUNK_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_POSTS_PER_DAY_FIELD_NUMBER: _ClassVar[int]
    MAX_TITLE_LENGTH_FIELD_NUMBER: _ClassVar[int]
    MAX_PHOTO_CAPTION_LENGTH_FIELD_NUMBER: _ClassVar[int]
    MAX_PHOTO_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_PHOTO_SHORT_SIDE_FIELD_NUMBER: _ClassVar[int]
    MAX_VIDEO_DURATION_FIELD_NUMBER: _ClassVar[int]
    TEXT_UNIT_FIELD_NUMBER: _ClassVar[int]
    MAX_CAPTION_BYTES_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_MEDIA_FIELD_NUMBER: _ClassVar[int]
    PHOTO_MIME_TYPES_FIELD_NUMBER: _ClassVar[int]
    VIDEO_MIME_TYPES_FIELD_NUMBER: _ClassVar[int]
    max_caption_length: int
    max_photos: int
    max_video_bytes: int
    min_chunk_bytes: int
    max_chunk_bytes: int
    max_posts_per_day: int
    max_title_length: int
    max_photo_caption_length: int
    max_photo_bytes: int
    max_photo_short_side: int
    max_video_duration: _duration_pb2.Duration
    text_unit: TextUnit
    max_caption_bytes: int
    required_media: RequiredMedia
    photo_mime_types: _containers.RepeatedScalarFieldContainer[str]
    video_mime_types: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, max_caption_length: _Optional[int] = ..., max_photos: _Optional[int] = ..., max_video_bytes: _Optional[int] = ..., min_chunk_bytes: _Optional[int] = ..., max_chunk_bytes: _Optional[int] = ..., max_posts_per_day: _Optional[int] = ..., max_title_length: _Optional[int] = ..., max_photo_caption_length: _Optional[int] = ..., max_photo_bytes: _Optional[int] = ..., max_photo_short_side: _Optional[int] = ..., max_video_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., text_unit: _Optional[_Union[TextUnit, str]] = ..., max_caption_bytes: _Optional[int] = ..., required_media: _Optional[_Union[RequiredMedia, str]] = ..., photo_mime_types: _Optional[_Iterable[str]] = ..., video_mime_types: _Optional[_Iterable[str]] = ...) -> None: ...
