"""The contract as data: every service, RPC, message, field, enum and value, each with the comment above it.

Owns the reading of the descriptor set that protoc writes with comments.
Does not know any rule: those are in the tests beside it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from google.api import field_behavior_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
)

ROOT = Path(__file__).resolve().parents[2]
GENERATOR = ROOT / "protos" / "generate.py"

T = TypeVar("T", bound="Element")
Steps = tuple[int, ...]
Comments = Mapping[Steps, str]

# Field numbers of descriptor.proto, which are the steps of a path to a comment.
_MESSAGE, _ENUM, _SERVICE = 4, 5, 6
_FIELD, _NESTED, _NESTED_ENUM, _ONEOF = 2, 3, 4, 8
_METHOD, _VALUE = 2, 2


@dataclass(frozen=True, slots=True)
class Element:
    """An element that can carry a comment; `name` is full, for example `Post.State.QUEUED` or `PostService.GetPost`."""

    file: str
    name: str
    comment: str


@dataclass(frozen=True, slots=True)
class Method(Element):
    """One RPC; `service` is the short name of its service."""

    service: str
    proto: MethodDescriptorProto

    @property
    def package(self) -> str:
        """The package of its file."""
        return self.file.rpartition("/")[0].replace("/", ".")


@dataclass(frozen=True, slots=True)
class Message(Element):
    """One message, nested or not."""

    proto: DescriptorProto


@dataclass(frozen=True, slots=True)
class Field(Element):
    """One field of a message."""

    message: str
    proto: FieldDescriptorProto

    @property
    def behaviors(self) -> list[int]:
        """The values of `google.api.field_behavior` on it."""
        return list(self.proto.options.Extensions[field_behavior_pb2.field_behavior])


@dataclass(frozen=True, slots=True)
class Enum(Element):
    """One enum; `nested` is whether it is declared in a message."""

    nested: bool
    proto: EnumDescriptorProto


@cache
def files() -> list[FileDescriptorProto]:
    """Return every file of the contract, with comments."""
    with TemporaryDirectory() as scratch:
        image = Path(scratch) / "image.binpb"
        subprocess.run([sys.executable, str(GENERATOR), "--image", str(image)], check=True)
        found = FileDescriptorSet.FromString(image.read_bytes())
    return [each for each in found.file if each.package.startswith("socialgateway.")]


@cache
def elements() -> list[Element]:
    """Return every element of the contract that can carry a comment, in the order of the files."""
    return [element for each in files() for element in _of_file(each)]


def of_kind(kind: type[T]) -> list[T]:
    """Return the elements of one kind."""
    return [each for each in elements() if isinstance(each, kind)]


def _of_file(file: FileDescriptorProto) -> Iterator[Element]:
    comments = {tuple(each.path): each.leading_comments.strip() for each in file.source_code_info.location}
    for i, service in enumerate(file.service):
        yield Element(file.name, service.name, comments.get((_SERVICE, i), ""))
        for j, method in enumerate(service.method):
            comment = comments.get((_SERVICE, i, _METHOD, j), "")
            yield Method(file.name, f"{service.name}.{method.name}", comment, service.name, method)
    for i, message in enumerate(file.message_type):
        yield from _of_message(file.name, message, "", (_MESSAGE, i), comments)
    for i, enum in enumerate(file.enum_type):
        yield from _of_enum(file.name, enum, "", (_ENUM, i), comments)


def _of_message(file: str, message: DescriptorProto, scope: str, path: Steps, comments: Comments) -> Iterator[Element]:
    if message.options.map_entry:
        return
    name = scope + message.name
    yield Message(file, name, comments.get(path, ""), message)
    for i, field in enumerate(message.field):
        yield Field(file, f"{name}.{field.name}", comments.get((*path, _FIELD, i), ""), name, field)
    for i, oneof in enumerate(message.oneof_decl):
        # `optional` makes a synthetic oneof.
        if not any(field.proto3_optional and field.oneof_index == i for field in message.field):
            yield Element(file, f"{name}.{oneof.name}", comments.get((*path, _ONEOF, i), ""))
    for i, nested in enumerate(message.nested_type):
        yield from _of_message(file, nested, f"{name}.", (*path, _NESTED, i), comments)
    for i, enum in enumerate(message.enum_type):
        yield from _of_enum(file, enum, f"{name}.", (*path, _NESTED_ENUM, i), comments)


def _of_enum(file: str, enum: EnumDescriptorProto, scope: str, path: Steps, comments: Comments) -> Iterator[Element]:
    name = scope + enum.name
    yield Enum(file, name, comments.get(path, ""), bool(scope), enum)
    for i, value in enumerate(enum.value):
        yield Element(file, f"{name}.{value.name}", comments.get((*path, _VALUE, i), ""))
