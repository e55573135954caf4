"""Pages: sizes that are clamped, and tokens that nobody else can make or use.

Owns the proofs of `gateway/aip/paging.py`.
"""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.aip import paging
from gateway.aip.paging import Page
from gateway.errors import FieldInvalid, PageTokenInvalid
from socialgateway.v1 import account_service_pb2, post_pb2, post_service_pb2

SECRET = b"s" * 32
CURSOR = ("2026-11-20T12:00:00+00:00", "p1", 7)


def a_request(**fields: Any) -> post_service_pb2.ListPostsRequest:
    """Return a list's request with filters."""
    return post_service_pb2.ListPostsRequest(parent="locations/l1", states=[post_pb2.Post.PUBLISHED], **fields)


TOKEN = paging.next_token(a_request(), CURSOR, secret=SECRET)


@pytest.mark.parametrize(("asked", "given_size"), [(0, 50), (1, 1), (1000, 1000), (1001, 1000), (2**31 - 1, 1000)])
def test_sizes_are_clamped(asked: int, given_size: int) -> None:
    """No size is the default, and more than the most is the most."""
    assert Page(given_size) == paging.read(a_request(page_size=asked), secret=SECRET)


def test_a_negative_size_is_refused() -> None:
    """A negative size is the caller's mistake, by its field."""
    with pytest.raises(FieldInvalid) as caught:
        paging.read(a_request(page_size=-1), secret=SECRET)
    assert "page_size" == caught.value.violations[0].field


@given(cursor=st.lists(st.text() | st.integers(-(2**63), 2**63 - 1), max_size=4))
def test_a_token_brings_its_cursor_back(cursor: list[str | int]) -> None:
    """Whatever a list sorts by comes back as it was, also with another page size."""
    token = paging.next_token(a_request(), cursor, secret=SECRET)
    page = paging.read(a_request(page_token=token, page_size=7), secret=SECRET)
    assert Page(7, tuple(cursor)) == page


@pytest.mark.parametrize(
    "request_",
    [
        post_service_pb2.ListPostsRequest(parent="locations/l2", states=[post_pb2.Post.PUBLISHED], page_token=TOKEN),
        post_service_pb2.ListPostsRequest(parent="locations/l1", page_token=TOKEN),
        a_request(page_token=TOKEN, account="locations/l1/accounts/a1"),
        account_service_pb2.ListAccountsRequest(parent="locations/l1", page_token=TOKEN),
    ],
)
def test_a_token_serves_its_own_list_alone(request_: Any) -> None:
    """Another parent, other filters or another method refuse the token."""
    with pytest.raises(PageTokenInvalid):
        paging.read(request_, secret=SECRET)


def test_a_token_of_another_installation_is_refused() -> None:
    """A token signed with another secret is refused."""
    other = paging.next_token(a_request(), CURSOR, secret=b"t" * 32)
    with pytest.raises(PageTokenInvalid):
        paging.read(a_request(page_token=other), secret=SECRET)


@pytest.mark.parametrize(
    "token",
    ["x", "=", "é", "\x00", "A" * 43, "A" * 5000, TOKEN + "=", TOKEN + "A", TOKEN[:-1], " " + TOKEN, TOKEN + "\n"],
)
def test_a_broken_token_is_refused(token: str) -> None:
    """Garbage of every kind has the same reason."""
    with pytest.raises(PageTokenInvalid):
        paging.read(a_request(page_token=token), secret=SECRET)


@given(position=st.integers(0, len(TOKEN) - 1), letter=st.sampled_from("ABCabc019-_"))
def test_no_letter_of_a_token_can_be_changed(position: int, letter: str) -> None:
    """A token with any one letter changed is refused."""
    changed = TOKEN[:position] + letter + TOKEN[position + 1 :]
    if changed == TOKEN:
        return
    with pytest.raises(PageTokenInvalid):
        paging.read(a_request(page_token=changed), secret=SECRET)


def test_a_token_is_no_secret_of_ours() -> None:
    """A token holds the cursor and two hashes, not the secret."""
    raw = base64.urlsafe_b64decode(TOKEN + "=" * (-len(TOKEN) % 4))
    assert SECRET[:4] not in raw
