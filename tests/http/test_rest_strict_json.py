"""What the proto3 mapping's own parser would forgive is refused; what the mapping allows is understood.

Owns the proofs of `gateway/http/rest/strict_json.py`.
"""

import json
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import FieldInvalid
from gateway.http.rest import strict_json
from socialgateway.v1 import account_service_pb2, post_service_pb2, upload_service_pb2

CreatePost = post_service_pb2.CreatePostRequest
POST = "post"


def refusal(value: Any, kind: Any = CreatePost) -> set[tuple[str, str]]:
    """Return the fields that are refused, each with what is said of it."""
    with pytest.raises(FieldInvalid) as found:
        strict_json.parse(value, kind())
    return {(each.field, each.description) for each in found.value.violations}


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"pots": {}}, "body"),
        ({"post": {"captoin": "x"}}, "post"),
        ({"post": []}, "post"),
        ({"post": ""}, "post"),
        ({"post": {"video": {"source": []}}}, "post.video.source"),
        ({"post": {"mode": "POST_MODE_DIREKT"}}, "post.mode"),
        ({"post": {"mode": "1"}}, "post.mode"),
        ({"post": {"mode": True}}, "post.mode"),
        ({"post": {"mode": 99}}, "post.mode"),
        ({"post": {"caption": 7}}, "post.caption"),
        ({"post": {"caption": "\ud800"}}, "post.caption"),
        ({"post": {"labels": []}}, "post.labels"),
        ({"post": {"labels": {"a": 1}}}, "post.labels['a']"),
        ({"post": {"scheduleTime": "tomorrow"}}, "post.schedule_time"),
        ({"post": {"scheduleTime": 1}}, "post.schedule_time"),
        ({"post": {"scheduleTime": "2026-01-01T00:00:00"}}, "post.schedule_time"),
        ({"post": {"scheduleTime": "2026-1-1T0:0:0Z"}}, "post.schedule_time"),
        ({"post": {"scheduleTime": "2026-13-01T00:00:00Z"}}, "post.schedule_time"),
        ({"post": {"photos": {"sources": {}}}}, "post.photos.sources"),
        ({"post": {"photos": {"sources": [None, 1]}}}, "post.photos.sources[0]"),
        ({"validateOnly": "true"}, "validate_only"),
        ({"validateOnly": 1}, "validate_only"),
        ({"postId": "a", "post_id": "b"}, "post_id"),
        ({"post": {"video": {}, "photos": {}}}, "post.photos"),
    ],
)
def test_what_would_be_dropped_or_guessed_is_refused(value: Any, field: str) -> None:
    """The refusal names the field."""
    assert field in {found for found, _ in refusal(value)}


@pytest.mark.parametrize("size", ["12_3", " 12", "1e3", "0x10", "", True, 1.5, "9223372036854775808", 2**63, [], {}])
def test_a_number_that_is_none_is_refused(size: Any) -> None:
    """An int64 is a whole number, or its digits."""
    kind = upload_service_pb2.CreateUploadRequest
    assert {"upload.size_bytes"} == {field for field, _ in refusal({"upload": {"sizeBytes": size}}, kind)}


@pytest.mark.parametrize("data", ["a", "ab=c", "a b=", "é", 7])
def test_bytes_are_base64(data: Any) -> None:
    """Broken base64 is refused as a whole."""
    assert {"data"} == {field for field, _ in refusal({"data": data}, upload_service_pb2.WriteUploadRequest)}


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 1}',
        '{"post": {"x": 1, "x": 2}}',
        '{"a": NaN}',
        '{"a": 1e999}',
        '{"a": ' + "9" * 5000 + "}",
        "",
        "{",
        "\xff",
        "[" * 10**5,
    ],
)
def test_what_is_no_json_is_refused(text: str) -> None:
    """Also a key that is there twice, and NaN, which JSON does not have."""
    with pytest.raises(FieldInvalid) as found:
        strict_json.loads(text.encode("latin-1"))
    assert "body" == found.value.violations[0].field


def test_every_fault_is_named_at_once() -> None:
    """A caller need not mend one field to hear of the next."""
    faults = refusal({"post": {"mode": "x", "caption": 1, "title": "y"}, "validateOnly": 2})
    assert {"post", "post.mode", "post.caption", "validate_only"} == {field for field, _ in faults}


def test_many_faults_are_bounded() -> None:
    """A body of faults costs no more than a hundred of them."""
    assert strict_json.MAX_VIOLATIONS == len(refusal({f"field{number}": 1 for number in range(1000)}))


def test_what_the_mapping_allows_is_understood() -> None:
    """Both spellings of names, numbers as digits, null for what is not given, times with an offset."""
    message = CreatePost()
    value = {
        "parent": None,
        "post": {
            "account": "locations/l/accounts/a",
            "mode": 1,
            "schedule_time": "2026-01-01T01:00:00+01:00",
            "labels": {"a": "b"},
            "video": {"source": {"upload": "u"}, "coverOffset": "1.5s"},
            "etag": "",
        },
    }
    strict_json.parse(value, message)
    assert (1, {"a": "b"}, "u") == (message.post.mode, dict(message.post.labels), message.post.video.source.upload)
    assert "2026-01-01T00:00:00Z" == message.post.schedule_time.ToJsonString()


def test_a_mask_and_a_duration() -> None:
    """They are words in JSON."""
    message = account_service_pb2.GetAccountRequest()
    strict_json.parse({"readMask": "displayName,username", "maxStaleness": "3.5s"}, message)
    assert (["display_name", "username"], 3_500_000_000) == (
        list(message.read_mask.paths),
        message.max_staleness.ToNanoseconds(),
    )


@pytest.mark.parametrize("staleness", ["3 s", "1_0s", "+3s", "3", 3, "1e3s"])
@pytest.mark.parametrize("mask", ["foo_bar", "a,,b", "A", "a b", ["a"]])
def test_a_mask_or_a_duration_that_is_none(staleness: Any, mask: Any) -> None:
    """What Python's own parser takes for one is refused too."""
    value = {"maxStaleness": staleness, "readMask": mask}
    assert {"max_staleness", "read_mask"} == {
        field for field, _ in refusal(value, account_service_pb2.GetAccountRequest)
    }


KEYS = st.sampled_from(
    ["post", "postId", "mode", "caption", "labels", "video", "source", "upload", "scheduleTime", "account"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(KEYS | st.text(max_size=5), JSON, max_size=4))
def test_whatever_comes_is_refused_or_says_the_same_again(value: dict[str, Any]) -> None:
    """Nothing else is raised; and what is understood, printed and read again, is the same message."""
    message = CreatePost()
    try:
        strict_json.parse(json.loads(json.dumps(value)), message)
    except FieldInvalid:
        return
    again = CreatePost()
    strict_json.parse(json_format.MessageToDict(message), again)
    assert message == again
