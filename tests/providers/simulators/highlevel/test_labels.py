"""Categories and tags: lists, pages, single resources.

Owns: reading labels. Knows nothing of posts.
"""

import pytest

from tests.providers.simulators.highlevel.world import POSTING, World, status_and_message

NOBODY = "0" * 24


@pytest.mark.parametrize(("path", "name", "text"), [("categories", "name", "opening"), ("tags", "tag", "cake")])
async def test_labels_are_listed(highlevel: World, path: str, name: str, text: str) -> None:
    """Labels are listed with skip and limit as strings, a search, and the count of all matches."""
    every = (await highlevel.call("GET", f"{POSTING}/{path}")).json()["results"]
    page = (await highlevel.call("GET", f"{POSTING}/{path}", params={"skip": "1", "limit": "1"})).json()["results"]
    found = (await highlevel.call("GET", f"{POSTING}/{path}", params={"searchText": text})).json()["results"]
    wrong = await highlevel.call("GET", f"{POSTING}/{path}", params={"limit": "ten"})

    assert (2, 1, 2) == (len(every[path]), len(page[path]), page["count"])
    assert text in found[path][0][name].lower()
    assert (422, ["limit must be a number string"]) == status_and_message(wrong)


async def test_one_category(highlevel: World) -> None:
    """A category is found by its id; an unknown one is 404."""
    known = highlevel.vendor.categories[0]
    answer = await highlevel.call("GET", f"{POSTING}/categories/{known['_id']}")

    assert known == answer.json()["results"]["category"]
    assert 404 == (await highlevel.call("GET", f"{POSTING}/categories/{NOBODY}")).status_code


async def test_tags_by_id(highlevel: World) -> None:
    """Tags are found by their ids with 201, without unknown ones; the list of ids is required."""
    known = highlevel.vendor.tags[1]
    answer = await highlevel.call("POST", f"{POSTING}/tags/details", {"tagIds": [known["_id"], NOBODY]})

    assert (201, {"tags": [known], "count": 1}) == (answer.status_code, answer.json()["results"])
    assert 422 == (await highlevel.call("POST", f"{POSTING}/tags/details", {})).status_code
