"""HighLevel's own SDK for Node, @gohighlevel/api-client 3.1.0, on the simulated HighLevel.

Owns the calls in which the SDK is right. Where it is wrong: docs/vendors/highlevel-sdks.md.
"""

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from providers.highlevel import keys
from tests.providers.simulators.highlevel import node
from tests.providers.simulators.highlevel.node import INSTALLED, Failed, Sdk
from tests.providers.simulators.highlevel.sdk import (
    CSV,
    MEDIA_URL,
    PERSON,
    accounts_of,
    allow,
    pick,
    search,
    served,
)
from tests.providers.simulators.highlevel.world import (
    BAKERY,
    CALLBACK,
    CLIENT,
    CLIENT_ID,
    COMPANY,
    OWNER,
    POSTING,
    World,
)

APPLICATION = {"clientId": CLIENT_ID, "clientSecret": CLIENT["client_secret"]}
HERE = {"locationId": BAKERY}


@pytest.fixture
async def bakery() -> AsyncIterator[tuple[World, Sdk]]:
    """Yield a simulated HighLevel, and the SDK with the access token of the bakery."""
    node.executable()
    async with served() as (made, url), node.client(url, **APPLICATION, locationAccessToken=made.token) as sdk:
        yield made, sdk


@pytest.fixture
async def session() -> AsyncIterator[tuple[World, Sdk]]:
    """Yield a simulated HighLevel, and the SDK without any token yet."""
    node.executable()
    async with served() as (made, url), node.client(url, **APPLICATION) as sdk:
        yield made, sdk


def test_it_is_the_version_that_the_page_is_about() -> None:
    """Another one may be right where this one is wrong, and the other way round."""
    node.executable()
    package = INSTALLED / "node_modules" / "@gohighlevel" / "api-client" / "package.json"

    assert "3.1.0" == json.loads(package.read_text())["version"]


async def test_accounts_are_listed(bakery: tuple[World, Sdk]) -> None:
    """The SDK gets every account of the location, under its default version."""
    made, sdk = bakery
    found = await sdk.call("socialMediaPosting.getAccount", HERE)

    shown = [each["id"] for each in found["results"]["accounts"]]
    assert shown == [each.id for each in made.vendor.accounts.of(BAKERY)]
    assert "2023-02-21" == made.vendor.requests[-1].version


async def test_a_private_integration_token_is_a_default_header() -> None:
    """With one every call is authorised, also those for which the specification names no security."""
    node.executable()
    async with served() as (made, url):
        token = made.vendor.private_token(BAKERY)
        async with node.client(url, privateIntegrationToken=token) as sdk:
            body = {"profileIds": [made.account("facebook").profile_id]}
            found = await sdk.call("socialMediaPosting.getSocialMediaStatistics", HERE, body)

    assert 7 == len(found["results"]["dayRange"])


async def test_a_tiktok_profile_is_chosen_and_attached(bakery: tuple[World, Sdk]) -> None:
    """After the consent in the popup the profile is listed, and attached as an account."""
    made, sdk = bakery
    started = await sdk.call("socialMediaPosting.startTiktokOauth", {**HERE, "userId": OWNER})
    at = {**HERE, "accountId": await allow(made, started["url"])}
    choice = await sdk.call("socialMediaPosting.getTiktokProfile", at)
    attached = await sdk.call("socialMediaPosting.attachTiktokProfile", at, PERSON)

    assert PERSON["originId"] == choice["results"]["profile"][0]["id"]
    assert PERSON["originId"] == attached["results"]["originId"]


async def test_a_post_is_created_listed_edited_and_deleted(bakery: tuple[World, Sdk]) -> None:
    """The planner's records are what the SDK sent, and several are deleted at once."""
    made, sdk = bakery
    created = await sdk.call("socialMediaPosting.createPost", HERE, made.body())
    at = {**HERE, "id": created["results"]["post"]["_id"]}
    listed = await sdk.call("socialMediaPosting.getPosts", HERE, search(made))
    await sdk.call("socialMediaPosting.editPost", at, made.body(summary="edited"))
    read = await sdk.call("socialMediaPosting.getPost", at)
    deleted = await sdk.call("socialMediaPosting.bulkDeleteSocialPlannerPosts", HERE, {"postIds": [at["id"]]})

    assert [at["id"]] == [each["_id"] for each in listed["results"]["posts"]]
    assert "edited" == read["results"]["post"]["summary"]
    assert 1 == deleted["results"]["deletedCount"]


async def test_statistics_of_a_week_have_seven_days(bakery: tuple[World, Sdk]) -> None:
    """The older version has no range."""
    made, sdk = bakery
    body = {"profileIds": [made.account("facebook").profile_id], "platforms": ["facebook"]}
    found = await sdk.call("socialMediaPosting.getSocialMediaStatistics", HERE, body)

    results = found["results"]
    assert 7 == len(results["dayRange"]) == len(results["postPerformance"]["posts"]["facebook"])


async def test_a_csv_is_uploaded_and_imported(bakery: tuple[World, Sdk]) -> None:
    """The file is sent when the caller overrides the SDK's content type; an approver may be empty."""
    made, sdk = bakery
    multipart = {"headers": {"Content-Type": "multipart/form-data"}}
    uploaded = await sdk.call("socialMediaPosting.uploadCsv", HERE, {"$csv": CSV}, multipart)
    await sdk.call("socialMediaPosting.setAccounts", HERE, accounts_of(made, uploaded["results"]))
    made.clock.advance(1)
    [listed] = (await sdk.call("socialMediaPosting.getUploadStatus", HERE))["results"]["csvs"]
    at = {**HERE, "id": listed["_id"]}
    read = await sdk.call("socialMediaPosting.getCsvPost", at)
    await sdk.call("socialMediaPosting.startCsvFinalize", at, {"userId": OWNER})

    assert ["Bread"] == [each["summary"] for each in read["results"]["posts"]]
    assert ["Bread"] == [each.summary for each in made.vendor.created]


async def test_a_hosted_file_is_added_to_the_media_library(bakery: tuple[World, Sdk]) -> None:
    """`hosted` is a boolean in JSON."""
    made, sdk = bakery
    found = await sdk.call("medias.uploadMediaContent", {"hosted": True, "fileUrl": MEDIA_URL, "name": "own.mp4"})

    assert "own.mp4" == made.vendor.media_files.files[found["fileId"]].name


async def test_a_consent_gives_tokens_that_the_sdk_keeps_uses_and_renews(session: tuple[World, Sdk]) -> None:
    """Its address is the consent page's older path, and the code becomes a session; a token that ended is renewed, and
    the pair that replaces it is kept.
    """
    made, sdk = session
    page = await sdk.call("oauth.getAuthorizationUrl", CLIENT_ID, CALLBACK, "socialplanner/account.readonly")
    fields = {**CLIENT, "grant_type": "authorization_code", "code": await pick(made, page), "redirect_uri": CALLBACK}
    first = await sdk.call("oauth.getAccessToken", {**fields, "user_type": "Location"})
    await sdk.call("sessions.setSession", first["locationId"], first)
    made.vendor.expire_access_tokens(BAKERY)
    listed = await sdk.call("socialMediaPosting.getAccount", HERE)
    second = await sdk.call("sessions.getSession", BAKERY)

    assert "/oauth/chooselocation?" in page
    assert "/v2/" not in page
    assert listed["success"]
    assert {first["access_token"], first["refresh_token"]}.isdisjoint({second["access_token"], second["refresh_token"]})
    assert ["authorization_code", "refresh_token"] == [each.grant_type for each in made.vendor.exchanges]


async def test_an_agency_gets_tokens_of_its_locations(session: tuple[World, Sdk]) -> None:
    """The agency's session lists where the application is installed, and is exchanged for a location's token."""
    made, sdk = session
    await sdk.call("sessions.setSession", COMPANY, made.vendor.grant(None))
    wanted = {"companyId": COMPANY, "appId": CLIENT_ID.partition("-")[0], "isInstalled": True}
    where = await sdk.call("oauth.getInstalledLocation", wanted)
    tokens = await sdk.call("oauth.getLocationAccessToken", {"companyId": COMPANY, "locationId": BAKERY})

    assert [BAKERY] == [each["_id"] for each in where["locations"]]
    assert 200 == (await made.call("GET", f"{POSTING}/accounts", token=tokens["access_token"])).status_code


async def test_webhooks_are_verified_with_the_same_keys(bakery: tuple[World, Sdk]) -> None:
    """What the SDK takes as the key of webhooks, the gateway takes too, and both accept the same deliveries."""
    made, sdk = bakery
    spki = made.vendor.webhooks.public_key
    public = load_der_public_key(keys.decode(spki))
    raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    body = b'{"type":"INSTALL"}'
    signature = made.vendor.webhooks.signature(body)

    for key in (pem, spki, b64encode(raw).decode(), raw.hex()):
        for sent in (body, body + b" "):
            ours = keys.verify(keys.read(key), keys.decode(signature), sent)
            theirs: Any = await sdk.call("webhooks.verifyEd25519Signature", sent.decode(), signature, key)
            assert ours is (sent == body) is theirs


async def test_calls_that_lack_authorization_are_refused(session: tuple[World, Sdk]) -> None:
    """Of a session the SDK sends no token where the specification names no security: the simulator says 401."""
    made, sdk = session
    await sdk.call("sessions.setSession", BAKERY, made.vendor.grant(BAKERY))
    with pytest.raises(Failed) as caught:
        await sdk.call("socialMediaPosting.bulkDeleteSocialPlannerPosts", HERE, {"postIds": ["0" * 24]})

    assert (401, "Invalid JWT") == (caught.value.status, caught.value.message)
