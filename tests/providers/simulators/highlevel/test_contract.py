"""The simulator's responses against the official OpenAPI: one walk through all operations per generation.

Owns: the walk, and intended deviations from the specification. Knows nothing of rules beyond schemas.
"""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from providers.simulators.highlevel import operations
from tests.providers.simulators.highlevel import contract
from tests.providers.simulators.highlevel.test_account_oauth import ME, OAUTH, WHO, _consent, _path
from tests.providers.simulators.highlevel.test_csv_imports import GOOD, HEADERS
from tests.providers.simulators.highlevel.test_installations import INSTALLED
from tests.providers.simulators.highlevel.world import (
    BAKERY,
    COMPANY,
    OLD,
    OWNER,
    POSTING,
    POSTS,
    V3,
    V3_CLIENT,
    World,
    world,
)

# What live responses have but the specifications do not: a traceId everywhere, the long body of refusals, fields of
# files and locations.
KNOWN = frozenset({"traceId", "status", "options", "name", "error"})
# The removed endpoint is not in any specification.
UNSPECIFIED = {"oauth.reconnect"}
APP = "/marketplace/app/65f0c0de0000000000000a99/installations"


@dataclass
class Walk:
    """The calls of a walk, by operation name of the simulator."""

    generation: str
    answers: dict[str, list[httpx.Response]] = field(default_factory=dict)

    async def note(self, answer: httpx.Response) -> None:
        """Record a response."""
        found = operations.find(answer.request.method, urlsplit(str(answer.request.url)).path)
        if found is not None:
            await answer.aread()
            self.answers.setdefault(found[0].name, []).append(answer)


async def _tokens(highlevel: World, *, v3: bool) -> None:
    code, company = await highlevel.code(), highlevel.grant(None)
    if v3:
        fields = {**V3_CLIENT, "grantType": "authorization_code", "code": code}
        await highlevel.http.post("/oauth/token", data=fields, headers={"Version": V3})
    else:
        await highlevel.exchange(grant_type="authorization_code", code=code)
    if not v3:
        await highlevel.pair(BAKERY, agency=True)
    form = {"companyId": COMPANY, "locationId": BAKERY}
    path = "/oauth/location-token" if v3 else "/oauth/locationToken"
    await highlevel.call("POST", path, token=company, data=form)
    await highlevel.call("POST", path, token=company, data={})
    path = "/oauth/installed-locations" if v3 else "/oauth/installedLocations"
    await highlevel.call("GET", path, token=company, params=INSTALLED)
    await highlevel.call("GET", path, token=company, params={**INSTALLED, "appId": "x"})
    await highlevel.call("GET", APP)


async def _connections(highlevel: World, *, v3: bool) -> None:
    added = ("youtube", "pinterest") if v3 else ()
    for platform in ("facebook", "instagram", "google", "linkedin", "tiktok", *added):
        account_id = (await _consent(highlevel, platform))["accountId"]
        path = _path(platform, account_id, "locations" if platform == "google" and not v3 else "accounts")
        chosen = await highlevel.call("GET", path)
        body: dict[str, Any] = {**ME, "originId": f"{platform}-1-origin"}
        if platform == "google":
            body = {name: chosen.json()["results"]["locations"][name] for name in ("location", "account")}
            del body["location"]["relationshipData"]
        elif platform not in ("instagram", "pinterest"):
            body["type"] = "page" if platform == "facebook" else "profile"
        more = {"instagram": {"pageId": "p"}, "linkedin": {"urn": "urn:x"}}
        attached = await highlevel.call("POST", path, {**body, **more.get(platform, {})})
        assert 201 == attached.status_code, attached.text
    await highlevel.call("GET", f"{OAUTH}/tiktok/start", params={"locationId": BAKERY})
    await highlevel.call("GET", f"{OAUTH}/tiktok-business/start", params=WHO)


async def _posts(highlevel: World) -> None:
    page = highlevel.account("facebook").id
    post_id = await highlevel.created()
    await highlevel.create(status="published", scheduleDate=None)
    await highlevel.create(caption="x")
    await highlevel.created(accountIds=[page, highlevel.tiktok.id])
    review = {"approver": OWNER, "requesterNote": "look"}
    await highlevel.created(status="in_review", postApprovalDetails=review, accountIds=[page])
    highlevel.vendor.fail_next_publish("no")
    highlevel.clock.advance(3_601)
    for kind in ("all", "failed"):
        await highlevel.search(type=kind, includeUsers="true")
    await highlevel.search(limit=5)
    await highlevel.post(post_id)
    await highlevel.call("GET", f"{POSTS}/{post_id}", token="nonsense")
    draft = await highlevel.created(status="draft")
    await highlevel.call("PUT", f"{POSTS}/{draft}", highlevel.body())
    await highlevel.call("DELETE", f"{POSTS}/{draft}")
    await highlevel.call("POST", f"{POSTS}/bulk-delete", {"postIds": [post_id]})


async def _lists(highlevel: World, *, v3: bool) -> None:
    await highlevel.call("GET", f"{POSTING}/categories")
    await highlevel.call("GET", f"{POSTING}/categories/{highlevel.vendor.categories[0]['_id']}")
    await highlevel.call("GET", f"{POSTING}/tags")
    await highlevel.call("POST", f"{POSTING}/tags/details", {"tagIds": [highlevel.vendor.tags[0]["_id"]]})
    body = {"profileIds": [each.profile_id for each in highlevel.vendor.accounts.of(BAKERY)]}
    highlevel.clock.advance(80_000)
    highlevel.token = highlevel.grant()
    await highlevel.call("POST", "/social-media-posting/statistics", body, params={"locationId": BAKERY})
    if not v3:
        await highlevel.call("GET", "/users/", params={"locationId": BAKERY})
    await highlevel.call("GET", "/users/search", params={"companyId": COMPANY})
    await highlevel.call("GET", f"/users/{OWNER}")
    await highlevel.call("GET", "/locations/search")
    await highlevel.call("GET", f"/locations/{BAKERY}")


async def _files(highlevel: World) -> None:
    for _ in range(2):
        await highlevel.call("POST", "/medias/upload-file", files={"file": ("a.mp4", b"v", "video/mp4")})
    here = {"altType": "location", "altId": BAKERY}
    query = {**here, "type": "file", "sortBy": "createdAt", "sortOrder": "asc"}
    files = (await highlevel.call("GET", "/medias/files", params=query)).json()["files"]
    await highlevel.call("DELETE", f"/medias/{files[0]['_id']}", params=here)
    body = {"filesToBeDeleted": [{"_id": files[1]["_id"]}], **here, "status": "trashed"}
    await highlevel.call("PUT", "/medias/delete-files", body)


async def _csv(highlevel: World) -> None:
    date = highlevel.clock.later(86_400)
    text = f"{HEADERS}\n{GOOD.replace('2026-11-21 10:00:00', date)}\n{GOOD.replace('2026-11-21', '2020-01-01')}\n"
    uploaded = await highlevel.call("POST", f"{POSTING}/csv", files={"file": ("a.csv", text.encode(), "text/csv")})
    body = {name: uploaded.json()["results"][name] for name in ("filePath", "rowsCount", "fileName")}
    await highlevel.call(
        "POST", f"{POSTING}/set-accounts", {**body, "accountIds": [highlevel.tiktok.id], "userId": OWNER}
    )
    highlevel.clock.advance(1)
    listed = await highlevel.call("GET", f"{POSTING}/csv", params={"userId": OWNER})
    row = listed.json()["results"]["csvs"][0]
    path = f"{POSTING}/csv/{row.get('id') or row['_id']}"
    await highlevel.call("GET", path)
    await highlevel.call("DELETE", f"{path}/post/{1:024x}")
    await highlevel.call("PATCH", path, {"userId": OWNER})
    await highlevel.call("DELETE", path)


async def _comments(highlevel: World) -> None:
    where = {"locationId": BAKERY}
    comment = highlevel.vendor.add_comment(
        location_id=BAKERY, platform="tiktok", parent_id=await highlevel.created(), content="Lovely"
    )
    assert comment is not None
    root = "/social-media-posting/comments/tiktok"
    body = {"parentId": comment.id, "isParentThread": True, "content": "Thanks"}
    await highlevel.call("POST", root, body, params=where)
    await highlevel.call("POST", f"{root}/list", {"originIds": [highlevel.tiktok.origin_id]}, params=where)
    await highlevel.call("POST", f"{root}/{comment.id}/like", params=where)
    await highlevel.call("DELETE", f"{root}/{comment.id}/like", params=where)


async def _walk(version: str) -> Walk:
    """Call every operation of a generation, with valid and some invalid requests."""
    v3 = version == V3
    walk = Walk("v3" if v3 else "v2")
    async with world(burst=100_000) as highlevel:
        highlevel.version = version
        highlevel.http.event_hooks = {"response": [walk.note]}
        await _tokens(highlevel, v3=v3)
        await highlevel.call("GET", f"{POSTING}/accounts")
        await _connections(highlevel, v3=v3)
        await _posts(highlevel)
        await _files(highlevel)
        await _csv(highlevel)
        await _lists(highlevel, v3=v3)
        if v3:
            await _comments(highlevel)
        await highlevel.call("DELETE", f"{POSTING}/accounts/{highlevel.tiktok.id}")
        await highlevel.call("DELETE", APP, {"locationId": BAKERY, "reason": "r"})
    async with world(burst=0) as highlevel:
        highlevel.version = version
        highlevel.http.event_hooks = {"response": [walk.note]}
        await highlevel.call("GET", f"{POSTING}/accounts")
    return walk


_WALKS: dict[str, Walk] = {}


@pytest.fixture(params=[OLD, V3])
async def walk(request: pytest.FixtureRequest) -> Walk:
    """Return the walk of a generation, which runs once."""
    contract.specs("v3" if request.param == V3 else "v2")
    if request.param not in _WALKS:
        _WALKS[request.param] = await _walk(request.param)
    return _WALKS[request.param]


def _wrong(walk: Walk, answer: httpx.Response) -> list[str]:
    path = urlsplit(str(answer.request.url)).path
    operation = contract.find(walk.generation, answer.request.method, path)
    if operation is None:
        return [f"{answer.request.method} {path} is in no specification"]
    schema = operation.answer(answer.status_code)
    if schema is None:
        return [] if answer.status_code >= 400 or answer.status_code == 302 else [f"{answer.status_code} is new"]
    if not answer.content or not schema:
        return []
    return contract.problems(operation.spec, schema, answer.json(), str(answer.status_code), known=KNOWN)


@pytest.mark.parametrize("name", sorted(operations.NAMES - UNSPECIFIED))
async def test_responses_match_the_specification(walk: Walk, name: str) -> None:
    """Responses have documented statuses, required properties, types and enum values, and no unknown properties."""
    mine = {each.name for each in operations.OPERATIONS if walk.generation in each.generations}
    answers = walk.answers.get(name, [])

    assert (name in mine) == bool(answers)
    assert [] == [f"{name}: {each}" for answer in answers for each in _wrong(walk, answer)]


async def test_accepted_bodies_match_the_specification(walk: Walk) -> None:
    """Every JSON body that the simulator accepts is valid in the specification."""
    found = []
    for answer in (each for answers in walk.answers.values() for each in answers if each.status_code < 300):
        request = answer.request
        operation = contract.find(walk.generation, request.method, urlsplit(str(request.url)).path)
        if operation is None or request.headers.get("content-type") != "application/json":
            continue
        body = json.loads(request.content)
        found += contract.problems(operation.spec, operation.request("application/json"), body, operation.path)

    assert [] == found


async def test_a_429_has_the_documented_headers(walk: Walk) -> None:
    """A 429 has the five rate limit headers of the specification."""
    [refused] = [each for each in walk.answers["accounts.list"] if each.status_code == 429]
    operation = contract.find(walk.generation, "GET", f"{POSTING}/accounts")

    assert operation is not None
    assert [] == [name for name in operation.value["responses"]["429"]["headers"] if name not in refused.headers]


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ({"a": "x"}, 0),
        ({"a": "x", "b": None}, 0),
        ({}, 1),
        ({"a": 1}, 1),
        ({"a": "y"}, 1),
        ({"a": "x", "c": 1}, 1),
        ({"a": "x", "b": [True]}, 1),
        ([], 1),
    ],
)
def test_the_validator_can_fail(value: Any, wrong: int) -> None:
    """The validator finds missing properties, wrong types, wrong enum values and unknown properties."""
    schema = {
        "allOf": [
            {
                "type": "object",
                "required": ["a"],
                "properties": {
                    "a": {"type": "string", "enum": ["x"]},
                    "b": {"type": "array", "items": {"type": "number"}, "nullable": True},
                },
            }
        ]
    }

    assert wrong == len(contract.problems({}, schema, value))
