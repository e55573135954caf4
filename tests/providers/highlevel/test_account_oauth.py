"""Connecting a network's account: who consented, attaching one of them, and the whole walk over the simulator.

Owns the examples of both generations. The page of the consent is in test_account_oauth_start.py.
"""

from typing import Any

import httpx
import pytest

from providers.errors import (
    Ambiguous,
    ContentRefused,
    NotFound,
    OptionUnsupported,
    ProviderError,
)
from providers.highlevel import AttachRecord, Choice
from providers.highlevel.accounts import find_attached, read_account
from providers.models.accounts import Profile
from providers.simulators.highlevel.tenants import BAKERY
from tests.providers.highlevel.sandbox import in_process
from tests.providers.highlevel.support import API, LOCATION, RECORD, FakeAccess, highlevel, ok, refused

OAUTH = f"{API}/social-media-posting/oauth"
TIKTOK = {
    "id": "-000origin",
    "name": "Bäckerei",
    "username": "baker",
    "avatar": "https://a.example/1.jpg",
    "verified": True,
    "isConnected": False,
    "type": "BUSINESS",
}
FLAT = {
    "openId": "-000origin",
    "displayName": "Bäckerei",
    "avatarUrl": "https://a.example/1.jpg",
    "isConnected": True,
}


# Choose


async def test_a_tiktok_profile_is_got() -> None:
    """The call of that name; the schema's list with its words in any case."""
    provider, vendor = highlevel(ok({"profile": [TIKTOK]}))

    [choice] = await provider.accounts.tiktok_profile(FakeAccess(), LOCATION, RECORD)

    assert ("GET", f"{OAUTH}/{LOCATION}/tiktok/accounts/{RECORD}") == (vendor.last.method, str(vendor.last.url))
    assert (
        Choice(
            "-000origin",
            name="Bäckerei",
            username="baker",
            avatar_uri="https://a.example/1.jpg",
            verified=True,
            connected=False,
            kind="business",
            raw=TIKTOK,
        )
        == choice
    )


async def test_a_flat_tiktok_profile_is_got() -> None:
    """The example of v3: openId, displayName, avatarUrl."""
    provider, _ = highlevel(ok(FLAT), api_version="v3")

    [choice] = await provider.accounts.tiktok_profile(FakeAccess(), LOCATION, RECORD)

    assert (
        Choice(
            "-000origin",
            name="Bäckerei",
            avatar_uri="https://a.example/1.jpg",
            connected=True,
            kind="profile",
            raw=FLAT,
        )
        == choice
    )


def test_a_choice_is_a_profile_too() -> None:
    """In the words of every provider."""
    choice = Choice("o", name="n", username="u", avatar_uri="a", verified=True, raw={"id": "o"})

    assert Profile(
        provider_account_id="o",
        platform="tiktok",
        display_name="n",
        username="u",
        avatar_uri="a",
        verified=True,
        raw={"id": "o"},
    ) == choice.profile("tiktok")


CHOICES: list[tuple[str, dict[str, Any], list[tuple[str, str, str]]]] = [
    (
        "facebook",
        {"pages": [{"id": "1", "name": "a"}, {"id": "2", "name": "b"}]},
        [("1", "a", "page"), ("2", "b", "page")],
    ),
    ("instagram", {"accounts": [{"id": "1", "name": "a", "pageId": "p"}]}, [("1", "a", "page")]),
    ("linkedin", {"pages": [{"id": "1"}], "profile": [{"id": "2"}]}, [("1", "", "page"), ("2", "", "profile")]),
    ("google", {"locations": {"location": {"name": "l/1", "title": "a"}}}, [("l/1", "a", "location")]),
    ("google", {"locations": [{"location": {"name": "l/1"}}, {"account": {}}]}, [("l/1", "", "location")]),
    ("tiktok", {"profile": []}, []),
    ("tiktok", {"profile": [{"name": "no id"}, None]}, []),
    ("tiktok", {}, []),
]


@pytest.mark.parametrize(("platform", "results", "found"), CHOICES)
async def test_every_network_has_its_shape(
    platform: str, results: dict[str, Any], found: list[tuple[str, str, str]]
) -> None:
    """Lists under their own names; who has no id cannot be chosen."""
    provider, vendor = highlevel(ok(results))

    choices = await provider.accounts.choose(FakeAccess(), LOCATION, platform, RECORD)

    assert found == [(each.origin_id, each.name, each.kind) for each in choices]
    word = "locations" if platform == "google" else "accounts"
    assert f"{OAUTH}/{LOCATION}/{platform}/{word}/{RECORD}" == str(vendor.last.url)


@pytest.mark.parametrize("account_id", ["", ".."])
async def test_what_the_popup_told_may_be_nonsense(account_id: str) -> None:
    """It is no path: refused without a call."""
    provider, vendor = highlevel(ok())

    with pytest.raises(ContentRefused):
        await provider.accounts.tiktok_profile(FakeAccess(), LOCATION, account_id)
    assert [] == vendor.requests


# Attach


async def test_a_tiktok_account_is_attached() -> None:
    """Always type, originId, name and avatar, never companyId; the record is read."""
    results = {"_id": "r", "oAuthId": "o", "originId": "-000origin", "platform": "TikTok", "active": True}
    provider, vendor = highlevel(ok(results, 201))
    choice = Choice("-000origin", name="n", username="u", avatar_uri="a", kind="business", raw={"x": "never sent"})

    record = await provider.accounts.attach(FakeAccess(), LOCATION, "tiktok", RECORD, choice)

    assert ("POST", f"{OAUTH}/{LOCATION}/tiktok/accounts/{RECORD}") == (vendor.last.method, str(vendor.last.url))
    assert {
        "type": "business",
        "originId": "-000origin",
        "name": "n",
        "avatar": "a",
        "verified": False,
        "username": "u",
    } == vendor.sent()
    assert AttachRecord("r", "o", "-000origin", "tiktok", results) == record


GOOGLE = {
    "location": {"name": "l/1", "title": "t", "isVerified": True, "relationshipData": {}, "new": 1},
    "account": {"name": "accounts/1", "accountName": "a"},
}
BODIES: list[tuple[str, str, Choice, dict[str, Any]]] = [
    ("v3", "tiktok", Choice("o"), {"type": "profile", "originId": "o", "name": "", "avatar": "", "verified": False}),
    (
        "2021-07-28",
        "facebook",
        Choice("o", name="n", avatar_uri="a", kind="page", urn="x", page_id="y", username="z"),
        {"type": "page", "originId": "o", "name": "n", "avatar": "a"},
    ),
    (
        "2021-07-28",
        "instagram",
        Choice("o", name="n", avatar_uri="a", kind="page", page_id="p"),
        {"originId": "o", "name": "n", "avatar": "a", "pageId": "p"},
    ),
    (
        "v3",
        "linkedin",
        Choice("o", name="n", avatar_uri="a", kind="page", urn="urn:x"),
        {"type": "page", "originId": "o", "name": "n", "avatar": "a", "urn": "urn:x"},
    ),
    (
        "v3",
        "google",
        Choice("l/1", raw=GOOGLE),
        {"location": {"name": "l/1", "title": "t", "isVerified": True}, "account": GOOGLE["account"]},
    ),
]


@pytest.mark.parametrize(("version", "platform", "choice", "body"), BODIES)
async def test_every_networks_body_is_an_allow_list(
    version: str, platform: str, choice: Choice, body: dict[str, Any]
) -> None:
    """One property too many would be refused."""
    provider, vendor = highlevel(ok({}, 201), api_version=version)

    record = await provider.accounts.attach(FakeAccess(), LOCATION, platform, RECORD, choice)

    assert (body, platform, choice.origin_id) == (vendor.sent(), record.platform, record.origin_id)


@pytest.mark.parametrize("version", ["2021-07-28", "v3"])
async def test_tiktok_business_is_not_attached(version: str) -> None:
    """No generation documents a call for it: refused without one."""
    provider, vendor = highlevel(ok({}, 201), api_version=version)

    with pytest.raises(OptionUnsupported):
        await provider.accounts.attach(FakeAccess(), LOCATION, "tiktok-business", RECORD, Choice("o"))
    assert [] == vendor.requests


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refused(422, ["type should not be empty"]), ContentRefused),
        (refused(404, "Account not found"), NotFound),
        (httpx.ReadTimeout("late"), Ambiguous),
        (httpx.Response(201, html="<html>"), Ambiguous),
    ],
)
async def test_an_attach_that_failed_is_said(answer: httpx.Response | Exception, kind: type[ProviderError]) -> None:
    """One call; a lost answer is in doubt, and attaching again is safe."""
    provider, vendor = highlevel(answer)

    with pytest.raises(kind):
        await provider.accounts.attach(FakeAccess(), LOCATION, "tiktok", RECORD, Choice("o"))
    assert 1 == len(vendor.requests)


def test_the_record_is_found_in_the_list() -> None:
    """By its consent and by the network's id within its own; another consent's is not."""
    rows = [("a", "1_at_x", ""), ("b", "2_at_o", ""), ("a", "1_at_o2", "o2"), ("a", "1_at_o_profile", "")]
    accounts = [read_account({"oauthId": oauth, "id": id, "originId": origin}) for oauth, id, origin in rows]
    found = find_attached(accounts, AttachRecord("r", "a", "o", "tiktok"))

    assert found is not None
    assert ("1_at_o_profile", None) == (found.id, find_attached(accounts, AttachRecord("r", "c", "o", "tiktok")))


# Over the simulator


@pytest.mark.parametrize("version", ["2021-07-28", "v3"])
@pytest.mark.parametrize("shape", ["profile", "flat"])
@pytest.mark.parametrize("form", ["redirect", "json", "html"])
async def test_a_tiktok_account_is_connected(version: str, shape: str, form: str) -> None:
    """From the page to an account in the list that can be posted to, in every form that was reported."""
    async with in_process(version=version, tiktok_choose=shape, start_answer=form) as sandbox:
        access, accounts = await sandbox.connect(), sandbox.provider.accounts
        account_id = await sandbox.consent(access, "tiktok")
        [choice] = await accounts.tiktok_profile(access, BAKERY, account_id)
        record = await accounts.attach(access, BAKERY, "tiktok", account_id, choice)
        account = find_attached(await accounts.social_accounts(access, BAKERY), record)

    assert account is not None
    assert ("tiktok-1-origin", "tiktok", "profile", "Sim Tiktok 1") == (
        account.origin_id,
        account.platform,
        account.kind,
        account.name,
    )
    assert (False, "tiktok-1-origin") == (choice.connected, choice.origin_id)


async def test_an_expired_account_is_connected_again() -> None:
    """The same walk with `reconnect`; attaching it once more makes no second account."""
    async with in_process(reconnect_renews=False) as sandbox:
        access, accounts = await sandbox.connect(), sandbox.provider.accounts
        known = sandbox.vendor.accounts.add(location_id=BAKERY, platform="tiktok", origin_id="tiktok-1-origin")
        sandbox.vendor.set_account(known.id, expired=True)
        account_id = await sandbox.consent(access, "tiktok", reconnect=True)
        [choice] = await accounts.tiktok_profile(access, BAKERY, account_id)
        await accounts.attach(access, BAKERY, "tiktok", account_id, choice)
        listed = [each for each in await accounts.social_accounts(access, BAKERY) if each.id == known.id]

    assert ([False], True) == ([each.expired for each in listed], choice.connected)


async def test_a_consent_that_nobody_gave_is_not_found() -> None:
    """An id that the popup did not tell, however well it looks."""
    async with in_process() as sandbox:
        access = await sandbox.connect()
        with pytest.raises(NotFound):
            await sandbox.provider.accounts.tiktok_profile(access, BAKERY, RECORD)
