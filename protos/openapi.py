"""Describes the contract's HTTP side as OpenAPI 3.1: from a descriptor set with comments, always the same bytes.

Owns how a method becomes an operation and a message a schema. What the server really takes is the business of
`gateway/http/rest`; the tests hold both against each other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from google.api import annotations_pb2, field_behavior_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
)

PACKAGE = "socialgateway.v1"
ID = "^[A-Za-z0-9_-]{1,64}$"
STATUS = ".google.rpc.Status"

_F = FieldDescriptorProto
_WHOLE = {"type": ["string", "integer"], "format": "int64", "pattern": "^-?(?:0|[1-9][0-9]*)$"}
_SCALARS: dict[int, dict[str, Any]] = {
    _F.TYPE_DOUBLE: {"type": "number", "format": "double"},
    _F.TYPE_FLOAT: {"type": "number", "format": "float"},
    _F.TYPE_INT64: _WHOLE,
    _F.TYPE_UINT64: _WHOLE,
    _F.TYPE_INT32: {"type": "integer", "format": "int32", "minimum": -(2**31), "maximum": 2**31 - 1},
    _F.TYPE_UINT32: {"type": "integer", "minimum": 0, "maximum": 2**32 - 1},
    _F.TYPE_FIXED32: {"type": "integer", "minimum": 0, "maximum": 2**32 - 1},
    _F.TYPE_BOOL: {"type": "boolean"},
    _F.TYPE_STRING: {"type": "string"},
    _F.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
}
_KNOWN: dict[str, dict[str, Any]] = {
    ".google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    ".google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$"},
    ".google.protobuf.FieldMask": {"type": "string", "description": "Fields in camelCase, separated by commas."},
    ".google.protobuf.Struct": {"type": "object"},
    ".google.protobuf.Value": {},
    ".google.protobuf.Any": {"type": "object", "properties": {"@type": {"type": "string"}}, "required": ["@type"]},
    ".google.protobuf.Empty": {"type": "object", "additionalProperties": False},
}
_WORDS = (".google.protobuf.Timestamp", ".google.protobuf.Duration", ".google.protobuf.FieldMask")
_VARIABLE = re.compile(r"\{([a-z_.]+)=([^{}]+)\}")

UPLOAD_PATH = "/v1/locations/{location}/uploads/{upload}/content"
UPLOAD_TEXT = (
    "Sends the bytes of an upload: all of them in one body, or a range of them that continues at committedSize, with "
    "Content-Range. The range that ends with the last byte completes the upload. After a lost response, "
    "GET …/uploads/{upload} says where to go on."
)

_FACT = re.compile(r"\n(?=(?:Cost|Idempotent|Scope|Reasons): )")
"""Before what every method says of itself, line by line."""


class Contract:
    """The messages, enums and services of a descriptor set, by their full names, and their comments."""

    def __init__(self, image: FileDescriptorSet) -> None:
        """Read all files of `image`."""
        self.messages: dict[str, DescriptorProto] = {}
        self.enums: dict[str, EnumDescriptorProto] = {}
        self.methods: list[tuple[str, MethodDescriptorProto, str]] = []
        self.services: dict[str, str] = {}
        self.comments: dict[str, str] = {}
        for file in image.file:
            self._read(file)

    def _read(self, file: FileDescriptorProto) -> None:
        comments = {tuple(each.path): each.leading_comments for each in file.source_code_info.location}
        for index, message in enumerate(file.message_type):
            self._message(f".{file.package}.{message.name}", message, (4, index), comments)
        for index, enum in enumerate(file.enum_type):
            self._enum(f".{file.package}.{enum.name}", enum, (5, index), comments)
        if file.package != PACKAGE:
            return
        for index, service in enumerate(file.service):
            self.services[service.name] = _prose(comments.get((6, index), ""))
            for number, method in enumerate(service.method):
                self.methods.append((service.name, method, _prose(comments.get((6, index, 2, number), ""))))

    def _message(self, name: str, message: DescriptorProto, path: tuple[int, ...], comments: dict[Any, str]) -> None:
        self.messages[name] = message
        self.comments[name] = _prose(comments.get(path, ""))
        for index, each in enumerate(message.field):
            self.comments[f"{name}.{each.name}"] = _prose(comments.get((*path, 2, index), ""))
        for index, inner in enumerate(message.nested_type):
            self._message(f"{name}.{inner.name}", inner, (*path, 3, index), comments)
        for index, enum in enumerate(message.enum_type):
            self._enum(f"{name}.{enum.name}", enum, (*path, 4, index), comments)

    def _enum(self, name: str, enum: EnumDescriptorProto, path: tuple[int, ...], comments: dict[Any, str]) -> None:
        values = (
            f"- `{each.name}`: {_prose(comments.get((*path, 2, index), ''))}" for index, each in enumerate(enum.value)
        )
        self.enums[name] = enum
        self.comments[name] = "\n".join([_prose(comments.get(path, "")), "", *values])


def document(image: FileDescriptorSet) -> str:
    """Return the OpenAPI document of a descriptor set that has comments, as JSON."""
    contract = Contract(image)
    wanted = {STATUS}
    paths: dict[str, dict[str, Any]] = {}
    for service, method, comment in contract.methods:
        rule = method.options.Extensions[annotations_pb2.http]
        verb = rule.WhichOneof("pattern")
        if verb is not None:
            path, variables = _expand(getattr(rule, verb))
            operation = _operation(contract, service, method, comment, path, variables, wanted)
            paths.setdefault(path, {})[verb] = operation
    paths[UPLOAD_PATH] = {"put": _upload(wanted)}
    schemas = dict(sorted(_schemas(contract, wanted)))
    return json.dumps(
        {
            "openapi": "3.1.0",
            "info": {"title": "Social gateway", "version": "v1", "description": _INFO},
            "servers": [{"url": "/"}],
            "security": [{"key": []}],
            "tags": [{"name": name, "description": text} for name, text in contract.services.items()],
            "paths": dict(sorted(paths.items())),
            "components": {"schemas": schemas, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
        },
        indent=1,
        ensure_ascii=False,
    )


_INFO = (
    "The gRPC contract as JSON over HTTP: the same methods, limits and errors. JSON follows the proto3 mapping; fields "
    "that are unknown, given twice or of the wrong type are refused. An error is a google.rpc.Status, whose first "
    "detail has the stable reason."
)


def _operation(
    contract: Contract,
    service: str,
    method: MethodDescriptorProto,
    comment: str,
    path: str,
    variables: tuple[str, ...],
    wanted: set[str],
) -> dict[str, Any]:
    summary, _, rest = comment.partition("\n\n")
    request = contract.messages[method.input_type]
    body = method.options.Extensions[annotations_pb2.http].body
    found: dict[str, Any] = {
        "operationId": f"{service}_{method.name}",
        "tags": [service],
        "summary": summary,
        "description": rest,
        "parameters": [*_path_parameters(path), *_query(contract, method.input_type, body, variables, wanted)],
        "responses": _responses(method, wanted),
    }
    if body:
        found["requestBody"] = _body(contract, request, method.input_type, body, variables, wanted)
    return found


def _path_parameters(path: str) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"\{(\w+)\}", path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": ID}}


def _query(
    contract: Contract, request: str, body: str, variables: tuple[str, ...], wanted: set[str]
) -> Iterator[dict[str, Any]]:
    """Yield the parameters of a request's query: the fields that neither the path nor the body has."""
    if body == "*":
        return
    elsewhere = {body, *(each.partition(".")[0] for each in variables)}
    for each in contract.messages[request].field:
        if each.name in elsewhere or (each.type == _F.TYPE_MESSAGE and each.type_name not in _WORDS):
            continue
        yield {
            "name": each.json_name,
            "in": "query",
            "required": _is(each, field_behavior_pb2.REQUIRED),
            "description": contract.comments[f"{request}.{each.name}"],
            "schema": _schema(contract, each, wanted),
        }


def _body(
    contract: Contract,
    request: DescriptorProto,
    name: str,
    body: str,
    variables: tuple[str, ...],
    wanted: set[str],
) -> dict[str, Any]:
    if body == "*":
        schema = _object(contract, name, wanted, without=variables)
        required = bool(schema.get("required"))
    else:
        [each] = [each for each in request.field if each.name == body]
        schema, required = _schema(contract, each, wanted), True
    return {"required": required, "content": {"application/json": {"schema": schema}}}


def _responses(method: MethodDescriptorProto, wanted: set[str]) -> dict[str, Any]:
    wanted.add(method.output_type)
    schema = {"$ref": _reference(method.output_type)}
    if method.server_streaming:
        text = "Server-sent events: the data of each is this message as JSON; an event `error` has a Status."
        ok: dict[str, Any] = {"description": text, "content": {"text/event-stream": {"schema": {"type": "string"}}}}
    else:
        ok = {"description": "The response.", "content": {"application/json": {"schema": schema}}}
    return {"200": ok, "default": _failure()}


def _failure() -> dict[str, Any]:
    schema = {"$ref": _reference(STATUS)}
    return {"description": "What is wrong.", "content": {"application/json": {"schema": schema}}}


def _upload(wanted: set[str]) -> dict[str, Any]:
    wanted.add(f".{PACKAGE}.Upload")
    form = {"type": "string", "pattern": r"^bytes [0-9]{1,19}-[0-9]{1,19}/(\*|[0-9]{1,19})$"}
    part = {"name": "Content-Range", "in": "header", "required": False, "schema": form}
    schema = {"$ref": _reference(f".{PACKAGE}.Upload")}
    return {
        "operationId": "UploadService_WriteUpload",
        "tags": ["UploadService"],
        "summary": "Sends the bytes of an upload.",
        "description": UPLOAD_TEXT,
        "parameters": [*_path_parameters(UPLOAD_PATH), part],
        "requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {}}}},
        "responses": {
            "200": {"description": "The response.", "content": {"application/json": {"schema": schema}}},
            "default": _failure(),
        },
    }


def _schemas(contract: Contract, wanted: set[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the schema of every type that is referred to, and of those that these refer to."""
    done: set[str] = set()
    while left := sorted(wanted - done):
        for name in left:
            done.add(name)
            if name in contract.enums:
                values = [each.name for each in contract.enums[name].value]
                yield _title(name), {"type": "string", "enum": values, "description": contract.comments[name]}
            elif name in _KNOWN:
                yield _title(name), _KNOWN[name]
            else:
                yield _title(name), _object(contract, name, wanted)


def _object(contract: Contract, name: str, wanted: set[str], without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the schema of a message."""
    fields = [each for each in contract.messages[name].field if each.name not in without]
    properties = {}
    for each in fields:
        schema = _schema(contract, each, wanted)
        text = contract.comments[f"{name}.{each.name}"]
        extra: dict[str, Any] = {"description": text} if text else {}
        if _is(each, field_behavior_pb2.OUTPUT_ONLY):
            extra["readOnly"] = True
        if _is(each, field_behavior_pb2.INPUT_ONLY):
            extra["writeOnly"] = True
        properties[each.json_name] = schema | extra
    required = [
        each.json_name
        for each in fields
        if _is(each, field_behavior_pb2.REQUIRED) and not _is(each, field_behavior_pb2.OUTPUT_ONLY)
    ]
    found = {"type": "object", "properties": properties, "additionalProperties": False}
    return found | ({"required": required} if required else {}) | _described(contract.comments[name])


def _described(text: str) -> dict[str, str]:
    return {"description": text} if text else {}


def _schema(contract: Contract, each: FieldDescriptorProto, wanted: set[str]) -> dict[str, Any]:
    """Return the schema of a field."""
    entry = contract.messages.get(each.type_name)
    if entry is not None and entry.options.map_entry:
        return {"type": "object", "additionalProperties": _single(entry.field[1], wanted)}
    single = _single(each, wanted)
    return {"type": "array", "items": single} if each.label == _F.LABEL_REPEATED else single


def _single(each: FieldDescriptorProto, wanted: set[str]) -> dict[str, Any]:
    if each.type in _SCALARS:
        return dict(_SCALARS[each.type])
    if each.type_name in _KNOWN:
        return dict(_KNOWN[each.type_name])
    wanted.add(each.type_name)
    return {"$ref": _reference(each.type_name)}


def _is(each: FieldDescriptorProto, behavior: int) -> bool:
    return behavior in each.options.Extensions[field_behavior_pb2.field_behavior]


def _reference(name: str) -> str:
    return f"#/components/schemas/{_title(name)}"


def _title(name: str) -> str:
    """Return a type's name in the document: without our own package."""
    return name.removeprefix(f".{PACKAGE}.").removeprefix(".")


def _expand(template: str) -> tuple[str, tuple[str, ...]]:
    """Return a path with a parameter for each id, named after its collection, and the variables of the template."""
    variables = tuple(found[1] for found in _VARIABLE.finditer(template))
    plain = _VARIABLE.sub(lambda found: found[2], template)
    return re.sub(r"(\w+)s/\*", lambda found: f"{found[1]}s/{{{found[1]}}}", plain), variables


def _prose(comment: str) -> str:
    """Return a comment without the breaks inside its paragraphs."""
    lines = "\n".join(line.strip() for line in comment.strip().split("\n"))
    paragraphs = _FACT.sub("\n\n", lines).split("\n\n")
    return "\n\n".join(" ".join(part.split("\n")) for part in paragraphs)
