"""Audiences at TikTok's Marketing API: each request against the vendor's own tables, and what answers mean.

Owns literal answers and the comparison with `sdk-operations.json` and `enums.json`, which is skipped where they are not
kept beside the checkout. How an audience lives over time is shown over the simulator.
"""

import hashlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from providers.errors import (
    Ambiguous,
    ContentRefused,
    NotFound,
    ProviderError,
    ScopeNotGranted,
    Unavailable,
    UploadGone,
)
from providers.models.audiences import AudienceState, MembersAction, MembersFile
from providers.simulators.tiktok_business import SimulatorConfig, Vendor, create_app
from providers.simulators.tiktok_business.marketing.advertisers import AdvertiserGrant
from providers.tiktok import TikTok, build
from providers.tiktok_business.audiences import LIMITS, tagged, untagged
from tests.fixtures import reference
from tests.fixtures.clock import Clock
from tests.providers.faking import NOW
from tests.providers.tiktok_business import support
from tests.providers.tiktok_business.support import ok, query, refused, tiktok

ADVERTISER, AUDIENCE, KEY = "7100000000000000001", "7200000000000000001", "0123456789abcdef" * 4
DIGESTS = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(1_000)]
CONTENT = ("Email_SHA256,Phone_SHA256,MAID_SHA256\n" + "".join(f"{each},,\n" for each in DIGESTS)).encode()
FILE = MembersFile(len(CONTENT), hashlib.md5(CONTENT, usedforsecurity=False).hexdigest())
PREFIX = "/open_api/v1.3"


class FakeAccess(support.FakeAccess):
    """An Access to an advertiser's grant, with the scopes of audiences unless others are named."""

    def __init__(self, *scopes: str) -> None:
        super().__init__(*(scopes or ("30", "31")))


async def content() -> AsyncIterator[bytes]:
    """Yield the file."""
    yield CONTENT[:100]
    yield CONTENT[100:]


Call = Callable[[TikTok, FakeAccess], Awaitable[Any]]
CALLS: dict[str, tuple[str, str, Call]] = {
    "upload": ("POST", "file/upload", lambda it, access: it.audiences.upload(access, ADVERTISER, FILE, content)),
    "create": ("POST", "create", lambda it, access: it.audiences.create(access, ADVERTISER, "VIPs", ["p1"], key=KEY)),
    "append": (
        "POST",
        "update",
        lambda it, access: it.audiences.change(access, ADVERTISER, AUDIENCE, MembersAction.APPEND, ["p1", "p2"]),
    ),
    "remove": (
        "POST",
        "update",
        lambda it, access: it.audiences.change(access, ADVERTISER, AUDIENCE, MembersAction.REMOVE, ["p1"]),
    ),
    "get": ("GET", "get", lambda it, access: it.audiences.get(access, ADVERTISER, [AUDIENCE])),
    "page": ("GET", "list", lambda it, access: it.audiences.page(access, ADVERTISER, cursor="2")),
    "delete": ("POST", "delete", lambda it, access: it.audiences.delete(access, ADVERTISER, AUDIENCE)),
}
ANSWER = {"file_path": "p1", "custom_audience_id": AUDIENCE, "list": [], "page_info": {"total_page": 1}}


async def sent(name: str) -> httpx.Request:
    """Make a call, and return the only request that it sent."""
    provider, vendor = tiktok(ok(ANSWER))
    await CALLS[name][2](provider, FakeAccess())
    [request] = vendor.requests
    return request


def parameters(request: httpx.Request) -> dict[str, Any]:
    """Return the parameters of a request: of its query, its body or its form."""
    if request.method == "GET":
        return query(request)
    if request.headers["content-type"].startswith("multipart/"):
        parts = re.findall(
            rb'form-data; name="(\w+)"(?:; filename="([^"]+)")?.*?\r\n\r\n(.*?)\r\n--', request.content, re.S
        )
        return {name.decode(): (file or value).decode() for name, file, value in parts}
    body: dict[str, Any] = json.loads(request.content)
    return body


def operation(path: str) -> dict[str, Any]:
    """Return the parameters of an operation in the SDK, those of its body model instead of `body`."""
    tables = json.loads(reference.text("tiktok-business-openapi/sdk-operations.json"))
    [found] = [each for each in tables["operations"] if each["path"] == f"{PREFIX}{path}"]
    own: dict[str, Any] = {name: each for name, each in found["params"].items() if name != "access_token"}
    body = own.pop("body", None)
    return {**own, **(tables["models"][body["type"]] if body else {})}


@pytest.mark.parametrize("name", CALLS)
async def test_a_request_has_what_the_sdk_has(name: str) -> None:
    """Every parameter is one of the SDK's, none that it requires is missing, and the token is a header."""
    method, action, _ = CALLS[name]
    path = f"/dmp/custom_audience/{action}/"
    request, documented = await sent(name), operation(path)
    asked = parameters(request)
    assert (method, f"{PREFIX}{path}") == (request.method, request.url.path)
    assert request.headers["access-token"].startswith("act.")
    assert set() == set(asked) - set(documented)
    assert set() == {each for each, about in documented.items() if about["required"]} - set(asked)
    assert ADVERTISER == asked["advertiser_id"]


@pytest.mark.parametrize(
    ("name", "fields"),
    [("upload", ["calculate_type"]), ("create", ["calculate_type"]), ("append", ["action"]), ("remove", ["action"])],
)
async def test_every_word_is_one_of_the_vendors(name: str, fields: list[str]) -> None:
    """Enum values are valid members of the vendor's own lists."""
    method, action, _ = CALLS[name]
    members = json.loads(reference.text("tiktok-business-openapi/enums.json"))["operations"]
    allowed, asked = members[f"{method} /dmp/custom_audience/{action}/"], parameters(await sent(name))
    assert [] == [field for field in fields if asked[field] not in allowed[field]]


async def test_a_change_always_says_what_it_does() -> None:
    """The vendor's default would replace all members: the action is in every request, and is never that."""
    assert ("APPEND", "REMOVE") == tuple([parameters(await sent(name))["action"] for name in ("append", "remove")])


async def test_a_file_is_sent_with_its_signature() -> None:
    """The form has the MD5 of exactly the bytes that follow, and a name that ends as the vendor wants it."""
    request = await sent("upload")
    asked = parameters(request)
    assert (FILE.md5, "members.csv") == (asked["file_signature"], asked["file"])
    assert CONTENT in request.content
    assert int(request.headers["content-length"]) == len(request.content)


@pytest.mark.parametrize("name", CALLS)
async def test_a_missing_scope_is_known_before_any_call(name: str) -> None:
    """Without the scope of audiences nothing is sent."""
    provider, vendor = tiktok(ok(ANSWER))
    access = FakeAccess("200", "201")
    with pytest.raises(ScopeNotGranted):
        await CALLS[name][2](provider, access)
    assert [] == vendor.requests


@pytest.mark.parametrize("count", [0, LIMITS.max_files + 1])
async def test_the_number_of_files_is_checked_here(count: int) -> None:
    """None, or more than the vendor takes, is an error of ours: nothing is sent."""
    provider, vendor = tiktok(ok(ANSWER))
    paths: Sequence[str] = ["p"] * count
    for call in (
        provider.audiences.create(FakeAccess(), ADVERTISER, "VIPs", paths, key=KEY),
        provider.audiences.change(FakeAccess(), ADVERTISER, AUDIENCE, MembersAction.APPEND, paths),
    ):
        with pytest.raises(ValueError, match="1 to"):
            await call
    assert [] == vendor.requests


REFUSALS: list[tuple[str, httpx.Response, type[ProviderError]]] = [
    ("upload", refused(40900), ContentRefused),
    ("upload", refused(40910), ContentRefused),
    ("upload", refused(51003), Ambiguous),
    ("upload", ok({}), Ambiguous),
    ("create", refused(40002, "custom_audience_name: the name is duplicated"), ContentRefused),
    ("create", refused(50000), Ambiguous),
    ("create", ok({}), Ambiguous),
    ("create", httpx.Response(502, text="<html>"), Ambiguous),
    ("append", refused(40002, "Audience is not editable"), Unavailable),
    ("append", refused(40002, "file_paths: invalid"), ContentRefused),
    ("append", refused(40909), UploadGone),
    ("create", refused(40909), UploadGone),
    ("append", refused(40007), NotFound),
    ("append", refused(51003), Ambiguous),
    ("get", refused(51003), Unavailable),
    ("delete", refused(40002, "The audience is used by an ad group"), ContentRefused),
    ("delete", refused(50000), Ambiguous),
]


@pytest.mark.parametrize(("name", "answer", "kind"), REFUSALS)
async def test_an_answer_has_its_meaning(name: str, answer: httpx.Response, kind: type[ProviderError]) -> None:
    """Too early is temporary, what the service cannot say is ambiguous, and an answer without an id proves nothing."""
    provider, _ = tiktok(*[answer] * 2)
    with pytest.raises(ProviderError) as caught:
        await CALLS[name][2](provider, FakeAccess())
    assert kind is type(caught.value)


async def test_an_audience_that_is_gone_can_be_deleted() -> None:
    """Deleting it again is no error."""
    provider, _ = tiktok(refused(40007))
    await provider.audiences.delete(FakeAccess(), ADVERTISER, AUDIENCE)


def audience(**details: Any) -> dict[str, Any]:
    """Return an audience as the vendor shows it."""
    usual = {"audience_id": AUDIENCE, "name": "VIPs", "cover_num": 1200, "is_valid": True, "error_msg": ""}
    return {"audience_details": {**usual, **details}, "audience_history": []}


@pytest.mark.parametrize(
    ("details", "state"),
    [
        ({}, AudienceState.ACTIVE),
        ({"is_valid": False, "cover_num": 0}, AudienceState.BUILDING),
        ({"is_valid": False, "cover_num": 999}, AudienceState.TOO_SMALL),
        ({"is_valid": False, "error_msg": "The file cannot be read"}, AudienceState.FAILED),
        ({"is_valid": None}, AudienceState.UNKNOWN),
        ({"expired_time": f"{NOW - timedelta(seconds=1):%Y-%m-%d %H:%M:%S}"}, AudienceState.EXPIRED),
        ({"expired_time": f"{NOW + timedelta(days=1):%Y-%m-%d %H:%M:%S}"}, AudienceState.ACTIVE),
    ],
)
async def test_the_state_follows_from_what_the_vendor_says(details: dict[str, Any], state: AudienceState) -> None:
    """Valid, expired, failed, too small, or still being matched; only an active one can be changed."""
    provider, _ = tiktok(ok({"list": [audience(**details)]}))
    [found] = await provider.audiences.get(FakeAccess(), ADVERTISER, [AUDIENCE])
    assert (state, state is AudienceState.ACTIVE) == (found.state, found.editable)


async def test_the_history_is_newest_first_and_knows_its_actions() -> None:
    """Only changes of members have an action; ids stay exact, and a number that is absent is none."""
    rows = [
        {"action": "CREATE", "opt_time": "2026-11-01 10:00:00"},
        {"action": "Append", "opt_time": "2026-11-03 10:00:00"},
        {"action": "REMOVE", "opt_time": "2026-11-02 10:00:00"},
    ]
    row = {**audience(audience_id=int(AUDIENCE), cover_num=None), "audience_history": rows}
    provider, _ = tiktok(ok({"list": [row]}))
    [found] = await provider.audiences.get(FakeAccess(), ADVERTISER, [AUDIENCE])
    assert (AUDIENCE, None) == (found.id, found.size)
    assert [MembersAction.APPEND, MembersAction.REMOVE, None] == [each.action for each in found.changes]
    assert datetime(2026, 11, 3, 10, tzinfo=UTC) == found.changes[0].time


async def test_the_one_that_was_created_is_found_by_its_tag() -> None:
    """All pages are looked through; another audience of the same name is not ours."""
    pages = [
        ok({"list": [{"audience_id": "1", "name": "VIPs"}], "page_info": {"total_page": 2}}),
        ok({"list": [{"audience_id": "2", "name": tagged("VIPs", KEY)}], "page_info": {"total_page": 2}}),
    ]
    provider, vendor = tiktok(*pages)
    found = await provider.audiences.find_created(FakeAccess(), ADVERTISER, KEY)
    assert found is not None
    assert ("2", ["1", "2"]) == (found.id, [query(each)["page"] for each in vendor.requests])
    provider, _ = tiktok(pages[0], ok({"list": [], "page_info": {"total_page": 2}}))
    assert None is await provider.audiences.find_created(FakeAccess(), ADVERTISER, KEY)


@pytest.mark.parametrize("name", ["VIPs", "a" * 128, "VIPs #12"])
def test_a_name_with_its_tag_is_never_too_long(name: str) -> None:
    """A long name loses its end, never the tag; without the tag it is the name again."""
    full = tagged(name, KEY)
    assert len(full) <= LIMITS.max_name
    assert full.endswith(KEY[:12])
    assert name.startswith(untagged(full))
    assert untagged(name) == name


def test_every_field_that_is_read_is_the_vendors() -> None:
    """The names of answers are in the vendor's own mapping of them."""
    known = json.loads(reference.text("tiktok-business-openapi/response-fields.json"))["operations"]
    [shown] = known["GET /dmp/custom_audience/get/"][0]["list[][]"]
    details, history = shown["audience_details[]"][0], shown["audience_history[][]"][0]
    read = {"audience_id", "name", "cover_num", "is_valid", "error_msg", "create_time", "expired_time"}
    assert (set(), set()) == (read - set(details), {"action", "opt_time"} - set(history))
    assert ["file_path"] == list(known["POST /dmp/custom_audience/file/upload/"][0])
    assert ["custom_audience_id"] == list(known["POST /dmp/custom_audience/create/"][0])


async def test_an_audience_lives_through_the_simulator() -> None:
    """Uploaded, created, matched, appended to, read with its history, found by its tag, deleted."""
    clock = Clock()
    app = create_app(SimulatorConfig(rate_limits=False, matching_seconds=60), clock=clock)
    vendor: Vendor = app.state.vendor
    grant = AdvertiserGrant(core_user_id="1", advertiser_ids=(ADVERTISER,))
    vendor.marketing.grants.tokens["act.canary-business-1"] = grant
    provider = build(support.SETTINGS, clock=clock, transport=httpx.ASGITransport(app))
    access, it = FakeAccess(), provider.audiences

    path = await it.upload(access, ADVERTISER, FILE, content)
    id = await it.create(access, ADVERTISER, "VIPs", [path], key=KEY)
    [building] = await it.get(access, ADVERTISER, [id])
    with pytest.raises(Unavailable):
        await it.change(access, ADVERTISER, id, MembersAction.APPEND, [path])
    clock.advance(60)
    await it.change(access, ADVERTISER, id, MembersAction.APPEND, [path])
    clock.advance(60)
    [active] = await it.get(access, ADVERTISER, [id])
    found = await it.find_created(access, ADVERTISER, KEY)
    await it.delete(access, ADVERTISER, id)
    await it.delete(access, ADVERTISER, id)

    assert (AudienceState.BUILDING, AudienceState.ACTIVE) == (building.state, active.state)
    assert (1_000, [MembersAction.APPEND, None]) == (active.size, [each.action for each in active.changes])
    assert found is not None
    assert (id, "VIPs") == (found.id, untagged(found.name))
    assert ["upload", "create", "append", "delete"] == [each for each, _, _ in vendor.audiences.written]
    await provider.close()
    await vendor.aclose()
