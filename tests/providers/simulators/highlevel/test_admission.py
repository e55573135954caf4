"""The checks before an operation: user agents, routes, tokens, versions, token classes, scopes.

Owns: the observed refusals. Knows nothing of bodies.
"""

import pytest

from providers.simulators.highlevel.operations import OPERATIONS
from providers.simulators.highlevel.tenants import GARAGE
from tests.providers.simulators.highlevel.world import (
    BAKERY,
    COMPANY,
    OLD,
    POSTING,
    POSTS,
    V3,
    World,
    status_and_message,
)

ACCOUNTS = f"{POSTING}/accounts"
CLOSED = "This route is not yet supported by the IAM Service. Please update your IAM config."
FOREIGN = "The token does not have access to this location."


@pytest.mark.parametrize("agent", ["Python-urllib/3.11", "python-requests/2.32", "", "aiohttp/3"])
async def test_default_agents_are_blocked_by_cloudflare(highlevel: World, agent: str) -> None:
    """A default user agent of Python, or none, gets HTML with 403 and error code 1010."""
    answer = await highlevel.http.get(
        ACCOUNTS,
        headers={"User-Agent": agent, "Authorization": f"Bearer {highlevel.token}", "Version": OLD},
    )

    assert (403, "text/html; charset=utf-8") == (answer.status_code, answer.headers["content-type"])
    assert "error code: 1010" in answer.text


@pytest.mark.parametrize("agent", ["python-httpx/0.28.1", "axios/1.20.0"])
async def test_the_agents_of_highlevels_own_sdks_are_admitted(highlevel: World, agent: str) -> None:
    """HighLevel's SDKs for Python and Node set no user agent of their own."""
    assert 200 == (await highlevel.call("GET", ACCOUNTS, agent=agent)).status_code


async def test_a_correct_call_is_admitted(highlevel: World) -> None:
    """A bearer token, a Version and a custom user agent are enough."""
    assert 200 == (await highlevel.call("GET", ACCOUNTS)).status_code


@pytest.mark.parametrize("version", ["2021-07-28", "2021-04-15", "2023-02-21", "v3"])
async def test_accepted_versions(highlevel: World, version: str) -> None:
    """Three dates and v3 are accepted versions."""
    assert 200 == (await highlevel.call("GET", ACCOUNTS, version=version)).status_code


async def test_the_version_header_is_required(highlevel: World) -> None:
    """Without the Version header the response is 401, although the token is valid."""
    answer = await highlevel.http.get(ACCOUNTS, headers={"Authorization": f"Bearer {highlevel.token}"})

    assert (401, "version header was not found.") == status_and_message(answer)


async def test_an_unpublished_version_is_refused(highlevel: World) -> None:
    """A date that was never published is an invalid version."""
    answer = await highlevel.call("GET", ACCOUNTS, version="2020-01-01")

    assert (401, "version header is invalid") == status_and_message(answer)


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("nonsense", "Invalid JWT"),
        ("eyJhbGciOiJSUzI1NiJ9.e30.c2ln", "Invalid token: access token is invalid"),
        ("pit-00000000-0000-4000-8000-000000000000", "Invalid Private Integration token"),
    ],
)
async def test_unknown_tokens_are_refused_with_the_message_of_their_kind(
    highlevel: World, token: str, message: str
) -> None:
    """A token that is not a JWT, an unknown JWT and an unknown private token have different messages."""
    assert (401, message) == status_and_message(await highlevel.call("GET", ACCOUNTS, token=token))


async def test_a_missing_bearer_token_is_refused(highlevel: World) -> None:
    """A call without a bearer token is 401 with the gateway's short body."""
    answer = await highlevel.http.get(ACCOUNTS, headers={"Version": OLD})

    assert {"statusCode": 401, "message": "Invalid JWT", "error": "Unauthorized"} == answer.json()


async def test_access_tokens_expire_after_a_day(highlevel: World) -> None:
    """Access tokens expire after 86,399 seconds."""
    highlevel.clock.advance(86_398)
    assert 200 == (await highlevel.call("GET", ACCOUNTS)).status_code
    highlevel.clock.advance(1)

    assert (401, "Invalid token: access token is invalid") == status_and_message(await highlevel.call("GET", ACCOUNTS))


async def test_a_companys_token_is_not_valid_for_a_location(highlevel: World) -> None:
    """The planner requires a location's token."""
    assert (403, FOREIGN) == status_and_message(await highlevel.call("GET", ACCOUNTS, token=highlevel.grant(None)))


async def test_another_locations_token_is_not_valid_either(highlevel: World) -> None:
    """The location in the path must be the token's."""
    assert (403, FOREIGN) == status_and_message(await highlevel.call("GET", ACCOUNTS, token=highlevel.grant(GARAGE)))


@pytest.mark.parametrize(
    "path",
    [
        f"/social-media-posting/oauth/tiktok/start?locationId={GARAGE}&userId=u",
        f"/users/?locationId={GARAGE}",
    ],
)
async def test_a_location_in_the_query_must_be_the_tokens_too(highlevel: World, path: str) -> None:
    """The location in the query must be the token's."""
    assert (403, FOREIGN) == status_and_message(await highlevel.call("GET", path))


async def test_a_missing_location_is_refused(highlevel: World) -> None:
    """An operation with the location in the query is 422 without it."""
    assert (422, ["locationId should not be empty"]) == status_and_message(await highlevel.call("GET", "/users/"))


@pytest.mark.parametrize("private", [False, True])
async def test_only_a_companys_oauth_token_lists_installations(highlevel: World, private: bool) -> None:
    """Neither a location's token nor an agency's private token may call installedLocations."""
    token = highlevel.vendor.private_token() if private else highlevel.token
    path = f"/oauth/installedLocations?companyId={COMPANY}&appId=a"

    assert (401, CLOSED) == status_and_message(await highlevel.call("GET", path, token=token))


SCOPED = [each for each in OPERATIONS if each.scope and "v2" in each.generations]


@pytest.mark.parametrize("operation", SCOPED, ids=lambda each: f"{each.name}-{each.path.rpartition('/')[2]}")
async def test_every_operation_needs_its_scope(highlevel: World, operation: object) -> None:
    """A token with every scope except the operation's is not authorized."""
    each = next(known for known in SCOPED if known is operation)
    scopes = [scope for scope in highlevel.vendor.config.scopes if scope != each.scope]
    token = highlevel.grant(None if each.place == "company" else BAKERY, *scopes)
    path = each.path.format_map(_Values(locationId=BAKERY))

    answer = await highlevel.call(each.method, f"{path}?locationId={BAKERY}", token=token)

    assert (401, "The token is not authorized for this scope.") == status_and_message(answer)


class _Values(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "0" * 24


async def test_bulk_delete_requires_the_scope_of_csv(highlevel: World) -> None:
    """bulk-delete requires csv.write, not post.write."""
    path, body = f"{POSTS}/bulk-delete", {"postIds": ["0" * 24]}
    refused = await highlevel.call("POST", path, body, token=highlevel.grant(BAKERY, "socialplanner/post.write"))
    taken = await highlevel.call("POST", path, body, token=highlevel.grant(BAKERY, "socialplanner/csv.write"))

    assert [401, 404] == [refused.status_code, taken.status_code]


@pytest.mark.parametrize(
    ("method", "path"), [("PATCH", f"{POSTS}/{'0' * 24}"), ("GET", "/social-media-posting/nowhere"), ("GET", "/")]
)
async def test_unknown_paths_and_methods_are_closed_routes(highlevel: World, method: str, path: str) -> None:
    """An unknown path or method is refused like a closed route, not with 404."""
    assert (401, CLOSED) == status_and_message(await highlevel.call(method, path))


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
    """An old path with Version v3 is 400 with an explanation."""
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

    assert (401, CLOSED) == status_and_message(await highlevel.call(method, path, token=token))


async def test_refusals_of_services_have_the_long_body(highlevel: World) -> None:
    """Refusals of services have status, options, message, name, error, statusCode and traceId."""
    body = (await highlevel.call("POST", f"{POSTS}/bulk-delete", {})).json()

    assert {"status", "options", "message", "name", "error", "statusCode", "traceId"} == body.keys()
    assert ("UnprocessableEntityException", "Unprocessable Entity") == (body["name"], body["error"])
