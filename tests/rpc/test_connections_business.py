"""ConnectionService for account holders: GRANT_KIND_BUSINESS_ACCOUNT of TikTok, beside a user's grant.

Owns what differs by the kind of a grant. What holds for every connection is in test_connections.py.
"""

from datetime import timedelta
from typing import Any

import grpc
import pytest

from gateway.domain.connections import verify
from socialgateway.v1 import account_pb2, connection_pb2, post_pb2
from socialgateway.v1.account_service_pb2 import GetAccountRequest
from socialgateway.v1.post_service_pb2 import CreatePostRequest
from socialgateway.v1.video_service_pb2 import ListVideosRequest
from storage import tokens
from tests.fixtures.business import KIND, BusinessWorld
from tests.rpc.answers import assert_error
from tests.rpc.test_connections import disconnect

Code = grpc.StatusCode
VALID, LIMITED, EXPIRED = (
    connection_pb2.Connection.VALID,
    connection_pb2.Connection.LIMITED,
    connection_pb2.Connection.EXPIRED,
)


async def test_an_account_holder_connects(business: BusinessWorld) -> None:
    """Consent, exchange and verification give a connection of that kind, and an account with its profile."""
    made = await business.connect()
    account = await business.account()

    assert (VALID, KIND, "providers/tiktok") == (made.status, made.grant_kind, made.provider)
    can = made.capabilities
    assert (True, True, True, True, False) == (
        can.can_read_profile,
        can.can_list_videos,
        can.can_read_video_metrics,
        can.can_read_comments,
        can.can_publish,
    )
    assert ("tiktok_business", "sim.patisserie", 1234) == (
        account.platform,
        account.username,
        account.follower_count,
    )


async def test_a_users_grant_and_an_account_holders_stand_side_by_side(business: BusinessWorld) -> None:
    """Both kinds of one location have connections and accounts of their own."""
    holder, user = await business.connect(), await business.world.connect()

    assert holder.name != user.name
    accounts = (await business.api.call("AccountService/ListAccounts", parent="locations/l1")).accounts
    assert ["tiktok", "tiktok_business"] == sorted(each.platform for each in accounts)
    assert connection_pb2.GRANT_KIND_USER == user.grant_kind


@pytest.mark.parametrize(
    ("missing", "capability"),
    [
        ("user.info.profile", "can_read_profile"),
        ("video.list", "can_list_videos"),
        ("video.insights", "can_read_video_metrics"),
        ("comment.list", "can_read_comments"),
    ],
)
async def test_a_missing_scope_takes_its_capability_and_nothing_else(
    business: BusinessWorld, missing: str, capability: str
) -> None:
    """Each scope that was not granted costs what needs it, and the rest works."""
    scopes = tuple(scope for scope in business.vendor.scopes if scope != missing)
    made = await business.connect(scopes=scopes)

    lost = {"can_list_videos": {"can_read_video_metrics"}}.get(capability, set()) | {capability}
    names = {"can_read_profile", "can_list_videos", "can_read_video_metrics", "can_read_comments"}
    assert names - lost == {name for name in names if getattr(made.capabilities, name)}
    assert made.status in (VALID, LIMITED)


async def test_a_scope_that_was_withdrawn_is_found_out(business: BusinessWorld) -> None:
    """Insights that the account no longer grants leave the list of videos, and the capability is gone."""
    made = await business.connect()
    business.vendor.add_post()
    grants = {id(known.grant): known.grant for known in business.vendor.tokens.access.values()}
    for grant in grants.values():
        grant.scopes = tuple(scope for scope in grant.scopes if scope != "video.insights")

    # The application's quota is counted by the second.
    business.world.clock.advance(5)
    found = await verify.probe(business.world.domain, "l1", made.name.rpartition("/")[2])

    assert (True, False) == (found.capabilities["can_list_videos"], found.capabilities["can_read_video_metrics"])
    [video] = (await business.api.videos.ListVideos(ListVideosRequest(parent=(await business.account()).name))).videos
    assert not video.HasField("metrics")


async def test_tokens_rotate(business: BusinessWorld) -> None:
    """After a day the pair is exchanged for a new one, with the API of its kind."""
    made = await business.connect()
    business.world.clock.advance(timedelta(hours=25))
    await business.api.call("ConnectionService/VerifyConnection", name=made.name)

    assert ["ok"] == business.exchanges("refresh_token")
    assert VALID == (await business.world.get(made.name)).status


async def test_a_token_that_the_vendor_refuses_is_renewed(business: BusinessWorld) -> None:
    """40102 within the token's life leads to one exchange and one more call."""
    made = await business.connect()
    business.vendor.expire_access_tokens()
    await business.api.call("ConnectionService/VerifyConnection", name=made.name)

    assert ["ok"] == business.exchanges("refresh_token")


async def test_a_dead_grant_must_be_authorized_again(business: BusinessWorld) -> None:
    """An account holder who removed the app ends the connection: 40105, then 40107."""
    made = await business.connect()
    business.vendor.revoke(business.vendor.account.open_id)
    await business.api.call("ConnectionService/VerifyConnection", name=made.name)

    assert EXPIRED == (await business.world.get(made.name)).status


async def test_only_the_last_connection_of_an_account_revokes(business: BusinessWorld) -> None:
    """A revocation ends every tenant's access to the account, so that only the last one to leave makes it."""
    first, second = await business.connect("l1"), await business.connect("l2")

    await disconnect(business.world, first.name)
    assert 0 == business.calls("oauth.revoke")
    assert VALID == (await business.world.get(second.name)).status

    gone = await disconnect(business.world, second.name)
    assert (1, connection_pb2.REASON_CODE_TOKEN_REVOKED) == (business.calls("oauth.revoke"), gone.reason_code)
    async with business.world.domain.db.read() as tx:
        assert await tokens.find(tx, "l2", second.name.rpartition("/")[2]) is None


async def test_a_scope_of_the_other_kind_is_refused(business: BusinessWorld) -> None:
    """Each kind has its own scopes: one that only the other kind has is FIELD_INVALID."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await business.create(requested_scopes=["video.publish"])
    assert_error(caught.value, Code.INVALID_ARGUMENT, "FIELD_INVALID")


async def test_nothing_is_published_through_it(business: BusinessWorld) -> None:
    """A post for such an account is refused before any call: the connection cannot publish."""
    await business.connect()
    account = await business.account()
    before = len(business.vendor.requests)
    source = post_pb2.MediaSource(uri="https://media.example/1.mp4", vendor_pull=True)
    post = post_pb2.Post(
        account=account.name,
        mode=post_pb2.POST_MODE_DIRECT,
        caption="Hi",
        options=post_pb2.PostOptions(privacy_level=account_pb2.PRIVACY_LEVEL_PUBLIC),
        video=post_pb2.VideoContent(source=source),
    )
    request = CreatePostRequest(parent="locations/l1", post=post)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await business.api.posts.CreatePost(request)
    assert_error(caught.value, Code.FAILED_PRECONDITION, "SCOPE_NOT_GRANTED")
    assert before == len(business.vendor.requests)


async def test_an_account_is_read_through_its_own_api(business: BusinessWorld) -> None:
    """Profile and videos of the account come from the API for Business, and none of it from the other."""
    await business.connect()
    account = await business.account()
    business.vendor.add_post(caption="Croissants", counts={"likes": 7})
    found = await business.api.accounts.GetAccount(GetAccountRequest(name=account.name))
    [video] = (await business.api.videos.ListVideos(ListVideosRequest(parent=account.name))).videos

    assert ("Sim Pâtisserie", "Croissants", 7) == (
        found.display_name,
        video.description,
        video.metrics.like_count,
    )
    assert 0 == len(business.world.vendor.requests)


async def test_an_application_that_is_not_set_up_is_named(business: BusinessWorld) -> None:
    """Without App ID the consent cannot begin, and the setting is named; a user's grant still can."""
    provider: Any = business.world.domain.providers["tiktok"]
    facet = next(iter(provider.authorizations.values()))
    client = facet._inner._client
    client.config = type(client.config)()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await business.create()
    assert_error(caught.value, Code.FAILED_PRECONDITION, "PROVIDER_MISCONFIGURED", setting="business_app_id")
    assert "GATEWAY_TIKTOK_BUSINESS_APP_ID" in (caught.value.details() or "")
    assert (await business.world.create()).authorization.uri
