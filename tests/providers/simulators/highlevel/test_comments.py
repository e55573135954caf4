"""Comments of v3: list, reply, like, unlike.

Owns: /comments. Knows nothing of where comments come from.
"""

from typing import Any

import pytest

from tests.providers.simulators.highlevel.world import BAKERY, V3, World

NOBODY = "0" * 24
WHERE = {"locationId": BAKERY}
COMMENTS = "/social-media-posting/comments"


async def _comment(highlevel: World) -> str:
    highlevel.version = V3
    post_id = await highlevel.created()
    comment = highlevel.vendor.add_comment(location_id=BAKERY, platform="tiktok", parent_id=post_id, content="Lovely")
    assert comment is not None
    return comment.id


async def test_comments_are_listed(highlevel: World) -> None:
    """Comments are listed by the account's origin; skip and limit are numbers here."""
    comment_id = await _comment(highlevel)
    body = {"originIds": [highlevel.tiktok.origin_id], "skip": 0, "limit": 1, "sortBy": "latest"}
    answer = await highlevel.call("POST", f"{COMMENTS}/tiktok/list", body, params=WHERE)
    results = answer.json()["results"]

    assert (201, [comment_id]) == (answer.status_code, [each["_id"] for each in results["comments"]])
    assert {"total": 1, "totalUnread": 1, "skip": 0, "limit": 1, "hasMore": False} == results["meta"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "originIds should not be empty"),
        ({"originIds": ["x"], "skip": "0"}, "skip must be a number"),
        ({"originIds": ["x"], "limit": 101}, "limit must not be greater than 100"),
        ({"originIds": ["x"], "limit": 0}, "limit must not be less than 1"),
        ({"originIds": ["x"], "sortBy": "old"}, "sortBy must be one of the following values: top, latest"),
        ({"originIds": ["x"], "fromDate": "2026-11-01"}, "fromDate and toDate must be given together"),
    ],
)
async def test_listing_comments_is_checked(highlevel: World, body: dict[str, Any], message: str) -> None:
    """Listing checks numbers, bounds, and that dates come in pairs."""
    answer = await highlevel.call("POST", f"{COMMENTS}/tiktok/list", body, params=WHERE, version=V3)

    assert 422 == answer.status_code
    assert any(each.startswith(message) for each in answer.json()["message"])


async def test_a_comment_gets_a_reply(highlevel: World) -> None:
    """The reply is listed under the comment, whose reply count grows."""
    comment_id = await _comment(highlevel)
    body = {"parentId": comment_id, "isParentThread": True, "content": "Thanks"}
    answer = await highlevel.call("POST", f"{COMMENTS}/tiktok", body, params=WHERE)
    listing = {"originIds": [highlevel.tiktok.origin_id], "search": "Lovely"}
    [parent] = (await highlevel.call("POST", f"{COMMENTS}/tiktok/list", listing, params=WHERE)).json()["results"][
        "comments"
    ]

    assert (201, "Thanks") == (answer.status_code, answer.json()["results"]["content"])
    assert 1 == parent["replyCount"]


@pytest.mark.parametrize(
    ("platform", "change", "status"),
    [
        ("tiktok", {"content": "x" * 150}, 201),
        ("tiktok", {"content": "x" * 151}, 422),
        ("facebook", {"content": "x" * 151}, 201),
        ("tiktok", {"content": ""}, 422),
        ("tiktok", {"isParentThread": None}, 422),
        ("tiktok", {"attachments": [{"url": "u", "type": "video"}]}, 422),
        ("tiktok", {"parentId": NOBODY}, 404),
        ("twitter", {}, 422),
    ],
)
async def test_comments_are_checked(highlevel: World, platform: str, change: dict[str, Any], status: int) -> None:
    """TikTok's comments have at most 150 characters, the parent must exist, and twitter is refused."""
    body = {"parentId": await _comment(highlevel), "isParentThread": True, "content": "Thanks", **change}
    answer = await highlevel.call("POST", f"{COMMENTS}/{platform}", body, params=WHERE)

    assert status == answer.status_code, answer.text


async def test_liking_or_unliking_twice_is_refused(highlevel: World) -> None:
    """A second like or unlike is 400."""
    path = f"{COMMENTS}/tiktok/{await _comment(highlevel)}/like"
    answers = [await highlevel.call(method, path, params=WHERE) for method in ("POST", "POST", "DELETE", "DELETE")]

    assert [201, 400, 200, 400] == [answer.status_code for answer in answers]


@pytest.mark.parametrize(("platform", "status"), [("instagram", 422), ("facebook", 404)])
async def test_five_networks_have_likes(highlevel: World, platform: str, status: int) -> None:
    """Other networks are refused, and a comment belongs to one network."""
    path = f"{COMMENTS}/{platform}/{await _comment(highlevel)}/like"

    assert status == (await highlevel.call("POST", path, params=WHERE)).status_code
