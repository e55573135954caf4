from google.api import field_behavior_pb2 as _field_behavior_pb2
from socialgateway.admin.v1 import encryption_key_pb2 as _encryption_key_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetEncryptionKeyRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListEncryptionKeysRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListEncryptionKeysResponse(_message.Message):
    __slots__ = ("encryption_keys", "next_page_token")
    ENCRYPTION_KEYS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    encryption_keys: _containers.RepeatedCompositeFieldContainer[_encryption_key_pb2.EncryptionKey]
    next_page_token: str
    def __init__(self, encryption_keys: _Optional[_Iterable[_Union[_encryption_key_pb2.EncryptionKey, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RotateEncryptionKeyRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...
