"""`GET /me/tiktok-connection`: its exact fields, its four states, and which location is meant.

Owns the proofs of `gateway/http/connections.py`; how it refuses is `test_errors.py`.
"""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.caller import Caller
from gateway.domain import locations
from gateway.errors import FieldInvalid
from gateway.http.connections import STATUSES, requested_location, to_json
from gateway.http.errors import format_time
from socialgateway.v1 import connection_pb2
from storage.connections import ConnectionRow
from storage.states import ConnectionStatus
from tests.fixtures.app import CALLS, base_of, running
from tests.fixtures.consent import decide
from tests.fixtures.settings import KEY
from tests.http.caller import ISO, PAGE, ApiCaller, check_body

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
FIELDS = {
    "tiktok_open_id",
    "status",
    "capabilities",
    "reason_code",
    "reason_message",
    "last_verified_at",
    "last_error_code",
    "last_error_message",
    "created_at",
    "updated_at",
}


async def page(caller: ApiCaller, visitor: httpx.AsyncClient) -> dict[str, Any]:
    """Read the page's data of a connected location."""
    headers = {"authorization": f"Bearer {KEY}"}
    answer = await visitor.get(f"{base_of(caller.gateway)}{PAGE}?location=l1", headers=headers)
    assert 200 == answer.status_code, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_connected_location(caller: ApiCaller, visitor: httpx.AsyncClient) -> None:
    """Every field of the contract and no other; times in ISO 8601; null for what never happened."""
    begun = await caller.begin()
    await visitor.get(await decide(visitor, begun.authorization.uri, "approve"))
    found = await page(caller, visitor)
    assert FIELDS == set(found)
    assert next(iter(caller.vendor.users)) == found["tiktok_open_id"]
    assert ("VALID", "VERIFICATION_OK") == (found["status"], found["reason_code"])
    assert {"can_read_profile": True, "can_list_videos": True, "can_read_video_metrics": True} == found["capabilities"]
    assert (None, None) == (found["last_error_code"], found["last_error_message"])
    times = [found[name] for name in ("last_verified_at", "created_at", "updated_at")]
    assert [] == [time for time in times if not ISO.fullmatch(time)]


async def test_a_location_that_waits_for_consent(caller: ApiCaller, visitor: httpx.AsyncClient) -> None:
    """Pending: no id, no capability, never verified."""
    await caller.begin()
    found = await page(caller, visitor)
    assert ("PENDING", "AWAITING_AUTHORIZATION") == (found["status"], found["reason_code"])
    assert (None, None) == (found["tiktok_open_id"], found["last_verified_at"])
    assert {"can_read_profile": False, "can_list_videos": False, "can_read_video_metrics": False} == found[
        "capabilities"
    ]


async def test_a_disconnected_location_keeps_its_history(caller: ApiCaller, visitor: httpx.AsyncClient) -> None:
    """What GetConnectionStatus still shows is no 404 here: an error whose code says that the grant was given back."""
    begun = await caller.begin()
    await visitor.get(await decide(visitor, begun.authorization.uri, "approve"))
    await caller.client.call("ConnectionService/DisconnectConnection", name=begun.name)
    found = await page(caller, visitor)
    assert ("ERROR", "TOKEN_REVOKED") == (found["status"], found["reason_code"])
    assert {False} == set(found["capabilities"].values())


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        ("PENDING", "PENDING"),
        ("VALID", "VALID"),
        ("LIMITED", "LIMITED"),
        ("ERROR", "ERROR"),
        ("EXPIRED", "ERROR"),
        ("DISCONNECTED", "ERROR"),
    ],
)
def test_pages_know_four_states(kept: str, told: str) -> None:
    """Our two further states are told as an error; why stands in the code, and in the vendor's own words."""
    row = ConnectionRow(
        location="l1",
        id="c1",
        provider="tiktok",
        grant_kind="USER",
        status=ConnectionStatus(kept),
        reason_code="TOKEN_REVOKED",
        reason_message="Said.",
        last_error_code="invalid_grant",
        last_error_message="Gone.",
        create_time=NOW,
        update_time=NOW + timedelta(seconds=1, microseconds=5),
    )
    found = to_json(row)
    assert FIELDS == set(found)
    assert (told, "TOKEN_REVOKED", "Said.") == (found["status"], found["reason_code"], found["reason_message"])
    assert ("invalid_grant", "Gone.") == (found["last_error_code"], found["last_error_message"])
    assert ("2026-11-20T12:00:00Z", "2026-11-20T12:00:01Z") == (found["created_at"], found["updated_at"])


def test_every_state_of_the_contract_is_told() -> None:
    """Every state of the contract has a name on the page."""
    known = set(connection_pb2.Connection.Status.keys()) - {"STATUS_UNSPECIFIED"}
    assert known == set(STATUSES)
    assert {"PENDING", "VALID", "LIMITED", "ERROR"} == set(STATUSES.values())


def test_times_are_utc() -> None:
    """A time of another zone is shown in UTC."""
    assert "2026-11-20T12:00:00Z" == format_time(NOW.astimezone(timezone(timedelta(hours=5))))


async def test_head_gives_the_headers_alone(caller: ApiCaller) -> None:
    """HEAD says what GET would, without a body."""
    await caller.begin()
    headers = {"authorization": f"Bearer {KEY}"}
    found = await caller.http.head(f"{PAGE}?location=l1", headers=headers)
    assert (200, b"") == (found.status_code, found.content)
    assert 401 == (await caller.http.head(PAGE)).status_code
    assert 405 == (await caller.http.post(PAGE, headers=headers)).status_code


async def test_a_key_of_one_location_needs_no_parameter(caller: ApiCaller) -> None:
    """A key for one location needs no parameter, and accepts one that names the same location."""
    await caller.begin()
    key = await caller.key(locations=["l1"])
    for query in ({}, {"location": "l1"}, {"location": "locations/l1"}):
        found = await caller.get(key, **query)
        assert (200, "PENDING") == (found.status_code, found.json().get("status")), query


async def test_a_key_of_several_locations_must_say_which(caller: ApiCaller) -> None:
    """A key for several locations without the parameter is a 400 that names it."""
    for key in (KEY, await caller.key(locations=["l1", "l2"])):
        found = await caller.get(key)
        body = found.json()
        assert (400, "VALIDATION_ERROR", "location") == (found.status_code, body["error"], body["details"]["field"])
        assert "FIELD_INVALID" == body["details"]["reason"]


@pytest.mark.parametrize("location", ["", "-", "a b", "../l1", "l1/x", "locations/", "l" * 65, "l1\x00", "☃", "l1,l2"])
async def test_a_malformed_location_is_refused(caller: ApiCaller, location: str) -> None:
    """What is no location is a 400, also with a key that names one."""
    for key in (KEY, await caller.key(locations=["l1"])):
        found = await caller.get(key, location=location)
        assert (400, "VALIDATION_ERROR") == (found.status_code, found.json()["error"])
        assert "location" == found.json()["details"]["field"]


def test_a_location_that_is_named_twice_is_refused() -> None:
    """Two parameters are a mistake, even when they say the same."""
    caller = Caller("k", "a", frozenset({"l1"}), frozenset())
    with pytest.raises(FieldInvalid):
        requested_location(["l1", "l1"], caller)


async def test_who_is_not_known_is_told_how_to_say_who(caller: ApiCaller) -> None:
    """401 names the scheme; a header that is sent twice, or of another scheme, is none."""
    good = f"Bearer {KEY}"
    for values in (
        (),
        (f"Basic {KEY}",),
        (KEY,),
        (good, good),
        (f"{good}é",),
        ("Bearer",),
        ("Bearer " + "x" * 10_000,),
    ):
        headers = [(b"authorization", value.encode()) for value in values]
        found = await caller.http.get(f"{PAGE}?location=l1", headers=headers)
        assert (401, "Bearer") == (found.status_code, found.headers["www-authenticate"]), values
        check_body(found)
    assert 401 == (await caller.http.get(f"{PAGE}?location=l1&access_token={KEY}")).status_code


async def test_nothing_connected_says_so_to_a_page(caller: ApiCaller) -> None:
    """404 carries the code that a page shows for it, and the resource that was looked for."""
    await caller.key(locations=["l3"])
    found = await caller.get(location="l3")
    assert (404, "CONNECTION_NOT_FOUND") == (found.status_code, found.json()["details"]["reasonCode"])
    assert "This does not exist." == found.json()["message"]


async def test_a_foreign_location_is_refused_alike_whether_or_not_it_is_there(caller: ApiCaller) -> None:
    """What another agency has cannot be found out: with and without a connection the answer differs by its name."""
    key = await caller.key(agency="other", locations=["l1", "l2"])
    domain = caller.gateway.domain
    async with domain.db.transaction() as tx:
        await locations.assign(tx, "l1", "default", domain.clock(), former="other")
    await caller.begin()
    mine = await caller.key(agency="third", locations=["l5"])
    there, absent = [(await caller.get(mine, location=name)).json() for name in ("l1", "l6")]
    assert str(there["details"]).replace("l1", "l6") == str(absent["details"])
    assert (403, 404) == (
        (await caller.get(key, location="l1")).status_code,
        (await caller.get(key, location="l2")).status_code,
    )


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("/me/nope-connection", 404, "RESOURCE_NOT_FOUND"),
        ("/me/a%20b-connection", 400, "FIELD_INVALID"),
        ("/me/%00-connection", 400, "FIELD_INVALID"),
    ],
)
async def test_other_providers(caller: ApiCaller, path: str, status: int, reason: str) -> None:
    """A provider that nobody knows has no connections; one that cannot be is a mistake of the caller's."""
    await caller.key(locations=["l1"])
    found = await caller.http.get(f"{path}?location=l1", headers={"authorization": f"Bearer {KEY}"})
    assert (status, reason) == (found.status_code, found.json()["details"]["reason"])
    check_body(found)


async def test_nothing_is_answered_to_other_origins(caller: ApiCaller) -> None:
    """A page of another origin gets no leave to read the answer, nor to send a key."""
    headers = {"origin": "https://evil.example", "authorization": f"Bearer {KEY}"}
    found = await caller.http.get(f"{PAGE}?location=l3", headers=headers)
    asked = await caller.http.options(PAGE, headers={**headers, "access-control-request-method": "GET"})
    names = [name for name in (*found.headers, *asked.headers) if name.startswith("access-control")]
    assert ([], 405, "no-store") == (names, asked.status_code, found.headers["cache-control"])


async def test_calls_of_one_key_are_limited_over_both_ways(database_url: str, tmp_path: Path) -> None:
    """What a key has running over HTTP counts against what it may have running: 429 says when to come again."""
    async with (
        running(database_url, tmp_path, roles=CALLS, max_calls_per_key=1) as gateway,
        httpx.AsyncClient(base_url=base_of(gateway), trust_env=False, timeout=30) as client,
    ):

        async def ask() -> httpx.Response:
            return await client.get(f"{PAGE}?location=l1", headers={"authorization": f"Bearer {KEY}"})

        answers = await asyncio.gather(*(ask() for _ in range(20)))
        refused = [answer for answer in answers if answer.status_code == 429]
        assert {403, 429} == {answer.status_code for answer in answers}
        assert ("1", "TOO_MANY_REQUESTS") == (refused[0].headers["retry-after"], refused[0].json()["error"])
        assert "callsInFlight" == refused[0].json()["details"]["metadata"]["quota"]
        assert 403 == (await ask()).status_code
