"""A location's profile and its social accounts: reading, health, deletion.

Owns the examples. Attaching an account is covered by test_account_oauth.py.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from providers.capabilities import Capability, Support
from providers.errors import CapabilityMissing, ContractBroken, NotFound, Rejected, ScopeNotGranted
from providers.highlevel import SocialAccount
from providers.models.accounts import Profile, ProfilePart
from providers.simulators.highlevel.tenants import BAKERY, COMPANY, GARAGE, OWNER
from tests.providers.highlevel.sandbox import in_process
from tests.providers.highlevel.support import API, LOCATION, NOW, FakeAccess, highlevel, ok

ALL_PARTS = frozenset(ProfilePart)
ROW: dict[str, Any] = {
    "id": f"oauth-1_{LOCATION}_-000origin_profile",
    "oauthId": "oauth-1",
    "profileId": "profile-1",
    "name": "Bäckerei 🥐",
    "platform": "tiktok",
    "type": "PROFILE",
    "expire": "2027-11-20T12:00:00.000Z",
    "isExpired": False,
    "meta": {"kept": 1},
    "active": True,
    "deleted": False,
    "originId": "-000origin",
    "avatar": "https://a.example/1.jpg",
}


# The location itself


async def test_a_location_is_read_in_one_call() -> None:
    """The grant's only location is found without its id; it has a name, and every other part is missing."""
    row = {"id": LOCATION, "name": "Bakery", "timezone": "Europe/Berlin"}
    provider, vendor = highlevel(httpx.Response(200, json={"locations": [row]}))

    profile = await provider.accounts.profile(FakeAccess(), ALL_PARTS)

    assert [("GET", f"{API}/locations/search?limit=2")] == [(each.method, str(each.url)) for each in vendor.requests]
    assert (
        Profile(
            provider_account_id=LOCATION,
            platform="highlevel",
            display_name="Bakery",
            missing=ALL_PARTS - {ProfilePart.BASIC},
            raw=row,
        )
        == profile
    )
    assert (None, None) == (profile.follower_count, profile.video_count)


@pytest.mark.parametrize(
    ("scopes", "parts"),
    [(("socialplanner/post.write",), ALL_PARTS), (("locations.readonly",), frozenset({ProfilePart.STATS}))],
)
async def test_parts_without_a_scope_make_no_call(scopes: tuple[str, ...], parts: frozenset[ProfilePart]) -> None:
    """Without the scope, or for statistics only, no call is made."""
    provider, vendor = highlevel(httpx.Response(200, json={"locations": []}))

    with pytest.raises(ScopeNotGranted):
        await provider.accounts.profile(FakeAccess(*scopes), parts)
    assert [] == vendor.requests


@pytest.mark.parametrize(
    ("locations", "kind"),
    [
        ([], ContractBroken),
        (None, ContractBroken),
        ([{"name": "without id"}], ContractBroken),
        ([{"id": "a"}, {"id": "b"}], Rejected),
    ],
)
async def test_a_grant_must_be_of_exactly_one_location(locations: Any, kind: type[Exception]) -> None:
    """No location is a broken contract; several locations mean a company's grant, which is rejected."""
    provider, _ = highlevel(httpx.Response(200, json={"locations": locations, "traceId": "t"}))

    with pytest.raises(kind) as raised:
        await provider.accounts.profile(FakeAccess(), ALL_PARTS)
    assert kind is type(raised.value)


@pytest.mark.parametrize("version", ["2021-07-28", "v3"])
async def test_the_simulators_location_is_read(version: str) -> None:
    """A location's grant reads its location; a company's grant is rejected as the wrong kind of token."""
    async with in_process(version=version) as sandbox:
        profile = await sandbox.provider.accounts.profile(await sandbox.connect(BAKERY), ALL_PARTS)
        company = await sandbox.connect(agency=True)
        with pytest.raises(Rejected) as raised:
            await sandbox.provider.accounts.profile(company, ALL_PARTS)

    assert (BAKERY, "Sim Bakery") == (profile.provider_account_id, profile.display_name)
    assert (COMPANY, "wrong_token_class") == (company.grant.subject, raised.value.code)


async def test_creator_info_is_impossible() -> None:
    """It raises CapabilityMissing without a call: HighLevel does not pass it on."""
    provider, vendor = highlevel()

    with pytest.raises(CapabilityMissing) as raised:
        await provider.accounts.creator_info(FakeAccess())
    assert (Capability.CREATOR_INFO, Support.IMPOSSIBLE, []) == (
        raised.value.capability,
        raised.value.support,
        vendor.requests,
    )


# Its accounts


async def test_accounts_are_read() -> None:
    """All documented fields are read: names in lower case, times aware, and the row itself kept."""
    provider, _ = highlevel(ok({"accounts": [ROW], "groups": [{"id": "g", "name": "n", "accountIds": []}]}))

    [account] = await provider.accounts.social_accounts(FakeAccess(), LOCATION)

    assert (
        SocialAccount(
            id=ROW["id"],
            platform="tiktok",
            kind="profile",
            name="Bäckerei 🥐",
            avatar_uri="https://a.example/1.jpg",
            origin_id="-000origin",
            oauth_id="oauth-1",
            profile_id="profile-1",
            expire_time=datetime(2027, 11, 20, 12, tzinfo=UTC),
            raw=ROW,
        )
        == account
    )
    assert account.usable(NOW)


HEALTH: list[tuple[dict[str, Any], bool]] = [
    ({"id": "only"}, True),
    ({**ROW, "active": None}, True),
    ({**ROW, "active": False}, False),
    ({**ROW, "deleted": True}, False),
    ({**ROW, "isExpired": True}, False),
    ({**ROW, "isExpired": True, "expire": "2099-01-01T00:00:00Z"}, False),
    ({**ROW, "isExpired": None, "expire": "2026-11-20T12:00:00Z"}, False),
    ({**ROW, "isExpired": None, "expire": "2026-11-20T12:00:01Z"}, True),
    ({**ROW, "isExpired": False, "expire": "2026-11-20T12:00:00Z"}, True),
    ({**ROW, "expire": "never"}, True),
]


@pytest.mark.parametrize(("row", "usable"), HEALTH)
async def test_an_account_is_usable_or_not(row: dict[str, Any], usable: bool) -> None:
    """It is usable unless deleted, inactive or expired, by its flag or else its date; a missing field is healthy."""
    provider, _ = highlevel(ok({"accounts": [row]}))

    [account] = await provider.accounts.social_accounts(FakeAccess(), LOCATION)

    assert usable is account.usable(NOW)


async def test_rows_without_an_id_are_left_out() -> None:
    """An account without an id cannot be posted to."""
    provider, _ = highlevel(ok({"accounts": [ROW, {"name": "no id"}, None, "x", {"id": 7}]}))

    assert [ROW["id"]] == [each.id for each in await provider.accounts.social_accounts(FakeAccess(), LOCATION)]


@pytest.mark.parametrize("results", [None, {}, {"accounts": {}}, {"accounts": None}])
async def test_an_answer_without_a_list_breaks_the_contract(results: Any) -> None:
    """Read as an empty list, it would make every account look disconnected."""
    provider, _ = highlevel(ok(results))

    with pytest.raises(ContractBroken) as raised:
        await provider.accounts.social_accounts(FakeAccess(), LOCATION)
    assert "trace-ok" == raised.value.log_id


async def test_an_account_is_deleted() -> None:
    """The call is a DELETE on its opaque id, with the acting user if there is one."""
    provider, vendor = highlevel(ok({"locationId": LOCATION, "id": "a"}))

    await provider.accounts.delete(FakeAccess(), LOCATION, "a/b", user_id="u")

    where = f"{API}/social-media-posting/{LOCATION}/accounts/a%2Fb?userId=u"
    assert ("DELETE", where, b"") == (vendor.last.method, str(vendor.last.url), vendor.last.content)


@pytest.mark.parametrize("version", ["2021-07-28", "v3"])
async def test_the_simulators_accounts_are_listed_and_deleted(version: str) -> None:
    """Expired and inactive accounts are listed but not usable; a deleted one is gone, and NotFound afterwards."""
    async with in_process(version=version) as sandbox:
        access, accounts, vendor = await sandbox.connect(), sandbox.provider.accounts, sandbox.vendor
        first, second, third = vendor.accounts.of(BAKERY)
        vendor.set_account(first.id, expired=True)
        vendor.set_account(second.id, active=False)
        listed = await accounts.social_accounts(access, BAKERY)
        await accounts.delete(access, BAKERY, first.id, user_id=OWNER)
        left = await accounts.social_accounts(access, BAKERY)
        with pytest.raises(NotFound):
            await accounts.delete(access, BAKERY, first.id)

    assert [(first.id, False), (second.id, False), (third.id, True)] == [(each.id, each.usable(NOW)) for each in listed]
    assert [second.id, third.id] == [each.id for each in left]
    assert NOW + timedelta(days=365) == listed[2].expire_time


async def test_another_locations_accounts_are_out_of_reach() -> None:
    """The call is rejected with 403, and not repeated with a newer token."""
    async with in_process() as sandbox:
        access = await sandbox.connect(BAKERY)
        with pytest.raises(Rejected) as raised:
            await sandbox.provider.accounts.social_accounts(access, GARAGE)

    assert ("wrong_location", 1) == (raised.value.code, access.version)
