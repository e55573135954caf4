"""What is refused before an operation runs: agents, routes, tokens, versions, classes, scopes.

Owns: the table of observed refusals. Knows nothing of bodies.
"""

import pytest

from providers.simulators.highlevel.operations import OPERATIONS
from providers.simulators.highlevel.tenants import GARAGE
from tests.providers.simulators.highlevel.world import BAKERY, COMPANY, OLD, POSTING, POSTS, V3, World, said

ACCOUNTS = f"{POSTING}/accounts"
CLOSED = "This route is not yet supported by the IAM Service. Please update your IAM config."
FOREIGN = "The token does not have access to this location."


@pytest.mark.parametrize(
    "agent", ["Python-urllib/3.11", "python-requests/2.32", "python-httpx/0.28.1", "", "aiohttp/3"]
)
async def test_default_agents_meet_cloudflare(highlevel: World, agent: str) -> None:
    """A default agent of Python's, or none, gets HTML with 403 and error code 1010."""
    answer = await highlevel.http.get(
        ACCOUNTS,
        headers={"User-Agent": agent, "Authorization": f"Bearer {highlevel.token}", "Version": OLD},
    )

    assert (403, "text/html; charset=utf-8") == (answer.status_code, answer.headers["content-type"])
    assert "error code: 1010" in answer.text


async def test_a_call_with_everything_right_is_admitted(highlevel: World) -> None:
    """Bearer, Version and an agent of one's own are enough."""
    assert 200 == (await highlevel.call("GET", ACCOUNTS)).status_code


@pytest.mark.parametrize("version", ["2021-07-28", "2021-04-15", "2023-02-21", "v3"])
async def test_living_versions(highlevel: World, version: str) -> None:
    """Three dates and v3 are alive."""
    assert 200 == (await highlevel.call("GET", ACCOUNTS, version=version)).status_code


async def test_the_version_header_is_required(highlevel: World) -> None:
    """Without it the answer is 401, which is no trouble with the token."""
    answer = await highlevel.http.get(ACCOUNTS, headers={"Authorization": f"Bearer {highlevel.token}"})

    assert (401, "version header was not found.") == said(answer)


async def test_an_unpublished_version_is_refused(highlevel: World) -> None:
    """A date that never was published is invalid."""
    answer = await highlevel.call("GET", ACCOUNTS, version="2020-01-01")

    assert (401, "version header is invalid") == said(answer)


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("nonsense", "Invalid JWT"),
        ("eyJhbGciOiJSUzI1NiJ9.e30.c2ln", "Invalid token: access token is invalid"),
        ("pit-00000000-0000-4000-8000-000000000000", "Invalid Private Integration token"),
    ],
)
async def test_unknown_tokens_are_refused_in_the_words_of_their_kind(
    highlevel: World, token: str, message: str
) -> None:
    """What is no JWT, an unknown JWT and an unknown private token have texts of their own."""
    assert (401, message) == said(await highlevel.call("GET", ACCOUNTS, token=token))


async def test_no_authorization_at_all(highlevel: World) -> None:
    """A call without a bearer is 401 with the gateway's short body."""
    answer = await highlevel.http.get(ACCOUNTS, headers={"Version": OLD})

    assert {"statusCode": 401, "message": "Invalid JWT", "error": "Unauthorized"} == answer.json()


async def test_access_tokens_live_a_day(highlevel: World) -> None:
    """From their 86,399th second on they are refused."""
    highlevel.clock.advance(86_398)
    assert 200 == (await highlevel.call("GET", ACCOUNTS)).status_code
    highlevel.clock.advance(1)

    assert (401, "Invalid token: access token is invalid") == said(await highlevel.call("GET", ACCOUNTS))


async def test_a_companys_token_does_not_open_a_location(highlevel: World) -> None:
    """All scopes of the planner are a location's."""
    assert (403, FOREIGN) == said(await highlevel.call("GET", ACCOUNTS, token=highlevel.grant(None)))


async def test_another_locations_token_does_not_either(highlevel: World) -> None:
    """The location of the path must be the token's."""
    assert (403, FOREIGN) == said(await highlevel.call("GET", ACCOUNTS, token=highlevel.grant(GARAGE)))


@pytest.mark.parametrize(
    "path",
    [
        f"/social-media-posting/oauth/tiktok/start?locationId={GARAGE}&userId=u",
        f"/users/?locationId={GARAGE}",
    ],
)
async def test_a_location_in_the_query_must_be_the_tokens_too(highlevel: World, path: str) -> None:
    """Some operations name the location in the query."""
    assert (403, FOREIGN) == said(await highlevel.call("GET", path))


async def test_a_location_that_must_be_named_is_missed(highlevel: World) -> None:
    """Without locationId such an operation is 422."""
    assert (422, ["locationId should not be empty"]) == said(await highlevel.call("GET", "/users/"))


@pytest.mark.parametrize("private", [False, True])
async def test_only_a_companys_oauth_token_sees_installations(highlevel: World, private: bool) -> None:
    """Neither a location's token nor an agency's private one opens installedLocations."""
    token = highlevel.vendor.private_token() if private else highlevel.token
    path = f"/oauth/installedLocations?companyId={COMPANY}&appId=a"

    assert (401, CLOSED) == said(await highlevel.call("GET", path, token=token))


SCOPED = [each for each in OPERATIONS if each.scope and "v2" in each.generations]


@pytest.mark.parametrize("operation", SCOPED, ids=lambda each: f"{each.name}-{each.path.rpartition('/')[2]}")
async def test_every_operation_needs_its_scope(highlevel: World, operation: object) -> None:
    """With every scope but its own a token is not authorized."""
    each = next(known for known in SCOPED if known is operation)
    scopes = [scope for scope in highlevel.vendor.config.scopes if scope != each.scope]
    token = highlevel.grant(None if each.place == "company" else BAKERY, *scopes)
    path = each.path.format_map(_Values(locationId=BAKERY))

    answer = await highlevel.call(each.method, f"{path}?locationId={BAKERY}", token=token)

    assert (401, "The token is not authorized for this scope.") == said(answer)


class _Values(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "0" * 24


async def test_bulk_delete_is_under_the_scope_of_csv(highlevel: World) -> None:
    """post.write does not open it; csv.write does."""
    path, body = f"{POSTS}/bulk-delete", {"postIds": ["0" * 24]}
    refused = await highlevel.call("POST", path, body, token=highlevel.grant(BAKERY, "socialplanner/post.write"))
    taken = await highlevel.call("POST", path, body, token=highlevel.grant(BAKERY, "socialplanner/csv.write"))

    assert [401, 404] == [refused.status_code, taken.status_code]


@pytest.mark.parametrize(
    ("method", "path"), [("PATCH", f"{POSTS}/{'0' * 24}"), ("GET", "/social-media-posting/nowhere"), ("GET", "/")]
)
async def test_unknown_paths_and_verbs_are_closed_routes(highlevel: World, method: str, path: str) -> None:
    """A path or a verb that is not there reads like a closed route, not like 404."""
    assert (401, CLOSED) == said(await highlevel.call(method, path))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/oauth/locationToken"),
        ("GET", "/oauth/installedLocations"),
        ("GET", f"/users/?locationId={BAKERY}"),
        ("GET", f"/social-media-posting/oauth/{BAKERY}/google/locations/{'0' * 24}"),
    ],
)
async def test_paths_of_2021_are_not_in_v3(highlevel: World, method: str, path: str) -> None:
    """An old path with Version v3 is 400 and says so."""
    token = highlevel.grant(None) if path.startswith("/oauth") else highlevel.token
    answer = await highlevel.call(method, path, token=token, version=V3)

    assert 400 == answer.status_code
    assert "not available in API version v3" in answer.json()["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/oauth/location-token"),
        ("GET", "/oauth/installed-locations"),
        ("POST", f"/social-media-posting/comments/tiktok/list?locationId={BAKERY}"),
    ],
)
async def test_paths_of_v3_are_not_in_2021(highlevel: World, method: str, path: str) -> None:
    """A new path with an old Version is a closed route."""
    token = highlevel.grant(None) if path.startswith("/oauth") else highlevel.token

    assert (401, CLOSED) == said(await highlevel.call(method, path, token=token))


async def test_refusals_of_services_have_the_long_body(highlevel: World) -> None:
    """status, options, message, name, error, statusCode and a traceId."""
    body = (await highlevel.call("POST", f"{POSTS}/bulk-delete", {})).json()

    assert {"status", "options", "message", "name", "error", "statusCode", "traceId"} == body.keys()
    assert ("UnprocessableEntityException", "Unprocessable Entity") == (body["name"], body["error"])
