"""No enum or bool that a request leaves unset may choose the act with the widest effect: decision 14 has the table.

Owns the walk along the descriptors of all requests. Does not know what a method does with a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.api import field_behavior_pb2 as behavior
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gateway.aip import required
from gateway.errors import FieldInvalid
from gateway.rpc.services import unavailable
from socialgateway.v1 import connection_service_pb2, post_pb2, post_service_pb2

DECISION = Path(__file__).resolve().parents[2] / "docs" / "decisions" / "0014-unset-fields.md"
REFUSED = "refused"
"""What the table's second column says of a field that must be set."""


def requests() -> list[Descriptor]:
    """Return the request of every RPC."""
    return [method.input_type for service in unavailable("") for method in service.descriptor.methods]


def choices(message: Descriptor, seen: frozenset[str] = frozenset()) -> Iterator[FieldDescriptor]:
    """Yield every enum and bool that a caller can set in a message, and in the messages inside it."""
    if message.full_name in seen or message.full_name.startswith("google."):
        return
    for field in message.fields:
        if behavior.OUTPUT_ONLY in behaviors(field):
            continue
        if field.enum_type is not None or field.type == FieldDescriptor.TYPE_BOOL:
            yield field
        if field.message_type is not None:
            yield from choices(field.message_type, seen | {message.full_name})


def behaviors(field: FieldDescriptor) -> list[int]:
    """Return the values of `google.api.field_behavior` on a field."""
    return list(field.GetOptions().Extensions[behavior.field_behavior])


def name_of(field: FieldDescriptor) -> str:
    """Return `Message.field`."""
    assert field.containing_type is not None
    holder = field.containing_type.full_name.removeprefix("socialgateway.").removeprefix("v1.")
    return f"{holder.replace('.v1.', '.')}.{field.name}"


def all_choices() -> dict[str, FieldDescriptor]:
    """Return every enum and bool of every request by its name."""
    return {name_of(field): field for request in requests() for field in choices(request)}


def table() -> dict[str, str]:
    """Return the decision's table: what each field means when it is unset."""
    rows = re.findall(r"^\| `([\w.]+)` \| ([^|]+) \| [^|]+ \|$", DECISION.read_text(), re.MULTILINE)
    return {name: meaning.strip() for name, meaning in rows}


def test_every_enum_and_bool_of_a_request_is_in_the_table() -> None:
    """The decision says of each enum and bool of every request what it means when it is unset."""
    assert len(all_choices()) > 10
    assert sorted(all_choices()) == sorted(table())


def test_a_field_must_be_set_where_the_table_says_so() -> None:
    """Exactly the fields whose absence the table calls refused are REQUIRED in the contract, Post.mode among them."""
    refused = {name for name, meaning in table().items() if meaning == REFUSED}
    assert "Post.mode" in refused
    assert refused == {name for name, field in all_choices().items() if behavior.REQUIRED in behaviors(field)}


def violations(request: Any) -> dict[str, str]:
    """Return what the contract's own annotations refuse in a request, by path."""
    try:
        required.check(request)
    except FieldInvalid as error:
        return {violation.field: violation.description for violation in error.violations}
    return {}


def test_a_mode_that_the_client_could_not_spell_is_refused() -> None:
    """A post without a mode is refused instead of published: a lost enum name arrives as 0."""
    post = post_pb2.Post(account="locations/l1/accounts/a1", caption="hi")
    request = post_service_pb2.CreatePostRequest(parent="locations/l1", post=post)
    assert {"post.mode": "is required"} == violations(request)


@pytest.mark.parametrize(
    "request_",
    [
        post_service_pb2.ListPostsRequest(parent="p", states=["PUBLISHED", "STATE_UNSPECIFIED"]),
        connection_service_pb2.ListConnectionsRequest(parent="p", statuses=["VALID", "STATUS_UNSPECIFIED"]),
    ],
)
def test_an_unspecified_value_in_a_list_is_refused(request_: Any) -> None:
    """A filter's value that the client could not spell is refused instead of being left out of the filter."""
    assert ["is unspecified"] == list(violations(request_).values())
