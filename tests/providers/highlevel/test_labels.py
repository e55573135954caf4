"""Categories and tags: pages, and the lookup of ids by name with its number of calls.

Owns …/categories and …/tags. Does not know posts.
"""

from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from providers.errors import ContentRefused, ContractBroken, OptionUnsupported
from providers.highlevel import labels
from providers.highlevel.labels import CATEGORIES, TAGS, Kind
from providers.models.planner import Label, LabelPage
from tests.providers.faking import FakeVendor
from tests.providers.highlevel.sandbox import in_process
from tests.providers.highlevel.support import API, LOCATION, FakeAccess, highlevel, ok

ID = "65f0c0de000000000000{:04d}"


def rows(kind: Kind, *names: str) -> list[dict[str, Any]]:
    """Return rows of labels with these names and ids counted from 0."""
    return [{"_id": ID.format(at), kind.name: name, "deleted": False} for at, name in enumerate(names)]


def answer(kind: Kind, found: list[dict[str, Any]], count: int | None = None) -> httpx.Response:
    """Return an answer with a page."""
    return ok({kind.plural: found, "count": len(found) if count is None else count})


def query(vendor: FakeVendor, at: int = -1) -> dict[str, str]:
    """Return the parameters of a request."""
    return {name: values[0] for name, values in parse_qs(vendor.requests[at].url.query.decode()).items()}


@pytest.mark.parametrize("kind", [CATEGORIES, TAGS])
async def test_a_page_is_read(kind: Kind) -> None:
    """Names, ids and colors are read; offset and limit are sent as strings, the search unchanged."""
    found = [*rows(kind, "Bread", "Cake"), {"_id": ID.format(9), kind.name: "Gone", "deleted": True}]
    found[0]["primaryColor"] = "#ff0000"
    provider, vendor = highlevel(answer(kind, found, 5))

    page = await labels.page(provider.client, FakeAccess(), kind, search="a&b", cursor="1", limit=3)

    expected = (Label(ID.format(0), "Bread", "#ff0000"), Label(ID.format(1), "Cake"))
    assert LabelPage(expected, "4", 5) == page
    assert f"{API}/social-media-posting/{LOCATION}/{kind.plural}" == str(vendor.last.url.copy_with(query=None))
    assert {"searchText": "a&b", "limit": "3", "skip": "1"} == query(vendor)


@pytest.mark.parametrize(("asked", "sent"), [(0, "1"), (-5, "1"), (7, "7"), (100, "100"), (101, "100"), (10**9, "100")])
async def test_the_page_size_is_clamped(asked: int, sent: str) -> None:
    """It is between 1 and 100."""
    provider, vendor = highlevel(answer(TAGS, []))

    await labels.page(provider.client, FakeAccess(), TAGS, limit=asked)

    assert {"limit": sent, "skip": "0"} == query(vendor)


@pytest.mark.parametrize(
    ("given", "count", "after"),
    [(2, None, "2"), (1, None, ""), (0, None, ""), (2, 2, ""), (1, 3, "1"), (0, 3, ""), (2, "many", "2")],
)
async def test_the_last_page_has_no_cursor(given: int, count: Any, after: str) -> None:
    """The last page is known by the count, without one by a page that is not full; an empty page is always the last."""
    results = {"tags": rows(TAGS, "a", "b")[:given]} | ({} if count is None else {"count": count})
    provider, _ = highlevel(ok(results))

    assert after == (await labels.page(provider.client, FakeAccess(), TAGS, limit=2)).next_cursor


@pytest.mark.parametrize("results", [None, {}, {"tags": None}, {"tags": {"_id": "a"}}])
async def test_an_answer_without_a_list_breaks_the_contract(results: Any) -> None:
    """Read as an empty list, it would make known names look unknown."""
    provider, _ = highlevel(ok(results))

    with pytest.raises(ContractBroken):
        await labels.tag_ids(provider.client, FakeAccess(), ["a"])


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "٣", str(2**64)])
async def test_an_invalid_cursor_is_refused(cursor: str) -> None:
    """It is refused before any call."""
    provider, vendor = highlevel()

    with pytest.raises(ContentRefused):
        await labels.page(provider.client, FakeAccess(), TAGS, cursor=cursor)
    assert [] == vendor.requests


async def test_names_are_looked_up_in_one_call_ignoring_case() -> None:
    """The ids come in the order of the names, without duplicates."""
    provider, vendor = highlevel(answer(TAGS, rows(TAGS, "bread", "Cafe\u0301", "STRASSE")))

    found = await labels.tag_ids(provider.client, FakeAccess(), ["straße", "CAFÉ", "Bread", "bread"])

    assert (ID.format(2), ID.format(1), ID.format(0)) == found
    assert 1 == len(vendor.requests)


async def test_no_names_make_no_call() -> None:
    """A post without tags needs no lookup."""
    provider, vendor = highlevel()

    assert () == await labels.tag_ids(provider.client, FakeAccess(), [])
    assert [] == vendor.requests


async def test_an_exact_match_takes_precedence() -> None:
    """A label with the same name in another case does not make it ambiguous."""
    provider, _ = highlevel(answer(CATEGORIES, rows(CATEGORIES, "news", "News")))

    assert ID.format(1) == await labels.category_id(provider.client, FakeAccess(), "News")


@pytest.mark.parametrize(
    ("names", "asked", "found"),
    [
        (["News", "Recipes"], "Newsletter", "0"),
        (["News", "Recipes"], "New", "0"),
        (["News", "Recipes"], "", "0"),
        (["news", "News"], "NEWS", "2"),
        (["News", "News"], "News", "2"),
    ],
)
async def test_an_unknown_or_ambiguous_name_is_refused(names: list[str], asked: str, found: str) -> None:
    """The error names our field and the label's name; partial matches do not count."""
    provider, _ = highlevel(answer(CATEGORIES, rows(CATEGORIES, *names)))

    with pytest.raises(OptionUnsupported) as raised:
        await labels.category_id(provider.client, FakeAccess(), asked, field="provider_extra.category")
    assert ("provider_extra.category", asked, found) == (
        raised.value.field,
        raised.value.metadata["value"],
        raised.value.metadata["found"],
    )
    assert repr(asked) in raised.value.message


async def test_with_many_labels_each_name_is_searched() -> None:
    """The search has only letters, as its handling of punctuation is not documented, and reads all pages."""
    provider, vendor = highlevel(
        answer(TAGS, rows(TAGS, "a", "b"), 500),
        answer(TAGS, rows(TAGS, "C sharp"), 2),
        answer(TAGS, [{"_id": ID.format(77), "tag": "C++ (New)"}], 2),
    )

    found = await labels.tag_ids(provider.client, FakeAccess(), ["c++ (new)"])

    assert (ID.format(77),) == found
    assert [("", "0"), ("new", "0"), ("new", "1")] == [
        (query(vendor, at).get("searchText", ""), query(vendor, at)["skip"]) for at in range(3)
    ]


async def test_the_search_is_bounded() -> None:
    """With endless pages it stops after eleven calls."""
    provider, vendor = highlevel(answer(TAGS, rows(TAGS, "a"), 10**9))

    with pytest.raises(OptionUnsupported):
        await labels.tag_ids(provider.client, FakeAccess(), ["b"])
    assert 11 == len(vendor.requests)


@pytest.mark.parametrize("version", ["2021-07-28", "v3"])
async def test_the_simulators_labels_are_found(version: str) -> None:
    """Categories and tags are found, also if there is more than one page of them."""
    async with in_process(version=version) as sandbox:
        access, client, vendor = await sandbox.connect(), sandbox.provider.client, sandbox.vendor
        category = await labels.category_id(client, access, "opening HOURS")
        few = await labels.tag_ids(client, access, ["cake", "Bread"])
        vendor.tags += [{**vendor.tags[0], "_id": ID.format(at), "tag": f"tag {at}"} for at in range(150)]
        many = await labels.tag_ids(client, access, ["Tag 149", "cake"])

    assert vendor.categories[1]["_id"] == category
    assert (vendor.tags[1]["_id"], vendor.tags[0]["_id"]) == few
    assert (vendor.tags[151]["_id"], vendor.tags[1]["_id"]) == many
