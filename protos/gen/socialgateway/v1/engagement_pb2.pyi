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
METRIC_UNSPECIFIED: Metric
METRIC_POSTS: Metric
METRIC_FOLLOWERS: Metric
METRIC_IMPRESSIONS: Metric
METRIC_REACH: Metric
METRIC_LIKES: Metric
METRIC_COMMENTS: Metric
METRIC_SHARES: Metric

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
    __slots__ = ("name", "text", "post", "reply_to", "provider_post_id", "author_display_name", "author_avatar_uri", "own", "depth", "like_count", "reply_count", "public_uri", "attachment_uris", "edited", "publish_time")
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
    def __init__(self, name: _Optional[str] = ..., text: _Optional[str] = ..., post: _Optional[str] = ..., reply_to: _Optional[str] = ..., provider_post_id: _Optional[str] = ..., author_display_name: _Optional[str] = ..., author_avatar_uri: _Optional[str] = ..., own: _Optional[bool] = ..., depth: _Optional[int] = ..., like_count: _Optional[int] = ..., reply_count: _Optional[int] = ..., public_uri: _Optional[str] = ..., attachment_uris: _Optional[_Iterable[str]] = ..., edited: _Optional[bool] = ..., publish_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
