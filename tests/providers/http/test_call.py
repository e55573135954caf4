"""Calls with an access token, and the retry of reads: how often, and after which errors.

Owns the counts. Knows no vendor.
"""

from datetime import UTC, datetime

import pytest

from providers.errors import GrantRevoked, ProviderError, RateLimited, ScopeNotGranted, TokenRefused, Unavailable
from providers.http.call import with_access
from providers.http.retry import read_again
from providers.models.grants import AccessToken
from providers.models.secret import Secret
from tests.providers.faking import Counting


class Lender(Counting):
    """An Access that returns token 1, then token 2; `refusals` records the versions reported as refused."""

    def __init__(self, *, revoked: bool = False) -> None:
        super().__init__()
        self.refusals: list[int] = []
        self.revoked = revoked

    async def token(self) -> AccessToken:
        """Return version 1."""
        return AccessToken(Secret("a"), 1, frozenset(), datetime(2026, 11, 21, tzinfo=UTC))

    async def renew_refused_token(self, used: AccessToken) -> AccessToken:
        """Return version 2, unless the grant is revoked."""
        self.refusals.append(used.version)
        if self.revoked:
            raise GrantRevoked
        return AccessToken(Secret("b"), 2, frozenset(), datetime(2026, 11, 21, tzinfo=UTC))


class Calls:
    """A call that raises the given errors in turn, then succeeds."""

    def __init__(self, *errors: ProviderError) -> None:
        self.errors = list(errors)
        self.versions: list[int] = []

    async def __call__(self, token: AccessToken) -> str:
        """Record the version, and raise or return."""
        self.versions.append(token.version)
        if self.errors:
            raise self.errors.pop(0)
        return "done"

    async def bare(self) -> str:
        """Call without a token."""
        return await self(AccessToken(Secret("a"), 0, frozenset(), datetime(2026, 11, 21, tzinfo=UTC)))


async def test_a_refused_token_is_replaced_once_and_the_call_made_once_more() -> None:
    """The vendor's 401 costs one newer token and one retry."""
    lender, call = Lender(), Calls(TokenRefused())

    assert "done" == await with_access(lender, call)
    assert [1, 2] == call.versions
    assert [1] == lender.refusals


async def test_a_second_refusal_is_raised() -> None:
    """If the newer token is refused too, the error is raised; there is no loop."""
    lender, call = Lender(), Calls(TokenRefused(), TokenRefused())

    with pytest.raises(TokenRefused):
        await with_access(lender, call)
    assert [1, 2] == call.versions
    assert [1] == lender.refusals


@pytest.mark.parametrize("error", [ScopeNotGranted(), Unavailable(), RateLimited()], ids=repr)
async def test_other_errors_ask_for_no_new_token(error: ProviderError) -> None:
    """Other errors, a missing scope above all, do not cause a refresh."""
    lender = Lender()

    with pytest.raises(type(error)):
        await with_access(lender, Calls(error))
    assert [] == lender.refusals


async def test_a_grant_that_cannot_be_renewed_is_raised() -> None:
    """If there is no newer token, the reason is raised."""
    with pytest.raises(GrantRevoked):
        await with_access(Lender(revoked=True), Calls(TokenRefused()))


async def test_a_read_is_made_once_more_when_the_vendor_was_unavailable() -> None:
    """A read is tried twice, and the second attempt may succeed."""
    call = Calls(Unavailable())

    assert "done" == await read_again(call.bare)
    assert 2 == len(call.versions)


async def test_a_read_is_not_made_a_third_time() -> None:
    """After two attempts the error is raised."""
    call = Calls(Unavailable(), Unavailable(), Unavailable())

    with pytest.raises(Unavailable):
        await read_again(call.bare)
    assert 2 == len(call.versions)


@pytest.mark.parametrize("error", [RateLimited(), TokenRefused(), ScopeNotGranted()], ids=repr)
async def test_nothing_but_unavailability_is_repeated(error: ProviderError) -> None:
    """A rate-limited read is not retried."""
    call = Calls(error)

    with pytest.raises(type(error)):
        await read_again(call.bare)
    assert 1 == len(call.versions)
