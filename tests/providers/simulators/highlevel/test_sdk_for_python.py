"""HighLevel's own SDK for Python, gohighlevel-api-client 3.0.0, on the simulated HighLevel.

Owns the calls in which the SDK is right. Where it is wrong: docs/vendors/highlevel-sdks.md.
"""

from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.metadata import version
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from providers.highlevel import keys
from tests.providers.simulators.highlevel.sdk import MEDIA_URL, PERSON, allow, pick, search, served, uploaded, week
from tests.providers.simulators.highlevel.world import (
    BAKERY,
    CALLBACK,
    CLIENT_ID,
    COMPANY,
    OWNER,
    POSTING,
    V3,
    V3_CLIENT,
    World,
)

Sim = tuple[World, str]
# The SDK passes its forms as httpx's `data`.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")


@asynccontextmanager
async def client(url: str, **tokens: str) -> AsyncIterator[Any]:
    """Yield the SDK, pointed at the simulator. It is imported here, since that takes a second."""
    kind = type("Sdk", (import_module("highlevel").HighLevel,), {"BASE_URL": url})
    made = kind(client_id=CLIENT_ID, client_secret=V3_CLIENT["clientSecret"], log_level="none", **tokens)
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
async def sim(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sim]:
    """Yield a simulated HighLevel and its base URL."""
    monkeypatch.setenv("NO_PROXY", "*")
    async with served() as made:
        yield made


@pytest.fixture
async def bakery(sim: Sim) -> AsyncIterator[tuple[World, Any]]:
    """Yield a simulated HighLevel, and the SDK with the access token of the bakery."""
    made, url = sim
    async with client(url, location_access_token=made.token) as sdk:
        yield made, sdk


def test_it_is_the_version_that_the_page_is_about() -> None:
    """Another one may be right where this one is wrong, and the other way round."""
    assert "3.0.0" == version("gohighlevel-api-client")


async def test_accounts_are_listed(bakery: tuple[World, Any]) -> None:
    """The SDK gets every account of the location."""
    made, sdk = bakery
    found = await sdk.social_planner.get_account(BAKERY)

    assert {each.id for each in made.vendor.accounts.of(BAKERY)} == {
        each["id"] for each in found["results"]["accounts"]
    }
    assert V3 == made.vendor.requests[-1].version


async def test_a_private_integration_token_is_a_default_header(sim: Sim) -> None:
    """With one every call is authorised, also those for which the specification names no security."""
    made, url = sim
    async with client(url, private_integration_token=made.vendor.private_token(BAKERY)) as sdk:
        found = await sdk.social_planner.start_oauth("tiktok", BAKERY, OWNER)

    assert found["url"].startswith(f"{url}/_sim/social/")


async def test_a_tiktok_profile_is_chosen_and_attached(bakery: tuple[World, Any]) -> None:
    """After the consent in the popup the profile is listed, and attached as an account."""
    made, sdk = bakery
    popup = (await sdk.social_planner.start_oauth("tiktok", BAKERY, OWNER))["url"]
    account_id = await allow(made, popup)
    choice = await sdk.social_planner.get_oauth_accounts(BAKERY, "tiktok", account_id)
    attached = await sdk.social_planner.attach_oauth_accounts(BAKERY, "tiktok", account_id, PERSON)

    assert PERSON["originId"] == choice["results"]["profile"][0]["id"]
    assert PERSON["originId"] == attached["results"]["originId"]


async def test_a_post_is_created_listed_edited_and_deleted(bakery: tuple[World, Any]) -> None:
    """The planner's records are what the SDK sent."""
    made, sdk = bakery
    created = await sdk.social_planner.create_post(BAKERY, made.body())
    post_id = created["results"]["post"]["_id"]
    listed = await sdk.social_planner.get_posts(BAKERY, search(made))
    await sdk.social_planner.edit_post(BAKERY, post_id, made.body(summary="edited"))
    read = await sdk.social_planner.get_post(BAKERY, post_id)
    await sdk.social_planner.delete_post(BAKERY, post_id)

    assert [post_id] == [each["_id"] for each in listed["results"]["posts"]]
    assert "edited" == read["results"]["post"]["summary"]
    assert made.vendor.planner.records[post_id].deleted


async def test_statistics_of_a_week_have_seven_days(bakery: tuple[World, Any]) -> None:
    """The range ends in the last millisecond of its last day, as the specification shows it."""
    made, sdk = bakery
    body = {"profileIds": [made.account("facebook").profile_id], "currentRange": week(made)}
    found = await sdk.social_planner.get_statistics(BAKERY, body)

    results = found["results"]
    assert 7 == len(results["dayRange"]) == len(results["postPerformance"]["posts"]["facebook"])


async def test_an_uploaded_csv_is_imported(bakery: tuple[World, Any]) -> None:
    """The file itself cannot be sent with this SDK; the steps after it can, without an approver."""
    made, sdk = bakery
    csv_id = (await sdk.social_planner.set_accounts(BAKERY, await uploaded(made, V3)))["results"]["csvId"]
    made.clock.advance(1)
    listed = await sdk.social_planner.get_upload_status(BAKERY, OWNER)
    read = await sdk.social_planner.get_csv_post(BAKERY, csv_id)
    await sdk.social_planner.start_csv_finalize(BAKERY, csv_id, {"userId": OWNER})

    assert [csv_id] == [each["id"] for each in listed["results"]["csvs"]]
    assert ["Bread"] == [each["summary"] for each in read["results"]["posts"]]
    assert ["Bread"] == [each.summary for each in made.vendor.created]


async def test_a_hosted_file_is_added_to_the_media_library(sim: Sim) -> None:
    """`hosted` is a boolean in JSON."""
    made, url = sim
    async with client(url, location_access_token=made.token) as sdk:
        found = await sdk.medias.upload_media_content({"hosted": True, "fileUrl": MEDIA_URL, "name": "own.mp4"})

    assert "own.mp4" == made.vendor.media_files.files[found["fileId"]].name


async def test_a_consent_gives_tokens_that_the_sdk_keeps_and_uses(sim: Sim) -> None:
    """Its address is the consent page, the code becomes a session by which calls are authorised, tokens are renewed."""
    made, url = sim
    async with client(url) as sdk:
        page = sdk.oauth.get_authorization_url(CLIENT_ID, CALLBACK, "socialplanner/account.readonly")
        fields = {**V3_CLIENT, "grantType": "authorization_code", "code": await pick(made, page)}
        first = await sdk.oauth.get_access_token({**fields, "redirectUri": CALLBACK, "userType": "Location"})
        await sdk.session_storage.set_session(first["locationId"], first)
        listed = await sdk.social_planner.get_account(BAKERY)
        credentials = (CLIENT_ID, V3_CLIENT["clientSecret"], "refresh_token", "Location")
        second = await sdk.oauth.refresh_token(first["refreshToken"], *credentials)

    assert listed["success"]
    assert {"accessToken", "refreshToken"} <= first.keys() & second.keys()
    assert first["refreshToken"] != second["refreshToken"]


async def test_an_agency_gets_tokens_of_its_locations(sim: Sim) -> None:
    """The agency's session lists where the application is installed, and is exchanged for a location's token."""
    made, url = sim
    async with client(url) as sdk:
        await sdk.session_storage.set_session(COMPANY, made.vendor.grant(None))
        where = await sdk.oauth.get_installed_location(COMPANY, CLIENT_ID.partition("-")[0], is_installed=True)
        tokens = await sdk.oauth.get_location_access_token({"companyId": COMPANY, "locationId": BAKERY})
        answer = await made.call("GET", f"{POSTING}/accounts", token=tokens["accessToken"], version=V3)

    assert [BAKERY] == [each["_id"] for each in where["items"]]
    assert 200 == answer.status_code


@pytest.mark.parametrize("form", ["pem", "base64", "hex"])
async def test_webhooks_are_verified_with_the_same_keys(bakery: tuple[World, Any], form: str) -> None:
    """What the SDK takes as the key of webhooks, the gateway takes too, and both accept the same deliveries."""
    made, sdk = bakery
    public = load_der_public_key(keys.decode(made.vendor.webhooks.public_key))
    raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    key = {"pem": pem, "base64": b64encode(raw).decode(), "hex": raw.hex()}[form]
    body = b'{"type":"INSTALL"}'
    signature = made.vendor.webhooks.signature(body)

    for sent in (body, body + b" "):
        ours = keys.verify(keys.read(key), keys.decode(signature), sent)
        assert ours is (sent == body) is sdk.webhooks.verify_ed25519_signature(sent.decode(), signature, key)


async def test_calls_that_lack_authorization_are_refused(sim: Sim) -> None:
    """Of a session the SDK sends no token where the specification names no security: the simulator says 401."""
    made, url = sim
    async with client(url) as sdk:
        await sdk.session_storage.set_session(BAKERY, made.vendor.grant(BAKERY))
        with pytest.raises(import_module("highlevel").GHLError) as caught:
            await sdk.social_planner.start_oauth("tiktok", BAKERY, OWNER)

    assert (401, "Invalid JWT") == (caught.value.status_code, caught.value.message)
