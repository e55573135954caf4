from google.api import field_behavior_pb2 as _field_behavior_pb2
from socialgateway.admin.v1 import location_pb2 as _location_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetLocationRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListLocationsRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListLocationsResponse(_message.Message):
    __slots__ = ("locations", "next_page_token")
    LOCATIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    locations: _containers.RepeatedCompositeFieldContainer[_location_pb2.Location]
    next_page_token: str
    def __init__(self, locations: _Optional[_Iterable[_Union[_location_pb2.Location, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class MoveLocationRequest(_message.Message):
    __slots__ = ("name", "destination_agency", "discard_connections", "confirmation")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_AGENCY_FIELD_NUMBER: _ClassVar[int]
    DISCARD_CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    CONFIRMATION_FIELD_NUMBER: _ClassVar[int]
    name: str
    destination_agency: str
    discard_connections: bool
    confirmation: str
    def __init__(self, name: _Optional[str] = ..., destination_agency: _Optional[str] = ..., discard_connections: _Optional[bool] = ..., confirmation: _Optional[str] = ...) -> None: ...

class DeleteLocationRequest(_message.Message):
    __slots__ = ("name", "confirmation")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONFIRMATION_FIELD_NUMBER: _ClassVar[int]
    name: str
    confirmation: str
    def __init__(self, name: _Optional[str] = ..., confirmation: _Optional[str] = ...) -> None: ...
