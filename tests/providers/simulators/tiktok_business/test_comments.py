"""Comments as an account holder's token reads and moderates them."""

from typing import Any

from providers.simulators.tiktok_business import SimVideo
from tests.providers.simulators.tiktok_business.conftest import World


async def texts(world: World, video: SimVideo, **query: Any) -> tuple[list[str], int, bool]:
    """Return the texts of a page, newest first, with its cursor and whether there is more."""
    order = {"sort_field": "create_time", "sort_order": "desc"}
    data = (await world.get("/business/comment/list/", video_id=video.id, **order, **query))["data"]
    return [each["text"] for each in data["comments"]], data["cursor"], data["has_more"]


def filled(world: World, count: int) -> SimVideo:
    """Add a video with comments, a second apart."""
    video = world.vendor.add_post()
    for number in range(count):
        world.clock.advance(1)
        world.vendor.add_comment(video.id, f"c{number}")
    return video


async def test_a_comment_that_comes_moves_the_others_under_the_cursor(world: World) -> None:
    """A cursor counts: after a new comment on top the next page begins with one that was seen."""
    video = filled(world, 4)
    assert (["c3", "c2"], 2, True) == await texts(world, video, max_count=2)
    world.clock.advance(1)
    world.vendor.add_comment(video.id, "new")
    assert (["c2", "c1"], 4, True) == await texts(world, video, max_count=2, cursor=2)


async def test_a_comment_that_goes_hides_another_under_the_cursor(world: World) -> None:
    """After a deletion the next page leaves one out."""
    video = filled(world, 5)
    assert (["c4", "c3"], 2, True) == await texts(world, video, max_count=2)
    world.vendor.remove_comment(next(iter(video.comments.values())).comment_id)
    world.vendor.remove_comment(next(each.comment_id for each in video.comments.values() if each.text == "c4"))
    assert (["c1"], 3, False) == await texts(world, video, max_count=2, cursor=2)


async def test_replies_come_below_their_comment(world: World) -> None:
    """A list shows three replies on request; all are in the list of their own."""
    video = filled(world, 1)
    [parent] = list(video.comments.values())
    for number in range(4):
        world.clock.advance(1)
        world.vendor.add_comment(video.id, f"r{number}", parent=parent.comment_id)
    data = (await world.get("/business/comment/list/", video_id=video.id, include_replies="true"))["data"]
    [row] = data["comments"]
    assert (4, ["r0", "r1", "r2"]) == (row["replies"], [each["text"] for each in row["reply_list"]])
    query = {"video_id": video.id, "comment_id": parent.comment_id, "sort_order": "asc"}
    below = (await world.get("/business/comment/reply/list/", **query))["data"]["comments"]
    assert (["r0", "r1", "r2", "r3"], {parent.comment_id}) == (
        [each["text"] for each in below],
        {each["parent_comment_id"] for each in below},
    )


async def test_the_account_answers_hides_and_likes(world: World) -> None:
    """What the account does to a comment can be read back, and its own can be deleted."""
    video = filled(world, 1)
    [comment] = list(video.comments.values())
    where = {"video_id": video.id, "comment_id": comment.comment_id}
    reply = (await world.post("/business/comment/reply/create/", **where, text="Thanks"))["data"]
    assert (True, comment.comment_id) == (reply["owner"], reply["parent_comment_id"])
    assert 0 == (await world.post("/business/comment/hide/", **where, action="HIDE"))["code"]
    assert 0 == (await world.post("/business/comment/like/", **where, action="LIKE"))["code"]
    [row] = (await world.get("/business/comment/list/", video_id=video.id))["data"]["comments"]
    assert ("HIDDEN", True) == (row["status"], row["liked"])
    assert [] == (await world.get("/business/comment/list/", video_id=video.id, status="PUBLIC"))["data"]["comments"]
    assert 0 == (await world.post("/business/comment/delete/", comment_id=reply["comment_id"]))["code"]
    assert [comment.comment_id] == list(video.comments)
