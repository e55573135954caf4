"""Random and malicious answers: each call raises only ProviderErrors, and no error shows a secret.

Owns the random answers and the canaries. Valid answers are covered by the other files.
"""

import json
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.errors import ProviderError
from providers.highlevel import Choice, HighLevel, labels, media_library
from providers.models.accounts import ProfilePart
from providers.models.engagement import AccountRef
from providers.models.planner import Sheet
from providers.models.publishing import PostMode, PublishRequest, VideoFile, VideoLink
from providers.models.secret import Secret
from tests.providers.highlevel.support import COMPANY, LOCATION, NOW, RECORD, USER, VERIFIER, FakeAccess, highlevel


async def _bytes() -> AsyncIterator[bytes]:
    yield b"video"


REQUEST = PublishRequest(
    mode=PostMode.DIRECT,
    content=VideoLink(Secret("https://media.example/canary")),
    caption="a",
    account="a",
    platform="facebook",
    schedule_time=NOW + timedelta(hours=1),
)
Call = Callable[[HighLevel], Awaitable[Any]]
ACCOUNT = AccountRef("a", "facebook", "page", {"profile_id": "p", "origin_id": "o"})
SHEET = Sheet("path", "a.csv", 1)


CALLS: dict[str, Call] = {
    "exchange": lambda it: it.authorization.exchange(
        "canary-code", verifier=VERIFIER, redirect_uri="https://r.example/"
    ),
    "refresh": lambda it: it.authorization.refresh(Secret("canary-refresh")),
    "static": lambda it: it.authorization.static(Secret("pit-canary"), settings={"location_id": LOCATION}, scopes=()),
    "location_token": lambda it: it.authorization.location_token(
        FakeAccess(), company_id=COMPANY, location_id=LOCATION
    ),
    "installed": lambda it: it.authorization.installed_locations(FakeAccess(), company_id=COMPANY),
    "profile": lambda it: it.accounts.profile(FakeAccess(), frozenset(ProfilePart)),
    "accounts": lambda it: it.accounts.social_accounts(FakeAccess(), LOCATION),
    "delete": lambda it: it.accounts.delete(FakeAccess(), LOCATION, "a"),
    "start": lambda it: it.accounts.start(FakeAccess(), LOCATION, "tiktok", user_id=USER),
    "choose": lambda it: it.accounts.choose(FakeAccess(), LOCATION, "google", RECORD),
    "attach": lambda it: it.accounts.attach(FakeAccess(), LOCATION, "tiktok", RECORD, Choice("o")),
    "begin": lambda it: it.publishing.begin(FakeAccess(), REQUEST),
    "labelled": lambda it: it.publishing.begin(FakeAccess(), replace(REQUEST, extra={"category": "a", "tags": ["b"]})),
    "store": lambda it: it.publishing.store(FakeAccess(), VideoFile(5, "video/mp4"), _bytes, name="a"),
    "status": lambda it: it.publishing.status(FakeAccess(), RECORD),
    "find": lambda it: it.publishing.find(FakeAccess(), "a", since=NOW, until=NOW),
    "cancel": lambda it: it.publishing.cancel(FakeAccess(), RECORD),
    "statuses": lambda it: it.records.statuses(FakeAccess(), [RECORD], since=NOW, until=NOW),
    "edit": lambda it: it.records.edit(FakeAccess(), RECORD, REQUEST),
    "delete_record": lambda it: it.records.delete(FakeAccess(), RECORD),
    "upload": lambda it: media_library.upload(it.client, FakeAccess(), VideoFile(5, "video/mp4"), _bytes),
    "delete medium": lambda it: media_library.delete(it.client, FakeAccess(), "a"),
    "categories": lambda it: it.planner.list_categories(FakeAccess()),
    "tags": lambda it: labels.tag_ids(it.client, FakeAccess(), ["a", "b"]),
    "send sheet": lambda it: it.planner.send_sheet(FakeAccess(), name="a.csv", size=5, body=_bytes),
    "assign sheet": lambda it: it.planner.assign_sheet(FakeAccess(), SHEET, ["a"]),
    "find import": lambda it: it.planner.find_import(FakeAccess(), SHEET),
    "import": lambda it: it.planner.get_import(FakeAccess(), "a"),
    "finalize": lambda it: it.planner.finalize_import(FakeAccess(), "a"),
    "delete import": lambda it: it.planner.delete_import(FakeAccess(), "a"),
    "figures": lambda it: it.engagement.figures(FakeAccess(), ACCOUNT, None),
    "comments": lambda it: it.engagement.list_comments(FakeAccess(), ACCOUNT),
    "comment": lambda it: it.engagement.create_comment(FakeAccess(), ACCOUNT, text="a", parent="b", reply=True),
    "like": lambda it: it.engagement.set_liked(FakeAccess(), ACCOUNT, "a", liked=True),
}
# Names and values of the vendor, so that random answers resemble valid ones.
WORDS = (
    *("success", "statusCode", "message", "results", "traceId", "error", "code", "accounts", "groups", "id", "oauthId"),
    *(
        "name",
        "platform",
        "type",
        "expire",
        "isExpired",
        "active",
        "deleted",
        "profile",
        "pages",
        "locations",
        "openId",
    ),
    *("location", "account", "url", "access_token", "accessToken", "scope", "expires_in", "refresh_token", "_id"),
    *("locationId", "companyId", "userId", "items", "pagination", "hasNextPage", "nextPageToken", "count"),
    *("installedAt", "error_description", "invalid_grant", "https://a.example/"),
    *("post", "posts", "status", "scheduled", "published", "draft", "failed", "postId", "previewLink", "parentPostId"),
    *(
        "media",
        "summary",
        "createdAt",
        "displayDate",
        "publishedAt",
        "video/mp4",
        "2026-11-20T14:00:00Z",
        "https://[::1",
    ),
    *("fileId", "tags", "categories", "tag"),
    *("fileId", "categories", "tags", "tag", "csv", "csvs", "posts", "status", "pending", "filePath", "rowsCount"),
    *("medias", "tiktokError", "dayRange", "totals", "breakdowns", "platformTotals", "facebook", "likes", "series"),
    *("comments", "meta", "hasMore", "author", "likeCount", "publishedAt", "value", "change", "total"),
)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from(WORDS), st.just(10**400)
)
KEYS = st.one_of(st.sampled_from(WORDS), st.text(max_size=4))
JSON = st.recursive(
    LEAVES, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner)), max_leaves=6
)
PAYLOAD = st.dictionaries(st.sampled_from(WORDS), JSON, max_size=6)
LISTS = ("accounts", "profile", "pages", "locations", "items", "categories", "tags", "csvs", "posts", "comments")
NESTED = st.builds(
    lambda item: {
        "success": True,
        **item,
        "results": {**item, **{name: [item] for name in LISTS}, "post": {"_id": "a", **item, "media": [item]}},
        "locations": [item],
    },
    PAYLOAD,
)
# Most of them look like HighLevel's envelopes.
BODIES = st.one_of(JSON, PAYLOAD, NESTED).map(json.dumps)
TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "retry-after": TEXT,
        "x-ratelimit-interval-milliseconds": TEXT,
        "x-ratelimit-daily-remaining": TEXT,
        "location": TEXT,
        "cf-ray": TEXT,
    },
)


@pytest.mark.chaos
@pytest.mark.parametrize("name", CALLS)
@given(
    version=st.sampled_from(["2021-07-28", "v3"]),
    status=st.one_of(st.just(200), st.integers(200, 599)),
    text=BODIES,
    headers=HEADERS,
)
@settings(max_examples=12, deadline=None)
async def test_random_json_raises_nothing_but_our_errors(
    name: str, version: str, status: int, text: str, headers: dict[str, str]
) -> None:
    """Whatever the JSON, status and headers are, each call returns or raises a ProviderError."""
    provider, _ = highlevel(httpx.Response(status, headers=headers, content=text.encode()), api_version=version)

    with suppress(ProviderError):
        await CALLS[name](provider)


@pytest.mark.chaos
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"9" * 10_000,
        b"1e999",
        b"NaN",
        b"\xef\xbb\xbf{}",
        b'"\xed\xa0\x80"',
        b"\x00\xff",
        b'{"results":' + b"1" * 5000 + b"}",
        b'<a href="https://[">',
    ],
    ids=lambda raw: str(raw[:8]),
)
async def test_poison_raises_nothing_but_our_errors(name: str, raw: bytes) -> None:
    """Deep nesting, long numbers, infinities, lone surrogates and invalid bytes raise only ProviderErrors."""
    provider, _ = highlevel(httpx.Response(200, content=raw))

    with suppress(ProviderError):
        await CALLS[name](provider)


def echoing(request: httpx.Request) -> httpx.Response:
    """Return an error that repeats the whole request in every text field, as a careless vendor might."""
    echo = f"{request.url} {request.headers} {request.headers.get('authorization')} {request.content.decode()[:2000]}"
    body = {"message": [echo], "traceId": echo, "code": echo, "error": f"bad {echo}", "error_description": echo}
    return httpx.Response(400, json=body, headers={"cf-ray": "bearer canary-in-header"})


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    "answer",
    [
        echoing,
        httpx.ReadError("GET /?token=canary"),
        httpx.ConnectError("GET /?token=canary"),
        httpx.Response(500, text="canary"),
    ],
    ids=["echo", "dropped", "refused", "500"],
)
async def test_no_error_shows_a_secret(name: str, answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Neither message, fields, traceback nor log contain a token, a code or a secret."""
    caplog.set_level(logging.DEBUG)
    provider, _ = highlevel(answer)

    with pytest.raises(ProviderError) as raised:
        await CALLS[name](provider)

    # Source lines in the traceback contain the canaries.
    shown = [line for line in "".join(traceback.format_exception(raised.value)).splitlines() if line[:4] != "    "]
    kept = repr((raised.value.args, vars(raised.value)))
    assert [False, False, False] == ["canary" in each for each in (kept, "\n".join(shown), caplog.text)]


async def test_no_repr_shows_a_secret() -> None:
    """Neither the repr of a grant nor that of the provider contains one."""
    answer = {"access_token": "canary-a", "refresh_token": "canary-r", "expires_in": 1, "locationId": LOCATION}
    provider, _ = highlevel(httpx.Response(200, json=answer))

    grant = await provider.authorization.refresh(Secret("canary-refresh"))

    assert "canary" not in repr(grant) + repr(provider)
