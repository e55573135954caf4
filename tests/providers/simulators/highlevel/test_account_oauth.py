"""Connect an account: start, popup, choose, attach.

Owns: everything until an account is listed. Knows nothing of posts.
"""

import json
import re
from typing import Any

import httpx
import pytest

from providers.simulators.highlevel.tenants import GARAGE
from tests.providers.simulators.highlevel.world import BAKERY, OWNER, POSTING, V3, World, status_and_message, world

OAUTH = "/social-media-posting/oauth"
NOBODY = "0" * 24
CLOSED = "This route is not yet supported by the IAM Service. Please update your IAM config."
WHO = {"locationId": BAKERY, "userId": OWNER}
ME = {"originId": "tiktok-1-origin", "name": "Me", "avatar": "https://a.example/1.jpg"}


async def _accounts(highlevel: World) -> list[dict[str, Any]]:
    answer = await highlevel.call("GET", f"{POSTING}/accounts")
    accounts: list[dict[str, Any]] = answer.json()["results"]["accounts"]
    return accounts


async def _consent(highlevel: World, platform: str, **more: str) -> dict[str, Any]:
    """Call start, submit the popup, and return the message to window.opener."""
    started = await highlevel.call("GET", f"{OAUTH}/{platform}/start", params={**WHO, **more})
    assert 302 == started.status_code
    page = await highlevel.http.get(started.headers["location"])
    assert "<button id=approve" in page.text
    return _message(await highlevel.http.post(started.headers["location"], data={"decision": "approve"}))


def _message(page: httpx.Response) -> dict[str, Any]:
    found = re.search(r"window\.opener\.postMessage\((\{.*?\}),\"\*\"\)", page.text)
    assert found is not None, page.text
    message: dict[str, Any] = json.loads(found[1])
    return message


def _path(platform: str, account_id: str, word: str = "accounts") -> str:
    return f"{OAUTH}/{BAKERY}/{platform}/{word}/{account_id}"


# Start


async def test_start_redirects(highlevel: World) -> None:
    """start is a 302 with Location and without a body."""
    answer = await highlevel.call("GET", f"{OAUTH}/tiktok/start", params={**WHO, "page": "integration"})

    assert (302, b"") == (answer.status_code, answer.content)
    assert answer.headers["location"].startswith("https://services.leadconnectorhq.com/_sim/social/")


@pytest.mark.parametrize("status", [301, 303, 307])
async def test_start_may_redirect_with_another_status(status: int) -> None:
    """The status of the redirect is not documented and can be configured."""
    async with world(start_status=status, base_url="http://127.0.0.1:9/") as highlevel:
        answer = await highlevel.call("GET", f"{OAUTH}/tiktok/start", params=WHO)

    assert status == answer.status_code
    assert answer.headers["location"].startswith("http://127.0.0.1:9/_sim/social/")


@pytest.mark.parametrize("form", ["json", "html"])
async def test_start_may_answer_200_with_the_url(form: str) -> None:
    """start can respond with 200, as in the specification, and the URL in the body."""
    async with world(start_answer=form) as highlevel:
        answer = await highlevel.call("GET", f"{OAUTH}/tiktok/start", params=WHO)

    assert 200 == answer.status_code
    assert "/_sim/social/" in answer.text
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("version", "platform", "status"),
    [
        *[("2021-07-28", each, 302) for each in ("facebook", "google", "instagram", "linkedin", "tiktok", "youtube")],
        ("2021-07-28", "tiktok-business", 302),
        ("2021-07-28", "twitter", 400),
        ("2021-07-28", "pinterest", 401),
        *[(V3, each, 302) for each in ("google", "tiktok", "tiktok-business", "youtube", "pinterest", "threads")],
        (V3, "bluesky", 400),
        (V3, "twitter", 422),
    ],
)
async def test_each_generation_has_its_networks(highlevel: World, version: str, platform: str, status: int) -> None:
    """The old generation has a path per network, v3 a list; twitter and bluesky are refused."""
    answer = await highlevel.call("GET", f"{OAUTH}/{platform}/start", params=WHO, version=version)

    assert status == answer.status_code


async def test_start_needs_location_and_user(highlevel: World) -> None:
    """start requires locationId and userId in the query."""
    answer = await highlevel.call("GET", f"{OAUTH}/tiktok/start", params={"locationId": BAKERY})

    assert (422, ["userId should not be empty"]) == status_and_message(answer)


# The popup


async def test_the_popup_posts_a_message_to_its_opener(highlevel: World) -> None:
    """The message has the id of the pending consent, not of an account."""
    message = await _consent(highlevel, "tiktok")

    assert re.fullmatch(r"[0-9a-f]{24}", message.pop("accountId"))
    assert {
        "actionType": "close",
        "page": "social_media_posting",
        "platform": "tiktok",
        "placement": "integration",
        "reconnectAccounts": [],
    } == message


async def test_the_page_of_the_message_can_have_dashes() -> None:
    """`page` can be spelled with dashes, as in the documentation's example."""
    async with world(message_page="social-media-posting") as highlevel:
        assert "social-media-posting" == (await _consent(highlevel, "tiktok"))["page"]


async def test_a_popup_is_answered_once_and_may_be_cancelled(highlevel: World) -> None:
    """Cancelling closes the popup without a message; afterwards the page has expired."""
    url = (await highlevel.call("GET", f"{OAUTH}/tiktok/start", params=WHO)).headers["location"]
    cancelled = await highlevel.http.post(url, data={"decision": "deny"})
    again = [await highlevel.http.post(url, data={"decision": "approve"}), await highlevel.http.get(url)]

    assert "postMessage" not in cancelled.text
    assert [400, 400] == [answer.status_code for answer in again]


async def test_reconnecting_renews(highlevel: World) -> None:
    """With reconnect=true the account is renewed and the message lists it."""
    account = highlevel.vendor.accounts.add(location_id=BAKERY, platform="tiktok", origin_id="tiktok-1-origin")
    highlevel.vendor.set_account(account.id, expired=True)
    message = await _consent(highlevel, "tiktok", reconnect="true")

    assert [account.id] == message["reconnectAccounts"]
    assert not highlevel.vendor.accounts.by_id[account.id].expired(highlevel.clock())


async def test_reconnecting_another_account_renews_nothing(highlevel: World) -> None:
    """Only the account that consents is renewed."""
    assert [] == (await _consent(highlevel, "tiktok", reconnect="true"))["reconnectAccounts"]


async def test_reconnecting_may_need_an_attach() -> None:
    """In the stricter reading an account is renewed only when it is attached again."""
    async with world(reconnect_renews=False) as highlevel:
        account = highlevel.vendor.accounts.add(location_id=BAKERY, platform="tiktok", origin_id="tiktok-1-origin")
        highlevel.vendor.set_account(account.id, expired=True)
        message = await _consent(highlevel, "tiktok", reconnect="true")
        expired = highlevel.vendor.accounts.by_id[account.id].expired(highlevel.clock())
        await highlevel.call("POST", _path("tiktok", message["accountId"]), {"type": "profile", **ME})

        assert ([], True) == (message["reconnectAccounts"], expired)
        assert not highlevel.vendor.accounts.by_id[account.id].expired(highlevel.clock())


# Choose


async def test_tiktok_is_chosen_from_a_profile(highlevel: World) -> None:
    """The choice is a list with one identity, whose type is in upper case."""
    account_id = (await _consent(highlevel, "tiktok"))["accountId"]
    answer = await highlevel.call("GET", _path("tiktok", account_id))
    [profile] = answer.json()["results"]["profile"]

    assert {"id", "name", "username", "avatar", "verified", "isConnected", "type"} == profile.keys()
    assert ("tiktok-1-origin", "PROFILE", False) == (profile["id"], profile["type"], profile["isConnected"])


async def test_tiktok_may_be_chosen_from_a_flat_response() -> None:
    """The choice can be flat as in v3's example: openId, displayName, avatarUrl."""
    async with world(tiktok_choose="flat") as highlevel:
        account_id = (await _consent(highlevel, "tiktok"))["accountId"]
        answer = await highlevel.call("GET", _path("tiktok", account_id))

    assert {"openId", "displayName", "avatarUrl", "isConnected"} == answer.json()["results"].keys()


@pytest.mark.parametrize(
    ("platform", "name", "word"),
    [
        ("facebook", "pages", "accounts"),
        ("instagram", "accounts", "accounts"),
        ("google", "locations", "locations"),
        ("linkedin", "profile", "accounts"),
        ("youtube", "profile", "accounts"),
        ("tiktok-business", "profile", "accounts"),
    ],
)
async def test_every_network_has_its_shape(highlevel: World, platform: str, name: str, word: str) -> None:
    """Each network has its own format of the choice, and google its own path."""
    account_id = (await _consent(highlevel, platform))["accountId"]
    other = {"accounts": "locations", "locations": "accounts"}[word]
    answers = [await highlevel.call("GET", _path(platform, account_id, each)) for each in (word, other)]

    assert [200, 401] == [answer.status_code for answer in answers]
    assert name in answers[0].json()["results"]


async def test_google_is_an_account_in_v3(highlevel: World) -> None:
    """v3 has `accounts` in the path of every network, also google's."""
    account_id = (await _consent(highlevel, "google"))["accountId"]
    answer = await highlevel.call("GET", _path("google", account_id), version=V3)

    assert "locations" in answer.json()["results"]


async def test_a_pending_consent_belongs_to_one_location_and_network(highlevel: World) -> None:
    """An unknown consent, another network's and another location's are not found; a short id is 400."""
    account_id = (await _consent(highlevel, "tiktok"))["accountId"]
    elsewhere = f"{OAUTH}/{GARAGE}/tiktok/accounts/{account_id}"
    answers = [
        await highlevel.call("GET", _path("tiktok", NOBODY)),
        await highlevel.call("GET", _path("facebook", account_id)),
        await highlevel.call("GET", elsewhere, token=highlevel.grant(GARAGE)),
        await highlevel.call("GET", _path("tiktok", "short")),
    ]

    assert [404, 404, 404, 400] == [answer.status_code for answer in answers]


# Attach


async def test_attaching_adds_an_account(highlevel: World) -> None:
    """The response has oAuthId; the list has the account, whose id contains the originId."""
    account_id = (await _consent(highlevel, "tiktok"))["accountId"]
    body = {"type": "profile", **ME, "verified": False, "username": "me"}
    answer = await highlevel.call("POST", _path("tiktok", account_id), body)
    listed = [each for each in await _accounts(highlevel) if "tiktok-1-origin" in each["id"]]

    assert (201, "tiktok-1-origin") == (answer.status_code, answer.json()["results"]["originId"])
    assert [answer.json()["results"]["oAuthId"]] == [each["oauthId"] for each in listed]
    assert (await highlevel.call("GET", _path("tiktok", account_id))).json()["results"]["profile"][0]["isConnected"]


async def test_attaching_again_renews(highlevel: World) -> None:
    """Attaching again renews the account and does not duplicate it."""
    first = (await _consent(highlevel, "tiktok"))["accountId"]
    answers = [await highlevel.call("POST", _path("tiktok", first), ME)]
    [account] = [each for each in highlevel.vendor.accounts.of(BAKERY) if each.origin_id == "tiktok-1-origin"]
    highlevel.vendor.set_account(account.id, expired=True)
    answers.append(await highlevel.call("POST", _path("tiktok", first), ME))

    assert [201, 201] == [answer.status_code for answer in answers]
    assert [False, False, False, False] == [each["isExpired"] for each in await _accounts(highlevel)]


BODIES = [
    pytest.param("2021-07-28", "tiktok", {**ME, "companyId": "c"}, [], id="old-company"),
    pytest.param(
        V3,
        "tiktok",
        {"type": "profile", **ME, "companyId": "c"},
        ["property companyId should not exist"],
        id="v3-company",
    ),
    pytest.param(V3, "tiktok", ME, ["type should not be empty"], id="v3-type"),
    pytest.param("2021-07-28", "tiktok", {**ME, "openId": "x"}, ["property openId should not exist"], id="unknown"),
    pytest.param("2021-07-28", "tiktok", {**ME, "verified": "no"}, ["verified must be a boolean value"], id="boolean"),
    pytest.param("2021-07-28", "tiktok", {**ME, "pageId": "x"}, ["property pageId should not exist"], id="others"),
    pytest.param("2021-07-28", "instagram", {}, ["pageId should not be empty"], id="instagram"),
    pytest.param("2021-07-28", "instagram", {"pageId": "p"}, [], id="instagram-page"),
    pytest.param("2021-07-28", "linkedin", {"type": "profile", "urn": "urn:x"}, [], id="linkedin"),
    pytest.param("2021-07-28", "facebook", {"type": "page", "companyId": "c"}, [], id="facebook"),
    pytest.param(
        "2021-07-28", "facebook", {"type": "group"}, ["type must be one of the following values: page"], id="a-group"
    ),
    pytest.param(V3, "linkedin", {"type": "profile", **ME}, ["urn should not be empty"], id="v3-linkedin"),
    pytest.param(V3, "pinterest", {}, ["originId should not be empty"], id="pinterest"),
    pytest.param(V3, "pinterest", {"originId": "pinterest-1-origin", "websiteUrl": "https://x.example"}, [], id="pins"),
]


@pytest.mark.parametrize(("version", "platform", "body", "messages"), BODIES)
async def test_bodies_are_checked_by_allow_list(
    highlevel: World, version: str, platform: str, body: dict[str, Any], messages: list[str]
) -> None:
    """Each network and generation has its allow-list."""
    started = await highlevel.call("GET", f"{OAUTH}/{platform}/start", params=WHO, version=version)
    page = await highlevel.http.post(started.headers["location"], data={"decision": "approve"})
    path = _path(platform, _message(page)["accountId"])
    answer = await highlevel.call("POST", path, body, version=version)

    assert (422 if messages else 201) == answer.status_code, answer.text
    assert set(messages) <= set(answer.json()["message"]) or not messages


@pytest.mark.parametrize(("version", "word"), [("2021-07-28", "locations"), (V3, "accounts")])
async def test_google_attaches_a_location(highlevel: World, version: str, word: str) -> None:
    """location and account are sent back; v3 does not accept relationshipData."""
    account_id = (await _consent(highlevel, "google"))["accountId"]
    chosen = (await highlevel.call("GET", _path("google", account_id, word), version=version)).json()
    body = {name: chosen["results"]["locations"][name] for name in ("location", "account")}
    whole = await highlevel.call("POST", _path("google", account_id, word), body, version=version)
    del body["location"]["relationshipData"]
    answer = await highlevel.call("POST", _path("google", account_id, word), body, version=version)

    assert (422 if version == V3 else 201) == whole.status_code
    assert (201, "google", "location") == (
        answer.status_code,
        answer.json()["results"]["platform"],
        answer.json()["results"]["type"],
    )


async def test_only_the_consenting_account_is_attached(highlevel: World) -> None:
    """Another originId is refused."""
    account_id = (await _consent(highlevel, "tiktok"))["accountId"]

    assert 400 == (await highlevel.call("POST", _path("tiktok", account_id), {**ME, "originId": "x"})).status_code


async def test_tiktok_business_has_no_attach(highlevel: World) -> None:
    """The old generation has no route, v3's list has no such network, and TikTok's path does not find it."""
    account_id = (await _consent(highlevel, "tiktok-business"))["accountId"]
    body = {"type": "business", **ME, "originId": "tiktok-business-1-origin"}
    old = await highlevel.call("POST", _path("tiktok-business", account_id), body)
    new = await highlevel.call("POST", _path("tiktok-business", account_id), body, version=V3)
    through = await highlevel.call("POST", _path("tiktok", account_id), body)

    assert (401, CLOSED) == status_and_message(old)
    assert (422, 404) == (new.status_code, through.status_code)
    assert new.json()["message"][0].startswith("platform must be one of the following values: google, facebook")


@pytest.mark.parametrize(("way", "platform"), [("tiktok", "tiktok"), ("own", "tiktok-business")])
async def test_tiktok_business_may_be_attached(way: str, platform: str) -> None:
    """Attaching TikTok Business can be configured in two ways."""
    async with world(tiktok_business_attach=way) as highlevel:
        account_id = (await _consent(highlevel, "tiktok-business"))["accountId"]
        body = {"type": "business", **ME, "originId": "tiktok-business-1-origin"}
        answer = await highlevel.call("POST", _path(platform, account_id), body)

    assert (201, "tiktok-business", "business") == (
        answer.status_code,
        answer.json()["results"]["platform"],
        answer.json()["results"]["type"],
    )
