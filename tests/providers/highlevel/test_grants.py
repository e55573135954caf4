"""Static tokens, and the life of grants over the simulator: connected, renewed, suspended, revoked.

Owns the flows. The wire format is covered by test_authorization.py.
"""

from datetime import timedelta

import httpx
import pytest

from providers.errors import CreatorBlocked, GrantRevoked, ProviderError, Rejected, ScopeNotGranted, Unavailable
from providers.models.secret import Secret
from providers.simulators.highlevel.tenants import BAKERY, COMPANY, GARAGE, OWNER
from tests.providers.highlevel.sandbox import in_process
from tests.providers.highlevel.support import API, LOCATION, NOW, highlevel, ok, refused


async def test_a_static_token_is_verified_by_a_read() -> None:
    """After one list of accounts it is the location's grant without a refresh token, with the stated scopes."""
    provider, vendor = highlevel(ok({"accounts": [], "groups": []}))

    grant = await provider.authorization.static(
        Secret("pit-1"), settings={"location_id": LOCATION}, scopes=("a", "b", "a")
    )

    assert f"{API}/social-media-posting/{LOCATION}/accounts" == str(vendor.last.url)
    assert "Bearer pit-1" == vendor.last.headers["authorization"]
    assert (Secret("pit-1"), None, LOCATION, ("a", "b")) == (
        grant.access_token,
        grant.refresh_token,
        grant.subject,
        grant.scopes,
    )
    assert grant.access_expire_time > NOW + timedelta(days=3000)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refused(401, "Invalid Private Integration token"), GrantRevoked),
        (refused(401, "Invalid JWT"), GrantRevoked),
        (refused(401, "The token is not authorized for this scope."), ScopeNotGranted),
        (refused(403, "The token does not have access to this location."), Rejected),
        (httpx.Response(503), Unavailable),
    ],
)
async def test_an_unusable_static_token_is_refused(answer: httpx.Response, kind: type[ProviderError]) -> None:
    """The error is raised after one call, as a static token cannot be renewed."""
    provider, vendor = highlevel(answer)

    with pytest.raises(kind) as raised:
        await provider.authorization.static(Secret("pit-canary"), settings={"location_id": LOCATION}, scopes=())
    assert (kind, 1) == (type(raised.value), len(vendor.requests))
    assert answer.status_code == raised.value.http_status


async def test_an_oauth_token_is_refused_as_a_static_one() -> None:
    """It is refused without a call, as it would expire within a day."""
    provider, vendor = highlevel()

    with pytest.raises(Rejected):
        await provider.authorization.static(Secret("eyJ.a.b"), settings={"location_id": LOCATION}, scopes=())
    assert [] == vendor.requests


@pytest.mark.parametrize("version", ["2021-07-28", "v3"])
async def test_a_location_is_connected_and_renewed(version: str) -> None:
    """A consent yields a grant, which is renewed when its access token is refused."""
    async with in_process(version=version) as sandbox:
        access = await sandbox.connect(BAKERY)
        first = access.grant
        sandbox.vendor.expire_access_tokens()
        accounts = await sandbox.provider.accounts.social_accounts(access, BAKERY)

    assert (BAKERY, COMPANY, OWNER) == (
        first.subject,
        first.settings["company_id"],
        first.settings["user_id"],
    )
    assert set(sandbox.provider.authorization.scopes) == set(first.scopes)
    assert (3, 2) == (len(accounts), access.version)
    assert first.refresh_token != access.grant.refresh_token


async def test_a_used_refresh_token_is_revoked() -> None:
    """Its second use raises GrantRevoked."""
    async with in_process() as sandbox:
        token = (await sandbox.connect()).grant.refresh_token
        assert token is not None
        await sandbox.provider.authorization.refresh(token)
        with pytest.raises(GrantRevoked):
            await sandbox.provider.authorization.refresh(token)


async def test_a_suspended_location_keeps_its_grant() -> None:
    """While it is suspended the refresh is refused; afterwards the same token works."""
    async with in_process() as sandbox:
        token = (await sandbox.connect()).grant.refresh_token
        assert token is not None
        sandbox.vendor.tenants.set_location(BAKERY, active=False)
        with pytest.raises(CreatorBlocked):
            await sandbox.provider.authorization.refresh(token)
        sandbox.vendor.tenants.set_location(BAKERY, active=True)

        assert BAKERY == (await sandbox.provider.authorization.refresh(token)).subject


async def test_a_static_token_of_another_location_is_refused() -> None:
    """The verifying read checks the location too."""
    async with in_process() as sandbox:
        token = Secret(sandbox.vendor.private_token(BAKERY))
        grant = await sandbox.provider.authorization.static(token, settings={"location_id": BAKERY}, scopes=("x",))
        with pytest.raises(Rejected) as raised:
            await sandbox.provider.authorization.static(token, settings={"location_id": GARAGE}, scopes=("x",))

    assert (BAKERY, "wrong_location") == (grant.subject, raised.value.code)
