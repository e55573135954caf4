"""Posts whose grant dies under them: they wait, say for what, and go on when the account's owner has consented again.

Owns the walk from a dead grant through a new consent to the published post. How tokens are renewed is in
test_credentials_tokens.py.
"""

from datetime import timedelta

import pytest

from gateway.domain import post_content
from gateway.domain.post_content import Source
from gateway.domain.posts import create, read
from gateway.domain.posts.create import NewPost
from gateway.domain.publishing import step as publish_step
from socialgateway.v1 import (
    account_service_pb2,
    connection_pb2,
    connection_service_pb2,
    post_pb2,
    post_service_pb2,
)
from storage.posts import PostRow
from tests.fixtures.gateway import World
from tests.fixtures.waiting import until

LOCATION = "l1"


async def new_post(gateway: World, id: str = "p1") -> PostRow:
    """Queue a post of the location's one account, whose media the vendor fetches."""
    listed = await gateway.api.accounts.ListAccounts(
        account_service_pb2.ListAccountsRequest(parent=f"locations/{LOCATION}")
    )
    new = NewPost(
        location=LOCATION,
        id=id,
        account=listed.accounts[0].name.rpartition("/")[2],
        mode="direct",
        caption="waits",
        content=post_content.build_content("video", [Source(uri="https://media.example/v.mp4", vendor_pull=True)]),
        uploads=[],
        options={"privacy_level": "only_me"},
    )
    return await create.create(gateway.domain, new, None, agency="default")


async def get(gateway: World, id: str = "p1") -> post_pb2.Post:
    """Get a post over gRPC, as soon as the server has heard of what the worker did."""
    request = post_service_pb2.GetPostRequest(name=f"locations/{LOCATION}/posts/{id}")
    row = await read.get(gateway.domain, LOCATION, id)

    async def heard() -> bool:
        return (await gateway.api.posts.GetPost(request)).etag == str(row.version)

    await until(heard)
    return await gateway.api.posts.GetPost(request)


async def step(gateway: World, id: str = "p1") -> post_pb2.Post:
    """Carry the post one step on."""
    await publish_step.step(gateway.domain, LOCATION, id)
    return await get(gateway, id)


async def reauthorize(gateway: World, connection: connection_pb2.Connection) -> connection_pb2.Connection:
    """Open a new consent for the connection and give it."""
    request = connection_service_pb2.ReauthorizeConnectionRequest(name=connection.name)
    opened = await gateway.api.connections.ReauthorizeConnection(request)
    return await gateway.complete(await gateway.consent(opened.authorization.uri))


async def due_now(gateway: World, id: str = "p1") -> bool:
    """Return whether the sweeper would take the post now."""
    row = await read.get(gateway.domain, LOCATION, id)
    return row.due_at is not None and row.due_at <= gateway.clock()


async def test_a_post_waits_for_its_grant_and_goes_out_after_a_new_consent(gateway: World) -> None:
    """The post shows what it waits for; the new consent makes it due at once, and it is published, once."""
    connection = await gateway.connect()
    await new_post(gateway)
    gateway.vendor.revoke(next(iter(gateway.vendor.users)))

    waiting = await step(gateway)
    assert post_pb2.Post.QUEUED == waiting.state
    assert "REAUTHORIZATION_REQUIRED" in str(waiting.error)
    assert waiting.progress.HasField("next_attempt_time")
    assert connection_pb2.Connection.EXPIRED == (await gateway.get(connection.name)).status

    await reauthorize(gateway, connection)
    assert await due_now(gateway)
    assert post_pb2.Post.PROCESSING == (await step(gateway)).state
    gateway.clock.advance(timedelta(seconds=5))
    assert post_pb2.Post.PUBLISHED == (await step(gateway)).state
    assert ["waits"] == [made.title for made in gateway.vendor.posts]


async def test_a_post_that_waited_too_long_fails_with_what_it_waited_for(gateway: World) -> None:
    """After the late tolerance the post fails, even if somebody consents later."""
    connection = await gateway.connect()
    await new_post(gateway)
    gateway.vendor.revoke(next(iter(gateway.vendor.users)))
    await step(gateway)
    gateway.clock.advance(timedelta(hours=25))
    await reauthorize(gateway, connection)

    late = await step(gateway)

    assert post_pb2.Post.FAILED == late.state
    assert "REAUTHORIZATION_REQUIRED" in str(late.error)
    assert [] == gateway.vendor.posts


@pytest.mark.parametrize("begun", [False, True], ids=["queued", "processing"])
async def test_a_disconnect_keeps_posts_and_a_new_consent_revives_them(gateway: World, begun: bool) -> None:
    """A post under way at a disconnect makes no call without a grant, and ends after the next consent."""
    connection = await gateway.connect()
    await new_post(gateway)
    if begun:
        assert post_pb2.Post.PROCESSING == (await step(gateway)).state
    request = connection_service_pb2.DisconnectConnectionRequest(name=connection.name)
    await gateway.api.connections.DisconnectConnection(request)
    gateway.clock.advance(timedelta(seconds=5))

    kept = await step(gateway)
    assert (post_pb2.Post.PROCESSING if begun else post_pb2.Post.QUEUED) == kept.state
    assert "REAUTHORIZATION_REQUIRED" in str(kept.error)

    await reauthorize(gateway, connection)
    assert await due_now(gateway)
    for _ in range(3):
        gateway.clock.advance(timedelta(seconds=5))
        ended = await step(gateway)
    # The vendor itself ended what it was working on when the grant was given back.
    assert (post_pb2.Post.FAILED if begun else post_pb2.Post.PUBLISHED) == ended.state
    assert ([] if begun else ["waits"]) == [made.title for made in gateway.vendor.posts]
