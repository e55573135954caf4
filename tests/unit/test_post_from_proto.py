"""How much a caller may write into each field of a post.

Owns the proofs of `gateway/rpc/post_from_proto.py` that need no server.
"""

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.errors import FieldInvalid
from gateway.rpc import post_from_proto
from socialgateway.v1 import post_pb2

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
UPLOAD = "locations/l1/uploads/u1"


def a_post(**fields: Any) -> post_pb2.Post:
    """Return a post that nothing is wrong with but what is told."""
    post = post_pb2.Post(account="locations/l1/accounts/a1", mode=post_pb2.POST_MODE_DIRECT, **fields)
    if post.WhichOneof("content") is None:
        post.video.source.upload = UPLOAD
    return post


def paths(post: post_pb2.Post) -> list[str]:
    """Return the paths of the fields that are put down as bad."""
    _, faults = post_from_proto.from_proto(post, "l1", "p1", now=NOW)
    return [violation.field for fault in faults for violation in fault.violations]


def photos(count: int) -> post_pb2.Post:
    """Return a post of so many photos."""
    return a_post(photos={"sources": [{"upload": UPLOAD}] * count})


def test_a_consent_has_its_lengths() -> None:
    """256 characters of subject and 4,096 of declaration are kept; more of either is named by its field."""
    most: Any = {"subject": "ä" * 256, "declaration": "ä" * 4096, "time": NOW}
    assert [] == paths(a_post(consent=most))
    more: Any = {"subject": "x" * 257, "declaration": "x" * 4097, "time": NOW}
    assert ["post.consent.subject", "post.consent.declaration"] == paths(a_post(consent=more))


def test_options_of_the_provider_are_counted() -> None:
    """32 options by the provider's own names are read, and not one more."""
    options: Any = {f"option{number}": 1 for number in range(32)}
    assert [] == paths(a_post(provider_extra=options))
    assert ["post.provider_extra"] == paths(a_post(provider_extra=options | {"another": 1}))


@pytest.mark.parametrize("count", [0, 101])
def test_photos_are_counted_before_they_are_looked_up(count: int) -> None:
    """A carousel without photos, and one of more than a hundred, are refused."""
    assert [] == paths(photos(100))
    with pytest.raises(FieldInvalid) as refused:
        post_from_proto.from_proto(photos(count), "l1", "p1", now=NOW)
    assert "post.photos.sources" == refused.value.violations[0].field
