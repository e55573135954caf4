import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MetricPeriod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    METRIC_PERIOD_UNSPECIFIED: _ClassVar[MetricPeriod]
    METRIC_PERIOD_TOTAL: _ClassVar[MetricPeriod]
    METRIC_PERIOD_DAY: _ClassVar[MetricPeriod]

class Metric(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    METRIC_UNSPECIFIED: _ClassVar[Metric]
    METRIC_POSTS: _ClassVar[Metric]
    METRIC_FOLLOWERS: _ClassVar[Metric]
    METRIC_IMPRESSIONS: _ClassVar[Metric]
    METRIC_REACH: _ClassVar[Metric]
    METRIC_LIKES: _ClassVar[Metric]
    METRIC_COMMENTS: _ClassVar[Metric]
    METRIC_SHARES: _ClassVar[Metric]
    METRIC_VIEWS: _ClassVar[Metric]
    METRIC_UNIQUE_VIEWS: _ClassVar[Metric]
    METRIC_PROFILE_VIEWS: _ClassVar[Metric]
    METRIC_NEW_FOLLOWERS: _ClassVar[Metric]
    METRIC_LOST_FOLLOWERS: _ClassVar[Metric]
    METRIC_ENGAGED_AUDIENCE: _ClassVar[Metric]
    METRIC_LINK_CLICKS: _ClassVar[Metric]
    METRIC_WEBSITE_CLICKS: _ClassVar[Metric]
    METRIC_FAVORITES: _ClassVar[Metric]
    METRIC_WATCH_SECONDS: _ClassVar[Metric]
    METRIC_AVERAGE_WATCH_SECONDS: _ClassVar[Metric]
    METRIC_COMPLETION_RATE: _ClassVar[Metric]
METRIC_PERIOD_UNSPECIFIED: MetricPeriod
METRIC_PERIOD_TOTAL: MetricPeriod
METRIC_PERIOD_DAY: MetricPeriod
METRIC_UNSPECIFIED: Metric
METRIC_POSTS: Metric
METRIC_FOLLOWERS: Metric
METRIC_IMPRESSIONS: Metric
METRIC_REACH: Metric
METRIC_LIKES: Metric
METRIC_COMMENTS: Metric
METRIC_SHARES: Metric
METRIC_VIEWS: Metric
METRIC_UNIQUE_VIEWS: Metric
METRIC_PROFILE_VIEWS: Metric
METRIC_NEW_FOLLOWERS: Metric
METRIC_LOST_FOLLOWERS: Metric
METRIC_ENGAGED_AUDIENCE: Metric
METRIC_LINK_CLICKS: Metric
METRIC_WEBSITE_CLICKS: Metric
METRIC_FAVORITES: Metric
METRIC_WATCH_SECONDS: Metric
METRIC_AVERAGE_WATCH_SECONDS: Metric
METRIC_COMPLETION_RATE: Metric

class MetricSeries(_message.Message):
    __slots__ = ("metric", "total", "change_percent", "daily_values")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    CHANGE_PERCENT_FIELD_NUMBER: _ClassVar[int]
    DAILY_VALUES_FIELD_NUMBER: _ClassVar[int]
    metric: Metric
    total: int
    change_percent: float
    daily_values: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, metric: _Optional[_Union[Metric, str]] = ..., total: _Optional[int] = ..., change_percent: _Optional[float] = ..., daily_values: _Optional[_Iterable[int]] = ...) -> None: ...

class PostMetrics(_message.Message):
    __slots__ = ("post", "provider_post_id", "view_count", "like_count", "comment_count", "share_count")
    POST_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_POST_ID_FIELD_NUMBER: _ClassVar[int]
    VIEW_COUNT_FIELD_NUMBER: _ClassVar[int]
    LIKE_COUNT_FIELD_NUMBER: _ClassVar[int]
    COMMENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    SHARE_COUNT_FIELD_NUMBER: _ClassVar[int]
    post: str
    provider_post_id: str
    view_count: int
    like_count: int
    comment_count: int
    share_count: int
    def __init__(self, post: _Optional[str] = ..., provider_post_id: _Optional[str] = ..., view_count: _Optional[int] = ..., like_count: _Optional[int] = ..., comment_count: _Optional[int] = ..., share_count: _Optional[int] = ...) -> None: ...

class Comment(_message.Message):
    __slots__ = ("name", "text", "post", "reply_to", "provider_post_id", "author_display_name", "author_avatar_uri", "own", "depth", "like_count", "reply_count", "public_uri", "attachment_uris", "edited", "publish_time", "video", "hidden", "liked", "pinned", "provider_author_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    POST_FIELD_NUMBER: _ClassVar[int]
    REPLY_TO_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_POST_ID_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_AVATAR_URI_FIELD_NUMBER: _ClassVar[int]
    OWN_FIELD_NUMBER: _ClassVar[int]
    DEPTH_FIELD_NUMBER: _ClassVar[int]
    LIKE_COUNT_FIELD_NUMBER: _ClassVar[int]
    REPLY_COUNT_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_URI_FIELD_NUMBER: _ClassVar[int]
    ATTACHMENT_URIS_FIELD_NUMBER: _ClassVar[int]
    EDITED_FIELD_NUMBER: _ClassVar[int]
    PUBLISH_TIME_FIELD_NUMBER: _ClassVar[int]
    VIDEO_FIELD_NUMBER: _ClassVar[int]
    HIDDEN_FIELD_NUMBER: _ClassVar[int]
    LIKED_FIELD_NUMBER: _ClassVar[int]
    PINNED_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_AUTHOR_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    text: str
    post: str
    reply_to: str
    provider_post_id: str
    author_display_name: str
    author_avatar_uri: str
    own: bool
    depth: int
    like_count: int
    reply_count: int
    public_uri: str
    attachment_uris: _containers.RepeatedScalarFieldContainer[str]
    edited: bool
    publish_time: _timestamp_pb2.Timestamp
    video: str
    hidden: bool
    liked: bool
    pinned: bool
    provider_author_id: str
    def __init__(self, name: _Optional[str] = ..., text: _Optional[str] = ..., post: _Optional[str] = ..., reply_to: _Optional[str] = ..., provider_post_id: _Optional[str] = ..., author_display_name: _Optional[str] = ..., author_avatar_uri: _Optional[str] = ..., own: _Optional[bool] = ..., depth: _Optional[int] = ..., like_count: _Optional[int] = ..., reply_count: _Optional[int] = ..., public_uri: _Optional[str] = ..., attachment_uris: _Optional[_Iterable[str]] = ..., edited: _Optional[bool] = ..., publish_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., video: _Optional[str] = ..., hidden: _Optional[bool] = ..., liked: _Optional[bool] = ..., pinned: _Optional[bool] = ..., provider_author_id: _Optional[str] = ...) -> None: ...

class AudienceShare(_message.Message):
    __slots__ = ("dimension", "value", "share")
    DIMENSION_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    dimension: str
    value: str
    share: float
    def __init__(self, dimension: _Optional[str] = ..., value: _Optional[str] = ..., share: _Optional[float] = ...) -> None: ...

class MetricPoint(_message.Message):
    __slots__ = ("subject", "metric", "period", "time", "value", "fetch_time")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    FETCH_TIME_FIELD_NUMBER: _ClassVar[int]
    subject: str
    metric: Metric
    period: MetricPeriod
    time: _timestamp_pb2.Timestamp
    value: float
    fetch_time: _timestamp_pb2.Timestamp
    def __init__(self, subject: _Optional[str] = ..., metric: _Optional[_Union[Metric, str]] = ..., period: _Optional[_Union[MetricPeriod, str]] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., value: _Optional[float] = ..., fetch_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class EngagementSync(_message.Message):
    __slots__ = ("name", "account", "sync_interval", "state", "accounts", "create_time", "end_time")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[EngagementSync.State]
        RUNNING: _ClassVar[EngagementSync.State]
        SUCCEEDED: _ClassVar[EngagementSync.State]
        FAILED: _ClassVar[EngagementSync.State]
    STATE_UNSPECIFIED: EngagementSync.State
    RUNNING: EngagementSync.State
    SUCCEEDED: EngagementSync.State
    FAILED: EngagementSync.State
    class AccountSync(_message.Message):
        __slots__ = ("account", "state", "error", "video_count", "comment_count", "new_comment_count")
        ACCOUNT_FIELD_NUMBER: _ClassVar[int]
        STATE_FIELD_NUMBER: _ClassVar[int]
        ERROR_FIELD_NUMBER: _ClassVar[int]
        VIDEO_COUNT_FIELD_NUMBER: _ClassVar[int]
        COMMENT_COUNT_FIELD_NUMBER: _ClassVar[int]
        NEW_COMMENT_COUNT_FIELD_NUMBER: _ClassVar[int]
        account: str
        state: EngagementSync.State
        error: _status_pb2.Status
        video_count: int
        comment_count: int
        new_comment_count: int
        def __init__(self, account: _Optional[str] = ..., state: _Optional[_Union[EngagementSync.State, str]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., video_count: _Optional[int] = ..., comment_count: _Optional[int] = ..., new_comment_count: _Optional[int] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    SYNC_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    account: str
    sync_interval: _duration_pb2.Duration
    state: EngagementSync.State
    accounts: _containers.RepeatedCompositeFieldContainer[EngagementSync.AccountSync]
    create_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., account: _Optional[str] = ..., sync_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., state: _Optional[_Union[EngagementSync.State, str]] = ..., accounts: _Optional[_Iterable[_Union[EngagementSync.AccountSync, _Mapping]]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
