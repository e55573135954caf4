"""PostService through a real server: what is refused and why, what is made once, and how a post is watched.

Owns the proofs of `gateway/rpc/posts.py` and of the checks before a post is queued. How posts are published is proved
in `tests/flows`.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2
from sqlalchemy import text

from gateway.aip import request_ids
from gateway.domain.locations import Owners
from gateway.domain.publishing import journal
from gateway.rpc.posts import PostService
from gateway.rpc.request import RequestGuard
from providers.simulators.tiktok import Fault, SimulatorConfig
from socialgateway.v1 import account_pb2, post_pb2, post_service_pb2, post_service_pb2_grpc
from storage import connections
from storage import posts as rows
from storage import uploads as upload_rows
from storage.database import notify
from storage.states import UploadState
from tests.fixtures import media
from tests.fixtures.domain import LOCATION, Stage, opened
from tests.fixtures.waiting import until
from tests.rpc import answers, serving
from tests.rpc.answers import assert_reason
from tests.rpc.serving import as_

PARENT = f"locations/{LOCATION}"
REQUEST_ID = "8d2f4e9c-3b1a-4c5d-9e8f-7a6b5c4d3e2f"
DATA = media.video()


def detail(error: grpc.aio.AioRpcError, kind: str) -> Any:
    """Return the error's detail of a kind."""
    return answers.detail(answers.status_of(error), getattr(error_details_pb2, kind))


@dataclass
class Served:
    """A stage, a real server over it, and its stub."""

    stage: Stage
    stub: Any
    account: str
    upload: str

    def post(self, **values: Any) -> post_pb2.Post:
        """Return a valid post."""
        post = post_pb2.Post(account=f"{PARENT}/accounts/{self.account}", mode=post_pb2.POST_MODE_DIRECT, caption="hi")
        post.video.source.upload = f"{PARENT}/uploads/{self.upload}"
        post.options.privacy_level = account_pb2.PRIVACY_LEVEL_ONLY_ME
        post.MergeFrom(post_pb2.Post(**values))
        return post

    async def create(self, post: post_pb2.Post | None = None, *, key: str = "owner", **values: Any) -> post_pb2.Post:
        """Call CreatePost."""
        request = post_service_pb2.CreatePostRequest(parent=PARENT, post=post or self.post(), **values)
        made: post_pb2.Post = await self.stub.CreatePost(request, metadata=as_(key))
        return made

    async def refused(self, reason: str, post: post_pb2.Post | None = None, **values: Any) -> grpc.aio.AioRpcError:
        """Call CreatePost, which must be refused for `reason`, without anything stored or submitted."""
        before = await self.count()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.create(post, **values)
        assert_reason(caught.value, reason)
        assert before == await self.count()
        assert [] == self.stage.vendor.inits
        return caught.value

    async def count(self) -> int:
        """Count the posts of the location."""
        async with self.stage.domain.db.read() as tx:
            return len(await rows.page(tx, locations=[LOCATION], agency="agency", after=None, limit=1000))


@pytest.fixture
async def served(database_url: str, tmp_path: Path) -> AsyncIterator[Served]:
    """Serve posts over a stage with one connected account and one upload."""
    async with opened(database_url, tmp_path, SimulatorConfig(rate_limits=False)) as stage:
        door = RequestGuard(Owners(stage.domain.db, stage.clock), b"s" * 32)
        service = serving.posts(PostService(stage.domain, door))
        async with serving.serving(service, clock=stage.clock) as server:
            account = await stage.connect()
            upload = await stage.upload(DATA)
            yield Served(stage, post_service_pb2_grpc.PostServiceStub(server.channel), account, upload)


async def test_a_created_post_is_queued_and_can_be_read_and_listed(served: Served) -> None:
    """CreatePost answers QUEUED at once; GetPost and ListPosts give the same post."""
    made = await served.create(served.post(labels={"campaign": "spring"}))
    read = await served.stub.GetPost(post_service_pb2.GetPostRequest(name=made.name), metadata=as_("owner"))
    listed = await served.stub.ListPosts(post_service_pb2.ListPostsRequest(parent=PARENT), metadata=as_("reader"))

    assert post_pb2.Post.QUEUED == made.state
    assert made == read
    assert [made] == list(listed.posts)
    assert {"campaign": "spring"} == dict(made.labels)
    assert made.HasField("create_time")
    assert not made.HasField("error")


async def test_a_post_keeps_every_requested_value(served: Served) -> None:
    """Caption, options, cover, consent, extra and tolerance are returned as they were given."""
    post = served.post(caption="Grüße 👋 #tag")
    post.video.cover_offset.FromMilliseconds(1500)
    post.options.ai_generated = True
    post.consent.subject = "user-7"
    post.consent.declaration = "music-usage-v3"
    post.consent.time.FromDatetime(served.stage.clock())
    post.late_tolerance.FromSeconds(3600)
    made = await served.create(post)

    assert "Grüße 👋 #tag" == made.caption
    assert 1500 == made.video.cover_offset.ToMilliseconds()
    assert made.options.ai_generated
    assert not made.options.HasField("allow_comments")
    assert ("user-7", "music-usage-v3") == (made.consent.subject, made.consent.declaration)
    assert 3600 == made.late_tolerance.seconds


# --- what is refused --------------------------------------------------------------------------------------------------


async def test_a_privacy_level_must_be_chosen(served: Served) -> None:
    """There is no default for who may see a post."""
    post = served.post()
    post.options.ClearField("privacy_level")
    error = await served.refused("FIELD_INVALID", post)
    assert "post.options.privacy_level" == detail(error, "BadRequest").field_violations[0].field


async def test_a_privacy_level_the_creator_does_not_have_is_refused(served: Served) -> None:
    """A level that is not among the creator's options now breaks the creator's rule."""
    post = served.post()
    post.options.privacy_level = account_pb2.PRIVACY_LEVEL_FOLLOWERS
    await served.refused("CREATOR_RULE_BROKEN", post)


async def test_what_the_creator_switched_off_cannot_be_allowed(served: Served) -> None:
    """Comments, duets and stitches cannot be looser than the creator's own settings, and every violation is named."""
    user = next(iter(served.stage.vendor.users))
    served.stage.vendor.set_creator(user, comment_disabled=True, duet_disabled=True)
    post = served.post()
    post.options.allow_comments = post.options.allow_duet = post.options.allow_stitch = True
    error = await served.refused("CREATOR_RULE_BROKEN", post)
    fields = {violation.field for violation in detail(error, "BadRequest").field_violations}
    assert {"post.options.allow_comments", "post.options.allow_duet"} == fields


async def test_branded_content_cannot_be_private(served: Served) -> None:
    """A paid partnership must be visible to others."""
    post = served.post()
    post.options.branded_content = True
    await served.refused("CREATOR_RULE_BROKEN", post)


@pytest.mark.parametrize(
    ("caption", "fits"),
    [("a" * 2200, True), ("a" * 2201, False), ("👋" * 1100, True), ("👋" * 1101, False), ("a" * 10_000_000, False)],
    ids=["2200", "2201", "1100-pairs", "1101-pairs", "ten-megabytes"],
)
async def test_a_caption_is_counted_in_utf16_units(served: Served, caption: str, fits: bool) -> None:
    """2,200 UTF-16 units are allowed; a character outside the basic plane counts as two; ten megabytes are refused."""
    if fits:
        assert caption == (await served.create(served.post(caption=caption))).caption
    else:
        await served.refused("FIELD_INVALID", served.post(caption=caption))


async def test_a_draft_refuses_what_the_network_would_drop(served: Served) -> None:
    """A caption on an inbox draft is refused, because TikTok would silently drop it."""
    await served.refused("OPTION_UNSUPPORTED", served.post(mode=post_pb2.POST_MODE_CREATOR_INBOX))


@pytest.mark.parametrize("mode", [post_pb2.POST_MODE_PLANNER_DRAFT])
async def test_a_mode_the_provider_does_not_support_is_unimplemented(served: Served, mode: Any) -> None:
    """TikTok has no planner, and the error says so."""
    await served.refused("CAPABILITY_MISSING", served.post(mode=mode))


async def test_unsupported_media_options_are_refused(served: Served) -> None:
    """A custom cover is refused by field name."""
    cover = served.post()
    cover.video.cover.upload = f"{PARENT}/uploads/{served.upload}"

    await served.refused("OPTION_UNSUPPORTED", cover)


@pytest.mark.parametrize("ahead", [-1, 0, 59, 365 * 86400 + 1], ids=["past", "now", "soon", "far"])
async def test_a_schedule_outside_its_bounds_is_refused(ahead: int, served: Served) -> None:
    """A time in the past, less than a minute ahead, or beyond a year is an error, not "now", and makes no post."""
    post = served.post()
    post.schedule_time.FromDatetime(served.stage.clock() + timedelta(seconds=ahead))
    error = await served.refused("FIELD_INVALID", post)
    assert ["post.schedule_time"] == [each.field for each in detail(error, "BadRequest").field_violations]


@pytest.mark.parametrize("tolerance", [-1, 0, 59, 30 * 86400 + 1])
async def test_a_late_tolerance_outside_its_bounds_is_refused(tolerance: int, served: Served) -> None:
    """It is a minute to 30 days: with less no post would go out, with more one would by surprise."""
    post = served.post()
    post.late_tolerance.FromSeconds(tolerance)
    error = await served.refused("FIELD_INVALID", post)
    assert ["post.late_tolerance"] == [each.field for each in detail(error, "BadRequest").field_violations]


async def test_every_malformed_field_is_named_at_once(served: Served) -> None:
    """A schedule in the past, a label without a key and a caption that is too long are three fields of one error."""
    post = served.post(caption="a" * 2201, labels={"": "no key"})
    post.schedule_time.FromDatetime(served.stage.clock() - timedelta(seconds=1))

    error = await served.refused("FIELD_INVALID", post)

    named = [violation.field for violation in detail(error, "BadRequest").field_violations]
    assert ["post.caption", "post.labels", "post.schedule_time"] == sorted(named)


async def test_an_unknown_option_is_refused(served: Served) -> None:
    """An unknown name in provider_extra is named, not passed on."""
    post = served.post()
    post.provider_extra["boost"] = "yes"
    await served.refused("OPTION_UNSUPPORTED", post)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("account", "accounts/a1"),
        ("account", "locations/other/accounts/a1"),
        ("account", "locations/l1/accounts/../secrets"),
        ("account", "locations/-/accounts/a1"),
        ("account", "locations/l1/accounts/" + "a" * 65),
        ("mode", 77),
        ("route_policy", 99),
    ],
)
async def test_a_malformed_field_is_named(served: Served, field: str, value: Any) -> None:
    """Malformed names, wildcards, other locations and unknown enum values are FIELD_INVALID."""
    post = served.post()
    setattr(post, field, value)
    await served.refused("FIELD_INVALID", post)


async def test_a_post_without_content_is_refused(served: Served) -> None:
    """A post needs a video or photos, and a video needs a source."""
    empty = served.post()
    empty.ClearField("video")
    sourceless = served.post()
    sourceless.video.ClearField("source")
    await served.refused("FIELD_INVALID", empty)
    await served.refused("FIELD_INVALID", sourceless)


async def test_every_violation_of_a_post_is_named(served: Served) -> None:
    """What cannot be read in the media does not hide what is wrong elsewhere, nor one source another."""
    post = served.post(caption="c" * 5000, photos={"sources": [{}] * 35, "title": "t" * 5000, "cover_index": 35})
    post.late_tolerance.FromSeconds(-1)
    error = await served.refused("FIELD_INVALID", post)
    named = {violation.field for violation in detail(error, "BadRequest").field_violations}
    rest = {"post.caption", "post.photos.title", "post.photos.cover_index", "post.late_tolerance"}
    assert {f"post.photos.sources[{index}]" for index in range(35)} | rest == named

    video = served.post(caption="c" * 5000, video={"source": {"uri": ""}, "cover_offset": {"seconds": -1}})
    error = await served.refused("FIELD_INVALID", video)
    named = {violation.field for violation in detail(error, "BadRequest").field_violations}
    assert {"post.video.source", "post.video.cover_offset", "post.caption"} == named


async def test_an_unknown_account_or_upload_is_not_found(served: Served) -> None:
    """An unknown account or upload is RESOURCE_NOT_FOUND with its name."""
    upload = served.post()
    upload.video.source.upload = f"{PARENT}/uploads/nowhere"
    error = await served.refused("RESOURCE_NOT_FOUND", upload)
    await served.refused("RESOURCE_NOT_FOUND", served.post(account=f"{PARENT}/accounts/nobody"))
    assert f"{PARENT}/uploads/nowhere" == detail(error, "ResourceInfo").resource_name


async def test_an_unfinished_upload_cannot_be_posted(served: Served) -> None:
    """An upload whose bytes are incomplete is refused."""
    async with served.stage.domain.db.transaction() as tx:
        row = await upload_rows.get(tx, LOCATION, served.upload)
        row.state = UploadState.OPEN
        tx.add(row)
    await served.refused("STATE_FORBIDS")


async def test_media_of_the_wrong_type_is_refused(served: Served) -> None:
    """A picture is not a video."""
    post = served.post()
    post.video.source.upload = f"{PARENT}/uploads/{await served.stage.upload(DATA, 'image/png')}"
    await served.refused("MEDIA_INVALID", post)


async def test_an_expired_connection_must_be_authorised_first(served: Served) -> None:
    """A post for a connection that is known to be expired is refused at once, with what to do."""
    async with served.stage.domain.db.transaction() as tx:
        await connections.change(tx, LOCATION, "c1", served.stage.clock(), status="EXPIRED")
    await served.refused("REAUTHORIZATION_REQUIRED")


async def test_a_missing_scope_is_reported_before_anything_is_sent(served: Served) -> None:
    """A connection without the publish scope cannot post."""
    async with served.stage.domain.db.transaction() as tx:
        capabilities = {"can_publish": False, "can_upload_drafts": True}
        await connections.change(tx, LOCATION, "c1", served.stage.clock(), capabilities=capabilities)
    await served.refused("SCOPE_NOT_GRANTED")


async def test_a_creator_at_the_daily_cap_is_refused_with_its_reason(served: Served) -> None:
    """The vendor's refusal with HTTP 200 is a refusal."""
    served.stage.vendor.faults.add(
        Fault(match="creator_info", kind="error", code="spam_risk_too_many_posts", status=200)
    )
    error = await served.refused("PROVIDER_DAILY_CAP")
    assert "spam_risk_too_many_posts" == detail(error, "ErrorInfo").metadata["providerCode"]


async def test_unavailable_creator_info_does_not_stop_a_post(served: Served) -> None:
    """When creator info is unavailable the post is queued, and checked again before it is submitted."""
    served.stage.vendor.faults.add(Fault(match="creator_info", kind="status", status=503, times=2))
    assert post_pb2.Post.QUEUED == (await served.create()).state


async def test_a_rule_that_changed_meanwhile_fails_the_post_before_it_is_submitted(served: Served) -> None:
    """Creator info is fetched again before the submit: what is no longer allowed is never sent."""
    post = served.post()
    post.options.allow_comments = True
    made = await served.create(post)
    user = next(iter(served.stage.vendor.users))
    served.stage.vendor.set_creator(user, comment_disabled=True)
    served.stage.clock.advance(timedelta(minutes=2))
    async with served.stage.domain.db.read() as tx:
        row = await rows.get(tx, LOCATION, made.name.rsplit("/", 1)[1])
    final = await served.stage.finish(row)

    assert "FAILED" == final.state
    assert final.error is not None
    assert "CREATOR_RULE_BROKEN" == final.error["reason"]
    assert [] == served.stage.vendor.inits


# --- tenants ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["listed", "stranger"])
@pytest.mark.parametrize("id", ["there", "absent"])
async def test_another_tenants_post_and_an_absent_one_answer_alike(served: Served, key: str, id: str) -> None:
    """Without access to the location every method answers the same for an existing and an absent post."""
    await served.create(post_id="there")
    name = f"{PARENT}/posts/{id}"
    calls = [
        served.stub.GetPost(post_service_pb2.GetPostRequest(name=name), metadata=as_(key)),
        served.stub.RefreshPost(post_service_pb2.RefreshPostRequest(name=name), metadata=as_(key)),
        served.stub.RetryPost(post_service_pb2.RetryPostRequest(name=name), metadata=as_(key)),
        served.stub.ListPosts(post_service_pb2.ListPostsRequest(parent=PARENT), metadata=as_(key)),
        served.stub.WatchPost(post_service_pb2.WatchPostRequest(name=name), metadata=as_(key)).read(),
        served.create(key=key),
    ]
    for call in calls:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        assert_reason(caught.value, "LOCATION_FORBIDDEN")


async def test_a_list_over_all_locations_stays_inside_the_agency(served: Served) -> None:
    """`locations/-` lists the posts of the key's agency, and none of another agency."""
    made = await served.create()
    everywhere = post_service_pb2.ListPostsRequest(parent="locations/-")
    own = await served.stub.ListPosts(everywhere, metadata=as_("owner"))
    listed = await served.stub.ListPosts(everywhere, metadata=as_("listed"))
    rival = await served.stub.ListPosts(everywhere, metadata=as_("stranger"))

    assert [made.name] == [post.name for post in own.posts]
    assert [] == list(listed.posts)
    assert [] == list(rival.posts)


async def test_a_key_that_may_only_read_cannot_post(served: Served) -> None:
    """A missing scope is reported before anything else is checked."""
    await served.refused("SCOPE_MISSING", key="reader")


# --- once -------------------------------------------------------------------------------------------------------------


async def test_the_same_request_twice_makes_one_post(served: Served) -> None:
    """A repeated request_id gives the first post, also under another key of the agency."""
    first = await served.create(request_id=REQUEST_ID)
    again = await served.create(request_id=REQUEST_ID)
    rotated = await served.create(request_id=REQUEST_ID, key="rotated")

    assert first.name == again.name == rotated.name
    assert 1 == await served.count()


async def test_twenty_at_once_with_one_request_id_make_one_post(served: Served) -> None:
    """Concurrent calls with one request_id: one makes the post, the others get it."""
    made = await asyncio.gather(*(served.create(request_id=REQUEST_ID) for _ in range(20)))

    assert 1 == len({post.name for post in made})
    assert 1 == await served.count()


async def test_a_request_id_with_another_body_is_refused(served: Served) -> None:
    """The same id for another post is the caller's mistake."""
    await served.create(request_id=REQUEST_ID)
    await served.refused("REQUEST_ID_REUSED", served.post(caption="another"), request_id=REQUEST_ID)


async def test_a_refused_request_does_not_use_its_id_up(served: Served) -> None:
    """After a refusal the same id can be used for the corrected request."""
    await served.refused("FIELD_INVALID", served.post(caption="a" * 3000), request_id=REQUEST_ID)
    assert post_pb2.Post.QUEUED == (await served.create(request_id=REQUEST_ID)).state


async def test_a_post_id_of_the_caller_is_used_once(served: Served) -> None:
    """A second post under the same post_id is refused; a malformed one too."""
    made = await served.create(post_id="spring-1")
    assert f"{PARENT}/posts/spring-1" == made.name
    await served.refused("RESOURCE_EXISTS", post_id="spring-1")
    await served.refused("FIELD_INVALID", post_id="Spring 1")


async def test_one_post_id_for_two_concurrent_posts_is_used_once(served: Served) -> None:
    """Two calls with one post_id and different uploads: one post is made, the other call is refused with that name."""
    served.upload = await served.stage.upload(DATA)
    other = served.post()
    other.video.source.upload = f"{PARENT}/uploads/{await served.stage.upload(DATA)}"

    results = await asyncio.gather(
        *(served.create(post, post_id="p1") for post in (served.post(), other)), return_exceptions=True
    )

    [made] = [each for each in results if isinstance(each, post_pb2.Post)]
    [error] = [each for each in results if isinstance(each, grpc.aio.AioRpcError)]
    assert_reason(error, "RESOURCE_EXISTS")
    assert f"{PARENT}/posts/p1" == made.name == detail(error, "ResourceInfo").resource_name
    assert 1 == await served.count()


async def test_a_dry_run_returns_no_name(served: Served) -> None:
    """The response to validate_only has neither name nor etag, with or without a post_id: there is no such post."""
    for id in ("", "spring-1"):
        checked = await served.create(validate_only=True, post_id=id)
        assert ("", "", f"{PARENT}/accounts/{served.account}") == (checked.name, checked.etag, checked.account)


async def test_validate_only_writes_nothing(served: Served) -> None:
    """validate_only runs every check and leaves nothing behind."""
    await served.create(validate_only=True)
    await served.refused("FIELD_INVALID", served.post(caption="a" * 3000), validate_only=True)
    assert 0 == await served.count()


# --- lists ------------------------------------------------------------------------------------------------------------


async def test_pages_reach_every_post_once_newest_first(served: Served) -> None:
    """Pages of one return every post exactly once, newest first."""
    for number in range(5):
        served.stage.clock.advance(timedelta(seconds=1))
        await served.create(post_id=f"p{number}")
    names, token = [], ""
    while True:
        request = post_service_pb2.ListPostsRequest(parent=PARENT, page_size=2, page_token=token)
        page = await served.stub.ListPosts(request, metadata=as_("owner"))
        names += [post.name.rsplit("/", 1)[1] for post in page.posts]
        token = page.next_page_token
        if not token:
            break

    assert ["p4", "p3", "p2", "p1", "p0"] == names


async def test_a_page_token_belongs_to_its_filters(served: Served) -> None:
    """A page token with other filters, and a forged one, are refused."""
    await served.create(post_id="one")
    await served.create(post_id="two")
    first = post_service_pb2.ListPostsRequest(parent=PARENT, page_size=1)
    token = (await served.stub.ListPosts(first, metadata=as_("owner"))).next_page_token
    for wrong in (
        post_service_pb2.ListPostsRequest(parent=PARENT, page_token=token, states=[post_pb2.Post.FAILED]),
        post_service_pb2.ListPostsRequest(parent=PARENT, page_token="bm9uc2Vuc2U"),
        post_service_pb2.ListPostsRequest(parent=PARENT, page_token=token[:-2]),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await served.stub.ListPosts(wrong, metadata=as_("owner"))
        assert_reason(caught.value, "PAGE_TOKEN_INVALID")


async def test_a_list_can_be_filtered(served: Served) -> None:
    """Account, state and time filters each restrict the list."""
    await served.create(post_id="early")
    middle = Timestamp()
    middle.FromDatetime(served.stage.clock() + timedelta(seconds=5))
    served.stage.clock.advance(timedelta(seconds=10))
    await served.create(post_id="late")

    async def names(**filters: Any) -> list[str]:
        request = post_service_pb2.ListPostsRequest(parent=PARENT, **filters)
        page = await served.stub.ListPosts(request, metadata=as_("owner"))
        return sorted(post.name.rsplit("/", 1)[1] for post in page.posts)

    assert ["late"] == await names(create_after=middle)
    assert ["early"] == await names(create_before=middle)
    assert ["early", "late"] == await names(states=[post_pb2.Post.QUEUED])
    assert [] == await names(states=[post_pb2.Post.FAILED])
    assert ["early", "late"] == await names(account=f"{PARENT}/accounts/{served.account}")
    assert [] == await names(account=f"{PARENT}/accounts/other")


async def test_a_list_includes_create_after_and_excludes_create_before(served: Served) -> None:
    """create_after is "at or after", create_before is "before"."""
    made = await served.create()
    after = post_service_pb2.ListPostsRequest(parent=PARENT, create_after=made.create_time)
    before = post_service_pb2.ListPostsRequest(parent=PARENT, create_before=made.create_time)

    pages = [await served.stub.ListPosts(request, metadata=as_("owner")) for request in (after, before)]

    assert [[made.name], []] == [[post.name for post in page.posts] for page in pages]


async def test_a_list_is_not_filtered_by_an_account_of_another_location(served: Served) -> None:
    """A filter that could never match is FIELD_INVALID."""
    request = post_service_pb2.ListPostsRequest(parent=PARENT, account="locations/l2/accounts/a1")

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await served.stub.ListPosts(request, metadata=as_("owner"))

    assert_reason(caught.value, "FIELD_INVALID", field="account")


# --- watching, asking, trying again -----------------------------------------------------------------------------------


async def test_a_watch_yields_every_state_in_order_and_ends_at_the_final_one(served: Served) -> None:
    """The stream begins with the current post, yields each state, and ends by itself."""
    made = await served.create()
    states: list[str] = []
    watching = served.stub.WatchPost(post_service_pb2.WatchPostRequest(name=made.name), metadata=as_("owner"))
    first = await watching.read()
    async with served.stage.domain.db.read() as tx:
        row = await rows.get(tx, LOCATION, made.name.rsplit("/", 1)[1])
    await served.stage.finish(row)
    while (message := await watching.read()) is not grpc.aio.EOF:
        states.append(post_pb2.Post.State.Name(message.post.state))

    assert made == first.post
    # QUEUED may come a second time: the attempt that begins is a change too.
    seen = [state for state in dict.fromkeys(states) if state != "QUEUED"]
    assert ["TRANSFERRING", "PROCESSING", "PUBLISHED"] == seen


async def test_a_slow_watch_skips_no_state(served: Served) -> None:
    """Two states come while the watch is blocked in the middle of its read: it yields both, in order."""
    made = await served.create()
    domain, id = served.stage.domain, made.name.rsplit("/", 1)[1]
    watching = served.stub.WatchPost(post_service_pb2.WatchPostRequest(name=made.name), metadata=as_("owner"))
    await watching.read()
    async with domain.db.transaction() as tx:
        # Reading posts must wait for this transaction, reading events must not.
        await tx.execute(text("LOCK TABLE posts IN ACCESS EXCLUSIVE MODE"))
        async with domain.db.transaction() as other:
            await notify(other, rows.TOPIC, rows.cache_key(LOCATION, id))
        await until(lambda: waits_for_a_lock(served))
        for state in ("TRANSFERRING", "PUBLISHED"):
            row = await rows.change(tx, LOCATION, id, served.stage.clock(), expect=rows.UNFINISHED, state=state)
            assert row is not None
            await journal.record_event(tx, row, served.stage.clock())

    seen = []
    while (message := await watching.read()) is not grpc.aio.EOF:
        seen.append(message.post.state)
    assert [post_pb2.Post.TRANSFERRING, post_pb2.Post.PUBLISHED] == seen


async def waits_for_a_lock(served: Served) -> bool:
    """Return whether a read of the table of posts is blocked."""
    query = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = to_regclass('posts')"
    async with served.stage.domain.db.read() as tx:
        return bool((await tx.execute(text(query))).scalar_one())


async def test_a_watch_of_a_final_post_yields_once_and_ends(served: Served) -> None:
    """A post that is final already is yielded once."""
    made = await served.create()
    async with served.stage.domain.db.read() as tx:
        row = await rows.get(tx, LOCATION, made.name.rsplit("/", 1)[1])
    await served.stage.finish(row)
    request = post_service_pb2.WatchPostRequest(name=made.name)
    seen = [message async for message in served.stub.WatchPost(request, metadata=as_("owner"))]

    assert [post_pb2.Post.PUBLISHED] == [message.post.state for message in seen]


async def test_a_cancelled_watch_leaves_nothing_behind(served: Served) -> None:
    """A caller that goes away frees its watch at the gateway."""
    made = await served.create()
    watching = served.stub.WatchPost(post_service_pb2.WatchPostRequest(name=made.name), metadata=as_("owner"))
    await watching.read()
    watched = len(served.stage.domain.post_watchers._waiters)
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching.read()
    for _ in range(200):
        if not served.stage.domain.post_watchers._waiters:
            break
        await asyncio.sleep(0.01)

    assert 1 == watched
    assert {} == served.stage.domain.post_watchers._waiters


async def test_a_read_after_a_change_elsewhere_is_never_stale(served: Served) -> None:
    """A cached answer is dropped when the post changes behind this server's back."""
    made = await served.create()
    request = post_service_pb2.GetPostRequest(name=made.name)
    await served.stub.GetPost(request, metadata=as_("owner"))
    await served.stub.GetPost(request, metadata=as_("owner"))
    async with served.stage.domain.db.read() as tx:
        row = await rows.get(tx, LOCATION, made.name.rsplit("/", 1)[1])
    await served.stage.finish(row)
    for _ in range(100):
        read = await served.stub.GetPost(request, metadata=as_("owner"))
        if read.state == post_pb2.Post.PUBLISHED:
            break
        await asyncio.sleep(0.01)

    assert post_pb2.Post.PUBLISHED == read.state


async def test_a_failed_post_can_be_retried(served: Served) -> None:
    """RetryPost queues a failed post again, once per request_id, and it is published."""
    served.stage.vendor.fail_next_publish("spam_risk_text")
    made = await served.create()
    async with served.stage.domain.db.read() as tx:
        row = await rows.get(tx, LOCATION, made.name.rsplit("/", 1)[1])
    failed = await served.stage.finish(row)
    request = post_service_pb2.RetryPostRequest(name=made.name, request_id=REQUEST_ID)
    again = await served.stub.RetryPost(request, metadata=as_("owner"))
    await served.stub.RetryPost(request, metadata=as_("owner"))
    final = await served.stage.finish(failed)

    assert "FAILED" == failed.state
    assert post_pb2.Post.QUEUED == again.state
    assert not again.HasField("error")
    assert "PUBLISHED" == final.state
    assert 1 == len(served.stage.vendor.posts)


async def test_an_unfinished_post_cannot_be_retried(served: Served) -> None:
    """Only a failed post, or one whose outcome is unknown, can be retried."""
    made = await served.create()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await served.stub.RetryPost(post_service_pb2.RetryPostRequest(name=made.name), metadata=as_("owner"))
    assert_reason(caught.value, "STATE_FORBIDS", state="QUEUED")


async def test_an_unknown_outcome_is_polled_before_a_retry(served: Served) -> None:
    """RetryPost of an INDETERMINATE post that was published after all does not publish it a second time."""
    made = await served.create()
    served.stage.vendor.faults.add(Fault(match="status", kind="status", status=503, times=100_000))
    async with served.stage.domain.db.read() as tx:
        row = await rows.get(tx, LOCATION, made.name.rsplit("/", 1)[1])
    row = await served.stage.finish(row, within=timedelta(minutes=10))
    served.stage.clock.advance(timedelta(hours=24))
    unknown = await served.stage.finish(row)
    served.stage.vendor.faults.clear()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await served.stub.RetryPost(post_service_pb2.RetryPostRequest(name=made.name), metadata=as_("owner"))
    read = await served.stub.GetPost(post_service_pb2.GetPostRequest(name=made.name), metadata=as_("owner"))

    assert "INDETERMINATE" == unknown.state
    assert_reason(caught.value, "STATE_FORBIDS", state="PUBLISHED")
    assert post_pb2.Post.PUBLISHED == read.state
    assert 1 == len(served.stage.vendor.posts)


async def test_refresh_polls_the_vendor_now(served: Served) -> None:
    """RefreshPost moves a post as soon as the vendor knows more, without waiting for the next poll."""
    made = await served.create()
    async with served.stage.domain.db.read() as tx:
        row = await rows.get(tx, LOCATION, made.name.rsplit("/", 1)[1])
    processing = await served.stage.step(row)
    served.stage.clock.advance(timedelta(seconds=1))
    request = post_service_pb2.RefreshPostRequest(name=made.name)
    refreshed = await served.stub.RefreshPost(request, metadata=as_("owner"))

    assert "PROCESSING" == processing.state
    assert post_pb2.Post.PUBLISHED == refreshed.state


async def test_refresh_reports_an_unavailable_vendor(served: Served) -> None:
    """RefreshPost against a vendor that is down is UNAVAILABLE, and the post stays as it was."""
    made = await served.create()
    async with served.stage.domain.db.read() as tx:
        row = await rows.get(tx, LOCATION, made.name.rsplit("/", 1)[1])
    await served.stage.step(row)
    served.stage.vendor.faults.add(Fault(match="status", kind="status", status=503, times=5))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await served.stub.RefreshPost(post_service_pb2.RefreshPostRequest(name=made.name), metadata=as_("owner"))
    assert_reason(caught.value, "PROVIDER_UNAVAILABLE")
    assert "PROCESSING" == (await served.stage.read(row)).state


async def test_a_request_s_hash_is_keyed_and_the_earlier_one_still_counts(served: Served) -> None:
    """The stored hash cannot be recomputed from the request; one that an earlier version stored finds its post."""
    post = served.post()
    request = post_service_pb2.CreatePostRequest(parent=PARENT, post=post, request_id=REQUEST_ID)
    first = await served.create(post, request_id=REQUEST_ID)
    plain = request_ids.body_hash(request)
    async with served.stage.domain.db.transaction() as tx:
        [stored] = (await tx.execute(text("SELECT body_hash FROM idempotency"))).scalars().all()
        await tx.execute(text("UPDATE idempotency SET body_hash = :plain"), {"plain": plain})

    again = await served.create(post, request_id=REQUEST_ID)

    assert plain != bytes(stored)
    assert (first.name, 1) == (again.name, await served.count())
