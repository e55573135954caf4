from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import empty_pb2 as _empty_pb2
from socialgateway.ads.v1 import audience_pb2 as _audience_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateAudienceRequest(_message.Message):
    __slots__ = ("parent", "audience", "request_id")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    AUDIENCE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    parent: str
    audience: _audience_pb2.Audience
    request_id: str
    def __init__(self, parent: _Optional[str] = ..., audience: _Optional[_Union[_audience_pb2.Audience, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class GetAudienceRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListAudiencesRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListAudiencesResponse(_message.Message):
    __slots__ = ("audiences", "next_page_token")
    AUDIENCES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    audiences: _containers.RepeatedCompositeFieldContainer[_audience_pb2.Audience]
    next_page_token: str
    def __init__(self, audiences: _Optional[_Iterable[_Union[_audience_pb2.Audience, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeleteAudienceRequest(_message.Message):
    __slots__ = ("name", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    request_id: str
    def __init__(self, name: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class AppendAudienceMembersRequest(_message.Message):
    __slots__ = ("name", "member_offset", "members", "hashing", "finish")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MEMBER_OFFSET_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    HASHING_FIELD_NUMBER: _ClassVar[int]
    FINISH_FIELD_NUMBER: _ClassVar[int]
    name: str
    member_offset: int
    members: _containers.RepeatedCompositeFieldContainer[_audience_pb2.AudienceMember]
    hashing: _audience_pb2.Hashing
    finish: bool
    def __init__(self, name: _Optional[str] = ..., member_offset: _Optional[int] = ..., members: _Optional[_Iterable[_Union[_audience_pb2.AudienceMember, _Mapping]]] = ..., hashing: _Optional[_Union[_audience_pb2.Hashing, _Mapping]] = ..., finish: _Optional[bool] = ...) -> None: ...

class RemoveAudienceMembersRequest(_message.Message):
    __slots__ = ("name", "member_offset", "members", "hashing", "finish")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MEMBER_OFFSET_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    HASHING_FIELD_NUMBER: _ClassVar[int]
    FINISH_FIELD_NUMBER: _ClassVar[int]
    name: str
    member_offset: int
    members: _containers.RepeatedCompositeFieldContainer[_audience_pb2.AudienceMember]
    hashing: _audience_pb2.Hashing
    finish: bool
    def __init__(self, name: _Optional[str] = ..., member_offset: _Optional[int] = ..., members: _Optional[_Iterable[_Union[_audience_pb2.AudienceMember, _Mapping]]] = ..., hashing: _Optional[_Union[_audience_pb2.Hashing, _Mapping]] = ..., finish: _Optional[bool] = ...) -> None: ...
