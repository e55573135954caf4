"""FailedJobService, and what an agency's administrator reads of quotas and webhook endpoints, through a real server.

Owns the proofs of `gateway/rpc/admin_failed_jobs.py`, `gateway/domain/admin/failed_jobs.py` and
`gateway/domain/admin/quotas.py`.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import text

from gateway.domain.webhooks import deliveries
from storage import webhooks
from storage.webhooks import WebhookRow
from tests.fixtures.admin import Admin, refused

CONNECTION = {"provider": "providers/tiktok"}


async def _delivery(admin: Admin, id: str, *, tries: int = 3, agency: str = "acme", due: bool = True) -> None:
    """Store a delivery as one that failed so often; its body cannot be opened."""
    now = admin.world.clock()
    row = WebhookRow(
        provider="tiktok",
        dedupe_key=id,
        id=id,
        event="post.publish.complete",
        subject="somebody",
        body_sealed=b"broken",
        receive_time=now,
        due_at=now + timedelta(minutes=5) if due else None,
        tries=tries,
    )
    async with admin.world.domain.db.transaction() as tx:
        await webhooks.insert(tx, row)
        await tx.execute(text("UPDATE webhooks SET agency = :agency WHERE id = :id"), {"agency": agency, "id": id})


async def _listed(client: Any, parent: str, **values: Any) -> list[str]:
    found = await client.call("FailedJobService/ListFailedJobs", parent=parent, **values)
    return [each.name for each in found.failed_jobs]


async def test_each_sees_the_failed_jobs_of_his_agency(admin: Admin) -> None:
    """An operator also those that belong to nobody; what was tried seldom, or is done, has not failed."""
    for id, values in {
        "f1": {},
        "f2": {"agency": "beta"},
        "f3": {"agency": ""},
        "new": {"tries": 2},
        "done": {"due": False},
    }.items():
        await _delivery(admin, id, **values)  # type: ignore[arg-type]
    acme = await admin.administrator("acme")
    names = ["agencies/acme/failedJobs/f1", "agencies/beta/failedJobs/f2", "agencies/-/failedJobs/f3"]
    first = await admin.call("FailedJobService/ListFailedJobs", parent="agencies/-", page_size=2)
    rest = await admin.call(
        "FailedJobService/ListFailedJobs", parent="agencies/-", page_size=2, page_token=first.next_page_token
    )

    assert names[:1] == await _listed(acme, "agencies/acme")
    assert names == [each.name for each in (*first.failed_jobs, *rest.failed_jobs)]
    assert ("providers/tiktok", "post.publish.complete", 3) == (
        first.failed_jobs[0].provider,
        first.failed_jobs[0].event,
        first.failed_jobs[0].tries,
    )
    await refused(acme.call("FailedJobService/RetryFailedJob", name=names[2]), "AGENCY_FORBIDDEN")
    for name in ("agencies/acme/failedJobs/f2", "agencies/acme/failedJobs/new", "agencies/acme/failedJobs/none"):
        for method in ("RetryFailedJob", "DropFailedJob"):
            await refused(acme.call(f"FailedJobService/{method}", name=name), "RESOURCE_NOT_FOUND")


async def test_a_failed_job_is_tried_again_and_dropped(admin: Admin) -> None:
    """A retry makes it due now, as a new one; a dropped one changes nothing any more."""
    await _delivery(admin, "f1")
    name, world = "agencies/acme/failedJobs/f1", admin.world
    retried = await admin.call("FailedJobService/RetryFailedJob", name=name)
    assert (0, world.clock()) == (retried.tries, retried.next_attempt_time.ToDatetime(world.clock().tzinfo))
    for _ in range(3):
        await deliveries.apply(world.domain, "f1")
    assert [name] == await _listed(admin.operator, "agencies/acme")

    await admin.call("FailedJobService/DropFailedJob", name=name)
    await refused(admin.call("FailedJobService/DropFailedJob", name=name), "RESOURCE_NOT_FOUND")
    async with world.domain.db.read() as tx:
        row = await webhooks.find(tx, "f1")
    assert row is not None
    assert (None, "dropped") == (row.due_at, row.outcome)


async def test_an_administrator_reads_quotas_and_endpoints_of_all_his_locations(admin: Admin) -> None:
    """By location, page by page, and nobody else's."""
    world = admin.world
    acme = await admin.administrator("acme")
    for agency, location, user in (("acme", "north", 0), ("acme", "south", 1), ("beta", "stall", 0)):
        if user >= len(world.vendor.users):
            world.vendor.add_user(open_id="second", username="second", display_name="Second")
        client = world.client(await world.key(agency))
        parent = f"locations/{location}"
        made = await client.call("ConnectionService/CreateConnection", parent=parent, connection=CONNECTION)
        query = await world.consent(made.authorization.uri, user=user)
        await client.call("ConnectionService/CompleteConnection", **query)
        endpoint = {"uri": f"https://{location}.example/hook"}
        await client.call("WebhookEndpointService/CreateWebhookEndpoint", parent=parent, webhook_endpoint=endpoint)

    first = await acme.call("AgencyService/ListAgencyQuotas", parent="agencies/acme", page_size=1)
    second = await acme.call(
        "AgencyService/ListAgencyQuotas", parent="agencies/acme", page_size=1, page_token=first.next_page_token
    )
    endpoints = await acme.call("AgencyService/ListAgencyWebhookEndpoints", parent="agencies/acme")

    assert [{"north"}, {"south"}] == [{each.name.split("/")[1] for each in page.quotas} for page in (first, second)]
    assert "" == second.next_page_token
    assert {"video_init", "creator_info"} <= {each.metric for each in first.quotas}
    assert ["north", "south"] == [each.name.split("/")[1] for each in endpoints.webhook_endpoints]
    assert [""] * 2 == [each.secret for each in endpoints.webhook_endpoints]
