import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Video(_message.Message):
    __slots__ = ("name", "provider_video_id", "title", "description", "share_uri", "embed_uri", "cover_uri", "cover_expire_time", "duration", "width", "height", "publish_time", "metrics", "post", "fetch_time")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_VIDEO_ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    SHARE_URI_FIELD_NUMBER: _ClassVar[int]
    EMBED_URI_FIELD_NUMBER: _ClassVar[int]
    COVER_URI_FIELD_NUMBER: _ClassVar[int]
    COVER_EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    PUBLISH_TIME_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    POST_FIELD_NUMBER: _ClassVar[int]
    FETCH_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    provider_video_id: str
    title: str
    description: str
    share_uri: str
    embed_uri: str
    cover_uri: str
    cover_expire_time: _timestamp_pb2.Timestamp
    duration: _duration_pb2.Duration
    width: int
    height: int
    publish_time: _timestamp_pb2.Timestamp
    metrics: VideoMetrics
    post: str
    fetch_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., provider_video_id: _Optional[str] = ..., title: _Optional[str] = ..., description: _Optional[str] = ..., share_uri: _Optional[str] = ..., embed_uri: _Optional[str] = ..., cover_uri: _Optional[str] = ..., cover_expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., publish_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., metrics: _Optional[_Union[VideoMetrics, _Mapping]] = ..., post: _Optional[str] = ..., fetch_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class VideoMetrics(_message.Message):
    __slots__ = ("view_count", "like_count", "comment_count", "share_count", "fetch_time")
    VIEW_COUNT_FIELD_NUMBER: _ClassVar[int]
    LIKE_COUNT_FIELD_NUMBER: _ClassVar[int]
    COMMENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    SHARE_COUNT_FIELD_NUMBER: _ClassVar[int]
    FETCH_TIME_FIELD_NUMBER: _ClassVar[int]
    view_count: int
    like_count: int
    comment_count: int
    share_count: int
    fetch_time: _timestamp_pb2.Timestamp
    def __init__(self, view_count: _Optional[int] = ..., like_count: _Optional[int] = ..., comment_count: _Optional[int] = ..., share_count: _Optional[int] = ..., fetch_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
