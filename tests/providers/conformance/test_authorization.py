"""The contract of grants: one call for each step, never repeated, and no grant lost through our fault.

Owns the contract of `providers/interface/authorization.py`.
"""

from typing import Any

import pytest

from providers.capabilities import Capability
from providers.errors import (
    Ambiguous,
    ContractBroken,
    GrantRevoked,
    ProviderError,
    Rejected,
    SettingInvalid,
    Temporary,
    TokenRefused,
)
from providers.models.accounts import ProfilePart
from providers.models.grants import ConsentRequest, Grant
from providers.models.secret import Secret
from tests.providers.conformance.harness import Power, assert_silent, needs, read_pages

NO_TOKEN = Secret("canary of no token")
DEAD = Secret("rft.canary-nobody-knows")


@needs(Capability.OAUTH)
async def test_a_consent_page_is_opened_without_a_secret(harness: Any) -> None:
    """The URL has the state and the redirect URI, and not the PKCE verifier."""
    scopes = harness.provider.authorization.scopes
    request = ConsentRequest("the-state", harness.verifier, harness.redirect_uri, scopes)

    uri = harness.provider.authorization.consent_uri(request)

    assert uri.startswith("https://")
    assert "the-state" in uri
    assert harness.verifier.reveal() not in uri


@needs(Capability.OAUTH, Power.CONSENT)
async def test_a_code_becomes_a_grant(harness: Any) -> None:
    """A grant has subject, scopes and absolute aware expiry times, and hides its tokens."""
    grant = await _exchange(harness, await harness.code())

    _good(harness, grant)
    assert grant.subject
    assert set(grant.scopes) <= set(harness.provider.authorization.scopes)


@needs(Capability.OAUTH, Power.CONSENT)
async def test_a_code_works_once(harness: Any) -> None:
    """A second exchange of the same code raises GrantRevoked, and the error contains no token."""
    code = await harness.code()
    await _exchange(harness, code)

    with pytest.raises(GrantRevoked) as caught:
        await _exchange(harness, code)

    assert_silent(caught.value, Secret(code), harness.verifier)


@needs(Capability.OAUTH, Power.CONSENT)
async def test_a_refresh_gives_a_whole_new_pair(harness: Any) -> None:
    """A refresh returns a new access token, and a refresh token with which the next refresh works."""
    first = (await harness.access()).grant

    second = await harness.provider.authorization.refresh(first.refresh_token)
    third = await harness.provider.authorization.refresh(second.refresh_token)

    for grant in (second, third):
        _good(harness, grant)
        assert grant.subject == first.subject
    assert 3 == len({grant.access_token.reveal() for grant in (first, second, third)})


@needs(Capability.OAUTH, Power.FAULTS)
async def test_a_dead_refresh_token_is_revoked_and_nothing_else(harness: Any) -> None:
    """A refused grant is distinguished from every temporary error."""
    with pytest.raises(GrantRevoked) as caught:
        await harness.provider.authorization.refresh(DEAD)

    assert_silent(caught.value, DEAD)


@needs(Capability.OAUTH, Power.FAULTS, Power.CONSENT)
@pytest.mark.parametrize("how", ["before", "after", "status", "html"])
async def test_a_lost_answer_to_a_refresh_is_ambiguous(harness: Any, how: str) -> None:
    """A lost answer is Ambiguous, because either token may be valid: one call, and no token in the error."""
    grant = (await harness.access()).grant
    before = harness.calls("refresh")
    harness.fail("refresh", how)

    with pytest.raises(Ambiguous) as caught:
        await harness.provider.authorization.refresh(grant.refresh_token)

    assert 1 == harness.calls("refresh") - before
    assert_silent(caught.value, grant.refresh_token, grant.access_token)


@needs(Capability.OAUTH, Power.FAULTS, Power.CONSENT)
@pytest.mark.parametrize("how", ["before", "status", "rate", "unknown"])
async def test_a_refresh_that_failed_loses_nothing(harness: Any, how: str) -> None:
    """After a temporary error at the vendor the refresh token still works and was not reported as revoked."""
    grant = (await harness.access()).grant
    harness.fail("refresh", how)

    with pytest.raises((Ambiguous, Temporary, ContractBroken)) as caught:
        await harness.provider.authorization.refresh(grant.refresh_token)

    assert not isinstance(caught.value, GrantRevoked)
    _good(harness, await harness.provider.authorization.refresh(grant.refresh_token))


@needs(Capability.OAUTH, Power.FAULTS, Power.CONSENT)
async def test_a_refusal_that_nobody_documented_is_kept(harness: Any) -> None:
    """An unknown code does not end a grant: it is ContractBroken, with the vendor's log id."""
    grant = (await harness.access()).grant
    harness.fail("refresh", "unknown")

    with pytest.raises(ContractBroken) as caught:
        await harness.provider.authorization.refresh(grant.refresh_token)

    assert caught.value.log_id


@needs(Capability.OAUTH, Power.FAULTS, Power.CONSENT)
async def test_what_was_never_sent_is_temporary(harness: Any) -> None:
    """Without a connection nothing happened, and the token is still valid."""
    grant = (await harness.access()).grant
    harness.cut_off()

    with pytest.raises(Temporary) as caught:
        await harness.provider.authorization.refresh(grant.refresh_token)

    assert_silent(caught.value, grant.refresh_token)


@needs(Capability.REVOKE, Power.FAULTS, Power.CONSENT)
async def test_a_grant_that_is_given_back_is_dead(harness: Any) -> None:
    """After a revoke neither token works, and revoking again is not an error."""
    access = await harness.access()
    grant = access.grant

    await harness.provider.authorization.revoke(grant.access_token)
    await harness.provider.authorization.revoke(grant.access_token)

    with pytest.raises((GrantRevoked, TokenRefused)):
        await harness.provider.accounts.profile(access, frozenset({ProfilePart.BASIC}))
    with pytest.raises(GrantRevoked):
        await harness.provider.authorization.refresh(grant.refresh_token)


@needs(Capability.STATIC_TOKEN, Power.CONSENT)
async def test_a_static_token_is_a_grant_that_nothing_renews(harness: Any) -> None:
    """A static token is verified at the vendor; its expiry time is aware, and it has no refresh token."""
    grant = await harness.static()

    assert grant.access_expire_time > harness.now
    assert (None, None) == (grant.refresh_token, grant.refresh_expire_time)
    assert grant.subject
    assert grant.access_token.reveal() not in f"{grant!r} {grant}"


@needs(Capability.AGENCY_GRANTS, Power.CONSENT)
async def test_an_agencys_grant_opens_its_places(harness: Any) -> None:
    """Each place of an agency is listed once, and its own grant can be derived repeatedly."""
    access, authorization = await harness.agency(), harness.provider.authorization
    pages = await read_pages(lambda cursor: authorization.places(access, cursor=cursor))
    found = [id for page in pages for id in page.ids]

    grants = [await authorization.derive(access, place) for place in (*found, *found)]

    assert sorted(harness.agency_places) == sorted(found)
    assert [*found, *found] == [grant.subject for grant in grants]
    assert [] == [grant for grant in grants if grant.access_expire_time <= harness.now]


@needs(Capability.AGENCY_GRANTS, Power.CONSENT)
async def test_a_place_that_an_agency_does_not_have_gives_no_grant(harness: Any) -> None:
    """The vendor's refusal of a place is GrantRevoked, and no token is in the error."""
    access = await harness.agency()

    with pytest.raises(Rejected) as caught:
        await harness.provider.authorization.derive(access, harness.unknown_place)

    assert_silent(caught.value, access.grant.access_token, access.grant.refresh_token)


@needs(Capability.STATIC_TOKEN)
async def test_a_static_token_that_is_none_is_refused_without_a_call(harness: Any) -> None:
    """A malformed static token is refused without a call, and is not in the error."""
    before = harness.sent()

    with pytest.raises(SettingInvalid) as caught:
        await harness.provider.authorization.static(NO_TOKEN, settings=harness.place, scopes=())

    assert ("static_token", before) == (caught.value.name, harness.sent())
    assert_silent(caught.value, NO_TOKEN)


async def _exchange(harness: Any, code: str) -> Grant:
    grant: Grant = await harness.provider.authorization.exchange(
        code, verifier=harness.verifier, redirect_uri=harness.redirect_uri
    )
    return grant


def _good(harness: Any, grant: Grant) -> None:
    """Assert that a pair expires in the future and hides both tokens."""
    assert grant.access_expire_time.tzinfo is not None
    assert grant.access_expire_time > harness.now
    assert grant.refresh_token is not None
    assert grant.refresh_expire_time is None or grant.refresh_expire_time > harness.now
    assert_silent(ProviderError(f"{grant!r} {grant}"), grant.access_token, grant.refresh_token)
