import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from socialgateway.v1 import account_pb2 as _account_pb2
from socialgateway.v1 import quota_pb2 as _quota_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PostMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    POST_MODE_UNSPECIFIED: _ClassVar[PostMode]
    POST_MODE_DIRECT: _ClassVar[PostMode]
    POST_MODE_CREATOR_INBOX: _ClassVar[PostMode]
    POST_MODE_PLANNER_DRAFT: _ClassVar[PostMode]
    POST_MODE_PLANNER_REVIEW: _ClassVar[PostMode]

class DisclosureLabel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DISCLOSURE_LABEL_UNSPECIFIED: _ClassVar[DisclosureLabel]
    DISCLOSURE_LABEL_PROMOTIONAL_CONTENT: _ClassVar[DisclosureLabel]
    DISCLOSURE_LABEL_PAID_PARTNERSHIP: _ClassVar[DisclosureLabel]

class RoutePolicy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROUTE_POLICY_UNSPECIFIED: _ClassVar[RoutePolicy]
    ROUTE_POLICY_ACCOUNT_ONLY: _ClassVar[RoutePolicy]
    ROUTE_POLICY_ANY: _ClassVar[RoutePolicy]
POST_MODE_UNSPECIFIED: PostMode
POST_MODE_DIRECT: PostMode
POST_MODE_CREATOR_INBOX: PostMode
POST_MODE_PLANNER_DRAFT: PostMode
POST_MODE_PLANNER_REVIEW: PostMode
DISCLOSURE_LABEL_UNSPECIFIED: DisclosureLabel
DISCLOSURE_LABEL_PROMOTIONAL_CONTENT: DisclosureLabel
DISCLOSURE_LABEL_PAID_PARTNERSHIP: DisclosureLabel
ROUTE_POLICY_UNSPECIFIED: RoutePolicy
ROUTE_POLICY_ACCOUNT_ONLY: RoutePolicy
ROUTE_POLICY_ANY: RoutePolicy

class Post(_message.Message):
    __slots__ = ("name", "account", "mode", "caption", "video", "photos", "options", "schedule_time", "labels", "state", "error", "provider_post_id", "published_video", "public_uri", "attempt_count", "progress", "create_time", "update_time", "publish_time", "etag", "provider_extra", "late_tolerance", "consent", "route_policy", "route", "disclosure_label", "quota_costs", "differences", "provider_post_ids", "published_videos")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Post.State]
        SCHEDULED: _ClassVar[Post.State]
        QUEUED: _ClassVar[Post.State]
        TRANSFERRING: _ClassVar[Post.State]
        PROCESSING: _ClassVar[Post.State]
        AWAITING_CREATOR: _ClassVar[Post.State]
        PUBLISHED: _ClassVar[Post.State]
        FAILED: _ClassVar[Post.State]
        CANCELLED: _ClassVar[Post.State]
        INDETERMINATE: _ClassVar[Post.State]
        CANCELLING: _ClassVar[Post.State]
    STATE_UNSPECIFIED: Post.State
    SCHEDULED: Post.State
    QUEUED: Post.State
    TRANSFERRING: Post.State
    PROCESSING: Post.State
    AWAITING_CREATOR: Post.State
    PUBLISHED: Post.State
    FAILED: Post.State
    CANCELLED: Post.State
    INDETERMINATE: Post.State
    CANCELLING: Post.State
    class Progress(_message.Message):
        __slots__ = ("sent_bytes", "total_bytes", "next_attempt_time")
        SENT_BYTES_FIELD_NUMBER: _ClassVar[int]
        TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
        NEXT_ATTEMPT_TIME_FIELD_NUMBER: _ClassVar[int]
        sent_bytes: int
        total_bytes: int
        next_attempt_time: _timestamp_pb2.Timestamp
        def __init__(self, sent_bytes: _Optional[int] = ..., total_bytes: _Optional[int] = ..., next_attempt_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    CAPTION_FIELD_NUMBER: _ClassVar[int]
    VIDEO_FIELD_NUMBER: _ClassVar[int]
    PHOTOS_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_TIME_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_POST_ID_FIELD_NUMBER: _ClassVar[int]
    PUBLISHED_VIDEO_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_URI_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_COUNT_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    PUBLISH_TIME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_EXTRA_FIELD_NUMBER: _ClassVar[int]
    LATE_TOLERANCE_FIELD_NUMBER: _ClassVar[int]
    CONSENT_FIELD_NUMBER: _ClassVar[int]
    ROUTE_POLICY_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    DISCLOSURE_LABEL_FIELD_NUMBER: _ClassVar[int]
    QUOTA_COSTS_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCES_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_POST_IDS_FIELD_NUMBER: _ClassVar[int]
    PUBLISHED_VIDEOS_FIELD_NUMBER: _ClassVar[int]
    name: str
    account: str
    mode: PostMode
    caption: str
    video: VideoContent
    photos: PhotoContent
    options: PostOptions
    schedule_time: _timestamp_pb2.Timestamp
    labels: _containers.ScalarMap[str, str]
    state: Post.State
    error: _status_pb2.Status
    provider_post_id: str
    published_video: str
    public_uri: str
    attempt_count: int
    progress: Post.Progress
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    publish_time: _timestamp_pb2.Timestamp
    etag: str
    provider_extra: _struct_pb2.Struct
    late_tolerance: _duration_pb2.Duration
    consent: Consent
    route_policy: RoutePolicy
    route: Route
    disclosure_label: DisclosureLabel
    quota_costs: _containers.RepeatedCompositeFieldContainer[_quota_pb2.QuotaCost]
    differences: _containers.RepeatedCompositeFieldContainer[Difference]
    provider_post_ids: _containers.RepeatedScalarFieldContainer[str]
    published_videos: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., account: _Optional[str] = ..., mode: _Optional[_Union[PostMode, str]] = ..., caption: _Optional[str] = ..., video: _Optional[_Union[VideoContent, _Mapping]] = ..., photos: _Optional[_Union[PhotoContent, _Mapping]] = ..., options: _Optional[_Union[PostOptions, _Mapping]] = ..., schedule_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., labels: _Optional[_Mapping[str, str]] = ..., state: _Optional[_Union[Post.State, str]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., provider_post_id: _Optional[str] = ..., published_video: _Optional[str] = ..., public_uri: _Optional[str] = ..., attempt_count: _Optional[int] = ..., progress: _Optional[_Union[Post.Progress, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., publish_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ..., provider_extra: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., late_tolerance: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., consent: _Optional[_Union[Consent, _Mapping]] = ..., route_policy: _Optional[_Union[RoutePolicy, str]] = ..., route: _Optional[_Union[Route, _Mapping]] = ..., disclosure_label: _Optional[_Union[DisclosureLabel, str]] = ..., quota_costs: _Optional[_Iterable[_Union[_quota_pb2.QuotaCost, _Mapping]]] = ..., differences: _Optional[_Iterable[_Union[Difference, _Mapping]]] = ..., provider_post_ids: _Optional[_Iterable[str]] = ..., published_videos: _Optional[_Iterable[str]] = ...) -> None: ...

class Difference(_message.Message):
    __slots__ = ("field", "kept")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    field: str
    kept: str
    def __init__(self, field: _Optional[str] = ..., kept: _Optional[str] = ...) -> None: ...

class Consent(_message.Message):
    __slots__ = ("subject", "declaration", "time")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    DECLARATION_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    subject: str
    declaration: str
    time: _timestamp_pb2.Timestamp
    def __init__(self, subject: _Optional[str] = ..., declaration: _Optional[str] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Route(_message.Message):
    __slots__ = ("account", "provider", "reason")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    account: str
    provider: str
    reason: str
    def __init__(self, account: _Optional[str] = ..., provider: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class MediaSource(_message.Message):
    __slots__ = ("upload", "uri", "vendor_pull")
    UPLOAD_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    VENDOR_PULL_FIELD_NUMBER: _ClassVar[int]
    upload: str
    uri: str
    vendor_pull: bool
    def __init__(self, upload: _Optional[str] = ..., uri: _Optional[str] = ..., vendor_pull: _Optional[bool] = ...) -> None: ...

class VideoContent(_message.Message):
    __slots__ = ("source", "cover_offset", "cover")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    COVER_OFFSET_FIELD_NUMBER: _ClassVar[int]
    COVER_FIELD_NUMBER: _ClassVar[int]
    source: MediaSource
    cover_offset: _duration_pb2.Duration
    cover: MediaSource
    def __init__(self, source: _Optional[_Union[MediaSource, _Mapping]] = ..., cover_offset: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., cover: _Optional[_Union[MediaSource, _Mapping]] = ...) -> None: ...

class PhotoContent(_message.Message):
    __slots__ = ("sources", "cover_index", "title", "auto_add_music")
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    COVER_INDEX_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    AUTO_ADD_MUSIC_FIELD_NUMBER: _ClassVar[int]
    sources: _containers.RepeatedCompositeFieldContainer[MediaSource]
    cover_index: int
    title: str
    auto_add_music: bool
    def __init__(self, sources: _Optional[_Iterable[_Union[MediaSource, _Mapping]]] = ..., cover_index: _Optional[int] = ..., title: _Optional[str] = ..., auto_add_music: _Optional[bool] = ...) -> None: ...

class PostOptions(_message.Message):
    __slots__ = ("privacy_level", "allow_comments", "allow_duet", "allow_stitch", "branded_content", "own_brand", "ai_generated")
    PRIVACY_LEVEL_FIELD_NUMBER: _ClassVar[int]
    ALLOW_COMMENTS_FIELD_NUMBER: _ClassVar[int]
    ALLOW_DUET_FIELD_NUMBER: _ClassVar[int]
    ALLOW_STITCH_FIELD_NUMBER: _ClassVar[int]
    BRANDED_CONTENT_FIELD_NUMBER: _ClassVar[int]
    OWN_BRAND_FIELD_NUMBER: _ClassVar[int]
    AI_GENERATED_FIELD_NUMBER: _ClassVar[int]
    privacy_level: _account_pb2.PrivacyLevel
    allow_comments: bool
    allow_duet: bool
    allow_stitch: bool
    branded_content: bool
    own_brand: bool
    ai_generated: bool
    def __init__(self, privacy_level: _Optional[_Union[_account_pb2.PrivacyLevel, str]] = ..., allow_comments: _Optional[bool] = ..., allow_duet: _Optional[bool] = ..., allow_stitch: _Optional[bool] = ..., branded_content: _Optional[bool] = ..., own_brand: _Optional[bool] = ..., ai_generated: _Optional[bool] = ...) -> None: ...
