"""GetCreatorInfo: what a creator may post now, and refusals that are answers.

Owns the singleton under an account. TikTok sends some refusals with HTTP 200 on purpose.
"""

from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from providers.simulators.tiktok import Fault
from socialgateway.v1 import account_pb2, account_service_pb2
from tests.fixtures.gateway import World
from tests.rpc.answers import assert_error
from tests.rpc.test_accounts import account_of

Code = grpc.StatusCode


async def creator(world: World, **values: Any) -> account_pb2.CreatorInfo:
    """Ask for the creator info of the one account of l1."""
    name = f"{(await account_of(world)).name}/creatorInfo"
    return await world.api.accounts.GetCreatorInfo(account_service_pb2.GetCreatorInfoRequest(name=name, **values))


async def test_creator_info_says_what_may_be_posted(gateway: World) -> None:
    """Privacy levels, switched-off interactions and the longest video are returned as TikTok states them."""
    made = await gateway.connect()
    gateway.vendor.set_creator(made.provider_subject, duet_disabled=True)

    info = await creator(gateway)

    assert [
        account_pb2.PRIVACY_LEVEL_PUBLIC,
        account_pb2.PRIVACY_LEVEL_FRIENDS,
        account_pb2.PRIVACY_LEVEL_ONLY_ME,
    ] == list(info.privacy_levels)
    assert (True, "", False, True, False, 600) == (
        info.can_post,
        info.cannot_post_reason,
        info.comment_disabled,
        info.duet_disabled,
        info.stitch_disabled,
        info.max_video_duration.seconds,
    )
    assert ("Sim Pâtisserie", "sim.patisserie") == (info.nickname, info.username)


async def test_creator_info_is_cached_for_a_minute(gateway: World) -> None:
    """Within 60 seconds there is no other vendor call, also not through another replica; after them, or with 0, there
    is.
    """
    await gateway.connect()
    first = await creator(gateway)
    gateway.clock.advance(timedelta(seconds=59))
    async with gateway.another("replica") as replica:
        assert first == await creator(replica)
    assert 1 == gateway.calls("creator_info")

    gateway.clock.advance(timedelta(seconds=1))
    await creator(gateway)
    assert 2 == gateway.calls("creator_info")
    await creator(gateway, max_staleness=Duration())
    assert 3 == gateway.calls("creator_info")


@pytest.mark.parametrize(
    ("change", "code"),
    [({"too_many_posts": True}, "spam_risk_too_many_posts"), ({"banned": True}, "spam_risk_user_banned_from_posting")],
    ids=["daily cap", "banned"],
)
async def test_a_blocked_creator_is_not_an_error(gateway: World, change: dict[str, bool], code: str) -> None:
    """A creator who may not post now has can_post false with TikTok's own code; later that can change."""
    made = await gateway.connect()
    gateway.vendor.set_creator(made.provider_subject, **change)

    info = await creator(gateway)

    assert (False, code) == (info.can_post, info.cannot_post_reason)
    assert info == await creator(gateway)
    gateway.vendor.set_creator(made.provider_subject, **dict.fromkeys(change, False))
    assert (await creator(gateway, max_staleness=Duration())).can_post


async def test_without_the_scope_creator_info_is_refused(gateway: World) -> None:
    """creator_info needs video.publish: SCOPE_NOT_GRANTED, and no refresh is tried."""
    await gateway.connect(scopes=("user.info.profile", "video.list"))

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await creator(gateway)

    assert_error(caught.value, Code.FAILED_PRECONDITION, "SCOPE_NOT_GRANTED", provider="tiktok")
    assert [] == gateway.exchanges()


@pytest.mark.parametrize(
    ("fault", "code", "reason"),
    [
        (Fault(match="creator_info", kind="status", status=503, times=None), Code.UNAVAILABLE, "PROVIDER_UNAVAILABLE"),
        (Fault(match="creator_info", kind="html", times=None), Code.UNAVAILABLE, "PROVIDER_CONTRACT_BROKEN"),
        (Fault(match="creator_info", kind="corrupt_json", times=None), Code.UNAVAILABLE, "PROVIDER_CONTRACT_BROKEN"),
        (
            Fault(match="creator_info", kind="error", code="rate_limit_exceeded", status=429, times=None),
            Code.RESOURCE_EXHAUSTED,
            "PROVIDER_RATE_LIMITED",
        ),
    ],
    ids=["503", "html", "corrupt", "429"],
)
async def test_an_unavailable_vendor_is_reported(gateway: World, fault: Fault, code: Code, reason: str) -> None:
    """A failure of the vendor has its documented reason, never INTERNAL."""
    await gateway.connect()
    gateway.vendor.faults.add(fault)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await creator(gateway)

    assert_error(caught.value, code, reason, provider="tiktok")


async def test_an_absent_account_has_no_creator_info(gateway: World) -> None:
    """RESOURCE_NOT_FOUND names the account; a malformed name is FIELD_INVALID."""
    await gateway.connect()
    for name, code, reason in (
        ("locations/l1/accounts/none/creatorInfo", Code.NOT_FOUND, "RESOURCE_NOT_FOUND"),
        ("locations/l1/accounts/none", Code.INVALID_ARGUMENT, "FIELD_INVALID"),
        ("locations/-/accounts/none/creatorInfo", Code.INVALID_ARGUMENT, "FIELD_INVALID"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await gateway.api.accounts.GetCreatorInfo(account_service_pb2.GetCreatorInfoRequest(name=name))
        assert_error(caught.value, code, reason)
