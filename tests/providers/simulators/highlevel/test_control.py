"""Fault injection, the control endpoints under /_sim/, and the simulator on a socket.

Owns: what another process may read and change. Knows nothing of the controls' effects in depth.
"""

from typing import Any

import httpx
import pytest

from providers.simulators.highlevel import ConnectionDropped, Fault, create_app
from providers.simulators.highlevel.operations import OPERATIONS
from providers.simulators.highlevel.tenants import GARAGE
from providers.simulators.serving import serve
from tests.fixtures.clock import Clock
from tests.providers.simulators.highlevel.world import (
    AGENT,
    API,
    BAKERY,
    OWNER,
    POSTING,
    World,
    status_and_message,
    world,
)

ACCOUNTS = f"{POSTING}/accounts"


async def _control(highlevel: World, control: str, **values: Any) -> Any:
    answer = await highlevel.http.post(f"/_sim/{control}", json=values)
    assert 200 == answer.status_code, answer.text
    return answer.json()


# Faults


@pytest.mark.parametrize(
    ("fault", "status", "kind", "text"),
    [
        ({"kind": "status"}, 503, "", ""),
        ({"kind": "status", "status": 429, "headers": {"Retry-After": "7"}, "body": "slow"}, 429, "", "slow"),
        ({"kind": "html"}, 200, "text/html; charset=utf-8", "<!DOCTYPE html>"),
        ({"kind": "html", "status": 502}, 502, "text/html; charset=utf-8", "<!DOCTYPE html>"),
        ({"kind": "body", "body": "{}"}, 200, "application/json", "{}"),
        ({"kind": "corrupt_json"}, 200, "application/json", '{"success":true'),
        ({"kind": "error", "status": 500, "message": "boom"}, 500, "application/json", '"message":"boom"'),
        ({"kind": "error"}, 400, "application/json", '"message":"internal_error"'),
    ],
)
async def test_injected_responses(highlevel: World, fault: dict[str, Any], status: int, kind: str, text: str) -> None:
    """An injected response replaces the vendor's own and prevents the effect."""
    highlevel.vendor.faults.add(Fault(match="posts.create", **fault))
    answer = await highlevel.create()

    assert status == answer.status_code
    assert text in answer.text
    assert kind == answer.headers.get("content-type", "")
    assert fault.get("headers", {}).get("Retry-After") == answer.headers.get("retry-after")
    assert [] == highlevel.vendor.created


@pytest.mark.parametrize(("kind", "created"), [("drop_before", 0), ("drop_after", 1)])
async def test_a_broken_connection(highlevel: World, kind: str, created: int) -> None:
    """drop_before prevents the effect, drop_after does not."""
    highlevel.vendor.faults.add(Fault(match="posts.create", kind=kind))

    with pytest.raises(ConnectionDropped):
        await highlevel.create()
    assert created == len(highlevel.vendor.created)


async def test_a_response_may_be_lost_after_the_effect(highlevel: World) -> None:
    """After a 500 that created the post, a retry creates a duplicate, which only the ledger shows."""
    highlevel.vendor.faults.add(Fault(match="posts.create", kind="status", status=500, effect=True))
    answers = [await highlevel.create(status="published") for _ in range(2)]
    highlevel.clock.advance(1)

    assert [500, 201] == [answer.status_code for answer in answers]
    assert 2 == len(highlevel.vendor.posts)


async def test_a_slow_response(highlevel: World) -> None:
    """Kind "slow" sends the usual response after its seconds."""
    highlevel.vendor.faults.add(Fault(match="accounts.list", kind="slow", seconds=40))
    answer = await highlevel.call("GET", ACCOUNTS)

    assert (200, "12:00:40") == (answer.status_code, highlevel.clock().isoformat()[11:19])


async def test_faults_hit_one_operation(highlevel: World) -> None:
    """A fault hits no other operation, and its hits are counted."""
    highlevel.vendor.faults.add(Fault(match="accounts.list", kind="status", status=500, times=None))
    statuses = [(await highlevel.search()).status_code, (await highlevel.call("GET", ACCOUNTS)).status_code]

    assert [201, 500] == statuses
    assert {"accounts.list status": 1} == highlevel.vendor.faults.hits


async def test_every_operation_can_be_hit(highlevel: World) -> None:
    """Every operation has a name that faults match."""
    for operation in OPERATIONS:
        highlevel.vendor.faults.add(Fault(match=operation.name, kind="status", status=599))
        answer = await highlevel.call(operation.method, operation.path.replace("{", "").replace("}", ""))

        assert 599 == answer.status_code, operation


# The control endpoints


async def test_the_index_lists_every_control(highlevel: World) -> None:
    """GET /_sim/ describes every control in one line."""
    index = (await highlevel.http.get("/_sim/")).json()

    assert 20 < len(index)
    assert all(index.values())


async def test_the_ledger_has_posts_and_calls(highlevel: World) -> None:
    """The ledger has posts and calls, and no secret."""
    post_id = await highlevel.created()
    await highlevel.pair()
    await _control(highlevel, "clock", advance=3_601)
    answer = await highlevel.http.get("/_sim/ledger")
    ledger = answer.json()

    assert [post_id] == [row["post_id"] for row in ledger["posts"]]
    assert {"posts.create 201": 1, "oauth.token 200": 1} == ledger["counts"]
    assert ["2021-07-28", ""] == [row["version"] for row in ledger["requests"] if row["operation"]]
    for secret in (highlevel.token, "sim-client-secret"):
        assert secret not in answer.text


async def test_faults_are_added_and_cleared_from_outside(highlevel: World) -> None:
    """POST adds one fault or several, DELETE removes all; unknown operations and another vendor's kinds are refused."""
    await _control(highlevel, "faults", match="accounts.list", kind="status", status=500)
    await _control(highlevel, "faults", faults=[{"match": "*", "kind": "html"}])
    wrong = [
        await highlevel.http.post("/_sim/faults", json={"match": "accounts.list", "kind": "expire_upload"}),
        await highlevel.http.post("/_sim/faults", json={"match": "nothing", "kind": "html"}),
    ]
    first = await highlevel.call("GET", ACCOUNTS)
    await highlevel.http.delete("/_sim/faults")
    second = await highlevel.call("GET", ACCOUNTS)

    assert [400, 400] == [answer.status_code for answer in wrong]
    assert [500, 200] == [first.status_code, second.status_code]


async def test_tokens_are_created_and_expired_from_outside(highlevel: World) -> None:
    """OAuth tokens and private tokens can be created and ended from outside."""
    pair = await _control(highlevel, "grant", location_id=BAKERY)
    pit = (await _control(highlevel, "private", location_id=BAKERY))["token"]
    rotated = (await _control(highlevel, "private", token=pit, later=True))["token"]
    alive = [(await highlevel.call("GET", ACCOUNTS, token=each)).status_code for each in (pit, rotated)]
    expired = await _control(highlevel, "expire")
    await _control(highlevel, "revoke", token=rotated)
    dead = [(await highlevel.call("GET", ACCOUNTS, token=each)).status_code for each in (pair["access_token"], rotated)]

    assert ([200, 200], [401, 401], {"expired": 2}) == (alive, dead, expired)


async def test_what_tokens_may_do_is_changed_from_outside(highlevel: World) -> None:
    """The scopes of a private token, the calls left today and a user can be changed from outside."""
    pit = (await _control(highlevel, "private", location_id=BAKERY, scopes=[]))["token"]
    before = (await highlevel.call("GET", ACCOUNTS, token=pit)).status_code
    await _control(highlevel, "private", token=pit, scopes=["socialplanner/account.readonly"])
    after = (await highlevel.call("GET", ACCOUNTS, token=pit)).status_code
    await _control(highlevel, "day", resource=BAKERY)
    user = await _control(highlevel, "user", user_id=OWNER, deleted=True)

    assert [401, 200, 429] == [before, after, (await highlevel.call("GET", ACCOUNTS, token=pit)).status_code]
    assert user["deleted"] is True


async def test_installations_are_added_and_removed_from_outside(highlevel: World) -> None:
    """A location can be added, suspended, installed and uninstalled from outside."""
    await _control(highlevel, "location", location_id="SimLocationNew000001", name="New", active=False)
    await _control(highlevel, "install", location_ids=["SimLocationNew000001", GARAGE])
    answer = await _control(highlevel, "uninstall", target=GARAGE)
    tenants = (await highlevel.http.get("/_sim/tenants")).json()

    assert {"uninstalled": True} == answer
    assert [BAKERY, "SimLocationNew000001"] == tenants["installs"]
    assert tenants["locations"]["SimLocationNew000001"]["active"] is False


async def test_accounts_and_posts_are_changed_from_outside(highlevel: World) -> None:
    """An account can expire, a post fail, a review end and a comment appear from outside."""
    await _control(highlevel, "account", account_id=highlevel.account("facebook").id, expired=True)
    accounts = (await highlevel.http.get("/_sim/accounts")).json()
    await _control(highlevel, "fail", error="no")
    failing = await highlevel.created()
    reviewed = await highlevel.created(status="in_review", postApprovalDetails={"approver": OWNER})
    await _control(highlevel, "review", post_id=reviewed, approve=True)
    comment = await _control(highlevel, "comment", location_id=BAKERY, platform="tiktok", parent_id=failing)
    unknown = await highlevel.http.post(
        "/_sim/comment", json={"location_id": BAKERY, "platform": "tiktok", "parent_id": "x"}
    )
    await _control(highlevel, "clock", advance=3_601)
    records = (await highlevel.http.get("/_sim/records")).json()

    assert [False, True, False, False] == [each["isExpired"] for each in accounts.values()]
    assert ("failed", "published") == (records[failing]["status"], records[reviewed]["status"])
    assert comment["id"] in highlevel.vendor.comments
    assert 400 == unknown.status_code


async def test_a_reset_discards_everything(highlevel: World) -> None:
    """A reset discards everything except the configuration and the key."""
    key = highlevel.vendor.webhooks.public_key
    await highlevel.created()
    await _control(highlevel, "webhook", type="PLAN_CHANGE")
    await _control(highlevel, "reset")

    assert ([], [], key) == (
        highlevel.vendor.created,
        highlevel.vendor.requests,
        highlevel.vendor.webhooks.public_key,
    )
    assert 401 == (await highlevel.call("GET", ACCOUNTS)).status_code


async def test_invalid_values_are_refused_with_an_explanation(highlevel: World) -> None:
    """Values that a control does not accept are 400 with the reason."""
    answers = [
        await highlevel.http.post("/_sim/clock", json={}),
        await highlevel.http.post("/_sim/review", json={"post_id": "x", "approve": True}),
        await highlevel.http.post("/_sim/grant", content=b"[]"),
    ]

    assert [400, 400, 400] == [answer.status_code for answer in answers]


@pytest.mark.parametrize("client", ["10.0.0.1", "nobody"])
async def test_the_control_endpoints_are_for_loopback(client: str) -> None:
    """Callers from elsewhere are refused."""
    app = create_app(clock=Clock())
    transport = httpx.ASGITransport(app, client=(client, 1))
    async with httpx.AsyncClient(transport=transport, base_url=API) as http:
        assert 403 == (await http.get("/_sim/ledger")).status_code


async def test_on_a_socket() -> None:
    """Behind a real server the app responds, and an injected drop breaks the connection."""
    app = create_app(clock=Clock())
    vendor = app.state.vendor
    headers = {
        "User-Agent": AGENT,
        "Version": "v3",
        "Authorization": f"Bearer {vendor.grant(BAKERY)['access_token']}",
    }
    async with serve(app) as url, httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as http:
        answer = await http.get(ACCOUNTS)
        vendor.faults.add(Fault(match="accounts.list", kind="drop_after"))
        with pytest.raises(httpx.RemoteProtocolError):
            await http.get(ACCOUNTS)

    assert 200 == answer.status_code


async def test_the_ledger_has_calls_of_unknown_paths() -> None:
    """Calls of unknown paths are in the ledger without an operation name."""
    async with world() as highlevel:
        refused = await highlevel.call("GET", "/nowhere")

        assert 401 == status_and_message(refused)[0]
        assert [("", "/nowhere", 401)] == [(row.operation, row.path, row.status) for row in highlevel.vendor.requests]
