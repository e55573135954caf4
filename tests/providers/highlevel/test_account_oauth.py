"""Attaching a network's account: the accounts behind a consent, attaching one, and the whole flow over the simulator.

Owns the examples of both API versions. The consent page is covered by test_account_oauth_start.py.
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


# Choices


async def test_a_tiktok_profile_is_read() -> None:
    """The list of the schema is read, with its kind in lower case."""
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


async def test_a_flat_tiktok_profile_is_read() -> None:
    """The shape of v3's example is read: openId, displayName, avatarUrl."""
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


def test_a_choice_becomes_a_profile() -> None:
    """All fields of a profile that a choice has are set."""
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
async def test_choices_of_every_network_are_read(
    platform: str, results: dict[str, Any], found: list[tuple[str, str, str]]
) -> None:
    """Each network has its own list; rows without an id are left out."""
    provider, vendor = highlevel(ok(results))

    choices = await provider.accounts.choose(FakeAccess(), LOCATION, platform, RECORD)

    assert found == [(each.origin_id, each.name, each.kind) for each in choices]
    word = "locations" if platform == "google" else "accounts"
    assert f"{OAUTH}/{LOCATION}/{platform}/{word}/{RECORD}" == str(vendor.last.url)


@pytest.mark.parametrize("account_id", ["", ".."])
async def test_an_id_from_the_popup_must_be_a_path_segment(account_id: str) -> None:
    """Any other id is refused without a call."""
    provider, vendor = highlevel(ok())

    with pytest.raises(ContentRefused):
        await provider.accounts.tiktok_profile(FakeAccess(), LOCATION, account_id)
    assert [] == vendor.requests


# Attach


async def test_a_tiktok_account_is_attached() -> None:
    """The body has type, originId, name and avatar but no companyId, and the record in the answer is read."""
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
    """It has only the documented properties: HighLevel would refuse others."""
    provider, vendor = highlevel(ok({}, 201), api_version=version)

    record = await provider.accounts.attach(FakeAccess(), LOCATION, platform, RECORD, choice)

    assert (body, platform, choice.origin_id) == (vendor.sent(), record.platform, record.origin_id)


@pytest.mark.parametrize("version", ["2021-07-28", "v3"])
async def test_tiktok_business_is_not_attached(version: str) -> None:
    """It is refused without a call, as neither version documents one."""
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
async def test_a_failed_attach_is_raised(answer: httpx.Response | Exception, kind: type[ProviderError]) -> None:
    """There is no retry; a lost answer is Ambiguous."""
    provider, vendor = highlevel(answer)

    with pytest.raises(kind):
        await provider.accounts.attach(FakeAccess(), LOCATION, "tiktok", RECORD, Choice("o"))
    assert 1 == len(vendor.requests)


def test_the_attached_account_is_found_in_the_list() -> None:
    """It has the same consent, and the network's id as its origin id or within its own id."""
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
    """From the consent page to an account in the list, with every reported form of the answers."""
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


async def test_an_expired_account_is_reconnected() -> None:
    """The flow with `reconnect` renews it without adding a second account."""
    async with in_process(reconnect_renews=False) as sandbox:
        access, accounts = await sandbox.connect(), sandbox.provider.accounts
        known = sandbox.vendor.accounts.add(location_id=BAKERY, platform="tiktok", origin_id="tiktok-1-origin")
        sandbox.vendor.set_account(known.id, expired=True)
        account_id = await sandbox.consent(access, "tiktok", reconnect=True)
        [choice] = await accounts.tiktok_profile(access, BAKERY, account_id)
        await accounts.attach(access, BAKERY, "tiktok", account_id, choice)
        listed = [each for each in await accounts.social_accounts(access, BAKERY) if each.id == known.id]

    assert ([False], True) == ([each.expired for each in listed], choice.connected)


async def test_an_unknown_consent_is_not_found() -> None:
    """A well-formed id that the popup never sent is NotFound."""
    async with in_process() as sandbox:
        access = await sandbox.connect()
        with pytest.raises(NotFound):
            await sandbox.provider.accounts.tiktok_profile(access, BAKERY, RECORD)
