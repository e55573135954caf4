"""The request message of a method, from the path, the query and the body of an HTTP request.

Owns which part may say what. A field comes from one place only, and what has no place is refused, not dropped.
"""

import math
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from gateway.errors import FieldInvalid
from gateway.http.rest import strict_json
from gateway.http.rest.bindings import ALL, Binding

MAX_PARAMETERS = 1000
UPDATE = "PATCH"

_F = FieldDescriptor
_WORDS = ("google.protobuf.Timestamp", "google.protobuf.Duration", "google.protobuf.FieldMask")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_BOOLS = {"true": True, "false": False}


def build(binding: Binding, variables: Mapping[str, str], query: bytes, body: bytes) -> Message:
    """Return the message that the request means; raises FieldInvalid."""
    message: Message = message_factory.GetMessageClass(binding.method.input_type)()
    if binding.body:
        _read_body(message, binding, variables, body)
    elif body:
        raise FieldInvalid("body", "is not taken by this method: its fields belong into the query")
    _read_query(message, binding, variables, query)
    for path, value in variables.items():
        _set(message, path, value)
    return message


def query_fields(binding: Binding) -> list[FieldDescriptor]:
    """Return the fields of a method's request that its query may have."""
    if binding.body == ALL:
        return []
    elsewhere = {binding.body, *(path.partition(".")[0] for path in binding.variables)}
    return [each for each in binding.method.input_type.fields if each.name not in elsewhere and _fits(each)]


def _fits(each: FieldDescriptor) -> bool:
    """Return whether a query can hold the field: it is no message, or one that is a word in JSON."""
    return each.message_type is None or each.message_type.full_name in _WORDS


def _read_body(message: Message, binding: Binding, variables: Mapping[str, str], raw: bytes) -> None:
    if not raw and binding.verb == UPDATE:
        # Nothing would be a change of everything in the mask, because the path alone makes a resource.
        raise FieldInvalid(binding.body, "is required")
    if not raw:
        return
    value = strict_json.loads(raw)
    if not isinstance(value, dict):
        raise FieldInvalid("body", "must be a JSON object")
    if binding.body == ALL:
        strict_json.parse(value, message)
        for path in variables:
            if _get(message, path):
                raise FieldInvalid(path, "is in the path: the body must not have it too")
        return
    strict_json.parse({binding.body: value}, message)
    for path, expected in variables.items():
        if _get(message, path) not in ("", expected):
            raise FieldInvalid(path, "must be that of the path, or missing in the body")


def _read_query(message: Message, binding: Binding, variables: Mapping[str, str], query: bytes) -> None:
    known = {name: each for each in query_fields(binding) for name in (each.json_name, each.name)}
    given: dict[str, Any] = {}
    for name, text in _parameters(query):
        each = known.get(name)
        if each is None:
            where = "the path has it" if name in variables else "the query has no such field"
            raise FieldInvalid("query", f"{name[:64]!a} is not taken: {where}")
        if each.is_repeated:
            given.setdefault(each.name, []).append(_value(each, text))
        elif each.name in given:
            raise FieldInvalid(each.name, "is given twice")
        else:
            given[each.name] = _value(each, text)
    if given:
        strict_json.parse(given, message)


def _parameters(query: bytes) -> list[tuple[str, str]]:
    if not query:
        return []
    try:
        return parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MAX_PARAMETERS,
        )
    except ValueError:
        raise FieldInvalid("query", "is not a list of name=value in UTF-8") from None


def _value(each: FieldDescriptor, text: str) -> Any:
    """Return the JSON value that the text of a parameter stands for; text that stands for none stays as it is."""
    if each.cpp_type == _F.CPPTYPE_BOOL:
        return _BOOLS.get(text, text)
    if each.cpp_type in (_F.CPPTYPE_DOUBLE, _F.CPPTYPE_FLOAT):
        return _number(text)
    return text


def _number(text: str) -> Any:
    return float(text) if _NUMBER.fullmatch(text) and math.isfinite(float(text)) else text


def _get(message: Any, path: str) -> str:
    for name in path.split("."):
        message = getattr(message, name)
    return str(message)


def _set(message: Any, path: str, value: str) -> None:
    *parents, name = path.split(".")
    for parent in parents:
        message = getattr(message, parent)
    setattr(message, name, value)
