from google.api import field_behavior_pb2 as _field_behavior_pb2
from socialgateway.ads.v1 import ad_pb2 as _ad_pb2
from socialgateway.ads.v1 import ad_account_pb2 as _ad_account_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetAdAccountRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListAdAccountsRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListAdAccountsResponse(_message.Message):
    __slots__ = ("ad_accounts", "next_page_token")
    AD_ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ad_accounts: _containers.RepeatedCompositeFieldContainer[_ad_account_pb2.AdAccount]
    next_page_token: str
    def __init__(self, ad_accounts: _Optional[_Iterable[_Union[_ad_account_pb2.AdAccount, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListAdIdentitiesRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListAdIdentitiesResponse(_message.Message):
    __slots__ = ("identities", "next_page_token")
    IDENTITIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    identities: _containers.RepeatedCompositeFieldContainer[UsableAdIdentity]
    next_page_token: str
    def __init__(self, identities: _Optional[_Iterable[_Union[UsableAdIdentity, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UsableAdIdentity(_message.Message):
    __slots__ = ("identity", "display_name", "username", "usable")
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    USABLE_FIELD_NUMBER: _ClassVar[int]
    identity: _ad_pb2.AdIdentity
    display_name: str
    username: str
    usable: bool
    def __init__(self, identity: _Optional[_Union[_ad_pb2.AdIdentity, _Mapping]] = ..., display_name: _Optional[str] = ..., username: _Optional[str] = ..., usable: _Optional[bool] = ...) -> None: ...
