from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.type import date_pb2 as _date_pb2
from socialgateway.ads.v1 import ad_report_pb2 as _ad_report_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class QueryAdMetricsRequest(_message.Message):
    __slots__ = ("parent", "level", "dimensions", "metrics", "start_date", "end_date", "names", "page_size", "page_token")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    START_DATE_FIELD_NUMBER: _ClassVar[int]
    END_DATE_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parent: str
    level: _ad_report_pb2.AdReportLevel
    dimensions: _containers.RepeatedScalarFieldContainer[_ad_report_pb2.AdDimension]
    metrics: _containers.RepeatedScalarFieldContainer[_ad_report_pb2.AdMetric]
    start_date: _date_pb2.Date
    end_date: _date_pb2.Date
    names: _containers.RepeatedScalarFieldContainer[str]
    page_size: int
    page_token: str
    def __init__(self, parent: _Optional[str] = ..., level: _Optional[_Union[_ad_report_pb2.AdReportLevel, str]] = ..., dimensions: _Optional[_Iterable[_Union[_ad_report_pb2.AdDimension, str]]] = ..., metrics: _Optional[_Iterable[_Union[_ad_report_pb2.AdMetric, str]]] = ..., start_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., end_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., names: _Optional[_Iterable[str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class QueryAdMetricsResponse(_message.Message):
    __slots__ = ("rows", "next_page_token", "time_zone")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[_ad_report_pb2.AdMetricRow]
    next_page_token: str
    time_zone: str
    def __init__(self, rows: _Optional[_Iterable[_Union[_ad_report_pb2.AdMetricRow, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., time_zone: _Optional[str] = ...) -> None: ...

class CreateAdReportRequest(_message.Message):
    __slots__ = ("parent", "ad_report", "request_id")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    AD_REPORT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    parent: str
    ad_report: _ad_report_pb2.AdReport
    request_id: str
    def __init__(self, parent: _Optional[str] = ..., ad_report: _Optional[_Union[_ad_report_pb2.AdReport, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class GetAdReportRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class StreamAdReportRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class StreamAdReportResponse(_message.Message):
    __slots__ = ("rows", "time_zone")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[_ad_report_pb2.AdMetricRow]
    time_zone: str
    def __init__(self, rows: _Optional[_Iterable[_Union[_ad_report_pb2.AdMetricRow, _Mapping]]] = ..., time_zone: _Optional[str] = ...) -> None: ...
