"""EngagementService for accounts whose comments are kept: the inbox, moderation, syncs, points, and their events.

Owns what callers see. That a sync is complete whatever stops it is in tests/flows/test_engagement_sync.py.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from sqlalchemy import text

from gateway.domain.webhooks import deliveries
from gateway.rpc import event_to_proto
from providers.simulators.tiktok.webhooks import body_of, signature
from providers.simulators.tiktok_business import Fault, SimComment, SimVideo
from socialgateway.v1 import engagement_pb2, engagement_service_pb2
from socialgateway.v1.engagement_service_pb2 import (
    CreateCommentRequest,
    DeleteCommentRequest,
    GetEngagementSyncRequest,
    HideCommentRequest,
    LikeCommentRequest,
    ListCommentsRequest,
    ListEngagementSyncsRequest,
    QueryMetricsRequest,
    UnhideCommentRequest,
)
from tests.fixtures import business as fixture
from tests.fixtures.business import BusinessWorld
from tests.rpc.answers import assert_error

Code = grpc.StatusCode
Fails = grpc.aio.AioRpcError
NOW = Duration()


class Stage:
    """A connected account with one video, two comments and a reply, which a sync has read."""

    def __init__(self, business: BusinessWorld) -> None:
        self.business = business
        self.api = business.api.engagement
        self.video: SimVideo
        self.comments: list[SimComment] = []
        self.account = ""

    async def prepare(self) -> None:
        """Connect, comment, sync."""
        await self.business.connect()
        self.account = (await self.business.account()).name
        vendor, made = self.business.vendor, self.business.world.clock() - timedelta(days=2)
        self.video = vendor.add_post(created_ms=int(made.timestamp() * 1000), caption="Croissants", counts={"likes": 7})
        for number in range(2):
            when = made + timedelta(minutes=number)
            self.comments.append(vendor.add_comment(self.video.id, f"c{number}", tell=False, created=when))
        parent = self.comments[0].comment_id
        late = made + timedelta(hours=1)
        self.comments.append(vendor.add_comment(self.video.id, "r0", tell=False, created=late, parent=parent))
        await self.business.sync()
        await self.business.read_due()
        self.business.world.clock.advance(60)

    def name(self, number: int = 0) -> str:
        """Return the name of a comment."""
        return f"{self.account}/comments/{self.comments[number].comment_id}"

    async def listed(self, **values: Any) -> Any:
        """List comments."""
        return await self.api.ListComments(ListCommentsRequest(parent=self.account, **values))

    async def create(self, **values: Any) -> engagement_pb2.Comment:
        """Write a comment."""
        request_id = values.pop("request_id", "")
        comment = engagement_pb2.Comment(**{"text": "Thanks!", **values})
        request = CreateCommentRequest(parent=self.account, comment=comment, request_id=request_id)
        made: engagement_pb2.Comment = await self.api.CreateComment(request)
        return made

    async def hook(self, action: str, comment: SimComment, **changes: Any) -> None:
        """Deliver the vendor's webhook about a comment, and apply it."""
        config, clock = self.business.vendor.config, self.business.world.clock
        content = {
            "comment_id": int(comment.comment_id),
            "video_id": int(comment.video_id),
            "parent_comment_id": int(comment.parent or 0),
            "comment_action": action,
            "text": comment.text,
            **changes,
        }
        moment = int(clock().timestamp())
        body = body_of(config.client_key, "comment.update", self.business.vendor.account.open_id, content, moment)
        headers = {"tiktok-signature": signature(config.client_secret, moment, body)}
        domain = self.business.world.domain
        await deliveries.receive(domain, "tiktok", headers, body)
        async with domain.db.read() as tx:
            ids = (await tx.execute(text("SELECT id FROM webhooks WHERE due_at IS NOT NULL"))).scalars().all()
        for id in ids:
            await deliveries.apply(domain, id)

    async def received(self) -> list[Any]:
        """Return the comments that were told, as callers see their events."""
        rows = [each for each in await self.business.world.events() if each.type == "COMMENT_RECEIVED"]
        return [event_to_proto.to_proto(row, ()).comment for row in rows]


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Yield an account that was synced."""
    async with fixture.opened(database_url, tmp_path) as business:
        made = Stage(business)
        await made.prepare()
        yield made


async def test_the_inbox_comes_from_the_store(stage: Stage) -> None:
    """Comments below every video are listed newest first, page by page, without a call."""
    before = len(stage.business.vendor.requests)
    first = await stage.listed(page_size=1)
    second = await stage.listed(page_size=1, page_token=first.next_page_token)

    assert (["c1"], ["c0"], "") == (
        [each.text for each in first.comments],
        [each.text for each in second.comments],
        second.next_page_token,
    )
    [shown] = second.comments
    assert (f"{stage.account}/videos/{stage.video.id}", "Sim Fan", 1, False) == (
        shown.video,
        shown.author_display_name,
        shown.reply_count,
        shown.hidden,
    )
    assert first.HasField("fetch_time")
    assert before == len(stage.business.vendor.requests)


async def test_answers_are_threaded(stage: Stage) -> None:
    """What stands below a comment is listed by it, and names it."""
    [reply] = (await stage.listed(reply_to=stage.name())).comments
    assert ("r0", stage.name(), 2) == (reply.text, reply.reply_to, reply.depth)


async def test_what_is_too_old_is_asked_for(stage: Stage) -> None:
    """Below one video the vendor is asked for the newest once the last answer is older than the caller allows."""
    stage.business.vendor.add_comment(stage.video.id, "brand new", tell=False)
    video = f"{stage.account}/videos/{stage.video.id}"
    old = await stage.listed(video=video, max_staleness=Duration(seconds=3600))
    new = await stage.listed(video=video, max_staleness=NOW)
    assert (["c1", "c0"], "brand new") == ([each.text for each in old.comments], new.comments[0].text)
    assert ["brand new"] == [each.text for each in await stage.received()]


async def test_an_answer_is_written_once(stage: Stage) -> None:
    """A reply stands below its comment; the same request_id again gives it and writes nothing."""
    key = str(uuid4())
    made = await stage.create(reply_to=stage.name(), request_id=key)
    again = await stage.create(reply_to=stage.name(), request_id=key)

    assert (True, made.name) == (made.own, again.name)
    assert ["reply.create"] == [operation for operation, _, _ in stage.business.vendor.written]
    assert "Thanks!" in [each.text for each in (await stage.listed(reply_to=stage.name())).comments]
    # One's own words are no news.
    assert [] == await stage.received()


async def test_a_lost_answer_is_looked_up(stage: Stage) -> None:
    """When the vendor's answer is lost the comment is found where it stands, and not written again."""
    stage.business.vendor.faults.add(Fault(match="reply.create", kind="drop_after"))
    made = await stage.create(reply_to=stage.name())
    assert 1 == len(stage.business.vendor.written)
    assert stage.business.vendor.written[0][1] == made.name.rpartition("/")[2]


async def test_a_comment_below_a_video_needs_no_post_of_ours(stage: Stage) -> None:
    """A video that was published elsewhere can be commented by its name."""
    made = await stage.create(video=f"{stage.account}/videos/{stage.video.id}")
    assert "Thanks!" == stage.video.comments[made.name.rpartition("/")[2]].text


async def test_a_comment_is_hidden_liked_and_deleted(stage: Stage) -> None:
    """Each of them reaches the vendor and is seen in the list; only an own comment is deleted."""
    await stage.api.HideComment(HideCommentRequest(name=stage.name()))
    await stage.api.LikeComment(LikeCommentRequest(name=stage.name()))
    shown = next(each for each in (await stage.listed()).comments if each.name == stage.name())
    assert (True, True, True) == (shown.hidden, shown.liked, stage.comments[0].hidden)
    await stage.api.UnhideComment(UnhideCommentRequest(name=stage.name()))
    assert not stage.comments[0].hidden

    with pytest.raises(Fails) as caught:
        await stage.api.DeleteComment(DeleteCommentRequest(name=stage.name()))
    assert_error(caught.value, Code.FAILED_PRECONDITION, "STATE_FORBIDS", state="NOT_OWN")
    made = await stage.create(reply_to=stage.name())
    key = str(uuid4())
    for _ in range(2):
        await stage.api.DeleteComment(DeleteCommentRequest(name=made.name, request_id=key))
    assert made.name.rpartition("/")[2] not in stage.video.comments
    assert 1 == sum(operation == "comment.delete" for operation, _, _ in stage.business.vendor.written)


@pytest.mark.parametrize("method", ["HideComment", "LikeComment", "DeleteComment"])
async def test_a_comment_that_was_never_seen_is_not_found(stage: Stage, method: str) -> None:
    """A name that no list or event gave is RESOURCE_NOT_FOUND, without a call."""
    before = len(stage.business.vendor.requests)
    request = getattr(engagement_service_pb2, f"{method}Request")(name=f"{stage.account}/comments/12")
    with pytest.raises(Fails) as caught:
        await getattr(stage.api, method)(request)
    assert_error(caught.value, Code.NOT_FOUND, "RESOURCE_NOT_FOUND")
    assert before == len(stage.business.vendor.requests)


async def test_a_webhook_brings_a_comment_once(stage: Stage) -> None:
    """A delivery that is repeated, and a sync that sees the same comment, tell it once; its ids stay exact."""
    new = stage.business.vendor.add_comment(stage.video.id, "by webhook", tell=False)
    await stage.hook("insert", new)
    await stage.hook("insert", new)
    stage.business.world.clock.advance(7200)
    await stage.business.sync()
    await stage.business.read_due()

    [told] = await stage.received()
    assert (f"{stage.account}/comments/{new.comment_id}", "by webhook") == (told.name, told.text)
    assert "Sim Fan" == (await stage.listed()).comments[0].author_display_name


async def test_webhooks_hide_and_delete(stage: Stage) -> None:
    """What happens to a comment in the app is in the store at once, with what stands below it."""
    await stage.hook("set_to_hidden", stage.comments[1])
    assert (await stage.listed()).comments[0].hidden
    await stage.hook("set_to_public", stage.comments[1])
    assert not (await stage.listed()).comments[0].hidden
    await stage.hook("delete", stage.comments[0])
    assert ["c1"] == [each.text for each in (await stage.listed()).comments]
    await stage.hook("something_new", stage.comments[1])
    assert "PROVIDER_UNKNOWN" == (await stage.business.world.events())[-1].type


async def test_a_sync_is_a_resource(stage: Stage) -> None:
    """It is created, read and listed, with a row for each account; its end is an event with it."""
    made = await stage.business.sync(account=stage.account)
    assert (engagement_pb2.EngagementSync.RUNNING, stage.account) == (made.state, made.account)
    with pytest.raises(Fails) as caught:
        await stage.business.sync(account=stage.account)
    assert_error(caught.value, Code.ABORTED, "CONFLICT")
    await stage.business.read_due()

    found = await stage.api.GetEngagementSync(GetEngagementSyncRequest(name=made.name))
    [row] = found.accounts
    assert (engagement_pb2.EngagementSync.SUCCEEDED, stage.account, 1) == (row.state, row.account, row.video_count)
    request = ListEngagementSyncsRequest(parent="locations/l1", page_size=1)
    assert [made.name] == [each.name for each in (await stage.api.ListEngagementSyncs(request)).engagement_syncs]
    last = (await stage.business.world.events())[-1]
    assert found == event_to_proto.to_proto(last, ()).engagement_sync


async def test_an_interval_out_of_bounds_is_refused(stage: Stage) -> None:
    """Less than a quarter of an hour and more than a month are no intervals."""
    for seconds in (1, -1, 31 * 86_400):
        with pytest.raises(Fails) as caught:
            await stage.business.sync(sync_interval=Duration(seconds=seconds))
        assert_error(caught.value, Code.INVALID_ARGUMENT, "FIELD_INVALID")


async def test_points_are_kept_and_never_mixed(stage: Stage) -> None:
    """Totals of a video and days of the account are points of their own; a value that stayed is not repeated."""
    video = f"{stage.account}/videos/{stage.video.id}"
    stage.video.counts["likes"] = 9
    stage.business.world.clock.advance(3600)
    await stage.business.sync()
    await stage.business.read_due()

    def likes(found: Any) -> list[float]:
        return [each.value for each in found.points if each.metric == engagement_pb2.METRIC_LIKES]

    old = QueryMetricsRequest(parent=stage.account, videos=[video], max_staleness=Duration(seconds=86_400))
    kept = await stage.api.QueryMetrics(old)
    assert [7, 9] == likes(kept)
    assert {engagement_pb2.METRIC_PERIOD_TOTAL} == {each.period for each in kept.points}
    assert {video} == {each.subject for each in kept.points}
    own = await stage.api.QueryMetrics(
        QueryMetricsRequest(parent=stage.account, max_staleness=Duration(seconds=86_400))
    )
    days = [each for each in own.points if each.metric == engagement_pb2.METRIC_VIEWS]
    assert (6, {engagement_pb2.METRIC_PERIOD_DAY}) == (len(days), {each.period for each in days})
    stage.video.counts["likes"] = 11
    stage.business.world.clock.advance(1)
    fresh = await stage.api.QueryMetrics(QueryMetricsRequest(parent=stage.account, videos=[video], max_staleness=NOW))
    assert [7, 9, 11] == likes(fresh)


async def test_figures_of_now_have_their_audience(stage: Stage) -> None:
    """Without max_staleness the vendor is asked: days that it has not counted yet are left out."""
    found = await stage.api.QueryMetrics(QueryMetricsRequest(parent=stage.account))
    views = next(each for each in found.series if each.metric == engagement_pb2.METRIC_VIEWS)
    days = (found.end_time.ToDatetime() - found.start_time.ToDatetime()).days
    assert (6, 6) == (days, len(views.daily_values))
    assert {"AGE", "GENDER", "COUNTRY", "CITY"} == {each.dimension for each in found.audience}
    assert [] == list(found.points)


async def test_a_list_below_a_video_asks_once_in_a_while(stage: Stage) -> None:
    """Within the age that the caller allows the vendor is asked once, however often the list is read."""
    video = f"{stage.account}/videos/{stage.video.id}"
    for _ in range(3):
        await stage.listed(video=video)
        await stage.listed(reply_to=stage.name())
    # The list of the video came with the answers.
    assert (2, 0) == (stage.business.calls("comment.list"), stage.business.calls("reply.list"))


async def test_ones_own_words_by_webhook_are_no_news(stage: Stage) -> None:
    """A comment that the account wrote in the app is kept, and not told: its author is known by an earlier one."""
    await stage.create(reply_to=stage.name())
    own = stage.business.vendor.add_comment(
        stage.video.id, "in the app", tell=False, username="sim.patisserie", owner=True
    )
    await stage.hook("insert", own, unique_identifier="uid-sim.patisserie")
    assert "in the app" in [each.text for each in (await stage.listed()).comments]
    assert [] == await stage.received()


async def test_two_syncs_at_once_are_one(stage: Stage) -> None:
    """Of two syncs of one account that are made at once, one is refused with CONFLICT."""
    made = await asyncio.gather(
        stage.business.sync(account=stage.account), stage.business.sync(account=stage.account), return_exceptions=True
    )
    refused = [each for each in made if isinstance(each, Fails)]
    assert 1 == len(refused)
    assert_error(refused[0], Code.ABORTED, "CONFLICT")


async def test_a_webhook_of_a_deletion_may_come_first(stage: Stage) -> None:
    """What was deleted is neither kept nor told when the notice that it was written comes late."""
    new = stage.business.vendor.add_comment(stage.video.id, "gone", tell=False)
    await stage.hook("delete", new)
    await stage.hook("insert", new)
    assert ["c1", "c0"] == [each.text for each in (await stage.listed()).comments]
    assert [] == await stage.received()


async def test_the_same_words_of_another_person_are_not_the_lost_comment(stage: Stage) -> None:
    """TikTok says who wrote a comment: an equal one of somebody else leaves the outcome unknown."""
    parent = stage.comments[0].comment_id
    stage.business.vendor.add_comment(stage.video.id, "Thanks!", tell=False, parent=parent)
    stage.business.vendor.faults.add(Fault(match="reply.create", kind="drop_before"))
    with pytest.raises(Fails) as caught:
        await stage.create(reply_to=stage.name())
    assert_error(caught.value, Code.ABORTED, "OUTCOME_UNKNOWN")


@pytest.mark.parametrize("method", ["DisconnectConnection", "DeleteConnection"])
async def test_the_words_of_others_go_with_the_grant(stage: Stage, method: str) -> None:
    """After a disconnect no event has a comment's words or author, and no answer to a caller is kept."""
    new = stage.business.vendor.add_comment(stage.video.id, "private words", tell=False)
    await stage.hook("insert", new)
    key = str(uuid4())
    await stage.create(reply_to=stage.name(), request_id=key)
    domain = stage.business.world.domain
    [connection] = (
        await stage.business.api.call("ConnectionService/ListConnections", parent="locations/l1")
    ).connections
    await stage.business.api.call(f"ConnectionService/{method}", name=connection.name)

    [told] = await stage.received()
    assert (f"{stage.account}/comments/{new.comment_id}", "", "") == (told.name, told.text, told.author_display_name)
    assert all("private words" not in str(each.payload) for each in await stage.business.world.events())
    async with domain.db.read() as tx:
        assert 0 == (await tx.execute(text("SELECT count(*) FROM comments"))).scalar_one()

    await stage.business.connect()
    with pytest.raises(Fails) as caught:
        await stage.create(reply_to=stage.name(), request_id=key)
    assert_error(caught.value, Code.NOT_FOUND, "RESOURCE_NOT_FOUND")
    assert 1 == len(stage.business.vendor.written)
