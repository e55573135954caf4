"""WebhookEndpointService through a real server: what an endpoint may be, and what is shown of it.

Owns the proofs of `gateway/rpc/webhook_endpoints.py` and `gateway/domain/endpoints/manage.py`. How events are delivered
is proved in `tests/flows/test_endpoints_deliver.py`.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import grpc
import pytest
from sqlalchemy import text

from gateway.domain.endpoints import manage
from socialgateway.v1 import event_pb2, webhook_endpoint_pb2
from tests.fixtures.gateway import World
from tests.rpc.answers import assert_reason
from tests.rpc.test_events import listed, prune, write

Endpoint = webhook_endpoint_pb2.WebhookEndpoint
PARENT = "locations/l1"
URI = "https://hooks.example.com/events"
REQUEST_ID = "8d2f4e9c-3b1a-4c5d-9e8f-7a6b5c4d3e2f"


async def call(world: World, verb: str, **values: Any) -> Any:
    """Call a method: `Create` is `CreateWebhookEndpoint`."""
    name = f"{verb}WebhookEndpoint" if not verb.endswith(("s", "Secret")) else verb
    return await world.api.call(f"WebhookEndpointService/{name}", **values)


async def create(world: World, *, uri: str = URI, request: dict[str, Any] | None = None, **values: Any) -> Any:
    """Create an endpoint in a location that has an event already."""
    await write(world, 0)
    return await call(world, "Create", parent=PARENT, webhook_endpoint={"uri": uri, **values}, **(request or {}))


async def refused(attempt: Any, reason: str, **metadata: str) -> None:
    """Assert that a call is refused."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await attempt
    assert_reason(caught.value, reason, **metadata)


async def test_an_endpoint_is_shown_without_its_secrets(gateway: World) -> None:
    """The secret is in the first answer only, of the address the host is shown; neither is stored in clear."""
    uri = f"{URI}?token=canary"
    made = await create(gateway, uri=uri, types=[event_pb2.EVENT_TYPE_POST_STATE_CHANGED], description="for the CRM")
    got = await call(gateway, "Get", name=made.name)
    [in_list] = (await call(gateway, "ListWebhookEndpoints", parent=PARENT)).webhook_endpoints

    assert made.secret.startswith("whsec_")
    assert ("", "https://hooks.example.com/…", Endpoint.ENABLED, 10) == (
        got.secret,
        got.uri,
        got.state,
        got.max_per_second,
    )
    assert ([event_pb2.EVENT_TYPE_POST_STATE_CHANGED], "for the CRM") == (list(got.types), got.description)
    assert got == in_list
    async with gateway.domain.db.read() as tx:
        stored = str((await tx.execute(text("SELECT * FROM webhook_endpoints"))).all())
    assert "canary" not in stored
    assert made.secret.removeprefix("whsec_") not in stored


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("uri", {"uri": ""}),
        ("uri", {"uri": "http://hooks.example.com/"}),
        ("uri", {"uri": "https://localhost/"}),
        ("uri", {"uri": "https://10.0.0.1/"}),
        ("uri", {"uri": "https://169.254.169.254/latest"}),
        ("uri", {"uri": "https://user:word@hooks.example.com/"}),
        ("uri", {"uri": "https://hooks.example.com:8443/"}),
        ("uri", {"uri": "https://hooks.example.com/" + "x" * 3000}),
        ("types[0]", {"types": [0]}),
        ("types[0]", {"types": [99]}),
        ("description", {"description": "x" * 257}),
        ("max_per_second", {"max_per_second": -1}),
        ("max_per_second", {"max_per_second": 101}),
    ],
)
async def test_what_an_endpoint_cannot_be_is_refused(gateway: World, field: str, values: dict[str, Any]) -> None:
    """Each wrong value is FIELD_INVALID when it is created, and nothing is stored; so it is in an update."""
    await refused(create(gateway, **values), "FIELD_INVALID", field=f"webhook_endpoint.{field}")
    assert [] == list((await call(gateway, "ListWebhookEndpoints", parent=PARENT)).webhook_endpoints)
    made = await create(gateway)
    changed = {"name": made.name, "uri": URI, **values}
    paths = {"paths": [field.partition("[")[0]]}
    await refused(
        call(gateway, "Update", webhook_endpoint=changed, update_mask=paths),
        "FIELD_INVALID",
        field=f"webhook_endpoint.{field}",
    )


async def test_a_location_has_so_many_endpoints(gateway: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more than the limit is QUOTA_EXCEEDED."""
    monkeypatch.setattr(manage, "MAX_ENDPOINTS", 2)
    for _ in range(2):
        await create(gateway)
    await refused(create(gateway), "QUOTA_EXCEEDED", quota="webhookEndpoints", limit="2")


async def test_an_endpoint_is_made_once(gateway: World) -> None:
    """A repeated call answers the first endpoint without its secret; an id that is taken is refused."""
    first = await create(gateway, request={"request_id": REQUEST_ID, "webhook_endpoint_id": "crm"})
    again = await create(gateway, request={"request_id": REQUEST_ID, "webhook_endpoint_id": "crm"})

    assert (f"{PARENT}/webhookEndpoints/crm", "") == (again.name, again.secret)
    assert first.name == again.name
    await refused(create(gateway, request={"webhook_endpoint_id": "crm"}), "RESOURCE_EXISTS")
    await refused(create(gateway, description="other", request={"request_id": REQUEST_ID}), "REQUEST_ID_REUSED")


async def test_a_change_is_of_the_named_fields(gateway: World) -> None:
    """An update changes what it names, keeps the rest, and is refused with an etag that is old."""
    made = await create(gateway, description="one", types=[event_pb2.EVENT_TYPE_POST_STATE_CHANGED])
    changed = await call(
        gateway,
        "Update",
        webhook_endpoint={"name": made.name, "uri": "https://other.example.com/x?y=z", "description": "ignored"},
        update_mask={"paths": ["uri", "types"]},
    )

    assert ("https://other.example.com/…", "one", []) == (changed.uri, changed.description, list(changed.types))
    assert made.etag != changed.etag
    same = {"name": made.name, "uri": changed.uri, "description": "three"}
    assert ("three", changed.uri) == _said(await call(gateway, "Update", webhook_endpoint=same))
    stale = {"name": made.name, "description": "two", "etag": made.etag}
    await refused(call(gateway, "Update", webhook_endpoint=stale), "ETAG_MISMATCH")
    await refused(call(gateway, "Update", webhook_endpoint={"name": made.name}), "FIELD_INVALID", field="update_mask")
    await refused(call(gateway, "Delete", name=made.name, etag=made.etag), "ETAG_MISMATCH")


def _said(endpoint: Endpoint) -> tuple[str, str]:
    return endpoint.description, endpoint.uri


async def test_a_disabled_endpoint_is_enabled_again(gateway: World) -> None:
    """Disabling says that the caller did it; both verbs may be repeated."""
    made = await create(gateway)
    disabled = [await call(gateway, "Disable", name=made.name) for _ in range(2)]
    enabled = [await call(gateway, "Enable", name=made.name) for _ in range(2)]

    assert disabled[0] == disabled[1]
    assert (Endpoint.DISABLED, "CALLER") == (disabled[0].state, disabled[0].disable_reason)
    assert enabled[0] == enabled[1]
    assert (Endpoint.ENABLED, "") == (enabled[0].state, enabled[0].disable_reason)


async def test_a_rotation_shows_the_new_secret_once(gateway: World) -> None:
    """The new secret differs, the overlap ends when it was asked to, and a repeated call shows nothing."""
    made = await create(gateway)
    name = "RotateWebhookEndpointSecret"
    usual = await call(gateway, name, name=made.name, request_id=REQUEST_ID)
    again = await call(gateway, name, name=made.name, request_id=REQUEST_ID)
    at_once = await call(gateway, name, name=made.name, overlap={"seconds": 0})

    assert 3 == len({made.secret, usual.secret, at_once.secret})
    assert "" == again.secret
    expire = usual.former_secret_expire_time.ToDatetime(gateway.clock().tzinfo)
    assert timedelta(hours=24) == expire - gateway.clock()
    assert not at_once.HasField("former_secret_expire_time")
    for seconds in (-1, 8 * 24 * 3600):
        await refused(call(gateway, name, name=made.name, overlap={"seconds": seconds}), "FIELD_INVALID")


async def test_a_cursor_says_where_deliveries_begin(gateway: World) -> None:
    """A cursor of another location, a made-up one and one whose events are gone are refused; nothing is made."""
    await write(gateway, 0)
    await write(gateway, 0, location="l2")
    foreign, own = (await listed(gateway.api, "locations/l2")).cursor, (await listed(gateway.api)).cursor
    for cursor in (foreign, "made up"):
        await refused(create(gateway, request={"start_cursor": cursor}), "CURSOR_INVALID")
    made = await create(gateway, request={"start_cursor": own})
    await write(gateway, 1, 2)
    await prune(gateway)
    await refused(create(gateway, request={"start_cursor": own}), "CURSOR_EXPIRED")
    await refused(call(gateway, "Enable", name=made.name, start_cursor=own), "CURSOR_EXPIRED")
    assert 1 == len((await call(gateway, "ListWebhookEndpoints", parent=PARENT)).webhook_endpoints)


async def test_a_deleted_endpoint_is_gone(gateway: World) -> None:
    """After DeleteWebhookEndpoint every method says that there is none."""
    made = await create(gateway)
    await call(gateway, "Delete", name=made.name)
    for verb in ("Get", "Disable", "Enable", "Test", "Delete"):
        await refused(call(gateway, verb, name=made.name), "RESOURCE_NOT_FOUND")


@pytest.mark.parametrize("verb", ["Disable", "Enable"])
async def test_a_repeated_request_id_is_the_same_change(gateway: World, verb: str) -> None:
    """A change with a request_id that was used is not made again, whatever happened since."""
    other: Callable[[str], str] = {"Disable": "Enable", "Enable": "Disable"}.__getitem__
    made = await create(gateway)
    await call(gateway, verb, name=made.name, request_id=REQUEST_ID)
    since = await call(gateway, other(verb), name=made.name)
    again = await call(gateway, verb, name=made.name, request_id=REQUEST_ID)

    assert since.state == again.state
