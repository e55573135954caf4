"""What the contract's annotations refuse by themselves.

Owns the proofs of `gateway/aip/required.py`, on the real requests.
"""

from typing import Any

import pytest
from google.protobuf.message import Message

from gateway.aip import required
from gateway.errors import FieldInvalid
from socialgateway.v1 import (
    account_service_pb2,
    connection_pb2,
    connection_service_pb2,
    post_pb2,
    post_service_pb2,
    upload_pb2,
    upload_service_pb2,
)


def violations(request: Message) -> dict[str, str]:
    """Return what is wrong with a request, by path."""
    try:
        required.check(request)
    except FieldInvalid as error:
        return {violation.field: violation.description for violation in error.violations}
    return {}


def a_post(**fields: Any) -> post_service_pb2.CreatePostRequest:
    """Return a request whose post is as told and otherwise sound."""
    sound = {"account": "locations/l1/accounts/a1", "mode": post_pb2.POST_MODE_DIRECT}
    return post_service_pb2.CreatePostRequest(parent="locations/l1", post=post_pb2.Post(**{**sound, **fields}))


def test_a_sound_request_passes() -> None:
    """Nothing is found in a request that is as it should be."""
    assert {} == violations(a_post(caption="hello"))


def test_every_missing_field_is_told_at_once() -> None:
    """All required fields that are missing are named, each by its path."""
    assert {"parent": "is required", "post": "is required"} == violations(post_service_pb2.CreatePostRequest())
    empty = upload_service_pb2.CreateUploadRequest(upload=upload_pb2.Upload())
    assert {"parent", "upload.mime_type"} <= set(violations(empty))


def test_a_required_field_inside_what_is_set_is_looked_for() -> None:
    """A message inside the request brings its own required fields, only when it is there."""
    assert {"post.account": "is required", "post.mode": "is required"} == violations(
        post_service_pb2.CreatePostRequest(parent="locations/l1", post=post_pb2.Post())
    )
    assert {"post.video.source": "is required"} == violations(a_post(video=post_pb2.VideoContent()))
    assert {"post.photos.sources": "is required"} == violations(a_post(photos=post_pb2.PhotoContent()))


def test_the_resource_of_an_update_holds_what_changes() -> None:
    """What a whole post needs may be left out; the resource itself, and what is inside its parts, may not."""
    part = post_pb2.Post(name="locations/l1/posts/p1", caption="other")
    required.check(post_service_pb2.UpdatePostRequest(post=part))
    with pytest.raises(FieldInvalid):
        required.check(post_service_pb2.UpdatePostRequest())
    part.consent.subject = "somebody"
    with pytest.raises(FieldInvalid) as caught:
        required.check(post_service_pb2.UpdatePostRequest(post=part))

    assert {"post.consent.declaration", "post.consent.time"} == {each.field for each in caught.value.violations}


def test_an_unknown_enum_value_is_refused() -> None:
    """A number that the contract does not name is refused, alone, inside and in a list."""
    assert {"post.mode": "99 is not a value of this enum"} == violations(a_post(mode=99))
    states: Any = [post_pb2.Post.PUBLISHED, 77]
    listing = post_service_pb2.ListPostsRequest(parent="locations/l1", states=states)
    assert {"states[1]": "77 is not a value of this enum"} == violations(listing)
    kind: Any = -1
    negative = connection_pb2.Connection(provider="providers/tiktok", grant_kind=kind)
    creation = connection_service_pb2.CreateConnectionRequest(parent="locations/l1", connection=negative)
    assert {"connection.grant_kind": "-1 is not a value of this enum"} == violations(creation)


def test_what_only_the_server_writes_is_not_looked_at() -> None:
    """A caller may send back what it read: output-only fields are neither required nor checked."""
    assert {} == violations(a_post(state=99, error={"code": 5, "message": "\0"}))


@pytest.mark.parametrize(
    ("path", "request_"),
    [
        ("name", post_service_pb2.GetPostRequest(name="locations/l1\0/posts/p1")),
        ("post.caption", a_post(caption="a\0b")),
        ("post.provider_extra.fields['a\\x00']", a_post(provider_extra={"a\0": 1})),
        ("post.provider_extra.fields['a'].list_value.values[1].string_value", a_post(provider_extra={"a": ["", "\0"]})),
        (
            "connection.provider_settings['a']",
            connection_service_pb2.CreateConnectionRequest(
                parent="locations/l1",
                connection=connection_pb2.Connection(provider="providers/tiktok", provider_settings={"a": "\0"}),
            ),
        ),
        ("read_mask.paths[0]", account_service_pb2.GetAccountRequest(name="n", read_mask={"paths": ["\0"]})),
    ],
)
def test_text_that_no_database_keeps_is_refused(path: str, request_: Message) -> None:
    """U+0000 is refused wherever text can stand: at the top, inside, in maps and in free structures."""
    assert {path: "must not contain U+0000"} == violations(request_)


@pytest.mark.parametrize(
    "request_",
    [
        post_service_pb2.ListPostsRequest(parent="p", create_after={"seconds": 10**12}),
        post_service_pb2.ListPostsRequest(parent="p", create_after={"seconds": -(10**12)}),
        post_service_pb2.ListPostsRequest(parent="p", create_after={"nanos": -1}),
        account_service_pb2.GetAccountRequest(name="n", max_staleness={"seconds": 10**15}),
        account_service_pb2.GetAccountRequest(name="n", max_staleness={"nanos": 2_000_000_000}),
    ],
)
def test_times_beyond_their_type_are_refused(request_: Message) -> None:
    """A Timestamp or Duration that no clock can hold is refused instead of failing later."""
    assert ["is out of range"] == list(violations(request_).values())


def test_a_negative_page_size_is_refused() -> None:
    """Every list refuses it by its field."""
    request = account_service_pb2.ListAccountsRequest(parent="locations/l1", page_size=-1)
    assert {"page_size": "must not be negative"} == violations(request)


ONES: Any = [1] * 1001


@pytest.mark.parametrize(
    ("path", "request_"),
    [
        ("states", post_service_pb2.ListPostsRequest(parent="p", states=ONES)),
        ("statuses", connection_service_pb2.ListConnectionsRequest(parent="p", statuses=ONES)),
        ("read_mask.paths", account_service_pb2.GetAccountRequest(name="n", read_mask={"paths": ["x"] * 1001})),
        ("post.labels", a_post(labels={str(number): "" for number in range(1001)})),
        ("post.photos.sources", a_post(photos={"sources": [{"uri": ""}] * 1001})),
    ],
)
def test_a_list_or_map_without_end_is_refused(path: str, request_: Message) -> None:
    """More than a thousand entries are refused by their field alone, whatever they hold."""
    assert {path: "has 1001 entries, at most 1000 are accepted"} == violations(request_)


def test_a_free_structure_without_end_is_refused() -> None:
    """Lists inside lists are not looked at when all of it is larger than 16 KiB."""
    wide = a_post(provider_extra={"a": [[None] * 100] * 100})
    size = wide.post.provider_extra.ByteSize()
    assert {"post.provider_extra": f"has {size} bytes, at most 16384 are accepted"} == violations(wide)
    assert {} == violations(a_post(provider_extra={"a": "x" * 16_000}))


def test_deep_and_wide_requests_end() -> None:
    """A structure as deep as the parser lets it be is walked, and no more than a thousand violations are collected."""
    deep: dict[str, Any] = {}
    for _ in range(30):
        deep = {"x": deep}
    assert {} == violations(a_post(provider_extra=deep))
    states: Any = [99] * 1000
    wide = post_service_pb2.ListPostsRequest(parent="locations/l1", states=states, page_size=-1)
    assert 1000 == len(violations(wide))
