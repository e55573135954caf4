from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import empty_pb2 as _empty_pb2
from socialgateway.v1 import account_pb2 as _account_pb2
from socialgateway.v1 import connection_pb2 as _connection_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateConnectionRequest(_message.Message):
    __slots__ = ("parent", "connection", "connection_id", "return_uri", "redirect_uri", "static_token", "request_id")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    RETURN_URI_FIELD_NUMBER: _ClassVar[int]
    REDIRECT_URI_FIELD_NUMBER: _ClassVar[int]
    STATIC_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    parent: str
    connection: _connection_pb2.Connection
    connection_id: str
    return_uri: str
    redirect_uri: str
    static_token: str
    request_id: str
    def __init__(self, parent: _Optional[str] = ..., connection: _Optional[_Union[_connection_pb2.Connection, _Mapping]] = ..., connection_id: _Optional[str] = ..., return_uri: _Optional[str] = ..., redirect_uri: _Optional[str] = ..., static_token: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class GetConnectionRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetConnectionStatusRequest(_message.Message):
    __slots__ = ("parent", "provider")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    parent: str
    provider: str
    def __init__(self, parent: _Optional[str] = ..., provider: _Optional[str] = ...) -> None: ...

class ListConnectionsRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token", "statuses", "provider")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    statuses: _containers.RepeatedScalarFieldContainer[_connection_pb2.Connection.Status]
    provider: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., statuses: _Optional[_Iterable[_Union[_connection_pb2.Connection.Status, str]]] = ..., provider: _Optional[str] = ...) -> None: ...

class ListConnectionsResponse(_message.Message):
    __slots__ = ("connections", "next_page_token")
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    connections: _containers.RepeatedCompositeFieldContainer[_connection_pb2.Connection]
    next_page_token: str
    def __init__(self, connections: _Optional[_Iterable[_Union[_connection_pb2.Connection, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeleteConnectionRequest(_message.Message):
    __slots__ = ("name", "etag", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    etag: str
    request_id: str
    def __init__(self, name: _Optional[str] = ..., etag: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CompleteConnectionRequest(_message.Message):
    __slots__ = ("state", "code", "error", "error_description", "request_id")
    STATE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ERROR_DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    state: str
    code: str
    error: str
    error_description: str
    request_id: str
    def __init__(self, state: _Optional[str] = ..., code: _Optional[str] = ..., error: _Optional[str] = ..., error_description: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class ReauthorizeConnectionRequest(_message.Message):
    __slots__ = ("name", "return_uri", "request_id", "redirect_uri")
    NAME_FIELD_NUMBER: _ClassVar[int]
    RETURN_URI_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    REDIRECT_URI_FIELD_NUMBER: _ClassVar[int]
    name: str
    return_uri: str
    request_id: str
    redirect_uri: str
    def __init__(self, name: _Optional[str] = ..., return_uri: _Optional[str] = ..., request_id: _Optional[str] = ..., redirect_uri: _Optional[str] = ...) -> None: ...

class VerifyConnectionRequest(_message.Message):
    __slots__ = ("name", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    request_id: str
    def __init__(self, name: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class DisconnectConnectionRequest(_message.Message):
    __slots__ = ("name", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    request_id: str
    def __init__(self, name: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class StartAccountAuthorizationRequest(_message.Message):
    __slots__ = ("parent", "platform", "reconnect", "request_id", "return_uri")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PLATFORM_FIELD_NUMBER: _ClassVar[int]
    RECONNECT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RETURN_URI_FIELD_NUMBER: _ClassVar[int]
    parent: str
    platform: str
    reconnect: bool
    request_id: str
    return_uri: str
    def __init__(self, parent: _Optional[str] = ..., platform: _Optional[str] = ..., reconnect: _Optional[bool] = ..., request_id: _Optional[str] = ..., return_uri: _Optional[str] = ...) -> None: ...

class ListAttachableAccountsRequest(_message.Message):
    __slots__ = ("parent", "platform", "authorization_id", "page_size", "page_token")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PLATFORM_FIELD_NUMBER: _ClassVar[int]
    AUTHORIZATION_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parent: str
    platform: str
    authorization_id: str
    page_size: int
    page_token: str
    def __init__(self, parent: _Optional[str] = ..., platform: _Optional[str] = ..., authorization_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListAttachableAccountsResponse(_message.Message):
    __slots__ = ("attachable_accounts", "next_page_token")
    ATTACHABLE_ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    attachable_accounts: _containers.RepeatedCompositeFieldContainer[_connection_pb2.AttachableAccount]
    next_page_token: str
    def __init__(self, attachable_accounts: _Optional[_Iterable[_Union[_connection_pb2.AttachableAccount, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class AttachAccountRequest(_message.Message):
    __slots__ = ("parent", "platform", "authorization_id", "provider_account_id", "request_id")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PLATFORM_FIELD_NUMBER: _ClassVar[int]
    AUTHORIZATION_ID_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    parent: str
    platform: str
    authorization_id: str
    provider_account_id: str
    request_id: str
    def __init__(self, parent: _Optional[str] = ..., platform: _Optional[str] = ..., authorization_id: _Optional[str] = ..., provider_account_id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...
