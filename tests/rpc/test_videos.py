"""VideoService: an account's videos by page, by id and one by one, as fresh as the caller requests.

Owns the proofs of `gateway/rpc/videos.py` and `gateway/domain/accounts/videos.py`.
"""

from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from sqlalchemy import select, text

from providers.simulators.tiktok import Fault
from socialgateway.v1 import account_service_pb2, connection_service_pb2, video_service_pb2
from storage import posts, videos
from storage.videos import VideoReadRow
from tests.fixtures.gateway import World
from tests.fixtures.rows import post_row
from tests.rpc.answers import assert_error

Code = grpc.StatusCode
NOW = Duration()
LARGE_ID = 7602997517160123666
"""More than a float64 holds exactly."""


async def connected(world: World, count: int = 3, location: str = "l1", **choices: Any) -> str:
    """Connect the vendor's first user, add videos a minute apart, the newest last, and return the account's name."""
    await world.connect(location, **choices)
    open_id, start = next(iter(world.vendor.users)), int(world.clock().timestamp())
    for number in range(count):
        world.vendor.add_video(
            open_id,
            id=LARGE_ID + number,
            created_ms=(start - 60 * (count - number)) * 1000,
            title=f"v{number}",
            view_count=number,
        )
    listed = await world.api.accounts.ListAccounts(
        account_service_pb2.ListAccountsRequest(parent=f"locations/{location}")
    )
    return str(listed.accounts[0].name)


async def listed(world: World, parent: str, **values: Any) -> video_service_pb2.ListVideosResponse:
    """List videos."""
    return await world.api.videos.ListVideos(video_service_pb2.ListVideosRequest(parent=parent, **values))


async def query(world: World, parent: str, *ids: object) -> video_service_pb2.QueryVideosResponse:
    """Look up videos by their vendor ids."""
    names = [f"{parent}/videos/{id}" for id in ids]
    return await world.api.videos.QueryVideos(video_service_pb2.QueryVideosRequest(parent=parent, names=names))


async def get(world: World, parent: str, id: object, **values: Any) -> Any:
    """Get one video."""
    request = video_service_pb2.GetVideoRequest(name=f"{parent}/videos/{id}", **values)
    return await world.api.videos.GetVideo(request)


async def test_a_video_is_returned_exactly_as_the_vendor_has_it(gateway: World) -> None:
    """Ids keep every digit, times their units, sizes and counts their values; a count of zero is zero."""
    parent = await connected(gateway, 1)

    (video,) = (await listed(gateway, parent)).videos

    assert (str(LARGE_ID), f"{parent}/videos/{LARGE_ID}") == (video.provider_video_id, video.name)
    assert ("v0", 15, 1080, 1920) == (video.title, video.duration.seconds, video.width, video.height)
    assert int(gateway.clock().timestamp()) - 60 == video.publish_time.seconds
    assert int(gateway.clock().timestamp()) + 6 * 3600 == video.cover_expire_time.seconds
    assert (True, 0) == (video.metrics.HasField("view_count"), video.metrics.view_count)
    assert "" == video.post


async def test_metrics_that_the_vendor_leaves_out_are_absent(gateway: World) -> None:
    """Metrics that the vendor leaves out are absent, not zero."""
    parent = await connected(gateway, 0)
    body = '{"data":{"videos":[{"id":"7602997517160123666","like_count":null}],"has_more":false},"error":{"code":"ok"}}'
    gateway.vendor.faults.add(Fault(match="video.list", kind="body", body=body))

    (video,) = (await listed(gateway, parent)).videos

    assert [] == [field.name for field, _ in video.metrics.ListFields() if field.name != "fetch_time"]
    assert not video.HasField("publish_time")
    assert not video.HasField("cover_expire_time")


@pytest.mark.parametrize(("size", "pages"), [(1, 45), (20, 3), (25, 2), (45, 1), (100, 1)])
async def test_pages_reach_every_video_once(gateway: World, size: int, pages: int) -> None:
    """Page by page all 45 come, newest first, none twice, whatever the size; the token is ours and opaque."""
    parent = await connected(gateway, 45)
    titles, token, count = [], "", 0
    while True:
        answer = await listed(gateway, parent, page_size=size, page_token=token)
        titles += [video.title for video in answer.videos]
        count, token = count + 1, answer.next_page_token
        if not token:
            break
        assert str(gateway.clock().year) not in token

    assert [f"v{number}" for number in reversed(range(45))] == titles
    assert pages == count


async def test_an_empty_page_in_the_middle_is_not_the_end(gateway: World) -> None:
    """The vendor may return an empty page, and more videos after it."""
    parent = await connected(gateway, 2)
    cursor = int(gateway.clock().timestamp() * 1000)
    body = f'{{"data":{{"videos":[],"cursor":{cursor},"has_more":true}},"error":{{"code":"ok"}}}}'
    gateway.vendor.faults.add(Fault(match="video.list", kind="body", body=body))

    assert ["v1", "v0"] == [video.title for video in (await listed(gateway, parent)).videos]


async def test_a_list_that_never_ends_is_cut_short(gateway: World) -> None:
    """A vendor whose list always has more costs five calls a page, and the page has a token to continue."""
    parent = await connected(gateway, 0)
    start = int(gateway.clock().timestamp() * 1000)
    for number in range(9):
        body = f'{{"data":{{"videos":[],"cursor":{start - number},"has_more":true}},"error":{{"code":"ok"}}}}'
        gateway.vendor.faults.add(Fault(match="video.list", kind="body", body=body))
    asked = gateway.calls("video.list")

    answer = await listed(gateway, parent)

    assert (5, [], True) == (gateway.calls("video.list") - asked, list(answer.videos), bool(answer.next_page_token))


async def test_a_cached_response_is_as_old_as_the_caller_allows(gateway: World) -> None:
    """Within the age there is no vendor call; 0 forces one; after the default age there is one again."""
    parent = await connected(gateway, 1)
    await listed(gateway, parent)
    await get(gateway, parent, LARGE_ID)
    before = gateway.calls("video.list"), gateway.calls("video.query")

    for _ in range(3):
        await listed(gateway, parent)
        await get(gateway, parent, LARGE_ID)
    assert before == (gateway.calls("video.list"), gateway.calls("video.query"))
    await listed(gateway, parent, max_staleness=NOW)
    await get(gateway, parent, LARGE_ID, max_staleness=NOW)
    gateway.clock.advance(timedelta(minutes=5))
    await listed(gateway, parent)
    await get(gateway, parent, LARGE_ID)
    assert (before[0] + 2, before[1] + 2) == (gateway.calls("video.list"), gateway.calls("video.query"))
    assert int(gateway.clock().timestamp()) == (await get(gateway, parent, LARGE_ID)).fetch_time.seconds


async def test_an_expired_cover_is_never_returned(gateway: World) -> None:
    """However old a response may be, one with an expired cover is fetched again."""
    parent = await connected(gateway, 1)
    week = Duration(seconds=7 * 86400)
    await listed(gateway, parent, max_staleness=week)
    gateway.clock.advance(timedelta(hours=6))

    (video,) = (await listed(gateway, parent, max_staleness=week)).videos

    assert video.cover_expire_time.seconds > gateway.clock().timestamp()


async def test_a_lookup_names_what_is_missing(gateway: World) -> None:
    """Found videos are returned in the order of the request, missing ones are listed by name."""
    parent = await connected(gateway, 3)

    answer = await query(gateway, parent, LARGE_ID + 2, 1, LARGE_ID, 99)

    assert ["v2", "v0"] == [video.title for video in answer.videos]
    assert [f"{parent}/videos/1", f"{parent}/videos/99"] == list(answer.missing)


async def test_another_users_video_is_missing(gateway: World) -> None:
    """Another account's video is reported as missing."""
    parent = await connected(gateway, 1)
    other = gateway.vendor.add_user(open_id="other-user", username="other", display_name="Other")
    gateway.vendor.add_video(other.open_id, id=5)

    assert [f"{parent}/videos/5"] == list((await query(gateway, parent, 5)).missing)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await get(gateway, parent, 5)
    assert_error(caught.value, Code.NOT_FOUND, "RESOURCE_NOT_FOUND", resource=f"{parent}/videos/5")


async def test_a_video_of_ours_names_its_post(gateway: World) -> None:
    """A video that a post became refers back to it."""
    parent = await connected(gateway, 2)
    account = parent.rpartition("/")[2]
    own = {"account": account, "connection": "c", "state": "PUBLISHED", "provider_post_id": str(LARGE_ID)}
    row = post_row(gateway.clock(), **own)
    async with gateway.domain.db.transaction() as tx:
        await posts.insert(tx, row)

    shown = {video.title: video.post for video in (await listed(gateway, parent)).videos}

    assert {"v1": "", "v0": "locations/l1/posts/p1"} == shown
    assert "locations/l1/posts/p1" == (await get(gateway, parent, LARGE_ID)).post


@pytest.mark.parametrize(
    ("names", "path"),
    [
        ([], "names"),
        (["{parent}/videos/1"] * 2, "names"),
        ([f"{{parent}}/videos/{number}" for number in range(1, 22)], "names"),
        (["locations/l1/accounts/other/videos/1"], "names[0]"),
        (["{parent}/videos/1", "locations/l2/accounts/a/videos/1"], "names[1]"),
        (["{parent}/videos/../1"], "names[0]"),
        (["{parent}"], "names[0]"),
    ],
)
async def test_a_bad_lookup_is_refused(gateway: World, names: list[str], path: str) -> None:
    """None, too many, the same twice, another account's, malformed: FIELD_INVALID with the path, and no vendor call."""
    parent = await connected(gateway, 1)
    request = video_service_pb2.QueryVideosRequest(
        parent=parent, names=[name.replace("{parent}", parent) for name in names]
    )
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await gateway.api.videos.QueryVideos(request)
    assert_error(caught.value, Code.INVALID_ARGUMENT, "FIELD_INVALID", field=path)
    assert 0 == gateway.calls("video.query")


async def test_bad_pages_are_refused(gateway: World) -> None:
    """Negative sizes and ages are named; a foreign or forged page token is PAGE_TOKEN_INVALID."""
    parent = await connected(gateway, 5)
    token = (await listed(gateway, parent, page_size=2)).next_page_token
    for values, reason in (
        ({"page_size": -1}, "FIELD_INVALID"),
        ({"max_staleness": Duration(seconds=-1)}, "FIELD_INVALID"),
        ({"page_token": "x" * 40}, "PAGE_TOKEN_INVALID"),
        ({"page_token": token, "max_staleness": NOW}, "PAGE_TOKEN_INVALID"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await listed(gateway, parent, **values)
        assert_error(caught.value, Code.INVALID_ARGUMENT, reason)


async def test_without_the_scope_there_is_no_vendor_call(gateway: World) -> None:
    """A grant without video.list is SCOPE_NOT_GRANTED, without a call that the vendor would refuse."""
    parent = await connected(gateway, 1, scopes=("user.info.basic", "video.publish"))
    for call in (listed(gateway, parent), query(gateway, parent, LARGE_ID), get(gateway, parent, LARGE_ID)):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        assert_error(caught.value, Code.FAILED_PRECONDITION, "SCOPE_NOT_GRANTED")
    assert [] == gateway.exchanges()


async def test_without_a_grant_nothing_is_returned(gateway: World) -> None:
    """After a disconnect no cached response is returned."""
    parent = await connected(gateway, 1)
    await listed(gateway, parent)
    await get(gateway, parent, LARGE_ID)
    connection = (
        await gateway.api.connections.ListConnections(
            connection_service_pb2.ListConnectionsRequest(parent="locations/l1")
        )
    ).connections[0]
    await gateway.api.connections.DisconnectConnection(
        connection_service_pb2.DisconnectConnectionRequest(name=connection.name)
    )

    for age in ({}, {"max_staleness": NOW}, {"max_staleness": Duration(seconds=5 * 3600)}):
        for call in (listed(gateway, parent, **age), get(gateway, parent, LARGE_ID, **age), query(gateway, parent, 1)):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call
            assert_error(caught.value, Code.FAILED_PRECONDITION, "REAUTHORIZATION_REQUIRED", connection=connection.name)
    async with gateway.domain.db.read() as tx:
        assert 0 == (await tx.execute(text("SELECT count(*) FROM video_reads"))).scalar_one()


async def test_a_response_cached_after_the_disconnect_is_not_returned(gateway: World) -> None:
    """A read in progress caches its response: without a grant it is not returned."""
    parent = await connected(gateway, 1)
    await listed(gateway, parent)
    await get(gateway, parent, LARGE_ID)
    async with gateway.domain.db.read() as tx:
        copies = [row.model_copy() for row in (await tx.execute(select(VideoReadRow))).scalars()]
    (connection,) = (
        await gateway.api.connections.ListConnections(
            connection_service_pb2.ListConnectionsRequest(parent="locations/l1")
        )
    ).connections
    await gateway.api.connections.DisconnectConnection(
        connection_service_pb2.DisconnectConnectionRequest(name=connection.name)
    )
    async with gateway.domain.db.transaction() as tx:
        for copy in copies:
            await videos.save(tx, copy)

    assert 2 == len(copies)
    for call in (listed(gateway, parent), get(gateway, parent, LARGE_ID)):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        assert_error(caught.value, Code.FAILED_PRECONDITION, "REAUTHORIZATION_REQUIRED")


@pytest.mark.parametrize(
    ("fault", "code", "reason"),
    [
        (Fault(match="video.list", kind="status", status=503, times=None), Code.UNAVAILABLE, "PROVIDER_UNAVAILABLE"),
        (Fault(match="video.list", kind="html", times=None), Code.UNAVAILABLE, "PROVIDER_CONTRACT_BROKEN"),
        (
            Fault(match="video.list", kind="body", body='{"data":{"videos":[{"title":"x"}]},"error":{"code":"ok"}}'),
            Code.UNAVAILABLE,
            "PROVIDER_CONTRACT_BROKEN",
        ),
        (
            Fault(match="video.list", kind="error", code="rate_limit_exceeded", status=429),
            Code.RESOURCE_EXHAUSTED,
            "PROVIDER_RATE_LIMITED",
        ),
    ],
    ids=["down", "html", "no id", "rate"],
)
async def test_a_vendor_error_is_returned(gateway: World, fault: Fault, code: grpc.StatusCode, reason: str) -> None:
    """A vendor error has its reason, and is not cached."""
    parent = await connected(gateway, 1)
    gateway.vendor.faults.add(fault)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await listed(gateway, parent)
    assert_error(caught.value, code, reason, provider="tiktok")
    gateway.vendor.faults.clear()
    gateway.clock.advance(timedelta(seconds=61))
    assert 1 == len((await listed(gateway, parent)).videos)


async def test_another_tenants_account_and_an_absent_one_answer_alike(gateway: World) -> None:
    """A key of another agency cannot tell whether an account exists, and there is no vendor call for it."""
    parent = await connected(gateway, 1)
    stranger = gateway.client(await gateway.key("rival"))
    refusals = []
    for name in (parent, "locations/l1/accounts/absent"):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stranger.videos.ListVideos(video_service_pb2.ListVideosRequest(parent=name))
        refusals.append((caught.value.code(), caught.value.details()))
    assert [Code.PERMISSION_DENIED] * 2 == [code for code, _ in refusals]
    assert refusals[0] == refusals[1]
    assert 0 == gateway.calls("video.query")


async def test_cached_videos_are_deleted_with_their_account(gateway: World) -> None:
    """A deleted connection leaves no cached video."""
    parent = await connected(gateway, 1)
    await listed(gateway, parent)
    connection = (
        await gateway.api.connections.ListConnections(
            connection_service_pb2.ListConnectionsRequest(parent="locations/l1")
        )
    ).connections[0]
    await gateway.api.connections.DeleteConnection(connection_service_pb2.DeleteConnectionRequest(name=connection.name))
    async with gateway.domain.db.read() as tx:
        assert 0 == (await tx.execute(text("SELECT count(*) FROM video_reads"))).scalar_one()
