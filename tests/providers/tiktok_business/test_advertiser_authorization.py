"""Grants of advertisers over the simulated API for Business: consent, token, scopes by number, revocation.

Owns what the contract of other grants does not have: no refresh, no expiry, no TikTok user.
"""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from providers.errors import (
    Ambiguous,
    CapabilityMissing,
    GrantRevoked,
    Misconfigured,
    Rejected,
    ScopeNotGranted,
    TokenRefused,
)
from providers.models.ads import AdLevel, AdQuery
from providers.models.grants import ConsentRequest, GrantKind
from providers.models.secret import Secret
from providers.simulators.tiktok_business import Fault
from providers.tiktok.capabilities import TABLE
from providers.tiktok_business.ads.capabilities import SCOPES, expanded
from tests.fixtures.consent import decide, query_of
from tests.providers.conformance.harness import assert_silent
from tests.providers.faking import NOW, VERIFIER
from tests.providers.tiktok_business.ads_harness import advertising
from tests.providers.tiktok_business.sandbox import REDIRECT
from tests.providers.tiktok_business.support import SETTINGS, AdsAccess, tiktok

SECRET: Any = SETTINGS["business_secret"]


async def test_a_consent_becomes_a_grant_without_an_end() -> None:
    """The grant names the person, what was ticked with what that implies, no refresh token, and its kind."""
    async with advertising() as harness:
        grant = (await harness.access()).grant

    assert (GrantKind.ADVERTISER, None) == (grant.kind, grant.refresh_token)
    assert grant.subject.isdigit()
    assert set(SCOPES) <= set(grant.scopes)
    assert grant.access_expire_time - NOW >= timedelta(days=3650)
    assert TABLE.granted(grant.scopes, GrantKind.ADVERTISER)["can_manage_ads"]


async def test_a_narrow_grant_cannot_manage_ads() -> None:
    """What was not ticked is refused before any call, and the refusal names the scope."""
    async with advertising() as harness:
        access = await harness.sandbox.connect("1", "4")
        account = await harness.ad_account(access)
        before = harness.sent()

        with pytest.raises(ScopeNotGranted) as caught:
            await harness.provider.ads.find(access, account.id, AdQuery(AdLevel.CAMPAIGN))

        assert ("200", before) == (caught.value.metadata["scope"], harness.sent())
        assert not TABLE.granted(access.grant.scopes, GrantKind.ADVERTISER)["can_manage_ads"]


def test_scopes_of_other_products_imply_nothing() -> None:
    """Long numbers begin with the digits of others by chance: only those above ours count."""
    assert ("12000000", "15000000", "18010100") == expanded(("12000000", "15000000", "18010100"))
    assert ("22", "220", "221") == expanded(("22", "22"))


async def test_a_code_works_once() -> None:
    """The second exchange of a code, and one of an unknown code, end in GrantRevoked."""
    async with advertising() as harness:
        code = await harness.code()
        authorization = harness.sandbox.authorization
        await authorization.exchange(code, verifier=VERIFIER, redirect_uri=REDIRECT)

        with pytest.raises(GrantRevoked) as caught:
            await authorization.exchange(code, verifier=VERIFIER, redirect_uri=REDIRECT)

        assert "40110" == caught.value.code
        assert_silent(caught.value, Secret(code))


async def test_the_portal_returns_the_state() -> None:
    """The page sends code and state back; one that is refused says so."""
    async with advertising() as harness:
        sandbox, asked = harness.sandbox, ConsentRequest("the-state", VERIFIER, REDIRECT, SCOPES)
        uri = sandbox.authorization.consent_uri(asked)
        back = query_of(await decide(sandbox.browser, uri))
        denied = query_of(await decide(sandbox.browser, uri, "deny"))

    assert ("the-state", back["auth_code"]) == (back["state"], back["code"])
    assert ("the-state", "access_denied") == (denied["state"], denied["error"])
    assert {"app_id", "state", "redirect_uri"} == set(parse_qs(urlsplit(uri).query))


async def test_whose_grant_it_is_must_be_known() -> None:
    """A person who cannot be asked for leaves the grant in doubt: the code is used up, and nothing may be guessed."""
    async with advertising() as harness:
        code = await harness.code()
        harness.sandbox.vendor.faults.add(Fault(match="user.info", kind="status", times=None))

        with pytest.raises(Ambiguous):
            await harness.sandbox.authorization.exchange(code, verifier=VERIFIER, redirect_uri=REDIRECT)


async def test_a_revoked_grant_is_over() -> None:
    """Revoking twice is no error; afterwards a call is refused, and nothing can renew the token."""
    async with advertising() as harness:
        access, authorization = await harness.access(), harness.sandbox.authorization
        await authorization.revoke(access.grant.access_token)
        await authorization.revoke(access.grant.access_token)

        class Asked:
            """Remembers that a newer token was asked for."""

            times = 0

        async def none(used: Any) -> Any:
            Asked.times += 1
            return await authorization.refresh(Secret("none"))

        access.renew_refused_token = none  # type: ignore[method-assign]
        with pytest.raises(GrantRevoked):
            await harness.provider.ads.ad_accounts(access)
        assert 1 == Asked.times


async def test_an_ad_account_of_somebody_else_says_nothing_of_the_token() -> None:
    """A grant reaches many ad accounts: one that it does not reach is a refusal, not the end of the grant."""
    async with advertising() as harness:
        access = await harness.access()
        with pytest.raises(Rejected) as caught:
            await harness.provider.ads.find(access, "7999999999999999999", AdQuery(AdLevel.AD))
        assert not isinstance(caught.value, TokenRefused)
        for code in ("40106", "40119", "40300"):
            harness.sandbox.vendor.faults.add(Fault(match="ad.get", kind="error", code=code))
            with pytest.raises(Rejected) as caught:
                await harness.provider.ads.find(access, "7100000000000000001", AdQuery(AdLevel.AD))
            assert not isinstance(caught.value, TokenRefused)


async def test_the_secret_stays_out_of_errors() -> None:
    """The list of ad accounts carries the application's secret in its query: no error shows it."""
    said = {"code": 40002, "message": f"bad {SECRET.reveal()}", "request_id": "1", "data": {}}
    for answer in (httpx.ConnectError("refused"), httpx.Response(200, json=said), httpx.Response(502, text="<html>")):
        provider, _ = tiktok(answer)
        with pytest.raises(Exception, match=r".") as caught:
            await provider.ads.ad_accounts(AdsAccess())
        assert_silent(caught.value, SECRET)


async def test_a_grant_of_an_advertiser_has_no_profile_to_post_with() -> None:
    """Its profile is the person's name; nothing can be posted, derived or pasted."""
    async with advertising() as harness:
        access, unchecked = await harness.access(), harness.unchecked
        profile = await unchecked.accounts.profile(access, set())

        assert (access.grant.subject, "Sim Owner", "tiktok_ads") == (
            profile.provider_account_id,
            profile.display_name,
            profile.platform,
        )
        with pytest.raises(CapabilityMissing):
            await unchecked.accounts.creator_info(access)
        with pytest.raises(CapabilityMissing):
            await harness.sandbox.authorization.static(Secret("x"), settings={}, scopes=())


async def test_a_missing_app_is_the_operators_fault() -> None:
    """Without App ID and secret no page is opened, and the setting is named."""
    provider, _ = tiktok(business_app_id="")
    with pytest.raises(Misconfigured) as caught:
        provider.authorizations[GrantKind.ADVERTISER].consent_uri(ConsentRequest("s", VERIFIER, REDIRECT, ()))
    assert "business_app_id" == caught.value.metadata["setting"]
