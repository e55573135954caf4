"""Every request that the provider can send to TikTok's API for Business, held against the vendor's documentation.

Owns the requests, and how the documentation names paths and parameters. It is compared only if it is kept beside the
checkout; without it these tests are skipped.
"""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from providers.models.accounts import PrivacyLevel, ProfilePart
from providers.models.engagement import Span
from providers.models.grants import ConsentRequest, GrantKind
from providers.models.publishing import Photos, PostMode, PostOptions, PublishRequest, VideoLink
from providers.models.secret import Secret
from providers.tiktok import TikTok
from providers.tiktok_business.accounts import FIELDS_OF, SINGLE_FIELDS
from providers.tiktok_business.authorization import BusinessAuthorization
from providers.tiktok_business.capabilities import OPTIONAL_SCOPES, SCOPES
from providers.tiktok_business.engagement import AUDIENCE, DAILY
from providers.tiktok_business.videos import FIELDS, INSIGHTS
from providers.tiktok_business.webhooks import EVENT_TYPES, UPDATE_PATH
from tests.fixtures import reference
from tests.providers.faking import NOW, VERIFIER
from tests.providers.tiktok_business.support import ACCOUNT, COMMENT, VIDEO, FakeAccess, ok, query, tiktok

TOKENS = {"access_token": "act.1", "refresh_token": "rft.1", "expires_in": 86400, "open_id": "biz-1", "scope": "a"}
MIDNIGHT = NOW.replace(hour=0)
SPAN = Span(MIDNIGHT - timedelta(days=3), MIDNIGHT)
WHERE: dict[str, Any] = {"post": VIDEO}


def grants(it: TikTok) -> BusinessAuthorization:
    """Return the grants of account holders."""
    found: Any = it.authorizations[GrantKind.BUSINESS_ACCOUNT]
    return found  # type: ignore[no-any-return]


EVERYTHING = PostOptions(
    privacy_level=PrivacyLevel.PUBLIC,
    allow_comments=True,
    branded_content=True,
    own_brand=True,
    ai_generated=True,
    allow_duet=True,
    allow_stitch=True,
)
PHOTO_OPTIONS = replace(EVERYTHING, allow_duet=None, allow_stitch=None, ai_generated=False)
LINK = Secret("https://media.example/1")
VIDEO_POST = PublishRequest(
    PostMode.DIRECT,
    VideoLink(LINK),
    caption="Hi",
    options=EVERYTHING,
    cover_offset=timedelta(seconds=2),
    platform="tiktok_business",
)
PHOTO_POST = PublishRequest(
    PostMode.DIRECT,
    Photos((LINK, LINK), cover_index=1, title="Two", auto_add_music=True),
    caption="Hi",
    options=PHOTO_OPTIONS,
    platform="tiktok_business",
)
# Not in the lines that are compared; from a transcript of the portal's page on publishing photos, of 2026-07-24
# (github.com/bububa/tiktok-business, model/business/photo/publish.go).
TRANSCRIBED = {"auto_add_music", "is_draft"}


def draft(post: PublishRequest) -> PublishRequest:
    """Return the same for the inbox, with what a draft may have."""
    words = post.caption if isinstance(post.content, Photos) else ""
    content = replace(post.content, auto_add_music=False) if isinstance(post.content, Photos) else post.content
    return PublishRequest(PostMode.CREATOR_INBOX, content, caption=words, platform=post.platform)


async def subscribed(it: TikTok) -> None:
    """Set the address for events."""
    await it.webhooks.subscribe("https://gateway.example/webhooks/tiktok")


Call = Callable[[TikTok], Awaitable[Any]]
CALLS: dict[str, tuple[str, Call]] = {
    "code": (
        "/tt_user/oauth2/token/",
        lambda it: grants(it).exchange("the-code", verifier=VERIFIER, redirect_uri="https://x.example/"),
    ),
    "refresh": ("/tt_user/oauth2/refresh_token/", lambda it: grants(it).refresh(Secret("rft.0"))),
    "revoke": ("/tt_user/oauth2/revoke/", lambda it: grants(it).revoke(Secret("act.0"))),
    "token info": ("/tt_user/token_info/get/", lambda it: grants(it).granted_scopes(Secret("act.0"))),
    "profile": ("/business/get/", lambda it: it.accounts.profile(FakeAccess(), set(ProfilePart))),
    "insights": ("/business/get/", lambda it: it.engagement.figures(FakeAccess(), ACCOUNT, SPAN)),
    "videos": ("/business/video/list/", lambda it: it.videos.list_videos(FakeAccess(), cursor="17", limit=20)),
    "some videos": ("/business/video/list/", lambda it: it.videos.query_videos(FakeAccess(), [VIDEO])),
    "comments": (
        "/business/comment/list/",
        lambda it: it.engagement.list_comments(FakeAccess(), ACCOUNT, parent=VIDEO, cursor="20"),
    ),
    "replies": (
        "/business/comment/reply/list/",
        lambda it: it.engagement.list_comments(FakeAccess(), ACCOUNT, parent=COMMENT, **WHERE),
    ),
    "comment": (
        "/business/comment/create/",
        lambda it: it.engagement.create_comment(FakeAccess(), ACCOUNT, text="Hi", parent=VIDEO, reply=False),
    ),
    "reply": (
        "/business/comment/reply/create/",
        lambda it: it.engagement.create_comment(FakeAccess(), ACCOUNT, text="Hi", parent=COMMENT, reply=True, **WHERE),
    ),
    "like": (
        "/business/comment/like/",
        lambda it: it.engagement.set_liked(FakeAccess(), ACCOUNT, COMMENT, liked=True, **WHERE),
    ),
    "hide": (
        "/business/comment/hide/",
        lambda it: it.engagement.set_hidden(FakeAccess(), ACCOUNT, COMMENT, hidden=True, **WHERE),
    ),
    "subscribe": (UPDATE_PATH, subscribed),
    "settings": ("/business/video/settings/", lambda it: it.accounts.creator_info(FakeAccess())),
    "video": ("/business/video/publish/", lambda it: it.publishing.begin(FakeAccess(), VIDEO_POST)),
    "video draft": ("/business/video/publish/", lambda it: it.publishing.begin(FakeAccess(), draft(VIDEO_POST))),
    "photos": ("/business/photo/publish/", lambda it: it.publishing.begin(FakeAccess(), PHOTO_POST)),
    "photo draft": ("/business/photo/publish/", lambda it: it.publishing.begin(FakeAccess(), draft(PHOTO_POST))),
    "status": ("/business/publish/status/", lambda it: it.publishing.status(FakeAccess(), "v_pub_url~v1.1")),
    "delete": ("/business/comment/delete/", lambda it: it.engagement.delete_comment(FakeAccess(), ACCOUNT, COMMENT)),
}


async def sent(name: str) -> httpx.Request:
    """Make a call, and return the first request that it sent."""
    published = {"share_id": "v_pub_url~v1.1", "status": "PROCESSING_DOWNLOAD", "privacy_level_options": []}
    provider, vendor = tiktok(
        ok({**TOKENS, **published, "comments": [], "videos": [], "comment_id": COMMENT}), business_webhooks=True
    )
    await CALLS[name][1](provider)
    return vendor.requests[0]


def parameters(request: httpx.Request) -> dict[str, Any]:
    """Return the parameters of a request, of its query or its body."""
    if request.method == "GET":
        return query(request)
    body: dict[str, Any] = json.loads(request.content)
    return body


def documented(path: str) -> set[str]:
    """Return every name in code spelling in the lines of the documentation about a path."""
    page = reference.text("tiktok-business.md")
    lines = [line for line in page.splitlines() if f"`{path}`" in line or f" {path}`" in line]
    names = set(re.findall(r"[a-z][a-z0-9_]+", " ".join(lines)))
    if any("the same +" in line for line in lines):
        names |= documented("/business/comment/list/")
    if any("same shape" in line or "| + `" in line for line in lines):
        names |= documented("/business/comment/create/")
    section = page.partition("### 3.1 Account: GET `/business/get/`")[2].partition("### 3.2")[0]
    if path == "/business/get/":
        names |= set(re.findall(r"[a-z][a-z0-9_]+", section))
    if path == "/business/video/list/":
        names |= set(re.findall(r"[a-z][a-z0-9_]+", page.partition("### 3.2 Posts")[2].partition("### 3.3")[0]))
    if path in ("/business/photo/publish/", "/business/video/settings/"):
        names |= documented("/business/video/publish/")
    if path == "/tt_user/oauth2/token/":
        names |= set(re.findall(r"[a-z][a-z0-9_]+", page.partition(f"POST `{path}` JSON")[2].partition("4. POST")[0]))
    return names


@pytest.mark.parametrize("name", CALLS)
async def test_a_request_has_only_what_is_documented(name: str) -> None:
    """Path, header and every parameter are in the vendor's documentation: an unknown one would be dropped silently."""
    path, _ = CALLS[name]
    request = await sent(name)
    assert f"/open_api/v1.3{path}" == request.url.path
    names = documented(path)
    assert [] == [each for each in parameters(request) if each not in names]


@pytest.mark.parametrize(
    "name",
    [name for name, (path, _) in CALLS.items() if path.startswith("/business/") and path != UPDATE_PATH],
)
async def test_a_call_for_an_account_has_its_token_and_its_id(name: str) -> None:
    """The token is a header of its own, the account is named, and every id is a string."""
    request = await sent(name)
    assert "act.canary-business-1" == request.headers["access-token"]
    assert "authorization" not in request.headers
    asked = parameters(request)
    assert "biz-1" == asked["business_id"]
    assert all(isinstance(value, str) for name, value in asked.items() if name.endswith("_id"))


@pytest.mark.parametrize("name", ["video", "video draft", "photos", "photo draft"])
async def test_every_field_of_a_post_is_documented(name: str) -> None:
    """Each field of `post_info` is in the documentation: an unknown one would be dropped silently."""
    path, _ = CALLS[name]
    info = parameters(await sent(name))["post_info"]
    assert set() == set(info) - documented(path) - TRANSCRIBED


async def test_a_post_says_everything_that_has_a_default() -> None:
    """Every switch is sent, as chosen, because TikTok's own defaults allow everything."""
    video, photos = parameters(await sent("video")), parameters(await sent("photos"))
    brands = {"disable_comment": False, "is_branded_content": True, "is_brand_organic": True}
    off = {"disable_duet": False, "disable_stitch": False, "is_ai_generated": True}
    assert {**brands, **off, "caption": "Hi", "thumbnail_offset": 2000} == video["post_info"]
    words = {"caption": "Hi", "title": "Two", "auto_add_music": True, "privacy_level": "PUBLIC_TO_EVERYONE"}
    assert {**brands, **words} == photos["post_info"]
    assert (2, 1) == (len(photos["photo_images"]), photos["photo_cover_index"])


async def test_a_draft_says_nothing_that_would_be_ignored() -> None:
    """A draft has the fields that TikTok reads, and no other."""
    video, photos = parameters(await sent("video draft")), parameters(await sent("photo draft"))
    assert {"upload_to_draft": True} == video["post_info"]
    assert {"is_draft": True, "title": "Two", "caption": "Hi"} == photos["post_info"]


@pytest.mark.parametrize("name", ["code", "refresh", "revoke", "token info", "subscribe"])
async def test_a_call_of_the_application_has_no_token(name: str) -> None:
    """Token calls are JSON without the token's header."""
    request = await sent(name)
    assert ("application/json", False) == (request.headers["content-type"], "access-token" in request.headers)


def test_every_field_is_documented() -> None:
    """Each field that is asked for is in the documentation of its call: one that is not fails the whole call."""
    profile = documented("/business/get/")
    asked = {*SINGLE_FIELDS, *DAILY, *AUDIENCE, *(name for names in FIELDS_OF.values() for name in names)}
    assert set() == asked - profile
    assert set() == {*FIELDS, *INSIGHTS} - documented("/business/video/list/")


def test_every_type_of_events_is_documented() -> None:
    """The types of events whose address is set are in the documentation."""
    page = reference.text("tiktok-business.md").partition("### 5.2 Account side")[2].partition("### 5.3")[0]
    assert [] == [each for each in EVENT_TYPES if each not in page]


def test_every_scope_is_documented() -> None:
    """The scopes that are requested are the minimum that the documentation lists; one unknown scope would fail all."""
    page = reference.text("tiktok-business.md")
    minimum = re.search(r"Minimum set for a gateway: `([a-z.,]+)`", page)
    assert minimum is not None
    assert SCOPES == tuple(minimum[1].split(","))
    assert [] == [scope for scope in OPTIONAL_SCOPES if f"`{scope}`" not in page]


def test_the_consent_page_is_asked_as_documented() -> None:
    """The page gets what the portal's own address has, and nothing of PKCE."""
    provider, _ = tiktok()
    asked = ConsentRequest("st", VERIFIER, "https://x.example/cb", ("user.info.basic", "comment.list"))
    uri = httpx.URL(grants(provider).consent_uri(asked))
    page = reference.text("tiktok-business.md")
    assert [] == [name for name in uri.params if f"{name}=" not in page]
    assert "scope=user.info.basic,comment.list" in str(uri)


async def test_lists_are_json_text() -> None:
    """A list in a query is JSON in one parameter: repeated keys and comma lists are refused."""
    asked = parameters(await sent("some videos"))
    assert f'{{"video_ids":["{VIDEO}"]}}' == asked["filters"]
    assert asked["fields"].startswith('["item_id",')
