"""Profiles and creator info over HTTP: fields by scope, absent values, refusals sent with HTTP 200.

Owns the examples of "User Info" and "Query Creator Info". Errors common to all calls are in test_errors.py.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from providers.errors import ContractBroken, ScopeNotGranted, TokenRefused
from providers.models.accounts import PrivacyLevel, ProfilePart
from providers.models.grants import AccessToken
from providers.models.secret import Secret
from tests.providers.tiktok.support import NOW, FakeAccess, ok, refused, tiktok

USER = {
    "open_id": "-000open",
    "union_id": "union",
    "avatar_url": "https://p16.tiktokcdn.com/a.jpeg",
    "avatar_url_100": "https://p16.tiktokcdn.com/a100.jpeg",
    "avatar_large_url": "https://p16.tiktokcdn.com/large.jpeg",
    "display_name": "Ünï 🎬",
    "bio_description": "bio",
    "profile_deep_link": "https://vm.tiktok.com/x/",
    "is_verified": True,
    "username": "someone",
    "follower_count": 10,
    "following_count": 0,
    "likes_count": 9007199254740993,
    "video_count": 3,
    "new_field": {"kept": 1},
}
ALL_PARTS = frozenset(ProfilePart)


async def test_a_profile_is_read_in_one_call() -> None:
    """All parts are read with one GET, with the fields in the query and the token in the header."""
    provider, vendor = tiktok(ok({"user": USER}))

    profile = await provider.accounts.profile(FakeAccess(), ALL_PARTS)

    assert 1 == len(vendor.requests)
    assert "GET" == vendor.last.method
    assert (
        "https://open.tiktokapis.com/v2/user/info/?fields=open_id,union_id,avatar_url,avatar_url_100,avatar_large_url,"
        "display_name,bio_description,profile_deep_link,is_verified,username,"
        "follower_count,following_count,likes_count,video_count"
    ) == str(vendor.last.url)
    assert "Bearer act.canary-token-1" == vendor.last.headers["authorization"]
    assert ("-000open", "tiktok", "Ünï 🎬", "someone") == (
        profile.provider_account_id,
        profile.platform,
        profile.display_name,
        profile.username,
    )
    assert ("bio", "https://vm.tiktok.com/x/", "union", True) == (
        profile.bio,
        profile.profile_uri,
        profile.union_id,
        profile.verified,
    )
    assert (10, 0, 9007199254740993, 3) == (
        profile.follower_count,
        profile.following_count,
        profile.like_count,
        profile.video_count,
    )
    assert "https://p16.tiktokcdn.com/a.jpeg" == profile.avatar_uri
    assert {
        "avatar_url": "https://p16.tiktokcdn.com/a.jpeg",
        "avatar_url_100": "https://p16.tiktokcdn.com/a100.jpeg",
        "avatar_large_url": "https://p16.tiktokcdn.com/large.jpeg",
    } == profile.avatar_uris
    assert frozenset() == profile.missing
    assert USER == profile.raw


async def test_parts_without_a_scope_are_left_out_and_named() -> None:
    """Only granted fields are requested: TikTok refuses the whole call for one field too many."""
    provider, vendor = tiktok(ok({"user": {"open_id": "o", "display_name": "d"}}))

    profile = await provider.accounts.profile(FakeAccess("user.info.basic"), ALL_PARTS)

    assert (
        "open_id,union_id,avatar_url,avatar_url_100,avatar_large_url,display_name" == vendor.last.url.params["fields"]
    )
    assert frozenset({ProfilePart.PROFILE, ProfilePart.STATS}) == profile.missing
    assert profile.follower_count is None


async def test_one_part_brings_the_id_along() -> None:
    """A part that is requested alone is still tied to its account."""
    provider, vendor = tiktok(ok({"user": {"open_id": "o", "follower_count": 5}}))

    profile = await provider.accounts.profile(FakeAccess(), {ProfilePart.STATS})

    assert "open_id,follower_count,following_count,likes_count,video_count" == vendor.last.url.params["fields"]
    assert ("o", 5) == (profile.provider_account_id, profile.follower_count)


async def test_nothing_granted_is_refused_without_a_call() -> None:
    """If no requested part is granted, no call is made."""
    provider, vendor = tiktok(ok({"user": USER}))

    with pytest.raises(ScopeNotGranted):
        await provider.accounts.profile(FakeAccess("video.list"), ALL_PARTS)
    assert [] == vendor.requests


@pytest.mark.parametrize("value", [None, -1, "many", 1.5, True, 2**80, []])
async def test_an_odd_count_is_absent(value: Any) -> None:
    """A malformed count is None, never 0."""
    provider, _ = tiktok(ok({"user": {**USER, "follower_count": value}}))

    assert (await provider.accounts.profile(FakeAccess(), ALL_PARTS)).follower_count is None


async def test_a_refused_token_is_replaced_once() -> None:
    """After a 401 the fields are requested for the scopes of the newer token."""
    provider, vendor = tiktok(refused(401, "access_token_invalid"), ok({"user": USER}))

    await provider.accounts.profile(FakeAccess(), ALL_PARTS)

    assert ["Bearer act.canary-token-1", "Bearer act.canary-token-2"] == [
        request.headers["authorization"] for request in vendor.requests
    ]


async def test_a_token_refused_twice_is_an_error() -> None:
    """If the newer token is refused too, the error is raised after exactly two calls."""
    provider, vendor = tiktok(refused(401, "access_token_invalid"))

    with pytest.raises(TokenRefused):
        await provider.accounts.profile(FakeAccess(), ALL_PARTS)
    assert 2 == len(vendor.requests)


@pytest.mark.parametrize("code", ["scope_not_authorized", "scope_permission_missed"])
async def test_a_missing_scope_asks_for_no_new_token(code: str) -> None:
    """`scope_not_authorized` comes with 401 and still causes no refresh."""
    provider, vendor = tiktok(refused(401, code))
    access = FakeAccess()

    with pytest.raises(ScopeNotGranted):
        await provider.accounts.profile(access, {ProfilePart.STATS})
    assert (1, 1) == (access.version, len(vendor.requests))


async def test_a_scope_that_was_taken_back_hides_its_own_part_alone() -> None:
    """A revoked scope fails the call for all parts, so each is requested alone, and the granted ones are returned."""
    provider, vendor = tiktok(
        refused(401, "scope_not_authorized"),
        ok({"user": {"open_id": "-000abc", "display_name": "Ann"}}),
        refused(400, "scope_permission_missed"),
        ok({"user": {"follower_count": 7}}),
    )
    access = FakeAccess()

    profile = await provider.accounts.profile(access, ALL_PARTS)

    assert (1, 4) == (access.version, len(vendor.requests))
    assert ("-000abc", "Ann", 7) == (profile.provider_account_id, profile.display_name, profile.follower_count)
    assert {ProfilePart.PROFILE} == profile.missing


async def test_a_profile_without_user_is_a_broken_contract() -> None:
    """A successful answer without a user is ContractBroken."""
    provider, _ = tiktok(ok({}))

    with pytest.raises(ContractBroken) as raised:
        await provider.accounts.profile(FakeAccess(), ALL_PARTS)
    assert "2026log" == raised.value.log_id


class Garbled(FakeAccess):
    """An Access whose first token was corrupted in storage."""

    async def token(self) -> AccessToken:
        """Return a token that cannot be sent in a header."""
        lent = await super().token()
        return replace(lent, value=Secret("act.dämaged\r\nX: 1")) if self.version == 1 else lent


async def test_a_damaged_token_is_replaced_like_a_refused_one() -> None:
    """A stored token that cannot be sent is replaced by a newer one."""
    provider, vendor = tiktok(ok({"user": USER}))

    await provider.accounts.profile(Garbled(), ALL_PARTS)

    assert ["Bearer act.canary-token-2"] == [request.headers["authorization"] for request in vendor.requests]


CREATOR = {
    "creator_avatar_url": "https://p16.tiktokcdn.com/c.jpeg",
    "creator_username": "someone",
    "creator_nickname": "Some One",
    "privacy_level_options": ["PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "NEW_LEVEL", "SELF_ONLY"],
    "comment_disabled": False,
    "duet_disabled": True,
    "stitch_disabled": True,
    "max_video_post_duration_sec": 300,
}


async def test_creator_info_is_read() -> None:
    """Privacy options are translated, an unknown one is only in `raw`, and the fetch time is kept."""
    provider, vendor = tiktok(ok(CREATOR))

    creator = await provider.accounts.creator_info(FakeAccess())

    assert "https://open.tiktokapis.com/v2/post/publish/creator_info/query/" == str(vendor.last.url)
    assert ("POST", b"") == (vendor.last.method, vendor.last.content)
    assert (PrivacyLevel.PUBLIC, PrivacyLevel.FRIENDS, PrivacyLevel.ONLY_ME) == creator.privacy_levels
    assert (False, True, True) == (creator.comment_disabled, creator.duet_disabled, creator.stitch_disabled)
    assert timedelta(minutes=5) == creator.max_video_duration
    assert ("Some One", "someone", "https://p16.tiktokcdn.com/c.jpeg") == (
        creator.nickname,
        creator.username,
        creator.avatar_uri,
    )
    assert (True, NOW, CREATOR) == (creator.can_post, creator.fetch_time, creator.raw)


async def test_a_private_accounts_options_are_read() -> None:
    """FOLLOWER_OF_CREATOR, which private accounts have instead of PUBLIC_TO_EVERYONE, is FOLLOWERS."""
    options = ["FOLLOWER_OF_CREATOR", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"]
    provider, _ = tiktok(ok({**CREATOR, "privacy_level_options": options}))

    creator = await provider.accounts.creator_info(FakeAccess())

    assert (PrivacyLevel.FOLLOWERS, PrivacyLevel.FRIENDS, PrivacyLevel.ONLY_ME) == creator.privacy_levels


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (200, "spam_risk_too_many_posts"),
        (200, "spam_risk_user_banned_from_posting"),
        (200, "reached_active_user_cap"),
        (403, "spam_risk_too_many_posts"),
        (200, "spam_risk_of_a_new_kind"),
        (200, "some_new_refusal"),
    ],
)
async def test_a_blocked_creator_is_an_answer(status: int, code: str) -> None:
    """The refusals that TikTok sends with HTTP 200, and unknown ones like them, mean that the creator cannot post."""
    provider, vendor = tiktok(refused(status, code, "Cap reached."))

    creator = await provider.accounts.creator_info(FakeAccess())

    assert (False, code, "Cap reached.") == (
        creator.can_post,
        creator.cannot_post_reason,
        creator.cannot_post_message,
    )
    assert NOW == creator.fetch_time
    assert 1 == len(vendor.requests)


async def test_an_empty_creator_info_is_a_broken_contract() -> None:
    """An empty answer is ContractBroken, not a creator who can post."""
    provider, _ = tiktok(ok({}))

    with pytest.raises(ContractBroken):
        await provider.accounts.creator_info(FakeAccess())


async def test_html_is_no_creator_info() -> None:
    """HTML with HTTP 200 is ContractBroken."""
    provider, _ = tiktok(httpx.Response(200, html="<html>Login</html>"))

    with pytest.raises(ContractBroken):
        await provider.accounts.creator_info(FakeAccess())
