"""Every request that the provider can send, validated against the official OpenAPI in both API versions.

Owns the steps that send them all. The meaning of answers is covered by the other files.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from providers.highlevel import labels, media_library
from providers.highlevel.account_oauth import ATTACH_FIELDS, NETWORKS
from providers.highlevel.platform_options import EVENT_TYPES, PRIVACY
from providers.models.accounts import PrivacyLevel, ProfilePart
from providers.models.engagement import Span
from providers.models.publishing import Content, Photos, PostMode, PostOptions, PublishRequest, VideoFile, VideoLink
from providers.models.secret import Secret
from providers.simulators.highlevel.tenants import BAKERY, COMPANY, GARAGE, OWNER
from tests.providers.highlevel import specification
from tests.providers.highlevel.sandbox import Sandbox, in_process
from tests.providers.highlevel.support import NOW
from tests.providers.simulators.highlevel import contract
from tests.providers.simulators.highlevel.test_csv_imports import GOOD, HEADERS

_ROOT = "/social-media-posting"
_OAUTH = f"{_ROOT}/oauth"
_BOTH = {
    "POST /oauth/token",
    "GET /locations/search",
    f"GET {_ROOT}/{{locationId}}/accounts",
    f"DELETE {_ROOT}/{{locationId}}/accounts/{{id}}",
    f"GET {_ROOT}/{{locationId}}/categories",
    f"GET {_ROOT}/{{locationId}}/tags",
    f"POST {_ROOT}/statistics",
    f"POST {_ROOT}/{{locationId}}/csv",
    f"GET {_ROOT}/{{locationId}}/csv",
    f"GET {_ROOT}/{{locationId}}/csv/{{id}}",
    f"PATCH {_ROOT}/{{locationId}}/csv/{{id}}",
    f"DELETE {_ROOT}/{{locationId}}/csv/{{id}}",
    f"POST {_ROOT}/{{locationId}}/set-accounts",
    "POST /medias/upload-file",
    "DELETE /medias/{id}",
    f"POST {_ROOT}/{{locationId}}/posts",
    f"POST {_ROOT}/{{locationId}}/posts/list",
    f"GET {_ROOT}/{{locationId}}/posts/{{id}}",
    f"PUT {_ROOT}/{{locationId}}/posts/{{id}}",
    f"DELETE {_ROOT}/{{locationId}}/posts/{{id}}",
}
_V2_PATHS = {
    *(f"GET {_OAUTH}/{name}/start" for name in NETWORKS[False]),
    *(f"GET {_OAUTH}/{{locationId}}/{name}/accounts/{{accountId}}" for name in NETWORKS[False] - {"google"}),
    *(f"POST {_OAUTH}/{{locationId}}/{name}/accounts/{{accountId}}" for name in NETWORKS[False] & ATTACH_FIELDS.keys()),
    f"GET {_OAUTH}/{{locationId}}/google/locations/{{accountId}}",
    f"POST {_OAUTH}/{{locationId}}/google/locations/{{accountId}}",
    "POST /oauth/locationToken",
    "GET /oauth/installedLocations",
} - {f"POST {_OAUTH}/{{locationId}}/google/accounts/{{accountId}}"}
_V3_PATHS = {
    f"GET {_OAUTH}/{{platform}}/start",
    f"GET {_OAUTH}/{{locationId}}/{{platform}}/accounts/{{accountId}}",
    f"POST {_OAUTH}/{{locationId}}/{{platform}}/accounts/{{accountId}}",
    "POST /oauth/location-token",
    "GET /oauth/installed-locations",
    f"POST {_ROOT}/comments/{{platform}}",
    f"POST {_ROOT}/comments/{{platform}}/list",
    f"POST {_ROOT}/comments/{{platform}}/{{id}}/like",
    f"DELETE {_ROOT}/comments/{{platform}}/{{id}}/like",
}
EXPECTED = {"v2": _BOTH | _V2_PATHS, "v3": _BOTH | _V3_PATHS}
VERSIONS = {"v2": "2021-07-28", "v3": "v3"}


async def _grants(sandbox: Sandbox) -> None:
    authorization, company = sandbox.provider.authorization, await sandbox.connect(BAKERY, GARAGE, agency=True)
    assert company.grant.refresh_token is not None
    await authorization.refresh(company.grant.refresh_token)
    company.grant = await authorization.refresh((await sandbox.connect(agency=True)).grant.refresh_token or Secret(""))
    for installed in (None, True, False):
        page = await authorization.installed_locations(company, company_id=COMPANY, limit=1, installed=installed)
        if page.next_cursor:
            await authorization.installed_locations(company, company_id=COMPANY, cursor=page.next_cursor)
    await authorization.location_token(company, company_id=COMPANY, location_id=BAKERY)
    token = Secret(sandbox.vendor.private_token(BAKERY))
    await authorization.static(token, settings={"location_id": BAKERY}, scopes=())


async def _networks(sandbox: Sandbox) -> None:
    access, accounts = await sandbox.connect(), sandbox.provider.accounts
    await accounts.profile(access, frozenset(ProfilePart))
    for platform in sorted(NETWORKS[sandbox.provider.client.config.v3]):
        for more in ({}, {"page": "integration", "reconnect": True}):
            account_id = await sandbox.consent(access, platform, **more)
        [choice] = await accounts.choose(access, BAKERY, platform, account_id)
        if platform in ATTACH_FIELDS:
            await accounts.attach(access, BAKERY, platform, account_id, choice)
    first, second, *_ = await accounts.social_accounts(access, BAKERY)
    await accounts.delete(access, BAKERY, first.id)
    await accounts.delete(access, BAKERY, second.id, user_id=OWNER)


async def _library(sandbox: Sandbox) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"video"

    access, client = await sandbox.connect(), sandbox.provider.client
    medium = await media_library.upload(client, access, VideoFile(5, "video/mp4"), body)
    await media_library.delete(client, access, medium.file_id)


async def _planner(sandbox: Sandbox) -> None:
    access, client = await sandbox.connect(), sandbox.provider.client
    await labels.page(client, access, labels.CATEGORIES, search="a", cursor="0", limit=1)
    await labels.category_id(client, access, "Recipes")
    await labels.tag_ids(client, access, ["bread", "cake"])
    planner = sandbox.provider.planner

    async def body() -> AsyncIterator[bytes]:
        yield f"{HEADERS}\n{GOOD}\n".encode()

    sheet = await planner.send_sheet(access, name="a.csv", size=len(f"{HEADERS}\n{GOOD}\n"), body=body)
    await planner.assign_sheet(access, sheet, [sandbox.account().id])
    found = await planner.find_import(access, sheet)
    sandbox.vendor.advance_clock(1)
    await planner.get_import(access, found, cursor="0", limit=1)
    await planner.finalize_import(access, found)
    await planner.delete_import(access, found)


def _publish_requests(sandbox: Sandbox) -> list[PublishRequest]:
    """Return posts that cover every network, mode and option."""
    newer = {"title": "T", "description": "D"} if sandbox.provider.client.config.v3 else {}
    preview = {"image": "https://media.example/a.png", "link": "https://media.example/", **newer}
    google: dict[str, Any] = {
        "title": "T",
        "start": "2026-12-24T18:00:00Z",
        "end": "2026-12-25T18:00:00Z",
        "offer_title": "O",
        "terms": "T",
        "coupon_code": "C",
        "redeem_url": "https://media.example/r",
        "action": "book",
        "url": "https://media.example/",
    }
    labelled = {"category": "Recipes", "tags": ["bread", "cake"], "first_comment": "F", "link_preview": preview}
    photos = Photos(tuple(Secret(f"https://media.example/a.{end}") for end in ("jpg", "png", "gif")))
    photo = Photos(photos.uris[:1])
    video = VideoLink(Secret("https://media.example/a.mov"), "video/quicktime")
    pinterest = {"title": "T", "link": "https://media.example/", "boards": ["b"]}
    review = {"mode": PostMode.PLANNER_REVIEW, "extra": {"approver": OWNER, "requester_note": "N", **labelled}}

    def made(platform: str, content: Content, *, name: str = "", **more: Any) -> PublishRequest:
        values = {"caption": "C", "mode": PostMode.DIRECT, "schedule_time": NOW + timedelta(hours=1), **more}
        return PublishRequest(content=content, account=sandbox.account(name).id, platform=platform, **values)

    return [
        *(made("tiktok", video, name="tiktok", options=PostOptions(privacy_level=level)) for level in PRIVACY),
        made("tiktok_business", video, name="tiktok-business", options=PostOptions(PrivacyLevel.PUBLIC, True)),
        made("facebook", None, name="facebook", extra={"post_type": "post", **labelled}),
        made("facebook", photo, name="facebook", caption="", extra={"post_type": "story"}, schedule_time=None),
        made("facebook", video, name="facebook", extra={"post_type": "reel"}),
        made("facebook", None, name="facebook", mode=PostMode.PLANNER_DRAFT, schedule_time=None),
        made("facebook", photos, name="facebook", **review),
        *(
            made("google_business", photo, name="facebook", extra={"google_business": {**google, "type": each}})
            for each in EVENT_TYPES
        ),
        made("pinterest", photo, name="facebook", extra={"pinterest": pinterest}),
        made(
            "youtube",
            video,
            name="facebook",
            extra={"youtube": {"title": "T", "type": "short"}},
            options=PostOptions(PrivacyLevel.ONLY_ME),
        ),
    ]


async def _posts(sandbox: Sandbox) -> None:
    """Create each post, update and cancel it if possible; find them, and read their statuses."""
    access, publishing, records = await sandbox.connect(), sandbox.provider.publishing, sandbox.provider.records
    until, ids = NOW + timedelta(days=1), []
    for request in _publish_requests(sandbox):
        id = (await publishing.begin(access, request)).publish_id
        if request.schedule_time is not None:
            await records.edit(access, id, request)
            await publishing.cancel(access, id)
        ids.append(id)
    found = await publishing.find(access, sandbox.account("facebook").id, since=NOW, until=until)
    await records.statuses(access, [each.publish_id for each in found], since=NOW, until=until)
    await publishing.status(access, ids[0])
    await records.delete(access, ids[0])


async def _engagement(sandbox: Sandbox) -> None:
    access, engagement, v3 = await sandbox.connect(), sandbox.provider.engagement, sandbox.provider.client.config.v3
    await engagement.figures(access, sandbox.account("facebook"), None)
    if not v3:
        return
    await engagement.figures(access, sandbox.account("facebook"), Span(NOW - timedelta(days=1), NOW))
    account = sandbox.account()
    below = await engagement.create_comment(access, account, text="a", parent=sandbox.posted(), reply=False)
    await engagement.create_comment(access, account, text="b", parent=below.id, reply=True)
    await engagement.list_comments(access, account)
    await engagement.list_comments(access, account, parent=below.id, top=True, cursor="0", limit=1)
    await engagement.set_liked(access, account, below.id, liked=True)
    await engagement.set_liked(access, account, below.id, liked=False)


def _name(spec: str, request: httpx.Request) -> str:
    found = specification.operation(spec, request)
    return f"{request.method} {found.path if found else request.url.path}"


@pytest.mark.parametrize("spec", ["v2", "v3"])
async def test_every_request_fits_the_specification(spec: str) -> None:
    """Paths, parameters, headers and bodies are documented, and every operation in use was sent."""
    contract.specs(spec)
    async with in_process(version=VERSIONS[spec], publish_now_results=True, rate_limits=False) as sandbox:
        await _grants(sandbox)
        await _engagement(sandbox)
        await _planner(sandbox)
        await _posts(sandbox)
        await _networks(sandbox)
        await _library(sandbox)
        sent = sandbox.line.requests

    assert [] == [each for request in sent for each in specification.wrong(spec, request)]
    assert EXPECTED[spec] == {_name(spec, request) for request in sent}


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        (httpx.Request("GET", "https://x.example/nowhere"), "is in no specification"),
        (httpx.Request("GET", "https://x.example/locations/search?a=b", headers={"Version": "v3"}), "parameter a"),
        (httpx.Request("GET", "https://x.example/locations/search"), "parameter Version is missing"),
        (httpx.Request("POST", "https://x.example/oauth/token", headers={"Version": "v3"}), "the body is missing"),
        (httpx.Request("POST", "https://x.example/oauth/token", data={"a": "b"}), "body.a is not in the schema"),
    ],
)
def test_the_validation_finds_violations(request_: httpx.Request, problem: str) -> None:
    """It reports unknown paths and parameters, and missing ones."""
    assert [problem] == [problem for each in specification.wrong("v3", request_)[:5] if problem in each][:1]
