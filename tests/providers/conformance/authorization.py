"""The contract of grants: one call for each step, never repeated, and no grant lost through our fault.

Owns the contract of `providers/interface/authorization.py`.
"""

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
from tests.providers.conformance.harness import Contract, Power, assert_silent, read_pages

NO_TOKEN = Secret("canary of no token")
DEAD = Secret("rft.canary-nobody-knows")


class AuthorizationContract(Contract):
    """Grants."""

    async def test_a_consent_page_is_opened_without_a_secret(self) -> None:
        """The URL has the state and the redirect URI, and not the PKCE verifier."""
        self.needs(Capability.OAUTH)
        scopes = self.harness.provider.authorization.scopes
        request = ConsentRequest("the-state", self.harness.verifier, self.harness.redirect_uri, scopes)

        uri = self.harness.provider.authorization.consent_uri(request)

        assert uri.startswith("https://")
        assert "the-state" in uri
        assert self.harness.verifier.reveal() not in uri

    async def test_a_code_becomes_a_grant(self) -> None:
        """A grant has subject, scopes and absolute aware expiry times, and hides its tokens."""
        self.needs(Capability.OAUTH)
        self.can(Power.CONSENT)
        grant = await self._exchange(await self.harness.code())

        self._good(grant)
        assert grant.subject
        assert set(grant.scopes) <= set(self.harness.provider.authorization.scopes)

    async def test_a_code_works_once(self) -> None:
        """A second exchange of the same code raises GrantRevoked, and the error contains no token."""
        self.needs(Capability.OAUTH)
        self.can(Power.CONSENT)
        code = await self.harness.code()
        await self._exchange(code)

        with pytest.raises(GrantRevoked) as caught:
            await self._exchange(code)

        assert_silent(caught.value, Secret(code), self.harness.verifier)

    async def test_a_refresh_gives_a_whole_new_pair(self) -> None:
        """A refresh returns a new access token, and a refresh token with which the next refresh works."""
        self.needs(Capability.OAUTH)
        self.can(Power.CONSENT)
        first = (await self.harness.access()).grant

        second = await self.harness.provider.authorization.refresh(first.refresh_token)
        third = await self.harness.provider.authorization.refresh(second.refresh_token)

        for grant in (second, third):
            self._good(grant)
            assert grant.subject == first.subject
        assert 3 == len({grant.access_token.reveal() for grant in (first, second, third)})

    async def test_a_dead_refresh_token_is_revoked_and_nothing_else(self) -> None:
        """A refused grant is distinguished from every temporary error."""
        self.needs(Capability.OAUTH)
        self.can(Power.FAULTS)
        with pytest.raises(GrantRevoked) as caught:
            await self.harness.provider.authorization.refresh(DEAD)

        assert_silent(caught.value, DEAD)

    @pytest.mark.parametrize("how", ["before", "after", "status", "html"])
    async def test_a_lost_answer_to_a_refresh_is_ambiguous(self, how: str) -> None:
        """A lost answer is Ambiguous, because either token may be valid: one call, and no token in the error."""
        self.needs(Capability.OAUTH)
        self.can(Power.FAULTS, Power.CONSENT)
        grant = (await self.harness.access()).grant
        before = self.harness.calls("refresh")
        self.harness.fail("refresh", how)

        with pytest.raises(Ambiguous) as caught:
            await self.harness.provider.authorization.refresh(grant.refresh_token)

        assert 1 == self.harness.calls("refresh") - before
        assert_silent(caught.value, grant.refresh_token, grant.access_token)

    @pytest.mark.parametrize("how", ["before", "status", "rate", "unknown"])
    async def test_a_refresh_that_failed_loses_nothing(self, how: str) -> None:
        """After a temporary error at the vendor the refresh token still works and was not reported as revoked."""
        self.needs(Capability.OAUTH)
        self.can(Power.FAULTS, Power.CONSENT)
        grant = (await self.harness.access()).grant
        self.harness.fail("refresh", how)

        with pytest.raises((Ambiguous, Temporary, ContractBroken)) as caught:
            await self.harness.provider.authorization.refresh(grant.refresh_token)

        assert not isinstance(caught.value, GrantRevoked)
        self._good(await self.harness.provider.authorization.refresh(grant.refresh_token))

    async def test_a_refusal_that_nobody_documented_is_kept(self) -> None:
        """An unknown code does not end a grant: it is ContractBroken, with the vendor's log id."""
        self.needs(Capability.OAUTH)
        self.can(Power.FAULTS, Power.CONSENT)
        grant = (await self.harness.access()).grant
        self.harness.fail("refresh", "unknown")

        with pytest.raises(ContractBroken) as caught:
            await self.harness.provider.authorization.refresh(grant.refresh_token)

        assert caught.value.log_id

    async def test_what_was_never_sent_is_temporary(self) -> None:
        """Without a connection nothing happened, and the token is still valid."""
        self.needs(Capability.OAUTH)
        self.can(Power.FAULTS, Power.CONSENT)
        grant = (await self.harness.access()).grant
        self.harness.cut_off()

        with pytest.raises(Temporary) as caught:
            await self.harness.provider.authorization.refresh(grant.refresh_token)

        assert_silent(caught.value, grant.refresh_token)

    async def test_a_grant_that_is_given_back_is_dead(self) -> None:
        """After a revoke neither token works, and revoking again is not an error."""
        self.needs(Capability.REVOKE)
        self.can(Power.FAULTS, Power.CONSENT)
        access = await self.harness.access()
        grant = access.grant

        await self.harness.provider.authorization.revoke(grant.access_token)
        await self.harness.provider.authorization.revoke(grant.access_token)

        with pytest.raises((GrantRevoked, TokenRefused)):
            await self.harness.provider.accounts.profile(access, frozenset({ProfilePart.BASIC}))
        with pytest.raises(GrantRevoked):
            await self.harness.provider.authorization.refresh(grant.refresh_token)

    async def test_a_static_token_is_a_grant_that_nothing_renews(self) -> None:
        """A static token is verified at the vendor; its expiry time is aware, and it has no refresh token."""
        self.needs(Capability.STATIC_TOKEN)
        self.can(Power.CONSENT)
        grant = await self.harness.static()

        assert grant.access_expire_time > self.harness.now
        assert (None, None) == (grant.refresh_token, grant.refresh_expire_time)
        assert grant.subject
        assert grant.access_token.reveal() not in f"{grant!r} {grant}"

    async def test_an_agencys_grant_opens_its_places(self) -> None:
        """Each place of an agency is listed once, and its own grant can be derived repeatedly."""
        self.needs(Capability.AGENCY_GRANTS)
        self.can(Power.CONSENT)
        access, authorization = await self.harness.agency(), self.harness.provider.authorization
        pages = await read_pages(lambda cursor: authorization.places(access, cursor=cursor))
        found = [id for page in pages for id in page.ids]

        grants = [await authorization.derive(access, place) for place in (*found, *found)]

        assert sorted(self.harness.agency_places) == sorted(found)
        assert [*found, *found] == [grant.subject for grant in grants]
        assert [] == [grant for grant in grants if grant.access_expire_time <= self.harness.now]

    async def test_a_place_that_an_agency_does_not_have_gives_no_grant(self) -> None:
        """The vendor's refusal of a place is GrantRevoked, and no token is in the error."""
        self.needs(Capability.AGENCY_GRANTS)
        self.can(Power.CONSENT)
        access = await self.harness.agency()

        with pytest.raises(Rejected) as caught:
            await self.harness.provider.authorization.derive(access, self.harness.unknown_place)

        assert_silent(caught.value, access.grant.access_token, access.grant.refresh_token)

    async def test_a_static_token_that_is_none_is_refused_without_a_call(self) -> None:
        """A malformed static token is refused without a call, and is not in the error."""
        self.needs(Capability.STATIC_TOKEN)
        before = self.harness.sent()

        with pytest.raises(SettingInvalid) as caught:
            await self.harness.provider.authorization.static(NO_TOKEN, settings=self.harness.place, scopes=())

        assert ("static_token", before) == (caught.value.name, self.harness.sent())
        assert_silent(caught.value, NO_TOKEN)

    async def _exchange(self, code: str) -> Grant:
        grant: Grant = await self.harness.provider.authorization.exchange(
            code, verifier=self.harness.verifier, redirect_uri=self.harness.redirect_uri
        )
        return grant

    def _good(self, grant: Grant) -> None:
        """Assert that a pair expires in the future and hides both tokens."""
        assert grant.access_expire_time.tzinfo is not None
        assert grant.access_expire_time > self.harness.now
        assert grant.refresh_token is not None
        assert grant.refresh_expire_time is None or grant.refresh_expire_time > self.harness.now
        assert_silent(ProviderError(f"{grant!r} {grant}"), grant.access_token, grant.refresh_token)
