"""Request ids: their shape, and when two bodies are the same.

Owns the proofs of `gateway/aip/request_ids.py`.
"""

import uuid

import pytest

from gateway.aip import request_ids
from gateway.errors import FieldInvalid
from socialgateway.v1 import connection_service_pb2, post_pb2, post_service_pb2

ONE = "8d2f4e9c-3b1a-4c5d-9e8f-7a6b5c4d3e2f"


def test_a_uuid_of_version_4_is_kept_in_lower_case() -> None:
    """The id comes back in one spelling; no id is None."""
    assert (ONE, ONE, None) == (request_ids.check(ONE), request_ids.check(ONE.upper()), request_ids.check(""))
    assert request_ids.check(str(uuid.uuid4()))


@pytest.mark.parametrize(
    "value",
    [
        "x",
        ONE[:-1],
        ONE + "0",
        ONE + "\n",
        f"{{{ONE}}}",
        ONE.replace("-", ""),
        str(uuid.UUID(int=0)),
        str(uuid.uuid5(uuid.NAMESPACE_DNS, "x")),
    ],
)
def test_anything_else_is_refused_by_field(value: str) -> None:
    """Other versions, other spellings and the nil UUID are refused."""
    with pytest.raises(FieldInvalid) as caught:
        request_ids.check(value)
    assert "request_id" == caught.value.violations[0].field


def create(caption: str = "hello", request_id: str = "", extra: dict[str, str] | None = None) -> bytes:
    """Return the hash of a request."""
    post = post_pb2.Post(account="locations/l1/accounts/a1", caption=caption)
    post.provider_extra.update(extra or {})
    return request_ids.body_hash(
        post_service_pb2.CreatePostRequest(parent="locations/l1", post=post, request_id=request_id)
    )


def test_the_same_body_has_the_same_hash() -> None:
    """The id itself is not part of the body, nor the order of a map's entries."""
    assert create(request_id="a") == create(request_id="b")
    assert create(extra={"a": "1", "b": "2"}) == create(extra={"b": "2", "a": "1"})


def test_another_body_has_another_hash() -> None:
    """A changed field changes the hash, and so does another method with the same fields."""
    assert create("hello") != create("hullo")
    name = "locations/l1/connections/c1"
    verify = connection_service_pb2.VerifyConnectionRequest(name=name)
    disconnect = connection_service_pb2.DisconnectConnectionRequest(name=name)
    assert request_ids.body_hash(verify) != request_ids.body_hash(disconnect)


def test_the_request_itself_is_left_alone() -> None:
    """Hashing clears the id in a copy."""
    request = connection_service_pb2.VerifyConnectionRequest(name="n", request_id=ONE)
    request_ids.body_hash(request)
    assert ONE == request.request_id
