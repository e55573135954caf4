"""Whatever a caller sends, the answer is a refusal in our own words, and nothing is left behind.

Owns the sweep over bad requests, which are derived from the contract's descriptors. What a vendor may send is in
`test_bad_vendor.py`.
"""

import dataclasses
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
from google.api import field_behavior_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.fixtures.client import METHODS
from tests.fixtures.settings import KEY
from tests.security.recorded import RecordedGateway, opened
from tests.security.requests import Things, make, sound
from tests.security.status_checks import RowCounts, complaint, reason_of, without_id

LAST = ("Delete", "Disconnect", "CompleteConnection")
IN_ORDER = sorted(METHODS, key=lambda name: (any(part in name for part in LAST), name))
"""What takes things away comes last: the others still find them."""
OUTCOMES = ("AUTHORIZATION_DENIED",)
"""What is no refusal of the request but its result, and kept as such."""
MOST_KEPT = 64 * 1024


@dataclass
class Counter:
    """A caller who looks, after each refusal, whether it left anything."""

    recorded: RecordedGateway
    things: Things
    row_counts: RowCounts
    wrong: dict[str, str] = dataclasses.field(default_factory=dict)
    answered: int = 0
    refused: int = 0
    _before: dict[str, int] = dataclasses.field(default_factory=dict)

    def sound(self, method: str) -> Any:
        """Make a sound request; a stream of what is not there, since one of what is there would not end."""
        if "Stream" in method:
            return sound(method, self.things.moved("elsewhere"))
        return sound(method, self.things.absent() if "Watch" in method else self.things)

    async def send(self, method: str, what: str, body: bytes) -> None:
        """Send bytes to a method; keep what is wrong with the answer."""
        before = self._before or self.row_counts.counts()
        error = await self.recorded.refused(method, [body])
        if error is None:
            self.answered += 1
            self._before = {}
            return
        self.refused += 1
        self._before = self.row_counts.counts()
        trouble = complaint(error)
        if trouble:
            self.wrong[f"{method}: {what}"] = trouble
        elif before != self._before and reason_of(without_id(error)) not in OUTCOMES:
            self.wrong[f"{method}: {what}"] = f"{error.details()} but it left something behind"


@pytest.fixture
async def counter(database_url: str, tmp_path: Path) -> AsyncIterator[Counter]:
    """Yield a caller of a gateway in which there is one of each."""
    async with opened(database_url, tmp_path) as recorded:
        things = await make(recorded, KEY)
        with psycopg.connect(database_url, autocommit=True) as database:
            yield Counter(recorded, things, RowCounts(database))


@pytest.mark.chaos
@pytest.mark.timeout(300)
async def test_no_malformed_request_fails_inside(counter: Counter) -> None:
    """Every method, every field, every bad value: refused with a reason, or answered, but never INTERNAL."""
    for method in IN_ORDER:
        for what, body in malformed(counter.sound(method)):
            await counter.send(method, what, body)

    assert {} == counter.wrong
    assert counter.refused > counter.answered > 0


async def test_nothing_endless_is_kept(counter: Counter) -> None:
    """Texts of four megabytes and lists of a hundred thousand items are refused, or not kept: no row grows for ever."""
    for method in IN_ORDER:
        for what, body in oversized(counter.sound(method)):
            await counter.send(method, what, body)

    assert {} == counter.wrong
    assert MOST_KEPT > max(counter.row_counts.longest().values())


@pytest.mark.chaos
@hypothesis_settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(method=st.sampled_from(IN_ORDER), noise=st.binary(max_size=200), cut=st.integers(0, 60))
async def test_no_noise_fails_inside(counter: Counter, method: str, noise: bytes, cut: int) -> None:
    """Random bytes, alone and behind the beginning of a sound request, never lead to INTERNAL."""
    for body in (noise, counter.sound(method).SerializeToString()[:cut] + noise):
        await counter.send(method, repr(body), body)

    assert {} == counter.wrong


async def test_a_stream_that_is_no_upload_is_refused(counter: Counter) -> None:
    """A stream of no messages, of changing names, and of gaps is refused with a reason."""
    request = counter.sound("UploadService/WriteUpload")
    other = type(request)(name=counter.things.absent().name("uploads", "absent"), data=b"x")
    streams = {
        "empty": [],
        "another name": [request, other],
        "a gap": [type(request)(name=request.name), type(request)(write_offset=10**6, data=b"x")],
        "an empty message": [request, type(request)()],
        "negative offset": [type(request)(name=request.name, write_offset=-1, data=b"x")],
        "wrong checksum": [type(request)(name=request.name, data=b"x", crc32c=1)],
    }

    troubles = {}
    for what, messages in streams.items():
        error = await counter.recorded.refused("UploadService/WriteUpload", [m.SerializeToString() for m in messages])
        troubles[what] = "was answered" if error is None else complaint(error)

    assert dict.fromkeys(streams, "") == troubles


def test_a_complaint_is_made_of_what_is_not_ours() -> None:
    """The judgement itself works: a status without our reason, or INTERNAL, is complained of."""
    bare = grpc.aio.AioRpcError(grpc.StatusCode.INVALID_ARGUMENT, grpc.aio.Metadata(), grpc.aio.Metadata(), "x")

    assert "INVALID_ARGUMENT without a reason of ours: x" == complaint(bare)


# Bad requests

LARGE = "x" * (4 * 1024 * 1024)
"""Below what a message may have, so that it is the field that is refused."""
MANY_KEYS = {str(number): "x" for number in range(100_000)}

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
Named = Iterator[tuple[str, bytes]]


def malformed(request: Message) -> Named:
    """Yield the request with one thing wrong with it at a time, each with the name of what was done."""
    yield "nothing", b""
    yield from _malformed_fields(request)
    sound = request.SerializeToString()
    yield "unknown fields", sound + b"\xba\x3e\x03abc\xc0\x3e\x01"
    yield "group that never ends", sound + b"\xbb\x3e"
    yield "cut", sound[: len(sound) // 2]
    yield "length beyond the end", sound + b"\x0a\xff\xff\xff\xff\x07"
    yield "field number 0", sound + b"\x00\x01"
    yield "text that is no UTF-8", sound + b"\x0a\x03\xff\xed\xa0"


def oversized(request: Message) -> Named:
    """Yield the request with one text, list or map at a time that is far too large."""
    for path, field, holder in _fields(request.DESCRIPTOR):
        for label, change in _large_values(field):
            yield _with(request, holder, f"{path} {label}", change)


def _large_values(field: Any) -> Iterator[tuple[str, Any]]:
    name = field.name
    if _is_map(field):
        yield "100,000 keys", lambda m: getattr(m, name).update(MANY_KEYS)
        yield "a large value", lambda m: getattr(m, name).update(x=LARGE)
    elif field.type == FieldDescriptor.TYPE_STRING and field.is_repeated:
        yield "100,000 items", lambda m: getattr(m, name).extend(MANY_KEYS)
    elif field.type == FieldDescriptor.TYPE_STRING:
        yield "a large text", lambda m: setattr(m, name, LARGE)


def _malformed_fields(request: Message) -> Named:
    for path, field, holder in _fields(request.DESCRIPTOR):
        yield _with(request, holder, f"{path} left out", lambda m, f=field.name: m.ClearField(f))
        for name, change in _changes(field):
            yield _with(request, holder, f"{path} {name}", change)


def _changes(field: Any) -> Iterator[tuple[str, Any]]:
    """Yield the bad values of one field, each as a change of its message."""
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
            yield f"{seconds} s {nanos} ns", lambda m, t=(seconds, nanos): _set_time(getattr(m, name), *t)
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


def _set_time(message: Any, seconds: int, nanos: int) -> None:
    message.seconds, message.nanos = seconds, nanos


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


def _fields(descriptor: Any, way: tuple[str, ...] = (), depth: int = 3) -> Iterator[tuple[str, Any, tuple[str, ...]]]:
    """Yield every input field: its path, its descriptor, and the way to the message that has it."""
    for field in descriptor.fields:
        behaviors = field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
        if field_behavior_pb2.OUTPUT_ONLY in behaviors:
            continue
        yield ".".join((*way, field.name)), field, way
        inside = field.message_type
        if inside is not None and not field.is_repeated and inside.file.package.startswith("socialgateway") and depth:
            yield from _fields(inside, (*way, field.name), depth - 1)


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
