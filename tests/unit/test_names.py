"""Resource names: every shape that is accepted, and the tricks that are not.

Owns the proofs of `gateway/aip/names.py`.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.aip import names
from gateway.aip.names import Pattern
from gateway.errors import FieldInvalid

IDS = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True).filter(lambda found: found != "-")
PATTERNS = [
    names.PROVIDER,
    names.LOCATION,
    names.CONNECTION,
    names.ACCOUNT,
    names.CREATOR_INFO,
    names.UPLOAD,
    names.POST,
    names.EVENT,
    names.API_KEY,
]


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.template)
@given(data=st.data())
def test_what_is_written_can_be_read(pattern: Pattern, data: st.DataObject) -> None:
    """Formatting and parsing are each other's inverse for every pattern and every id."""
    ids = tuple(data.draw(IDS) for _ in range(pattern.template.count("{")))
    assert ids == pattern.parse(pattern.format(*ids))


def test_names_look_as_the_contract_says() -> None:
    """The three kinds of names that callers meet first, letter by letter."""
    assert "locations/l1/posts/p1" == names.POST.format("l1", "p1")
    assert "locations/l1/accounts/a1/creatorInfo" == names.CREATOR_INFO.format("l1", "a1")
    assert "tiktok" == names.provider("providers/tiktok")


TRICKS = [
    "",
    "p1",
    "/",
    "locations",
    "locations/l1",
    "locations/l1/posts",
    "locations/l1/posts/",
    "locations//posts/p1",
    "/locations/l1/posts/p1",
    "locations/l1/posts/p1/",
    "locations/l1/posts/p1/x",
    "locations/l1/accounts/p1",
    "Locations/l1/posts/p1",
    "locations/-/posts/p1",
    "locations/l1/posts/-",
    "locations/l1/posts/p1\n",
    "locations/l1/posts/p1\0",
    "locations/l1/posts/..",
    "locations/l1/posts/%2e%2e",
    "locations/l1/posts/p 1",
    "locations/l1/posts/р1",
    "locations/l1/posts/p１",
    "locations/l1/posts/" + "x" * 65,
    "locations/l1/posts/" + "x" * 1_000_000,
    "locations/l1\u2215posts/p1",
]


@pytest.mark.parametrize("name", TRICKS, ids=lambda name: repr(name[:40]))
def test_tricks_are_refused_by_field(name: str) -> None:
    """Other shapes, wildcards, look-alikes, control characters and endless ids are refused; nothing is echoed."""
    with pytest.raises(FieldInvalid) as caught:
        names.POST.parse(name, path="name")
    assert ("name", "must look like locations/{location}/posts/{post}") == (
        caught.value.violations[0].field,
        caught.value.violations[0].description,
    )


def test_a_wildcard_is_read_where_it_is_allowed() -> None:
    """`locations/-` is a name for lists over several locations, and nowhere else."""
    assert names.WILDCARD == names.location("locations/-", wildcard=True)
    with pytest.raises(FieldInvalid):
        names.location("locations/-")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (names.ACCOUNT, "must be an account of locations/l1"),
        (names.CONNECTION, "must be a connection of locations/l1"),
        (names.POST, "must be a post of locations/l1"),
        (names.UPLOAD, "must be an upload of locations/l1"),
    ],
    ids=lambda value: value.template if isinstance(value, Pattern) else "",
)
def test_a_resource_of_another_location_is_refused(pattern: Pattern, expected: str) -> None:
    """Only a resource of the location itself is accepted, and the error says of which one it must be."""
    assert "x1" == pattern.parse_in("l1", pattern.format("l1", "x1"), path="field")
    with pytest.raises(FieldInvalid) as caught:
        pattern.parse_in("l1", pattern.format("l2", "x1"), path="field")
    [violation] = caught.value.violations
    assert ("field", expected) == (violation.field, violation.description)


@pytest.mark.parametrize("value", ["a", "my-post-1", "p" + "0" * 62])
def test_an_id_of_the_callers_own_is_kept(value: str) -> None:
    """An id that the caller chose is returned unchanged."""
    assert value == names.check_own_id(value, path="post_id")


@pytest.mark.parametrize("value", ["", "1a", "-a", "a-", "A", "a_b", "a" * 64, "a\n", "é"])
def test_a_bad_id_is_refused_by_field(value: str) -> None:
    """Ids of our own collections follow AIP-122."""
    with pytest.raises(FieldInvalid) as caught:
        names.check_own_id(value, path="post_id")
    assert "post_id" == caught.value.violations[0].field
