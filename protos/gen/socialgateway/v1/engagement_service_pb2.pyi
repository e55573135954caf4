import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import empty_pb2 as _empty_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from socialgateway.v1 import engagement_pb2 as _engagement_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CommentOrder(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COMMENT_ORDER_UNSPECIFIED: _ClassVar[CommentOrder]
    COMMENT_ORDER_TOP: _ClassVar[CommentOrder]
COMMENT_ORDER_UNSPECIFIED: CommentOrder
COMMENT_ORDER_TOP: CommentOrder

class QueryMetricsRequest(_message.Message):
    __slots__ = ("parent", "start_time", "end_time", "max_staleness", "videos", "page_size", "page_token")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    MAX_STALENESS_FIELD_NUMBER: _ClassVar[int]
    VIDEOS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parent: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    max_staleness: _duration_pb2.Duration
    videos: _containers.RepeatedScalarFieldContainer[str]
    page_size: int
    page_token: str
    def __init__(self, parent: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., max_staleness: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., videos: _Optional[_Iterable[str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class QueryMetricsResponse(_message.Message):
    __slots__ = ("series", "start_time", "end_time", "fetch_time", "audience", "points", "next_page_token")
    SERIES_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    FETCH_TIME_FIELD_NUMBER: _ClassVar[int]
    AUDIENCE_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    series: _containers.RepeatedCompositeFieldContainer[_engagement_pb2.MetricSeries]
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    fetch_time: _timestamp_pb2.Timestamp
    audience: _containers.RepeatedCompositeFieldContainer[_engagement_pb2.AudienceShare]
    points: _containers.RepeatedCompositeFieldContainer[_engagement_pb2.MetricPoint]
    next_page_token: str
    def __init__(self, series: _Optional[_Iterable[_Union[_engagement_pb2.MetricSeries, _Mapping]]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., fetch_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., audience: _Optional[_Iterable[_Union[_engagement_pb2.AudienceShare, _Mapping]]] = ..., points: _Optional[_Iterable[_Union[_engagement_pb2.MetricPoint, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class QueryPostMetricsRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class QueryPostMetricsResponse(_message.Message):
    __slots__ = ("metrics", "fetch_time")
    METRICS_FIELD_NUMBER: _ClassVar[int]
    FETCH_TIME_FIELD_NUMBER: _ClassVar[int]
    metrics: _containers.RepeatedCompositeFieldContainer[_engagement_pb2.PostMetrics]
    fetch_time: _timestamp_pb2.Timestamp
    def __init__(self, metrics: _Optional[_Iterable[_Union[_engagement_pb2.PostMetrics, _Mapping]]] = ..., fetch_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListCommentsRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token", "post", "reply_to", "order", "video", "max_staleness")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    POST_FIELD_NUMBER: _ClassVar[int]
    REPLY_TO_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    VIDEO_FIELD_NUMBER: _ClassVar[int]
    MAX_STALENESS_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    post: str
    reply_to: str
    order: CommentOrder
    video: str
    max_staleness: _duration_pb2.Duration
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., post: _Optional[str] = ..., reply_to: _Optional[str] = ..., order: _Optional[_Union[CommentOrder, str]] = ..., video: _Optional[str] = ..., max_staleness: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ListCommentsResponse(_message.Message):
    __slots__ = ("comments", "next_page_token", "fetch_time")
    COMMENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FETCH_TIME_FIELD_NUMBER: _ClassVar[int]
    comments: _containers.RepeatedCompositeFieldContainer[_engagement_pb2.Comment]
    next_page_token: str
    fetch_time: _timestamp_pb2.Timestamp
    def __init__(self, comments: _Optional[_Iterable[_Union[_engagement_pb2.Comment, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., fetch_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CreateCommentRequest(_message.Message):
    __slots__ = ("parent", "comment", "request_id")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    parent: str
    comment: _engagement_pb2.Comment
    request_id: str
    def __init__(self, parent: _Optional[str] = ..., comment: _Optional[_Union[_engagement_pb2.Comment, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class LikeCommentRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class UnlikeCommentRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class HideCommentRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class UnhideCommentRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DeleteCommentRequest(_message.Message):
    __slots__ = ("name", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    request_id: str
    def __init__(self, name: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateEngagementSyncRequest(_message.Message):
    __slots__ = ("parent", "engagement_sync", "request_id")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    ENGAGEMENT_SYNC_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    parent: str
    engagement_sync: _engagement_pb2.EngagementSync
    request_id: str
    def __init__(self, parent: _Optional[str] = ..., engagement_sync: _Optional[_Union[_engagement_pb2.EngagementSync, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class GetEngagementSyncRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListEngagementSyncsRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token", "account")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    account: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., account: _Optional[str] = ...) -> None: ...

class ListEngagementSyncsResponse(_message.Message):
    __slots__ = ("engagement_syncs", "next_page_token")
    ENGAGEMENT_SYNCS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    engagement_syncs: _containers.RepeatedCompositeFieldContainer[_engagement_pb2.EngagementSync]
    next_page_token: str
    def __init__(self, engagement_syncs: _Optional[_Iterable[_Union[_engagement_pb2.EngagementSync, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
