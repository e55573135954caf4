"""Comments in API version v3: list, write once, like, and the meaning of each answer.

Owns /comments; figures are covered by test_statistics.py. How the gateway handles a lost answer is tested there.
"""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from providers.capabilities import Capability, Support
from providers.checked import checked
from providers.errors import Ambiguous, CapabilityMissing, ContentRefused, ContractBroken, NotFound, Rejected
from providers.errors import Unavailable as Away
from providers.models.engagement import AccountRef, Comment, CommentPage
from providers.simulators.highlevel.tenants import BAKERY
from tests.providers.highlevel.sandbox import in_process
from tests.providers.highlevel.support import API, LOCATION, FakeAccess, highlevel, ok, refused

COMMENTS = f"{API}/social-media-posting/comments"
POST, PARENT = "65f0c0de0000000000000001", "65f0c0de0000000000000002"
TIKTOK = AccountRef("account-1", "tiktok", "profile", {"origin_id": "origin-1"})
ROW: dict[str, Any] = {
    "_id": "65f0c0de0000000000000003",
    "platform": "tiktok",
    "postId": POST,
    "originId": "origin-1",
    "isPost": False,
    "content": "Schön 🥐",
    "author": {"id": "origin-1", "name": "Bakery", "profilePic": "https://a.example/1.jpg"},
    "level": 2,
    "likeCount": 3,
    "replyCount": 0,
    "attachments": [{"type": "image/jpeg", "url": "https://a.example/2.jpg"}, {"type": "x"}],
    "previewLink": "https://www.tiktok.com/@a/video/1?comment=2",
    "isEdited": True,
    "isDeleted": False,
    "publishedAt": "2026-11-19T10:00:00.000Z",
}


def page(*rows: Any, **meta: Any) -> httpx.Response:
    """Answer with a page of comments."""
    return ok({"comments": list(rows), "meta": {"total": 9, "hasMore": False, **meta}}, 201)


async def test_a_page_is_requested_and_read() -> None:
    """The request has parent, account and offset; all documented fields of a comment are read."""
    provider, vendor = highlevel(page(ROW, {"_id": "a"}, hasMore=True), api_version="v3")

    found = await provider.engagement.list_comments(
        FakeAccess(), TIKTOK, parent=PARENT, top=True, cursor="5", limit=1000
    )

    first = Comment(
        id=ROW["_id"],
        post_id=POST,
        text="Schön 🥐",
        author_name="Bakery",
        author_avatar_uri="https://a.example/1.jpg",
        own=True,
        depth=2,
        like_count=3,
        reply_count=0,
        uri=ROW["previewLink"],
        attachment_uris=("https://a.example/2.jpg",),
        edited=True,
        publish_time=datetime(2026, 11, 19, 10, tzinfo=UTC),
    )
    assert CommentPage((first, Comment("a")), "7", 9) == found
    assert f"{COMMENTS}/tiktok/list?locationId={LOCATION}" == str(vendor.last.url)
    expected = {"originIds": ["origin-1"], "sortBy": "top", "skip": 5, "limit": 100, "parentId": PARENT}
    assert expected == vendor.sent()


async def test_all_comments_of_an_account_have_no_parent() -> None:
    """They are listed latest first; an empty page is the last, whatever `hasMore` says."""
    provider, vendor = highlevel(page(hasMore=True), api_version="v3")

    found = await provider.engagement.list_comments(FakeAccess(), TIKTOK)

    assert CommentPage((), "", 9) == found
    assert {"originIds": ["origin-1"], "sortBy": "latest", "skip": 0, "limit": 20} == vendor.sent()


async def test_rows_that_are_not_visible_comments_are_left_out() -> None:
    """The post itself, deleted comments and rows without an id only count for the offset."""
    rows = [{**ROW, "isPost": True}, {**ROW, "isDeleted": True}, {"content": "no id"}, None, ROW]
    provider, _ = highlevel(page(*rows, hasMore=True), api_version="v3")

    found = await provider.engagement.list_comments(FakeAccess(), TIKTOK)

    assert [ROW["_id"]] == [each.id for each in found.comments]
    assert "4" == found.next_cursor


@pytest.mark.parametrize("results", [None, {}, {"comments": {}}])
async def test_an_answer_without_a_list_breaks_the_contract(results: Any) -> None:
    """Read as an empty list, it would make the account's own comment look missing."""
    provider, _ = highlevel(ok(results, 201), api_version="v3")

    with pytest.raises(ContractBroken):
        await provider.engagement.list_comments(FakeAccess(), TIKTOK)


@pytest.mark.parametrize(("reply", "parent"), [(True, PARENT), (False, POST)])
async def test_a_comment_is_sent_once(reply: bool, parent: str) -> None:
    """It is sent below a comment or a post, and the answer is read as the comment."""
    provider, vendor = highlevel(ok(ROW, 201), api_version="v3")

    made = await provider.engagement.create_comment(FakeAccess(), TIKTOK, text="Danke 🥐", parent=parent, reply=reply)

    assert (ROW["_id"], POST) == (made.id, made.post_id)
    assert ("POST", f"{COMMENTS}/tiktok?locationId={LOCATION}") == (vendor.last.method, str(vendor.last.url))
    assert {"parentId": parent, "isParentThread": not reply, "content": "Danke 🥐"} == vendor.sent()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.ConnectError("refused"), Away),
        (httpx.ReadTimeout("late"), Ambiguous),
        (httpx.Response(500), Ambiguous),
        (ok(None, 201), Ambiguous),
        (ok({"content": "no id"}, 201), Ambiguous),
        (refused(404, "Parent not found"), NotFound),
        (refused(422, ["content must be shorter"]), ContentRefused),
    ],
    ids=repr,
)
async def test_a_comment_is_never_sent_twice(answer: Any, kind: type[Exception]) -> None:
    """A comment that may exist is Ambiguous, a refused one is not, and there is no retry."""
    provider, vendor = highlevel(answer, api_version="v3")

    with pytest.raises(kind) as raised:
        await provider.engagement.create_comment(FakeAccess(), TIKTOK, text="a", parent=POST, reply=False)
    assert (kind, 1) == (type(raised.value), len(vendor.requests))


@pytest.mark.parametrize(
    ("platform", "text", "accepted"),
    [
        ("tiktok", "a" * 150, True),
        ("tiktok", "a" * 151, False),
        ("tiktok", "🥐" * 75, True),
        ("tiktok", "🥐" * 76, False),
        ("tiktok_business", "a" * 150, True),
        ("tiktok_business", "a" * 151, False),
        ("facebook", "a" * 8000, True),
        ("threads", "a" * 501, False),
        ("threads", "é" * 250, True),
        ("threads", "é" * 251, False),
        ("bluesky", "🥐" * 300, True),
        ("bluesky", "🥐" * 301, False),
        ("facebook", "", False),
        ("facebook", " \n", False),
    ],
)
def test_each_network_has_a_maximum_comment_length(platform: str, text: str, accepted: bool) -> None:
    """It counts in the unit of its network's posts; an empty comment is refused too. No call is made."""
    provider, vendor = highlevel(api_version="v3")
    account = AccountRef("a", platform)

    if accepted:
        provider.engagement.check_comment(account, text)
    else:
        with pytest.raises(ContentRefused) as raised:
            provider.engagement.check_comment(account, text)
        assert "comment_length" == raised.value.code
    assert [] == vendor.requests


@pytest.mark.parametrize(("liked", "method", "status"), [(True, "POST", 201), (False, "DELETE", 200)])
async def test_a_comment_is_liked_and_unliked(liked: bool, method: str, status: int) -> None:
    """Each is one call to the comment's own path."""
    provider, vendor = highlevel(ok(None, status), api_version="v3")

    await provider.engagement.set_liked(FakeAccess(), TIKTOK, "c/d", liked=liked)

    assert (method, f"{COMMENTS}/tiktok/c%2Fd/like?locationId={LOCATION}") == (
        vendor.last.method,
        str(vendor.last.url),
    )


@pytest.mark.parametrize(
    ("liked", "words", "fine"),
    [
        (True, "Comment is already liked", True),
        (False, "Comment is not liked", True),
        (False, "Comment is not currently liked", True),
        (True, "Comment is not liked", False),
        (False, "Comment is already liked", False),
        (True, "Unsupported platform", False),
    ],
)
async def test_liking_a_liked_comment_is_no_error(liked: bool, words: str, fine: bool) -> None:
    """A 400 is ignored if its message says that there was nothing to change, and raised otherwise."""
    provider, _ = highlevel(refused(400, words), api_version="v3")

    if fine:
        await provider.engagement.set_liked(FakeAccess(), TIKTOK, PARENT, liked=liked)
    else:
        with pytest.raises(Rejected):
            await provider.engagement.set_liked(FakeAccess(), TIKTOK, PARENT, liked=liked)


async def test_some_networks_have_no_comments_or_no_likes() -> None:
    """They are refused before any call, and so is an account without its network's id."""
    provider, vendor = highlevel(api_version="v3")
    engagement = provider.engagement

    with pytest.raises(CapabilityMissing):
        await engagement.list_comments(FakeAccess(), AccountRef("a", "pinterest", "", {"origin_id": "o"}))
    with pytest.raises(CapabilityMissing):
        await engagement.set_liked(FakeAccess(), AccountRef("a", "instagram"), PARENT, liked=True)
    with pytest.raises(CapabilityMissing):
        await engagement.list_comments(FakeAccess(), AccountRef("a", "tiktok"))
    assert [] == vendor.requests


async def test_version_2021_07_28_has_no_comments() -> None:
    """The table says so in a note that names the setting, and no call is made."""
    provider, vendor = highlevel()
    held = checked(provider).engagement

    for capability, call in (
        (Capability.COMMENT_LIST, held.list_comments(FakeAccess(), TIKTOK)),
        (Capability.COMMENT_REPLY, held.create_comment(FakeAccess(), TIKTOK, text="a", parent=POST, reply=False)),
        (Capability.COMMENT_MODERATE, held.set_liked(FakeAccess(), TIKTOK, PARENT, liked=True)),
    ):
        with pytest.raises(CapabilityMissing) as raised:
            await call
        assert (capability, Support.IMPOSSIBLE) == (raised.value.capability, raised.value.support)
        assert "GATEWAY_HIGHLEVEL_API_VERSION=v3" in raised.value.note
    assert [] == vendor.requests
    assert not provider.table.granted([])["can_read_comments"]
    assert highlevel(api_version="v3")[0].table.granted([])["can_read_comments"]


async def test_the_simulators_comments() -> None:
    """A comment is written below a post, answered, liked and unliked twice, and found in both lists."""
    async with in_process(version="v3") as sandbox:
        access, engagement, account = await sandbox.connect(), sandbox.provider.engagement, sandbox.account()
        post = sandbox.posted()
        below = await engagement.create_comment(access, account, text="Fresh!", parent=post, reply=False)
        answer = await engagement.create_comment(access, account, text="Thanks", parent=below.id, reply=True)
        for liked in (True, True, False, False, True):
            await engagement.set_liked(access, account, below.id, liked=liked)
        everything = await engagement.list_comments(access, account)
        thread = await engagement.list_comments(access, account, parent=below.id)
        with pytest.raises(NotFound):
            await engagement.create_comment(access, account, text="a", parent="0" * 24, reply=True)

    assert {below.id, answer.id} == {each.id for each in everything.comments}
    assert [("Thanks", post)] == [(each.text, each.post_id) for each in thread.comments]
    assert sandbox.vendor.comments[below.id].liked
    assert BAKERY == sandbox.vendor.comments[below.id].location_id
