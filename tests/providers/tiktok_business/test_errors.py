"""What the answers of TikTok's API for Business become: every code of its table, and answers that have none.

Owns the table, typed from the vendor's documentation and not from the code. That no code of it is missing is checked
only if the documentation is kept beside the checkout.
"""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from providers.errors import (
    Ambiguous,
    ContentRefused,
    ContractBroken,
    GrantRevoked,
    Misconfigured,
    NotFound,
    ProviderError,
    RateLimited,
    Rejected,
    ScopeNotGranted,
    TokenRefused,
    Unavailable,
)
from providers.models.accounts import ProfilePart
from providers.models.grants import GrantKind
from providers.models.secret import Secret
from providers.tiktok import TikTok
from providers.tiktok_business.errors import CODES, TOKEN_CODES
from tests.fixtures import reference
from tests.providers.faking import VERIFIER
from tests.providers.tiktok_business.support import ACCOUNT, COMMENT, VIDEO, FakeAccess, ok, refused, tiktok

Call = Callable[[TikTok, FakeAccess], Awaitable[Any]]


def read(it: TikTok, access: FakeAccess) -> Awaitable[Any]:
    """Read videos."""
    return it.videos.list_videos(access, metrics=False)


def write(it: TikTok, access: FakeAccess) -> Awaitable[Any]:
    """Hide a comment."""
    return it.engagement.set_hidden(access, ACCOUNT, COMMENT, hidden=True, post=VIDEO)


def refresh(it: TikTok, access: FakeAccess) -> Awaitable[Any]:
    """Refresh a grant."""
    return it.authorizations[GrantKind.BUSINESS_ACCOUNT].refresh(Secret("rft.canary"))


ROWS: list[tuple[int, type[ProviderError], type[ProviderError]]] = [
    (40000, ContentRefused, ContentRefused),
    (40001, Rejected, Rejected),
    (40002, ContentRefused, ContentRefused),
    (40003, Rejected, Rejected),
    (40006, ContractBroken, Rejected),
    (40007, NotFound, NotFound),
    (40008, Misconfigured, Misconfigured),
    (40011, Rejected, Rejected),
    (40016, RateLimited, RateLimited),
    (40050, Ambiguous, Ambiguous),
    (40100, RateLimited, RateLimited),
    (40101, Misconfigured, Misconfigured),
    (40102, TokenRefused, TokenRefused),
    (40105, TokenRefused, TokenRefused),
    (40113, Misconfigured, Misconfigured),
    (40117, Rejected, Rejected),
    (40118, Misconfigured, Misconfigured),
    (40125, Misconfigured, Misconfigured),
    (40130, ScopeNotGranted, ScopeNotGranted),
    (40131, TokenRefused, TokenRefused),
    (40132, RateLimited, RateLimited),
    (40133, RateLimited, RateLimited),
    (40201, Unavailable, Ambiguous),
    (40202, Unavailable, Ambiguous),
    (40700, Unavailable, Ambiguous),
    (40902, Unavailable, Ambiguous),
    (41000, Misconfigured, Misconfigured),
    (49999, ContractBroken, Rejected),
    (50000, Unavailable, Ambiguous),
    (50002, Unavailable, Ambiguous),
    (51010, Unavailable, Ambiguous),
    (60001, Unavailable, Ambiguous),
    (61000, RateLimited, RateLimited),
]
TOKEN_ROWS: list[tuple[int, type[ProviderError]]] = [
    (40002, Misconfigured),
    (40100, RateLimited),
    (40101, Misconfigured),
    (40103, GrantRevoked),
    (40105, GrantRevoked),
    (40107, GrantRevoked),
    (40108, Misconfigured),
    (40110, GrantRevoked),
    (40131, GrantRevoked),
    (49999, ContractBroken),
    (50000, Unavailable),
]


async def error_of(call: Call, *answers: httpx.Response, access: FakeAccess | None = None) -> ProviderError:
    """Make a call, and return its error."""
    provider, _ = tiktok(*answers)
    with pytest.raises(ProviderError) as caught:
        await call(provider, access or FakeAccess())
    assert "canary" not in f"{caught.value!r} {caught.value} {caught.value.metadata}"
    return caught.value


@pytest.mark.parametrize(("code", "after_read", "after_write"), ROWS, ids=lambda value: str(value)[:5])
async def test_a_code_has_its_meaning(
    code: int, after_read: type[ProviderError], after_write: type[ProviderError]
) -> None:
    """A code decides, with HTTP 200; a fault of the service leaves it open whether a write happened."""
    of_read, of_write = await error_of(read, refused(code)), await error_of(write, refused(code))
    assert (after_read, after_write) == (type(of_read), type(of_write))
    assert (str(code), "2026refused") == (of_read.code, of_read.log_id)


@pytest.mark.parametrize(("code", "kind"), TOKEN_ROWS, ids=lambda value: str(value)[:5])
async def test_a_code_of_a_token_call_has_its_meaning(code: int, kind: type[ProviderError]) -> None:
    """Only what is wrong with the refresh token ends a grant, nothing that is wrong with the application or unknown."""
    assert kind is type(await error_of(refresh, refused(code)))


def test_no_documented_code_is_missing() -> None:
    """Each code of the documentation's table has a meaning, of its own or by the range of the service's faults."""
    table = reference.text("tiktok-business.md").partition("### 0.5 Error codes")[2].partition("What connectors")[0]
    listed = {int(each) for row in re.findall(r"^\| ([^|]+) \|", table, re.M) for each in re.findall(r"\b\d{5}\b", row)}
    bugs = {40006, 40051, 40062, 40104, 40300, 40302, 40309, 40400, 41001, 41002}
    assert 50 < len(listed)
    assert set() == {each for each in listed if each < 50000} - {20001} - set(CODES) - set(TOKEN_CODES) - bugs


@pytest.mark.parametrize(
    ("message", "pause"),
    [
        ("App 7 reaches the QPS limit 10, current QPS is 11", timedelta(seconds=1)),
        ("App 7 reaches the QPM limit 600, current QPM is 601", timedelta(minutes=5)),
        ("App 7 reaches the QPD limit 864000, current QPD is 864001", timedelta(hours=12)),
        ("Due to too many requests, requests from App 7 are temporarily restricted", timedelta(minutes=5)),
    ],
)
async def test_the_message_tells_which_limit_it_is(message: str, pause: timedelta) -> None:
    """A second, five minutes, or until midnight of UTC; the ledger learns the same."""
    access = FakeAccess()
    error = await error_of(read, refused(40100, message), access=access)
    assert (RateLimited, pause) == (type(error), error.retry_after)
    assert [("business_requests", pause)] == access.limits


@pytest.mark.parametrize(
    ("answer", "after_read", "after_write"),
    [
        (httpx.Response(200, html="<html>502</html>"), ContractBroken, Ambiguous),
        (httpx.Response(200, content=b""), ContractBroken, Ambiguous),
        (httpx.Response(200, json={"message": "OK", "data": {}}), ContractBroken, Ambiguous),
        (httpx.Response(200, json={"code": "zero", "data": {}}), ContractBroken, Ambiguous),
        (httpx.Response(404, text="404 page not found"), ContractBroken, ContractBroken),
        (httpx.Response(429, content=b""), RateLimited, RateLimited),
        (httpx.Response(503, html="<html>"), Unavailable, Ambiguous),
        (httpx.Response(504, content=b""), Unavailable, Ambiguous),
    ],
    ids=["html", "empty", "no code", "no integer", "404", "429", "503", "504"],
)
async def test_an_answer_without_an_envelope(
    answer: httpx.Response, after_read: type[ProviderError], after_write: type[ProviderError]
) -> None:
    """HTML with 200 and an empty body are no success: a read is broken, and a write may have happened."""
    assert (after_read, after_write) == (type(await error_of(read, answer)), type(await error_of(write, answer)))


async def test_a_partial_success_is_a_success_of_what_was_read() -> None:
    """20001 of a list is what is there; of a write of one object it is one only without an error in its list."""
    provider, _ = tiktok(ok({"videos": [{"item_id": VIDEO}]}, 20001))
    assert 1 == len((await provider.videos.list_videos(FakeAccess(), metrics=False)).videos)
    provider, _ = tiktok(ok({}, 20001))
    await write(provider, FakeAccess())
    assert isinstance(await error_of(write, ok({"error_list": [{"message": "No."}]}, 20001)), Rejected)


@pytest.mark.parametrize("code", [40102, 40105])
async def test_a_refused_token_is_renewed_once(code: int) -> None:
    """An expired and an invalid token are both renewed, and the call made once more."""
    provider, vendor = tiktok(refused(code), ok({"videos": []}))
    await provider.videos.list_videos(FakeAccess(), metrics=False)
    assert ["act.canary-business-1", "act.canary-business-2"] == [
        each.headers["access-token"] for each in vendor.requests
    ]


async def test_a_missing_scope_is_never_answered_with_a_new_token() -> None:
    """40130 says what the person granted: no refresh changes it."""
    access = FakeAccess()
    await error_of(write, refused(40130), access=access)
    assert 1 == access.version


async def test_a_profile_without_one_scope_is_read_again_with_the_usual_fields() -> None:
    """One field that is no longer granted fails the whole call: name and picture are asked for once more, alone."""
    provider, vendor = tiktok(refused(40130), ok({"display_name": "Sim"}))
    profile = await provider.accounts.profile(FakeAccess(), set(ProfilePart))
    assert ("Sim", "biz-1", frozenset({ProfilePart.PROFILE, ProfilePart.STATS})) == (
        profile.display_name,
        profile.provider_account_id,
        profile.missing,
    )
    assert 2 == len(vendor.requests)


async def test_videos_without_the_scope_of_insights_have_none() -> None:
    """Without video.insights the list works, and its posts have no counts."""
    provider, vendor = tiktok(ok({"videos": [{"item_id": VIDEO}]}))
    page = await provider.videos.list_videos(FakeAccess("video.list"))
    assert ([None], False) == ([each.metrics for each in page.videos], "likes" in str(vendor.last.url))
    provider, _ = tiktok(refused(40130), ok({"videos": [{"item_id": VIDEO}]}))
    assert [None] == [each.metrics for each in (await provider.videos.list_videos(FakeAccess())).videos]


async def test_an_exchange_that_names_no_scopes_asks_for_them() -> None:
    """Token info says what was granted where the token's answer does not."""
    tokens = {"access_token": "act.1", "refresh_token": "rft.1", "expires_in": 86400, "open_id": "biz-1"}
    provider, vendor = tiktok(ok(tokens), ok({"scope": "user.info.basic,comment.list"}))
    authorization = provider.authorizations[GrantKind.BUSINESS_ACCOUNT]
    grant = await authorization.exchange("a%2Ab", verifier=VERIFIER, redirect_uri="https://x.example/")
    assert ("user.info.basic", "comment.list") == grant.scopes
    assert b'"a*b"' in vendor.requests[0].content
