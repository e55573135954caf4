"""Categories and tags: pages, and the ids behind names, with what each costs.

Owns …/categories and …/tags. Knows no posts.
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
    """Return labels of these names, numbered from 0."""
    return [{"_id": ID.format(at), kind.name: name, "deleted": False} for at, name in enumerate(names)]


def answer(kind: Kind, found: list[dict[str, Any]], count: int | None = None) -> httpx.Response:
    """Answer with a page."""
    return ok({kind.plural: found, "count": len(found) if count is None else count})


def query(vendor: FakeVendor, at: int = -1) -> dict[str, str]:
    """Return the parameters of a request."""
    return {name: values[0] for name, values in parse_qs(vendor.requests[at].url.query.decode()).items()}


@pytest.mark.parametrize("kind", [CATEGORIES, TAGS])
async def test_a_page_is_read(kind: Kind) -> None:
    """Names, ids and colors; paging in strings, the search as it is."""
    found = [*rows(kind, "Bread", "Cake"), {"_id": ID.format(9), kind.name: "Gone", "deleted": True}]
    found[0]["primaryColor"] = "#ff0000"
    provider, vendor = highlevel(answer(kind, found, 5))

    page = await labels.page(provider.client, FakeAccess(), kind, search="a&b", cursor="1", limit=3)

    expected = (Label(ID.format(0), "Bread", "#ff0000"), Label(ID.format(1), "Cake"))
    assert LabelPage(expected, "4", 5) == page
    assert f"{API}/social-media-posting/{LOCATION}/{kind.plural}" == str(vendor.last.url.copy_with(query=None))
    assert {"searchText": "a&b", "limit": "3", "skip": "1"} == query(vendor)


@pytest.mark.parametrize(("asked", "sent"), [(0, "1"), (-5, "1"), (7, "7"), (100, "100"), (101, "100"), (10**9, "100")])
async def test_pages_are_bounded(asked: int, sent: str) -> None:
    """One to a hundred."""
    provider, vendor = highlevel(answer(TAGS, []))

    await labels.page(provider.client, FakeAccess(), TAGS, limit=asked)

    assert {"limit": sent, "skip": "0"} == query(vendor)


@pytest.mark.parametrize(
    ("given", "count", "after"),
    [(2, None, "2"), (1, None, ""), (0, None, ""), (2, 2, ""), (1, 3, "1"), (0, 3, ""), (2, "many", "2")],
)
async def test_the_last_page_says_so(given: int, count: Any, after: str) -> None:
    """By the count where there is one, else by a page that is not full; an empty page is always the last."""
    results = {"tags": rows(TAGS, "a", "b")[:given]} | ({} if count is None else {"count": count})
    provider, _ = highlevel(ok(results))

    assert after == (await labels.page(provider.client, FakeAccess(), TAGS, limit=2)).next_cursor


@pytest.mark.parametrize("results", [None, {}, {"tags": None}, {"tags": {"_id": "a"}}])
async def test_an_answer_without_a_list_is_no_empty_list(results: Any) -> None:
    """A name would be said to be unknown that is not."""
    provider, _ = highlevel(ok(results))

    with pytest.raises(ContractBroken):
        await labels.tag_ids(provider.client, FakeAccess(), ["a"])


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "٣", str(2**64)])
async def test_a_cursor_of_somebody_elses_is_refused(cursor: str) -> None:
    """Before any call."""
    provider, vendor = highlevel()

    with pytest.raises(ContentRefused):
        await labels.page(provider.client, FakeAccess(), TAGS, cursor=cursor)
    assert [] == vendor.requests


async def test_names_are_found_in_one_call_whatever_their_case() -> None:
    """In the order they were given, each once."""
    provider, vendor = highlevel(answer(TAGS, rows(TAGS, "bread", "Cafe\u0301", "STRASSE")))

    found = await labels.tag_ids(provider.client, FakeAccess(), ["straße", "CAFÉ", "Bread", "bread"])

    assert (ID.format(2), ID.format(1), ID.format(0)) == found
    assert 1 == len(vendor.requests)


async def test_no_names_make_no_call() -> None:
    """A post without tags costs nothing."""
    provider, vendor = highlevel()

    assert () == await labels.tag_ids(provider.client, FakeAccess(), [])
    assert [] == vendor.requests


async def test_the_one_that_is_spelt_exactly_so_is_meant() -> None:
    """Another of the same name in another case does not make it doubtful."""
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
async def test_a_name_that_is_nobodys_or_manys_is_refused(names: list[str], asked: str, found: str) -> None:
    """The refusal names our field and the name; a part of a name is no name."""
    provider, _ = highlevel(answer(CATEGORIES, rows(CATEGORIES, *names)))

    with pytest.raises(OptionUnsupported) as raised:
        await labels.category_id(provider.client, FakeAccess(), asked, field="provider_extra.category")
    assert ("provider_extra.category", asked, found) == (
        raised.value.field,
        raised.value.metadata["value"],
        raised.value.metadata["found"],
    )
    assert repr(asked) in raised.value.message


async def test_where_there_are_many_each_name_is_searched() -> None:
    """By its letters only, because nobody documents what the search makes of signs; through all pages of it."""
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


async def test_a_search_without_end_ends() -> None:
    """A vendor that always has another page is asked eleven times."""
    provider, vendor = highlevel(answer(TAGS, rows(TAGS, "a"), 10**9))

    with pytest.raises(OptionUnsupported):
        await labels.tag_ids(provider.client, FakeAccess(), ["b"])
    assert 11 == len(vendor.requests)


@pytest.mark.parametrize("version", ["2021-07-28", "v3"])
async def test_the_simulators_labels_are_found(version: str) -> None:
    """Its two categories and its tags, also when there are more than a page of them."""
    async with in_process(version=version) as sandbox:
        access, client, vendor = await sandbox.connect(), sandbox.provider.client, sandbox.vendor
        category = await labels.category_id(client, access, "opening HOURS")
        few = await labels.tag_ids(client, access, ["cake", "Bread"])
        vendor.tags += [{**vendor.tags[0], "_id": ID.format(at), "tag": f"tag {at}"} for at in range(150)]
        many = await labels.tag_ids(client, access, ["Tag 149", "cake"])

    assert vendor.categories[1]["_id"] == category
    assert (vendor.tags[1]["_id"], vendor.tags[0]["_id"]) == few
    assert (vendor.tags[151]["_id"], vendor.tags[1]["_id"]) == many
