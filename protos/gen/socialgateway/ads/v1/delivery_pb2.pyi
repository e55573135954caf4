from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.type import money_pb2 as _money_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DeliveryState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DELIVERY_STATE_UNSPECIFIED: _ClassVar[DeliveryState]
    DELIVERY_STATE_PAUSED: _ClassVar[DeliveryState]
    DELIVERY_STATE_IN_REVIEW: _ClassVar[DeliveryState]
    DELIVERY_STATE_DELIVERING: _ClassVar[DeliveryState]
    DELIVERY_STATE_NOT_DELIVERING: _ClassVar[DeliveryState]
    DELIVERY_STATE_ENDED: _ClassVar[DeliveryState]
    DELIVERY_STATE_REJECTED: _ClassVar[DeliveryState]
    DELIVERY_STATE_PREPARING: _ClassVar[DeliveryState]
    DELIVERY_STATE_INDETERMINATE: _ClassVar[DeliveryState]
    DELIVERY_STATE_FAILED: _ClassVar[DeliveryState]
    DELIVERY_STATE_DELETED: _ClassVar[DeliveryState]
DELIVERY_STATE_UNSPECIFIED: DeliveryState
DELIVERY_STATE_PAUSED: DeliveryState
DELIVERY_STATE_IN_REVIEW: DeliveryState
DELIVERY_STATE_DELIVERING: DeliveryState
DELIVERY_STATE_NOT_DELIVERING: DeliveryState
DELIVERY_STATE_ENDED: DeliveryState
DELIVERY_STATE_REJECTED: DeliveryState
DELIVERY_STATE_PREPARING: DeliveryState
DELIVERY_STATE_INDETERMINATE: DeliveryState
DELIVERY_STATE_FAILED: DeliveryState
DELIVERY_STATE_DELETED: DeliveryState

class Budget(_message.Message):
    __slots__ = ("daily", "lifetime")
    DAILY_FIELD_NUMBER: _ClassVar[int]
    LIFETIME_FIELD_NUMBER: _ClassVar[int]
    daily: _money_pb2.Money
    lifetime: _money_pb2.Money
    def __init__(self, daily: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., lifetime: _Optional[_Union[_money_pb2.Money, _Mapping]] = ...) -> None: ...

class AdWarning(_message.Message):
    __slots__ = ("field", "description")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    field: str
    description: str
    def __init__(self, field: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...
