import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from google.type import date_pb2 as _date_pb2
from google.type import money_pb2 as _money_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AdReportLevel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AD_REPORT_LEVEL_UNSPECIFIED: _ClassVar[AdReportLevel]
    AD_REPORT_LEVEL_ACCOUNT: _ClassVar[AdReportLevel]
    AD_REPORT_LEVEL_CAMPAIGN: _ClassVar[AdReportLevel]
    AD_REPORT_LEVEL_AD_GROUP: _ClassVar[AdReportLevel]
    AD_REPORT_LEVEL_AD: _ClassVar[AdReportLevel]

class AdDimension(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AD_DIMENSION_UNSPECIFIED: _ClassVar[AdDimension]
    AD_DIMENSION_DAY: _ClassVar[AdDimension]
    AD_DIMENSION_HOUR: _ClassVar[AdDimension]
    AD_DIMENSION_COUNTRY: _ClassVar[AdDimension]
    AD_DIMENSION_AGE: _ClassVar[AdDimension]
    AD_DIMENSION_GENDER: _ClassVar[AdDimension]
    AD_DIMENSION_LANGUAGE: _ClassVar[AdDimension]
    AD_DIMENSION_PLATFORM: _ClassVar[AdDimension]
    AD_DIMENSION_PLACEMENT: _ClassVar[AdDimension]
    AD_DIMENSION_INTEREST: _ClassVar[AdDimension]

class AdMetric(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AD_METRIC_UNSPECIFIED: _ClassVar[AdMetric]
    AD_METRIC_SPEND: _ClassVar[AdMetric]
    AD_METRIC_IMPRESSIONS: _ClassVar[AdMetric]
    AD_METRIC_REACH: _ClassVar[AdMetric]
    AD_METRIC_FREQUENCY: _ClassVar[AdMetric]
    AD_METRIC_CLICKS: _ClassVar[AdMetric]
    AD_METRIC_CLICK_RATE: _ClassVar[AdMetric]
    AD_METRIC_COST_PER_CLICK: _ClassVar[AdMetric]
    AD_METRIC_COST_PER_THOUSAND_IMPRESSIONS: _ClassVar[AdMetric]
    AD_METRIC_COST_PER_THOUSAND_REACHED: _ClassVar[AdMetric]
    AD_METRIC_CONVERSIONS: _ClassVar[AdMetric]
    AD_METRIC_CONVERSION_RATE: _ClassVar[AdMetric]
    AD_METRIC_COST_PER_CONVERSION: _ClassVar[AdMetric]
    AD_METRIC_RESULTS: _ClassVar[AdMetric]
    AD_METRIC_RESULT_RATE: _ClassVar[AdMetric]
    AD_METRIC_COST_PER_RESULT: _ClassVar[AdMetric]
    AD_METRIC_VIDEO_PLAYS: _ClassVar[AdMetric]
    AD_METRIC_VIDEO_WATCHED_2_SECONDS: _ClassVar[AdMetric]
    AD_METRIC_VIDEO_WATCHED_6_SECONDS: _ClassVar[AdMetric]
    AD_METRIC_VIDEO_WATCHED_25_PERCENT: _ClassVar[AdMetric]
    AD_METRIC_VIDEO_WATCHED_50_PERCENT: _ClassVar[AdMetric]
    AD_METRIC_VIDEO_WATCHED_75_PERCENT: _ClassVar[AdMetric]
    AD_METRIC_VIDEO_COMPLETED: _ClassVar[AdMetric]
    AD_METRIC_AVERAGE_PLAY_SECONDS: _ClassVar[AdMetric]
    AD_METRIC_LIKES: _ClassVar[AdMetric]
    AD_METRIC_COMMENTS: _ClassVar[AdMetric]
    AD_METRIC_SHARES: _ClassVar[AdMetric]
    AD_METRIC_FOLLOWS: _ClassVar[AdMetric]
    AD_METRIC_PROFILE_VISITS: _ClassVar[AdMetric]
AD_REPORT_LEVEL_UNSPECIFIED: AdReportLevel
AD_REPORT_LEVEL_ACCOUNT: AdReportLevel
AD_REPORT_LEVEL_CAMPAIGN: AdReportLevel
AD_REPORT_LEVEL_AD_GROUP: AdReportLevel
AD_REPORT_LEVEL_AD: AdReportLevel
AD_DIMENSION_UNSPECIFIED: AdDimension
AD_DIMENSION_DAY: AdDimension
AD_DIMENSION_HOUR: AdDimension
AD_DIMENSION_COUNTRY: AdDimension
AD_DIMENSION_AGE: AdDimension
AD_DIMENSION_GENDER: AdDimension
AD_DIMENSION_LANGUAGE: AdDimension
AD_DIMENSION_PLATFORM: AdDimension
AD_DIMENSION_PLACEMENT: AdDimension
AD_DIMENSION_INTEREST: AdDimension
AD_METRIC_UNSPECIFIED: AdMetric
AD_METRIC_SPEND: AdMetric
AD_METRIC_IMPRESSIONS: AdMetric
AD_METRIC_REACH: AdMetric
AD_METRIC_FREQUENCY: AdMetric
AD_METRIC_CLICKS: AdMetric
AD_METRIC_CLICK_RATE: AdMetric
AD_METRIC_COST_PER_CLICK: AdMetric
AD_METRIC_COST_PER_THOUSAND_IMPRESSIONS: AdMetric
AD_METRIC_COST_PER_THOUSAND_REACHED: AdMetric
AD_METRIC_CONVERSIONS: AdMetric
AD_METRIC_CONVERSION_RATE: AdMetric
AD_METRIC_COST_PER_CONVERSION: AdMetric
AD_METRIC_RESULTS: AdMetric
AD_METRIC_RESULT_RATE: AdMetric
AD_METRIC_COST_PER_RESULT: AdMetric
AD_METRIC_VIDEO_PLAYS: AdMetric
AD_METRIC_VIDEO_WATCHED_2_SECONDS: AdMetric
AD_METRIC_VIDEO_WATCHED_6_SECONDS: AdMetric
AD_METRIC_VIDEO_WATCHED_25_PERCENT: AdMetric
AD_METRIC_VIDEO_WATCHED_50_PERCENT: AdMetric
AD_METRIC_VIDEO_WATCHED_75_PERCENT: AdMetric
AD_METRIC_VIDEO_COMPLETED: AdMetric
AD_METRIC_AVERAGE_PLAY_SECONDS: AdMetric
AD_METRIC_LIKES: AdMetric
AD_METRIC_COMMENTS: AdMetric
AD_METRIC_SHARES: AdMetric
AD_METRIC_FOLLOWS: AdMetric
AD_METRIC_PROFILE_VISITS: AdMetric

class AdReport(_message.Message):
    __slots__ = ("name", "state", "level", "dimensions", "metrics", "start_date", "end_date", "names", "error", "create_time", "complete_time", "expire_time")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[AdReport.State]
        RUNNING: _ClassVar[AdReport.State]
        SUCCEEDED: _ClassVar[AdReport.State]
        FAILED: _ClassVar[AdReport.State]
    STATE_UNSPECIFIED: AdReport.State
    RUNNING: AdReport.State
    SUCCEEDED: AdReport.State
    FAILED: AdReport.State
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    START_DATE_FIELD_NUMBER: _ClassVar[int]
    END_DATE_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    state: AdReport.State
    level: AdReportLevel
    dimensions: _containers.RepeatedScalarFieldContainer[AdDimension]
    metrics: _containers.RepeatedScalarFieldContainer[AdMetric]
    start_date: _date_pb2.Date
    end_date: _date_pb2.Date
    names: _containers.RepeatedScalarFieldContainer[str]
    error: _status_pb2.Status
    create_time: _timestamp_pb2.Timestamp
    complete_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., state: _Optional[_Union[AdReport.State, str]] = ..., level: _Optional[_Union[AdReportLevel, str]] = ..., dimensions: _Optional[_Iterable[_Union[AdDimension, str]]] = ..., metrics: _Optional[_Iterable[_Union[AdMetric, str]]] = ..., start_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., end_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., names: _Optional[_Iterable[str]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., complete_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class AdMetricRow(_message.Message):
    __slots__ = ("provider_id", "resource", "dimensions", "metrics")
    PROVIDER_ID_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    provider_id: str
    resource: str
    dimensions: _containers.RepeatedCompositeFieldContainer[AdDimensionValue]
    metrics: _containers.RepeatedCompositeFieldContainer[AdMetricValue]
    def __init__(self, provider_id: _Optional[str] = ..., resource: _Optional[str] = ..., dimensions: _Optional[_Iterable[_Union[AdDimensionValue, _Mapping]]] = ..., metrics: _Optional[_Iterable[_Union[AdMetricValue, _Mapping]]] = ...) -> None: ...

class AdDimensionValue(_message.Message):
    __slots__ = ("dimension", "value")
    DIMENSION_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    dimension: AdDimension
    value: str
    def __init__(self, dimension: _Optional[_Union[AdDimension, str]] = ..., value: _Optional[str] = ...) -> None: ...

class AdMetricValue(_message.Message):
    __slots__ = ("metric", "number", "money")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    MONEY_FIELD_NUMBER: _ClassVar[int]
    metric: AdMetric
    number: float
    money: _money_pb2.Money
    def __init__(self, metric: _Optional[_Union[AdMetric, str]] = ..., number: _Optional[float] = ..., money: _Optional[_Union[_money_pb2.Money, _Mapping]] = ...) -> None: ...
