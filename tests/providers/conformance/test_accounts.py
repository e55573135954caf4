"""The contract of account reads: profiles by scope, creator info, at most one newer token.

Owns the contract of `providers/interface/accounts.py`.
"""

from typing import Any

import pytest

from providers.capabilities import Capability
from providers.errors import (
    Ambiguous,
    ContractBroken,
    GrantRevoked,
    ProviderError,
    RateLimited,
    Rejected,
    ScopeNotGranted,
    TokenRefused,
    Unavailable,
)
from providers.models.accounts import PrivacyLevel, ProfilePart
from providers.models.grants import AccessToken
from tests.providers.conformance.harness import Power, assert_silent, needs
from tests.providers.faking import Renewing

EVERY_PART = frozenset(ProfilePart)


@needs()
async def test_a_profile_says_whose_it_is(harness: Any) -> None:
    """The id is an exact string, and parts that were granted are not missing."""
    profile = await harness.provider.accounts.profile(await harness.access(), EVERY_PART)

    assert isinstance(profile.provider_account_id, str)
    assert profile.provider_account_id
    assert ProfilePart.BASIC not in profile.missing


@needs(Power.CONSENT)
async def test_parts_without_their_scope_are_left_out_and_named(harness: Any) -> None:
    """A missing scope does not fail the rest, and absent numbers are None."""
    profile = await harness.provider.accounts.profile(await harness.narrow(), EVERY_PART)

    assert harness.narrow_missing == profile.missing
    assert ProfilePart.STATS in profile.missing
    assert profile.display_name
    numbers = (profile.follower_count, profile.following_count, profile.like_count, profile.video_count)
    assert (None,) * 4 == numbers


@needs(Power.CONSENT)
async def test_a_part_alone_that_is_not_granted_is_refused(harness: Any) -> None:
    """If no requested part is granted, ScopeNotGranted is raised without refreshing the token."""
    access = await harness.narrow()

    with pytest.raises(ScopeNotGranted):
        await harness.provider.accounts.profile(access, frozenset({ProfilePart.STATS}))

    assert 1 == access.version


@needs(Capability.CREATOR_INFO)
async def test_a_creator_says_what_may_be_posted(harness: Any) -> None:
    """Privacy levels are ours, the time is aware, and a creator who can post has no reason not to."""
    info = await harness.provider.accounts.creator_info(await harness.access())

    assert info.privacy_levels
    assert info.fetch_time is not None
    assert info.fetch_time.tzinfo is not None
    assert info.can_post == (info.cannot_post_reason == "")


@needs(Capability.CREATOR_INFO, Power.FAULTS)
async def test_a_privacy_level_that_nobody_knows_is_not_offered(harness: Any) -> None:
    """Unknown privacy levels are left out and kept in `raw`; the known ones remain."""
    access = await harness.access()
    harness.fail("creator", "strange")

    info = await harness.provider.accounts.creator_info(access)

    assert info.privacy_levels
    assert set(info.privacy_levels) < set(PrivacyLevel)
    assert "STRANGE" in str(info.raw)


@needs(Power.FAULTS)
@pytest.mark.parametrize(("how", "kind"), [("status", Unavailable), ("html", ContractBroken), ("rate", RateLimited)])
async def test_a_read_that_fails_says_how(harness: Any, how: str, kind: type[Exception]) -> None:
    """An outage, nonsense and a rate limit are three different errors."""
    access = await harness.access()
    harness.fail("profile", how, times=None)

    with pytest.raises(kind) as caught:
        await harness.provider.accounts.profile(access, EVERY_PART)

    assert_silent(caught.value, access.grant.access_token, access.grant.refresh_token)


@needs(Power.FAULTS)
async def test_a_refusal_that_nobody_documented_is_kept(harness: Any) -> None:
    """An unknown code is not mistaken for a token or scope error, and the vendor's log id is kept."""
    access = await harness.access()
    harness.fail("profile", "unknown", times=None)

    with pytest.raises((ContractBroken, Rejected)) as caught:
        await harness.provider.accounts.profile(access, EVERY_PART)

    assert not isinstance(caught.value, TokenRefused | GrantRevoked | ScopeNotGranted)
    assert caught.value.log_id
    assert 1 == access.version


@needs(Power.FAULTS)
@pytest.mark.parametrize("how", ["before", "after", "cut off"])
async def test_a_read_is_never_in_doubt(harness: Any, how: str) -> None:
    """A lost read is temporary, whether the request or its answer was lost."""
    access = await harness.access()
    if how == "cut off":
        harness.cut_off()
    else:
        harness.fail("profile", how, times=None)

    with pytest.raises(ProviderError) as caught:
        await harness.provider.accounts.profile(access, EVERY_PART)

    assert isinstance(caught.value, Unavailable)
    assert not isinstance(caught.value, Ambiguous)
    assert_silent(caught.value, access.grant.access_token)


@needs(Power.TIME, Power.RENEWAL)
async def test_a_refused_token_is_renewed_once(harness: Any) -> None:
    """After the vendor refuses the token, the call is made once more with a newer one."""
    access = await harness.access()
    before = harness.calls("profile"), harness.calls("refresh")
    harness.expire_tokens()

    profile = await harness.provider.accounts.profile(access, EVERY_PART)

    assert profile.provider_account_id
    after = harness.calls("profile"), harness.calls("refresh")
    assert (2, 1, 2) == (after[0] - before[0], after[1] - before[1], access.version)


@needs(Power.TIME, Power.RENEWAL)
async def test_a_second_refusal_is_the_end(harness: Any) -> None:
    """If the newer token is refused too, the error is raised; there is no third call."""

    class Unlucky(Renewing):
        async def renew_refused_token(self, used: AccessToken) -> AccessToken:
            """Refresh the pair, which the vendor then revokes at once."""
            newer = await super().renew_refused_token(used)
            harness.expire_tokens()
            return newer

    inner = await harness.access()
    access = Unlucky(inner.authorization, inner.grant)
    before = harness.calls("profile")
    harness.expire_tokens()

    with pytest.raises(TokenRefused):
        await harness.provider.accounts.profile(access, EVERY_PART)

    assert 2 == harness.calls("profile") - before
    assert 2 == access.version
