"""EngagementService: statistics, comments, likes, and above all that no comment is written twice.

Owns the proofs of `gateway/rpc/engagement.py`, `gateway/domain/engagement/read.py` and
`gateway/domain/engagement/write.py`.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2
from sqlalchemy import text

from gateway.jobs import sweep
from providers.simulators.highlevel.tenants import BAKERY
from socialgateway.v1 import engagement_pb2
from socialgateway.v1.engagement_service_pb2 import (
    COMMENT_ORDER_TOP,
    CreateCommentRequest,
    LikeCommentRequest,
    ListCommentsRequest,
    QueryMetricsRequest,
    QueryPostMetricsRequest,
    UnlikeCommentRequest,
)
from storage import accounts
from tests.fixtures.waiting import until
from tests.rpc.answers import assert_error, detail, status_of
from tests.rpc.planning import PARENT, V2, V3, Fails, Planned, planned

Code = grpc.StatusCode


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Planned]:
    """Yield a gateway that speaks v3."""
    async with planned(database_url, tmp_path) as opened:
        yield opened


def midnight(stage: Planned, days: int) -> Timestamp:
    """Return a midnight so many days before today's."""
    moment = Timestamp()
    today = stage.world.clock().replace(hour=0, minute=0, second=0, microsecond=0)
    moment.FromDatetime(today - timedelta(days=days))
    return moment


def comment(stage: Planned, said: str = "Thanks!", **values: Any) -> CreateCommentRequest:
    """Ask for a comment below our post, unless `reply_to` says otherwise."""
    request_id = values.pop("request_id", "")
    below = values or {"post": f"{PARENT}/posts/p1"}
    return CreateCommentRequest(
        parent=stage.account(), comment=engagement_pb2.Comment(text=said, **below), request_id=request_id
    )


async def create(stage: Planned, said: str = "Thanks!", **values: Any) -> engagement_pb2.Comment:
    """Write a comment."""
    made: engagement_pb2.Comment = await stage.api.engagement.CreateComment(comment(stage, said, **values))
    return made


async def listed(stage: Planned, **values: Any) -> Any:
    """List comments."""
    return await stage.api.engagement.ListComments(ListCommentsRequest(parent=stage.account(), **values))


async def error_of(call: Any) -> Fails:
    """Return the error of a call that must fail."""
    with pytest.raises(Fails) as caught:
        await call
    return caught.value


# Figures


@pytest.mark.parametrize("version", [V2, V3])
async def test_statistics_of_an_account(database_url: str, tmp_path: Path, version: str) -> None:
    """What the vendor counts is returned, what it does not count is absent; v3 states the days."""
    async with planned(database_url, tmp_path, version=version) as stage:
        answer = await stage.api.engagement.QueryMetrics(QueryMetricsRequest(parent=stage.account("facebook")))
        expected = (midnight(stage, 7), midnight(stage, 0))

    [series] = answer.series
    assert (engagement_pb2.METRIC_POSTS, True, 0) == (series.metric, series.HasField("total"), series.total)
    assert not series.HasField("change_percent") or series.change_percent == 0
    assert (version == V3) is answer.HasField("start_time")
    if version == V3:
        assert expected == (answer.start_time, answer.end_time)


async def test_days_are_chosen_in_v3_only(database_url: str, tmp_path: Path) -> None:
    """Under the older generation the refusal names the field and the setting."""
    async with planned(database_url, tmp_path, version=V2) as stage:
        request = QueryMetricsRequest(
            parent=stage.account("facebook"), start_time=midnight(stage, 3), end_time=midnight(stage, 1)
        )
        error = await error_of(stage.api.engagement.QueryMetrics(request))

    assert_error(error, Code.FAILED_PRECONDITION, "OPTION_UNSUPPORTED", field="start_time", provider="highlevel")
    assert "GATEWAY_HIGHLEVEL_API_VERSION" in (error.details() or "")


@pytest.mark.parametrize(
    ("start", "end", "field"),
    [
        (3, None, "end_time"),
        (None, 3, "start_time"),
        (3, 3, "end_time"),
        (1, 3, "end_time"),
        (3, -1, "end_time"),
        (368, 1, "start_time"),
    ],
)
async def test_days_must_be_a_span(stage: Planned, start: int | None, end: int | None, field: str) -> None:
    """Both ends, in order, not in the future, at most a year; else there is no vendor call."""
    request = QueryMetricsRequest(parent=stage.account("facebook"))
    if start is not None:
        request.start_time.CopyFrom(midnight(stage, start))
    if end is not None:
        request.end_time.CopyFrom(midnight(stage, end))

    error = await error_of(stage.api.engagement.QueryMetrics(request))

    assert_error(error, Code.INVALID_ARGUMENT, "FIELD_INVALID", field=field)
    assert [] == stage.vendor.requests


async def test_days_begin_at_midnight(stage: Planned) -> None:
    """The vendor's numbers are for whole days."""
    request = QueryMetricsRequest(parent=stage.account("facebook"), end_time=midnight(stage, 1))
    request.start_time.FromDatetime(midnight(stage, 3).ToDatetime() + timedelta(hours=1))

    error = await error_of(stage.api.engagement.QueryMetrics(request))

    assert_error(error, Code.INVALID_ARGUMENT, "FIELD_INVALID", field="start_time")


async def test_an_account_without_statistics_is_refused(stage: Planned) -> None:
    """A personal TikTok account would get zeros."""
    error = await error_of(stage.api.engagement.QueryMetrics(QueryMetricsRequest(parent=stage.account())))

    assert_error(error, Code.UNIMPLEMENTED, "CAPABILITY_MISSING", capability="account_metrics", support="impossible")
    assert [] == stage.vendor.requests


async def test_an_account_that_does_not_exist(stage: Planned) -> None:
    """It is not found, by its name; a detached one must be connected again."""
    error = await error_of(stage.api.engagement.QueryMetrics(QueryMetricsRequest(parent=f"{PARENT}/accounts/a9")))
    assert_error(error, Code.NOT_FOUND, "RESOURCE_NOT_FOUND", resource=f"{PARENT}/accounts/a9")

    async with stage.world.domain.db.transaction() as tx:
        await accounts.change(tx, "l1", "facebook", stage.world.clock(), state="DETACHED")
    error = await error_of(stage.api.engagement.QueryMetrics(QueryMetricsRequest(parent=stage.account("facebook"))))
    assert_error(error, Code.FAILED_PRECONDITION, "REAUTHORIZATION_REQUIRED", connection=f"{PARENT}/connections/c1")


# Reading comments


async def test_comments_are_listed_with_our_posts(stage: Planned) -> None:
    """Below all posts, below one, below a comment; a post of ours is named, others by the vendor's id."""
    vendor_id = await stage.post()
    own = stage.vendor.add_comment(location_id=BAKERY, platform="tiktok", parent_id=vendor_id, content="Lovely")
    await stage.post("p2", vendor_id="")
    assert own is not None
    stage.advance(seconds=5)
    answer = stage.vendor.add_comment(location_id=BAKERY, platform="tiktok", parent_id=own.id, content="Indeed")
    assert answer is not None

    everything = await listed(stage)
    below = await listed(stage, post=f"{PARENT}/posts/p1", order=COMMENT_ORDER_TOP)
    thread = await listed(stage, reply_to=f"{stage.account()}/comments/{own.id}")

    assert ["Indeed", "Lovely"] == [each.text for each in everything.comments]
    [lovely] = below.comments
    assert (f"{stage.account()}/comments/{own.id}", f"{PARENT}/posts/p1", vendor_id) == (
        lovely.name,
        lovely.post,
        lovely.provider_post_id,
    )
    assert (0, 1, "Somebody", False) == (lovely.like_count, lovely.reply_count, lovely.author_display_name, lovely.own)
    assert ["Indeed"] == [each.text for each in thread.comments]


async def test_pages_of_comments_reach_every_one_once(stage: Planned) -> None:
    """Following the tokens; a token of another list is refused."""
    vendor_id = await stage.post()
    for number in range(5):
        stage.vendor.add_comment(location_id=BAKERY, platform="tiktok", parent_id=vendor_id, content=str(number))
        stage.advance(seconds=1)

    found, token = [], ""
    while True:
        answer = await listed(stage, page_size=2, page_token=token)
        found += [each.text for each in answer.comments]
        token = answer.next_page_token
        if not token:
            break
        last = token
    error = await error_of(listed(stage, page_size=2, page_token=last, post=f"{PARENT}/posts/p1"))

    assert ["4", "3", "2", "1", "0"] == found
    assert_error(error, Code.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID")


async def test_a_post_that_the_vendor_does_not_have_yet_has_no_comments(stage: Planned) -> None:
    """They can be neither listed nor written; an unknown post and another account's are not found."""
    await stage.post(vendor_id="")
    await stage.post("p2", "facebook")

    for call in (listed(stage, post=f"{PARENT}/posts/p1"), create(stage)):
        assert_error(await error_of(call), Code.FAILED_PRECONDITION, "STATE_FORBIDS", state="PUBLISHED")
    for name in ("p2", "p3"):
        for call in (listed(stage, post=f"{PARENT}/posts/{name}"), create(stage, post=f"{PARENT}/posts/{name}")):
            error = await error_of(call)
            assert_error(error, Code.NOT_FOUND, "RESOURCE_NOT_FOUND", resource=f"{PARENT}/posts/{name}")
    assert 0 == stage.calls("comments.create")


@pytest.mark.parametrize("method", ["list", "create", "like"])
async def test_the_older_generation_has_no_comments(database_url: str, tmp_path: Path, method: str) -> None:
    """The error names the setting, and there is no vendor call."""
    async with planned(database_url, tmp_path, version=V2) as stage:
        await stage.post()
        like = LikeCommentRequest(name=f"{stage.account()}/comments/{'0' * 24}")
        calls: dict[str, Any] = {
            "list": listed,
            "create": create,
            "like": lambda _: stage.api.engagement.LikeComment(like),
        }
        error = await error_of(calls[method](stage))

    assert_error(error, Code.UNIMPLEMENTED, "CAPABILITY_MISSING", support="impossible")
    assert "GATEWAY_HIGHLEVEL_API_VERSION=v3" in (error.details() or "")
    assert [] == stage.vendor.requests


# Writing comments


async def test_a_comment_is_written_below_a_post_and_answered(stage: Planned) -> None:
    """A comment and a reply are created at the vendor, each below the one that it names."""
    vendor_id = await stage.post()

    first = await create(stage, "Fresh bread 🥐")
    answer = await create(stage, "Until noon", reply_to=first.name)

    [below, above] = stage.vendor.comments.values()
    assert (vendor_id, "Fresh bread 🥐") == (below.parent_id, below.content)
    assert (below.id, "Until noon") == (above.parent_id, above.content)
    assert (f"{PARENT}/posts/p1", "", True) == (first.post, first.reply_to, first.own)
    assert ("", first.name) == (answer.post, answer.reply_to)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"said": ""}, "comment.text"),
        ({"said": "a" * 20_001}, "comment.text"),
        ({"post": ""}, "comment.post"),
        ({"post": "locations/l2/posts/p1"}, "comment.post"),
        ({"post": "p1"}, "comment.post"),
        ({"reply_to": "locations/l1/accounts/facebook/comments/a"}, "comment.reply_to"),
        ({"reply_to": "locations/l2/accounts/tiktok/comments/a"}, "comment.reply_to"),
        ({"post": "locations/l1/posts/p1", "reply_to": "locations/l1/accounts/tiktok/comments/a"}, "comment.reply_to"),
        ({"request_id": "1", "post": "locations/l1/posts/p1"}, "request_id"),
    ],
)
async def test_a_comment_must_be_valid(stage: Planned, changes: dict[str, str], field: str) -> None:
    """It has a text and one parent, of this account; else nothing is sent."""
    await stage.post()

    assert_error(await error_of(create(stage, **changes)), Code.INVALID_ARGUMENT, "FIELD_INVALID", field=field)
    assert [] == stage.vendor.requests


async def test_a_comment_that_is_too_long_for_its_network_is_refused(stage: Planned) -> None:
    """It is refused before it is sent, with the limit."""
    await stage.post()

    error = await error_of(create(stage, "a" * 151))

    assert_error(error, Code.FAILED_PRECONDITION, "CONTENT_REJECTED", rule="commentLength", allowed="150")
    assert [] == stage.vendor.requests


async def test_the_same_request_id_writes_once(stage: Planned) -> None:
    """The second call returns the first one's comment without a vendor call; another body is refused."""
    await stage.post()
    key = str(uuid4())

    first = await create(stage, request_id=key, post=f"{PARENT}/posts/p1")
    again = await create(stage, request_id=key, post=f"{PARENT}/posts/p1")
    error = await error_of(create(stage, "Other", request_id=key, post=f"{PARENT}/posts/p1"))

    assert first == again
    assert 1 == stage.calls("comments.create")
    assert_error(error, Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED")


async def test_a_comment_whose_response_is_lost_is_searched_for(stage: Planned) -> None:
    """After a lost response the comment is found at the vendor and returned, and not sent again."""
    await stage.post()
    stage.fault("comments.create")
    key = str(uuid4())

    made = await create(stage, request_id=key, post=f"{PARENT}/posts/p1")
    again = await create(stage, request_id=key, post=f"{PARENT}/posts/p1")

    [there] = stage.vendor.comments.values()
    assert made.name.endswith(there.id)
    assert made == again
    assert (1, 1) == (stage.calls("comments.create"), stage.calls("comments.list"))


async def test_a_comment_that_is_not_found_is_in_doubt_and_not_sent_again(stage: Planned) -> None:
    """ABORTED without a delay, so that no policy repeats it; the same request_id only searches, until it is found."""
    vendor_id = await stage.post()
    stage.fault("comments.create", "drop_before")
    key = str(uuid4())

    first = await error_of(create(stage, request_id=key, post=f"{PARENT}/posts/p1"))
    running = await error_of(create(stage, request_id=key, post=f"{PARENT}/posts/p1"))
    stage.advance(minutes=6)
    second = await error_of(create(stage, request_id=key, post=f"{PARENT}/posts/p1"))
    stage.vendor.add_comment(location_id=BAKERY, platform="tiktok", parent_id=vendor_id, content="Thanks!")
    found = await create(stage, request_id=key, post=f"{PARENT}/posts/p1")

    for error in (first, second):
        assert_error(error, Code.ABORTED, "OUTCOME_UNKNOWN", account=stage.account())
        assert detail(status_of(error), error_details_pb2.RetryInfo) is None
    assert_error(running, Code.ABORTED, "CONFLICT")
    assert "Thanks!" == found.text
    assert 1 == stage.calls("comments.create")


@pytest.mark.parametrize("said", ["Other words", "Thanks"])
async def test_another_text_is_another_comment(stage: Planned, said: str) -> None:
    """A comment with another text is not mistaken for the lost one."""
    vendor_id = await stage.post()
    stage.vendor.add_comment(location_id=BAKERY, platform="tiktok", parent_id=vendor_id, content=said)
    stage.fault("comments.create", "drop_before")

    assert_error(await error_of(create(stage)), Code.ABORTED, "OUTCOME_UNKNOWN")


async def test_an_older_comment_is_another_comment(stage: Planned) -> None:
    """It has the same text, but was written before this one was sent."""
    vendor_id = await stage.post()
    stage.vendor.add_comment(location_id=BAKERY, platform="tiktok", parent_id=vendor_id, content="Thanks!")
    stage.advance(minutes=10)
    stage.fault("comments.create", "drop_before")

    assert_error(await error_of(create(stage)), Code.ABORTED, "OUTCOME_UNKNOWN")


async def test_two_equal_comments_are_not_distinguished(stage: Planned) -> None:
    """With two equal comments since, neither is taken as the lost one."""
    vendor_id = await stage.post()
    for _ in range(2):
        stage.vendor.add_comment(location_id=BAKERY, platform="tiktok", parent_id=vendor_id, content="Thanks!")
    stage.fault("comments.create", "drop_before")

    assert_error(await error_of(create(stage)), Code.ABORTED, "OUTCOME_UNKNOWN")


async def test_a_comment_of_another_call_is_not_returned(stage: Planned) -> None:
    """Two calls send the same text; the one whose response is lost does not return the other's comment as its own."""
    await stage.post()
    await create(stage)
    stage.fault("comments.create", "drop_before")

    assert_error(await error_of(create(stage)), Code.ABORTED, "OUTCOME_UNKNOWN")
    assert 1 == len(stage.vendor.comments)


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (429, Code.RESOURCE_EXHAUSTED, "PROVIDER_RATE_LIMITED"),
        (422, Code.FAILED_PRECONDITION, "CONTENT_REJECTED"),
        (404, Code.NOT_FOUND, "RESOURCE_NOT_FOUND"),
    ],
)
async def test_a_refusal_frees_the_request_id(stage: Planned, status: int, code: Code, reason: str) -> None:
    """It certainly was not written: the same call, with the same id, writes it once the vendor accepts it."""
    await stage.post()
    stage.fault("comments.create", "status", status=status, body='{"message": "Said by HighLevel."}')
    key = str(uuid4())

    error = await error_of(create(stage, request_id=key, post=f"{PARENT}/posts/p1"))
    stage.advance(minutes=1)
    made = await create(stage, request_id=key, post=f"{PARENT}/posts/p1")

    assert_error(error, code, reason)
    assert "Thanks!" == made.text
    assert 1 == len(stage.vendor.comments)


async def test_a_comment_that_was_refused_and_written_is_returned(stage: Planned) -> None:
    """A 422 is no proof: the comment is looked for once, found, and not written a second time by the same call."""
    await stage.post()
    stage.fault("comments.create", "status", status=422, body='{"message": "No."}', effect=True)
    key = str(uuid4())

    made = await create(stage, request_id=key, post=f"{PARENT}/posts/p1")
    again = await create(stage, request_id=key, post=f"{PARENT}/posts/p1")

    [there] = stage.vendor.comments.values()
    assert made.name.endswith(there.id)
    assert (made, 1) == (again, stage.calls("comments.create"))


async def test_the_same_words_of_another_person_are_not_a_refused_comment(stage: Planned) -> None:
    """A 422, and an equal comment that is not the account's: OUTCOME_UNKNOWN, never OK with another person's comment,
    also when the same request looks again.
    """
    vendor_id = await stage.post()
    stage.vendor.add_comment(location_id=BAKERY, platform="tiktok", parent_id=vendor_id, content="Thanks!")
    stage.fault("comments.create", "status", status=422, body='{"message": "No."}')

    key = str(uuid4())

    first = await error_of(create(stage, request_id=key, post=f"{PARENT}/posts/p1"))
    stage.advance(minutes=6)
    second = await error_of(create(stage, request_id=key, post=f"{PARENT}/posts/p1"))

    for error in (first, second):
        assert_error(error, Code.ABORTED, "OUTCOME_UNKNOWN", account=stage.account())
    assert 1 == stage.calls("comments.create") == len(stage.vendor.comments)


async def test_a_refused_comment_that_cannot_be_looked_for_is_in_doubt(stage: Planned) -> None:
    """The list does not answer after the refusal: OUTCOME_UNKNOWN, and the same request_id only looks."""
    await stage.post()
    stage.fault("comments.create", "status", status=422, body='{"message": "No."}', effect=True)
    stage.fault("comments.list", "status", times=2)
    key = str(uuid4())

    error = await error_of(create(stage, request_id=key, post=f"{PARENT}/posts/p1"))
    stage.advance(minutes=6)
    found = await create(stage, request_id=key, post=f"{PARENT}/posts/p1")

    assert_error(error, Code.ABORTED, "OUTCOME_UNKNOWN", account=stage.account())
    assert ("Thanks!", 1, 1) == (found.text, len(stage.vendor.comments), stage.calls("comments.create"))


async def test_concurrent_calls_with_one_request_id_write_once(stage: Planned) -> None:
    """One writes; the others are refused while it is being sent, or return what was written."""
    await stage.post()
    key = str(uuid4())
    calls = [create(stage, request_id=key, post=f"{PARENT}/posts/p1") for _ in range(8)]

    answers = await asyncio.gather(*calls, return_exceptions=True)

    assert 1 == stage.calls("comments.create")
    assert any(isinstance(answer, engagement_pb2.Comment) for answer in answers)
    for answer in answers:
        if isinstance(answer, Fails):
            assert_error(answer, Code.ABORTED, "CONFLICT")


async def test_a_caller_who_goes_away_loses_nothing(stage: Planned) -> None:
    """The result is stored although the caller is gone: the same call returns it later."""
    await stage.post()
    key, gate = str(uuid4()), asyncio.Event()

    async def wait(seconds: float) -> None:
        await gate.wait()

    stage.vendor.sleep = wait
    stage.fault("comments.create", "slow")
    call = stage.api.engagement.CreateComment(comment(stage, request_id=key, post=f"{PARENT}/posts/p1"))
    await until(lambda: bool(stage.vendor.faults.hits.get("comments.create slow")))
    call.cancel()
    gate.set()
    await stage.world.domain.tokens.close()
    made = await create(stage, request_id=key, post=f"{PARENT}/posts/p1")

    assert "Thanks!" == made.text
    assert 1 == stage.calls("comments.create")


async def test_a_request_id_is_deleted_after_thirty_days_and_a_week(stage: Planned) -> None:
    """The comment's text was never stored."""
    await stage.post()
    await create(stage, "Nobody keeps this", request_id=str(uuid4()), post=f"{PARENT}/posts/p1")

    async def rows() -> list[Any]:
        async with stage.world.domain.db.read() as tx:
            return list((await tx.execute(text("SELECT state FROM comments"))).scalars())

    before = await rows()
    stage.advance(days=38)
    await sweep.old(stage.world.domain)

    assert (["DONE"], []) == (before, await rows())


# Likes


async def test_a_like_can_be_set_and_removed_repeatedly(stage: Planned) -> None:
    """Twice has the same effect as once."""
    await stage.post()
    made = await create(stage)
    [there] = stage.vendor.comments.values()
    likes = []
    for request in (LikeCommentRequest, LikeCommentRequest, UnlikeCommentRequest, UnlikeCommentRequest):
        method = getattr(stage.api.engagement, request.__name__.removesuffix("Request"))
        await method(request(name=made.name))
        likes.append(there.liked)

    assert [True, True, False, False] == likes


async def test_a_like_whose_response_is_lost_can_be_repeated(stage: Planned) -> None:
    """A lost response to a like is an error that allows repeating the call."""
    await stage.post()
    made = await create(stage)
    stage.fault("comments.like")

    error = await error_of(stage.api.engagement.LikeComment(LikeCommentRequest(name=made.name)))
    await stage.api.engagement.LikeComment(LikeCommentRequest(name=made.name))

    assert_error(error, Code.UNAVAILABLE, "PROVIDER_UNAVAILABLE", provider="highlevel")
    assert stage.vendor.comments[made.name.rpartition("/")[2]].liked


async def test_a_comment_that_is_not_there_cannot_be_liked(stage: Planned) -> None:
    """A comment that does not exist cannot be liked."""
    name = f"{stage.account()}/comments/{'0' * 24}"

    error = await error_of(stage.api.engagement.LikeComment(LikeCommentRequest(name=name)))

    assert_error(error, Code.NOT_FOUND, "RESOURCE_NOT_FOUND", provider="highlevel")


# --- figures of one post ----------------------------------------------------------------------------------------------


async def counted(stage: Planned, post: str = "p1") -> Any:
    """Query the figures of a post."""
    return await stage.api.engagement.QueryPostMetrics(QueryPostMetricsRequest(name=f"{PARENT}/posts/{post}"))


async def test_figures_of_a_post_are_those_of_its_record(stage: Planned) -> None:
    """Until HighLevel has read them there are none; a count that it does not give is absent, and a 0 is a 0."""
    vendor_id = await stage.post(platform="facebook")
    record = stage.vendor.planner.records[vendor_id]
    record.platform_post_id = "1_2"
    assert [] == list((await counted(stage)).metrics)

    record.insights = {"like": 12, "comment": 0}
    answer = await counted(stage)

    [found] = answer.metrics
    assert (f"{PARENT}/posts/p1", "1_2", 12, 0) == (
        found.post,
        found.provider_post_id,
        found.like_count,
        found.comment_count,
    )
    assert (True, False, False) == (
        found.HasField("comment_count"),
        found.HasField("share_count"),
        found.HasField("view_count"),
    )
    assert stage.world.clock().timestamp() == answer.fetch_time.ToNanoseconds() / 1e9


async def test_the_older_generation_has_no_figures_of_a_post(database_url: str, tmp_path: Path) -> None:
    """Under 2021-07-28 they are CAPABILITY_MISSING, which names the setting."""
    async with planned(database_url, tmp_path, version=V2) as stage:
        await stage.post(platform="facebook")
        error = await error_of(counted(stage))
    assert_error(error, Code.UNIMPLEMENTED, "CAPABILITY_MISSING")
    assert "GATEWAY_HIGHLEVEL_API_VERSION" in str(error.details())


async def test_a_post_without_an_id_of_the_vendor_has_no_figures(stage: Planned) -> None:
    """A post that the vendor does not have yet is STATE_FORBIDS, one that nobody has is not found."""
    await stage.post(vendor_id="")

    assert_error(await error_of(counted(stage)), Code.FAILED_PRECONDITION, "STATE_FORBIDS")
    assert_error(await error_of(counted(stage, "p2")), Code.NOT_FOUND, "RESOURCE_NOT_FOUND")


async def test_a_video_can_be_commented_only_where_comments_are_kept(stage: Planned) -> None:
    """An account whose comments are not kept knows no videos: the field is refused, and nothing is sent."""
    await stage.post()
    error = await error_of(create(stage, video=f"{stage.account()}/videos/7"))
    assert_error(error, Code.INVALID_ARGUMENT, "FIELD_INVALID")
    assert not stage.vendor.comments
