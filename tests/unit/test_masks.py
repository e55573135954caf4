"""Field masks: what they name, and what they cannot.

Owns the proofs of `gateway/aip/masks.py`.
"""

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from gateway.aip import masks
from gateway.errors import FieldInvalid
from socialgateway.v1 import account_pb2

ACCOUNT = account_pb2.Account.DESCRIPTOR


@pytest.mark.parametrize(
    ("paths", "expected"),
    [([], None), (["*"], None), (["username"], {"username"}), (["username", "bio", "bio"], {"username", "bio"})],
)
def test_a_read_mask_names_fields(paths: list[str], expected: set[str] | None) -> None:
    """An empty mask and `*` mean everything, others the fields they name."""
    assert expected == masks.read_paths(FieldMask(paths=paths), ACCOUNT)


@pytest.mark.parametrize("path", ["nothing", "", "username.x", "Username", "displayName", "*,username", "x" * 100_000])
def test_an_unknown_path_is_refused_by_name(path: str) -> None:
    """A path that the resource does not have is refused, and named up to a length."""
    with pytest.raises(FieldInvalid) as caught:
        masks.read_paths(FieldMask(paths=["username", path]), ACCOUNT)
    assert f"read_mask.{path[:64]}" == caught.value.violations[0].field


def test_a_path_that_is_not_allowed_is_refused() -> None:
    """A method may allow fewer fields than the resource has."""
    with pytest.raises(FieldInvalid):
        masks.read_paths(FieldMask(paths=["bio"]), ACCOUNT, allowed={"username"})


def test_a_mask_without_end_is_refused() -> None:
    """A mask of a thousand paths is refused as a whole."""
    with pytest.raises(FieldInvalid) as caught:
        masks.read_paths(FieldMask(paths=["bio"] * 1000), ACCOUNT)
    assert "read_mask" == caught.value.violations[0].field


def test_an_empty_update_mask_means_what_is_set() -> None:
    """Without a mask an update changes the fields that are set, and `*` every field that may be changed."""
    account = account_pb2.Account(username="u", follower_count=0)
    assert {"username", "follower_count"} == masks.update_paths(FieldMask(), account)
    assert {"username"} == masks.update_paths(FieldMask(), account, allowed={"username", "bio"})
    assert {"username", "bio"} == masks.update_paths(FieldMask(paths=["*"]), account, allowed={"username", "bio"})
    assert {"bio"} == masks.update_paths(FieldMask(paths=["bio"]), account)


def test_what_the_mask_does_not_name_is_cleared() -> None:
    """Only the named fields stay, and the name of the resource."""
    account = account_pb2.Account(name="n", username="u", bio="b", follower_count=0)
    masks.keep(account, frozenset({"follower_count"}))
    assert account_pb2.Account(name="n", follower_count=0) == account
    masks.keep(account, None)
    assert account_pb2.Account(name="n", follower_count=0) == account
