"""JSON of the proto3 mapping, without what its parser forgives: nothing that a caller wrote is dropped or guessed at.

Owns the checks before `google.protobuf.json_format`, which takes `[]` for an empty message, `"12_3"` for 123, `"7"` for
an enum's number 7, broken base64, and the last of two spellings of a field (protobuf 7.36, 2026-11-29). Does not know
where the JSON came from.
"""

import base64
import binascii
import json
import math
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from gateway.errors import FieldInvalid, Violation

MAX_VIOLATIONS = 100

_F = FieldDescriptor
_INTEGERS = {
    _F.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    _F.CPPTYPE_UINT32: (0, 2**32 - 1),
    _F.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    _F.CPPTYPE_UINT64: (0, 2**64 - 1),
}
_FLOATS = (_F.CPPTYPE_DOUBLE, _F.CPPTYPE_FLOAT)
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)")
_WORDS = {
    "google.protobuf.Timestamp": (
        re.compile(
            r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
        ),
        "must be a time like 2026-01-31T12:00:00Z",
    ),
    "google.protobuf.Duration": (
        re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,9})?s"),
        "must be a number of seconds like 3.5s",
    ),
    "google.protobuf.FieldMask": (
        re.compile(r"(|(\*|[a-z][a-zA-Z0-9.]*)(,(\*|[a-z][a-zA-Z0-9.]*))*)"),
        "must be fields in camelCase, separated by commas",
    ),
}
"""Messages that are strings in JSON. Python's parser takes `1_0s` for ten seconds, `2026-1-1T0:0:0Z` for a time and `A`
for the field `_a` (protobuf 7.36.2, 2026-12-01).
"""

_FREE = {"google.protobuf.Struct": dict, "google.protobuf.ListValue": list}
"""Messages whose JSON may hold anything."""


class _Twice(ValueError):
    """A key that an object has twice."""


def loads(raw: bytes) -> Any:
    """Return the JSON value in `raw`; raises FieldInvalid for what is no JSON, also with a key that is there twice."""
    try:
        return json.loads(raw.decode(), object_pairs_hook=_object, parse_constant=_no_constant, parse_float=_finite)
    except _Twice as error:
        raise FieldInvalid("body", f"has the key {error} twice in one object") from None
    except (ValueError, RecursionError):
        # The parser's own text may quote the body.
        raise FieldInvalid("body", "is not JSON in UTF-8, or is nested too deeply") from None


def parse(value: Mapping[str, Any], message: Message, prefix: str = "") -> None:
    """Fill `message` from a JSON object; raises FieldInvalid, whose paths begin with `prefix`."""
    try:
        violations = list(islice(_message(value, message.DESCRIPTOR, prefix), MAX_VIOLATIONS))
        if violations:
            first, *more = violations
            raise FieldInvalid(first.field, first.description, *more)
        json_format.ParseDict(dict(value), message)
    except (json_format.ParseError, OverflowError, RecursionError):
        raise FieldInvalid(prefix.rstrip(".") or "body", "does not fit its type, or is nested too deeply") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Twice(_shown(key))
        found[key] = value
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(text)
    return number


def _shown(key: str) -> str:
    """Return a caller's own word so that it can be shown."""
    return ascii(key[:64])


def _message(value: Any, kind: Any, prefix: str) -> Iterator[Violation]:
    """Check an object against a message type; `prefix` is its path with a trailing dot, or empty."""
    if not isinstance(value, dict | Mapping):
        yield Violation(prefix.rstrip(".") or "body", "must be an object")
        return
    known = {name: each for each in kind.fields for name in (each.json_name, each.name)}
    taken: dict[str, str] = {}
    for key, inner in value.items():
        each = known.get(key)
        if each is None:
            yield Violation(prefix.rstrip(".") or "body", f"has no field {_shown(key)}")
            continue
        # Two spellings of one field, or two fields of which only one can be set.
        choice = each.containing_oneof.full_name if each.containing_oneof is not None else each.full_name
        if choice in taken:
            yield Violation(prefix + each.name, f"cannot be given together with {taken[choice]}")
        taken[choice] = each.name
        yield from _field(inner, each, prefix + each.name)


def _field(value: Any, each: FieldDescriptor, path: str) -> Iterator[Violation]:
    if value is None and not _takes_null(each):
        # The mapping's word for "not given".
        return
    if each.message_type is not None and each.message_type.GetOptions().map_entry:
        yield from _map(value, each, path)
    elif each.is_repeated:
        if not isinstance(value, list):
            yield Violation(path, "must be a list")
            return
        for index, inner in enumerate(value):
            yield from _one(inner, each, f"{path}[{index}]")
    else:
        yield from _one(value, each, path)


def _map(value: Any, each: Any, path: str) -> Iterator[Violation]:
    if not isinstance(value, dict):
        yield Violation(path, "must be an object")
        return
    of_value = each.message_type.fields_by_name["value"]
    for key, inner in value.items():
        yield from _one(inner, of_value, f"{path}[{_shown(key)}]")


def _one(value: Any, each: FieldDescriptor, path: str) -> Iterator[Violation]:
    """Check one value of a field."""
    if each.message_type is not None:
        yield from _inner(value, each.message_type, path)
    elif (wrong := _scalar(value, each)) is not None:
        yield Violation(path, wrong)


def _inner(value: Any, kind: Any, path: str) -> Iterator[Violation]:
    if kind.full_name in _WORDS:
        if not _is_word(value, kind):
            yield Violation(path, _WORDS[kind.full_name][1])
    elif kind.full_name in _FREE:
        if not isinstance(value, _FREE[kind.full_name]):
            yield Violation(path, "must be an object" if kind.full_name.endswith("Struct") else "must be a list")
    elif kind.full_name != "google.protobuf.Value":
        yield from _message(value, kind, path + ".")


def _is_word(value: Any, kind: Any) -> bool:
    """Return whether a value is a time, a duration or a mask."""
    if not isinstance(value, str) or _WORDS[kind.full_name][0].fullmatch(value) is None:
        return False
    try:
        json_format.ParseDict(value, message_factory.GetMessageClass(kind)())  # type: ignore[arg-type]
    except json_format.ParseError:
        return False
    return True


def _scalar(value: Any, each: FieldDescriptor) -> str | None:
    """Return what is wrong with a value that is no message, None if nothing is."""
    kind = each.cpp_type
    if each.enum_type is not None:
        return _enum(value, each.enum_type)
    if kind in _INTEGERS:
        return _integer(value, *_INTEGERS[kind])
    if kind in _FLOATS:
        return None if isinstance(value, int | float) and not isinstance(value, bool) else "must be a number"
    if kind == _F.CPPTYPE_BOOL:
        return None if isinstance(value, bool) else "must be true or false"
    if not isinstance(value, str):
        return "must be a string"
    return _bytes(value) if each.type == _F.TYPE_BYTES else _text(value)


def _enum(value: Any, kind: EnumDescriptor) -> str | None:
    if isinstance(value, str):
        known = value in kind.values_by_name
    else:
        known = isinstance(value, int) and not isinstance(value, bool) and value in kind.values_by_number
    return None if known else f"must be one of {', '.join(each.name for each in kind.values)}"


def _integer(value: Any, least: int, most: int) -> str | None:
    if isinstance(value, str) and len(value) <= 20 and _DECIMAL.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return "must be a whole number"
    return None if least <= value <= most else "is out of range"


def _bytes(value: str) -> str | None:
    try:
        base64.b64decode(value.translate(str.maketrans("-_", "+/")), validate=True)
    except (binascii.Error, ValueError):
        return "must be base64"
    return None


def _text(value: str) -> str | None:
    try:
        value.encode()
    except UnicodeEncodeError:
        return "has half of a surrogate pair"
    return None


def _takes_null(each: FieldDescriptor) -> bool:
    return each.message_type is not None and each.message_type.full_name == "google.protobuf.Value"
