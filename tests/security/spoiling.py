"""Sound requests spoiled in every way that the contract's own descriptors suggest.

Owns the ways. Does not know what a method makes of them.
"""

from collections.abc import Iterator
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

ENDLESS = 4 * 1024 * 1024
"""Below what a message may have, so that it is the field that is refused."""

TEXTS = {
    "NUL": "a\0b",
    "path": "locations/../../etc/passwd",
    "wildcard": "locations/-/posts/-",
    "dash": "-",
    "slashes": "locations//posts/",
    "emoji": "locations/l1/posts/\U0001f600\u202e\u0000".replace("\0", ""),
    "fullwidth": "ｌｏｃａｔｉｏｎｓ/l1",
    "line break": "locations/l1\n",
    "percent": "locations/%6c1/posts/%00",
    "format": "{0.__class__} %s %n",
    "quote": "x' OR '1'='1'; DROP TABLE posts; --",
    "long": "locations/" + "a" * 10_000,
    "UUID1": "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
}
NUMBERS = (-1, 0, 1, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63))
SPANS = ((2**63 - 1, 0), (-(2**63), 0), (0, 2**31 - 1), (0, -(2**31)), (253_402_300_799, 999_999_999), (10**11, 0))
_INTEGERS = {FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_FIXED32}
_MAXIMUM = {FieldDescriptor.TYPE_INT32: 2**31, FieldDescriptor.TYPE_INT64: 2**63, FieldDescriptor.TYPE_FIXED32: 2**32}
_SPAN_TYPES = ("google.protobuf.Timestamp", "google.protobuf.Duration")
Spoiled = Iterator[tuple[str, bytes]]


def spoil(request: Message) -> Spoiled:
    """Yield the request spoiled in one place at a time, each with the name of what was done."""
    yield "nothing", b""
    yield from _by_fields(request)
    sound = request.SerializeToString()
    yield "unknown fields", sound + b"\xba\x3e\x03abc\xc0\x3e\x01"
    yield "group that never ends", sound + b"\xbb\x3e"
    yield "cut", sound[: len(sound) // 2]
    yield "length beyond the end", sound + b"\x0a\xff\xff\xff\xff\x07"
    yield "field number 0", sound + b"\x00\x01"
    yield "text that is no UTF-8", sound + b"\x0a\x03\xff\xed\xa0"


def endless(request: Message) -> Spoiled:
    """Yield the request with one text or list at a time that has no end."""
    for path, field, holder in _places(request):
        if field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated:
            yield _with(request, holder, f"{path} endless", lambda m, f=field.name: setattr(m, f, "x" * ENDLESS))
        elif field.type == FieldDescriptor.TYPE_STRING:
            yield _with(
                request, holder, f"{path} 100,000 times", lambda m, f=field.name: getattr(m, f).extend(["x"] * 100_000)
            )
        elif _is_map(field):
            yield _with(request, holder, f"{path} 100,000 keys", lambda m, f=field.name: _fill(getattr(m, f), 100_000))
            yield _with(
                request, holder, f"{path} endless", lambda m, f=field.name: getattr(m, f).update(x="x" * ENDLESS)
            )


def _by_fields(request: Message) -> Spoiled:
    for path, field, holder in _places(request):
        yield _with(request, holder, f"{path} left out", lambda m, f=field.name: m.ClearField(f))
        for name, change in _changes(field):
            yield _with(request, holder, f"{path} {name}", change)


def _changes(field: Any) -> Iterator[tuple[str, Any]]:
    """Yield the ways to spoil one field, each as a change of the message that holds it."""
    name = field.name
    if _is_map(field):
        for label, text in TEXTS.items():
            yield f"key {label}", lambda m, t=text: getattr(m, name).update({t: "x"})
            yield f"value {label}", lambda m, t=text: getattr(m, name).update(x=t)
    elif field.message_type is not None:
        yield from _message_changes(field)
    else:
        for label, value in _values(field):
            if field.is_repeated:
                yield label, lambda m, v=value: getattr(m, name).append(v)
            else:
                yield label, lambda m, v=value: setattr(m, name, v)


def _message_changes(field: Any) -> Iterator[tuple[str, Any]]:
    name, kind = field.name, field.message_type.full_name
    if kind in _SPAN_TYPES:
        for seconds, nanos in SPANS:
            yield f"{seconds} s {nanos} ns", lambda m, s=seconds, n=nanos: _span(getattr(m, name), s, n)
    elif kind == "google.protobuf.Struct":
        for label, raw in STRUCTS.items():
            yield label, lambda m, r=raw: getattr(m, name).MergeFromString(r)
    elif kind == "google.protobuf.FieldMask":
        for label, text in TEXTS.items():
            yield f"path {label}", lambda m, t=text: getattr(m, name).paths.append(t)
    elif field.is_repeated:
        yield "an empty item", lambda m: getattr(m, name).add()
    else:
        yield "empty", lambda m: getattr(m, name).CopyFrom(type(getattr(m, name))())


def _struct_of(value: bytes) -> bytes:
    """Write a Struct with one key `a` by hand: not every value it can carry can be made by its own classes."""
    entry = b"\x0a\x01a\x12" + bytes([len(value)]) + value
    return b"\x0a" + bytes([len(entry)]) + entry


STRUCTS = {
    "unknown option": _struct_of(b"\x1a\x01x"),
    "a value that is none": _struct_of(b""),
    "not a number": _struct_of(b"\x11\x00\x00\x00\x00\x00\x00\xf8\x7f"),
    "infinite": _struct_of(b"\x11\x00\x00\x00\x00\x00\x00\xf0\x7f"),
    "NUL": _struct_of(b"\x1a\x01\x00"),
    "a list with a value that is none": _struct_of(b"\x32\x02\x0a\x00"),
}


def _values(field: Any) -> Iterator[tuple[str, Any]]:
    if field.type == FieldDescriptor.TYPE_STRING:
        yield from TEXTS.items()
    elif field.enum_type is not None:
        yield from ((f"enum {number}", number) for number in (99, -1, 2**31 - 1))
    elif field.type in _INTEGERS:
        limit = _MAXIMUM[field.type]
        lowest = 0 if field.type == FieldDescriptor.TYPE_FIXED32 else -limit
        yield from ((str(number), number) for number in NUMBERS if lowest <= number < limit)


def _places(request: Message, path: str = "", depth: int = 3) -> Iterator[tuple[str, Any, tuple[str, ...]]]:
    """Yield every input field in reach: its path, its descriptor, and the way to the message that holds it."""
    yield from _places_of(request.DESCRIPTOR, (), depth)


def _places_of(descriptor: Any, way: tuple[str, ...], depth: int) -> Iterator[tuple[str, Any, tuple[str, ...]]]:
    for field in descriptor.fields:
        behaviors = field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
        if field_behavior_pb2.OUTPUT_ONLY in behaviors:
            continue
        yield ".".join((*way, field.name)), field, way
        inside = field.message_type
        if inside is not None and not field.is_repeated and inside.file.package.startswith("socialgateway") and depth:
            yield from _places_of(inside, (*way, field.name), depth - 1)


def _with(request: Message, holder: tuple[str, ...], name: str, change: Any) -> tuple[str, bytes]:
    """Return a changed copy, as bytes."""
    copy = type(request)()
    copy.CopyFrom(request)
    message: Any = copy
    for step in holder:
        message = getattr(message, step)
    change(message)
    return name, copy.SerializeToString()


def _is_map(field: Any) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def _fill(mapping: Any, count: int) -> None:
    mapping.update({str(number): "x" for number in range(count)})


def _span(message: Any, seconds: int, nanos: int) -> None:
    message.seconds, message.nanos = seconds, nanos
