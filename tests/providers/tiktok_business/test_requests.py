"""Every request that the provider can send to TikTok's API for Business, held against the vendor's documentation.

Owns the requests, and how the documentation names paths and parameters. It is compared only if it is kept beside the
checkout; without it these tests are skipped.
"""

import json
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from providers.models.accounts import ProfilePart
from providers.models.engagement import Span
from providers.models.grants import ConsentRequest, GrantKind
from providers.models.secret import Secret
from providers.tiktok import TikTok
from providers.tiktok_business.accounts import FIELDS_OF, SINGLE_FIELDS
from providers.tiktok_business.authorization import BusinessAuthorization
from providers.tiktok_business.capabilities import SCOPES
from providers.tiktok_business.engagement import AUDIENCE, DAILY
from providers.tiktok_business.videos import FIELDS, INSIGHTS
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
    "delete": ("/business/comment/delete/", lambda it: it.engagement.delete_comment(FakeAccess(), ACCOUNT, COMMENT)),
}


async def sent(name: str) -> httpx.Request:
    """Make a call, and return the request that it sent."""
    provider, vendor = tiktok(ok({**TOKENS, "comments": [], "videos": [], "comment_id": COMMENT}))
    await CALLS[name][1](provider)
    [request] = vendor.requests
    return request


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


@pytest.mark.parametrize("name", [name for name, (path, _) in CALLS.items() if path.startswith("/business/")])
async def test_a_call_for_an_account_has_its_token_and_its_id(name: str) -> None:
    """The token is a header of its own, the account is named, and every id is a string."""
    request = await sent(name)
    assert "act.canary-business-1" == request.headers["access-token"]
    assert "authorization" not in request.headers
    asked = parameters(request)
    assert "biz-1" == asked["business_id"]
    assert all(isinstance(value, str) for name, value in asked.items() if name.endswith("_id"))


@pytest.mark.parametrize("name", ["code", "refresh", "revoke", "token info"])
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


def test_every_scope_is_documented() -> None:
    """The scopes that are requested are the minimum that the documentation lists; one unknown scope would fail all."""
    page = reference.text("tiktok-business.md")
    minimum = re.search(r"Minimum set for a gateway: `([a-z.,]+)`", page)
    assert minimum is not None
    assert SCOPES == tuple(minimum[1].split(","))


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
