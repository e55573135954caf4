import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from google.type import interval_pb2 as _interval_pb2
from google.type import money_pb2 as _money_pb2
from socialgateway.ads.v1 import delivery_pb2 as _delivery_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class BidStrategy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BID_STRATEGY_UNSPECIFIED: _ClassVar[BidStrategy]
    BID_STRATEGY_LOWEST_COST: _ClassVar[BidStrategy]
    BID_STRATEGY_BID_CAP: _ClassVar[BidStrategy]
    BID_STRATEGY_COST_CAP: _ClassVar[BidStrategy]
BID_STRATEGY_UNSPECIFIED: BidStrategy
BID_STRATEGY_LOWEST_COST: BidStrategy
BID_STRATEGY_BID_CAP: BidStrategy
BID_STRATEGY_COST_CAP: BidStrategy

class AdGroup(_message.Message):
    __slots__ = ("name", "display_name", "budget", "flight", "targeting", "bid", "optimization_goal", "billing_event", "promotion_type", "placements", "pixel_id", "optimization_event", "frequency_cap", "state", "provider_state", "rejection_reason", "warnings", "reconciling", "error", "etag", "provider_ad_group_id", "create_time", "fetch_time")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    FLIGHT_FIELD_NUMBER: _ClassVar[int]
    TARGETING_FIELD_NUMBER: _ClassVar[int]
    BID_FIELD_NUMBER: _ClassVar[int]
    OPTIMIZATION_GOAL_FIELD_NUMBER: _ClassVar[int]
    BILLING_EVENT_FIELD_NUMBER: _ClassVar[int]
    PROMOTION_TYPE_FIELD_NUMBER: _ClassVar[int]
    PLACEMENTS_FIELD_NUMBER: _ClassVar[int]
    PIXEL_ID_FIELD_NUMBER: _ClassVar[int]
    OPTIMIZATION_EVENT_FIELD_NUMBER: _ClassVar[int]
    FREQUENCY_CAP_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_STATE_FIELD_NUMBER: _ClassVar[int]
    REJECTION_REASON_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    RECONCILING_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_AD_GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    FETCH_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    budget: _delivery_pb2.Budget
    flight: _interval_pb2.Interval
    targeting: Targeting
    bid: Bid
    optimization_goal: str
    billing_event: str
    promotion_type: str
    placements: _containers.RepeatedScalarFieldContainer[str]
    pixel_id: str
    optimization_event: str
    frequency_cap: FrequencyCap
    state: _delivery_pb2.DeliveryState
    provider_state: str
    rejection_reason: str
    warnings: _containers.RepeatedCompositeFieldContainer[_delivery_pb2.AdWarning]
    reconciling: bool
    error: _status_pb2.Status
    etag: str
    provider_ad_group_id: str
    create_time: _timestamp_pb2.Timestamp
    fetch_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., budget: _Optional[_Union[_delivery_pb2.Budget, _Mapping]] = ..., flight: _Optional[_Union[_interval_pb2.Interval, _Mapping]] = ..., targeting: _Optional[_Union[Targeting, _Mapping]] = ..., bid: _Optional[_Union[Bid, _Mapping]] = ..., optimization_goal: _Optional[str] = ..., billing_event: _Optional[str] = ..., promotion_type: _Optional[str] = ..., placements: _Optional[_Iterable[str]] = ..., pixel_id: _Optional[str] = ..., optimization_event: _Optional[str] = ..., frequency_cap: _Optional[_Union[FrequencyCap, _Mapping]] = ..., state: _Optional[_Union[_delivery_pb2.DeliveryState, str]] = ..., provider_state: _Optional[str] = ..., rejection_reason: _Optional[str] = ..., warnings: _Optional[_Iterable[_Union[_delivery_pb2.AdWarning, _Mapping]]] = ..., reconciling: _Optional[bool] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., etag: _Optional[str] = ..., provider_ad_group_id: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., fetch_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Targeting(_message.Message):
    __slots__ = ("region_codes", "age_bands", "genders", "language_codes", "audiences", "excluded_audiences", "interest_ids")
    REGION_CODES_FIELD_NUMBER: _ClassVar[int]
    AGE_BANDS_FIELD_NUMBER: _ClassVar[int]
    GENDERS_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_CODES_FIELD_NUMBER: _ClassVar[int]
    AUDIENCES_FIELD_NUMBER: _ClassVar[int]
    EXCLUDED_AUDIENCES_FIELD_NUMBER: _ClassVar[int]
    INTEREST_IDS_FIELD_NUMBER: _ClassVar[int]
    region_codes: _containers.RepeatedScalarFieldContainer[str]
    age_bands: _containers.RepeatedScalarFieldContainer[str]
    genders: _containers.RepeatedScalarFieldContainer[str]
    language_codes: _containers.RepeatedScalarFieldContainer[str]
    audiences: _containers.RepeatedScalarFieldContainer[str]
    excluded_audiences: _containers.RepeatedScalarFieldContainer[str]
    interest_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, region_codes: _Optional[_Iterable[str]] = ..., age_bands: _Optional[_Iterable[str]] = ..., genders: _Optional[_Iterable[str]] = ..., language_codes: _Optional[_Iterable[str]] = ..., audiences: _Optional[_Iterable[str]] = ..., excluded_audiences: _Optional[_Iterable[str]] = ..., interest_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class Bid(_message.Message):
    __slots__ = ("strategy", "amount")
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    strategy: BidStrategy
    amount: _money_pb2.Money
    def __init__(self, strategy: _Optional[_Union[BidStrategy, str]] = ..., amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ...) -> None: ...

class FrequencyCap(_message.Message):
    __slots__ = ("times", "days")
    TIMES_FIELD_NUMBER: _ClassVar[int]
    DAYS_FIELD_NUMBER: _ClassVar[int]
    times: int
    days: int
    def __init__(self, times: _Optional[int] = ..., days: _Optional[int] = ...) -> None: ...
