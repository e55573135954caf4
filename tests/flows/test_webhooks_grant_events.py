"""HighLevel's webhooks, from its own sender to our rows: installations and uninstallations.

Owns the proofs of INSTALL and UNINSTALL over the HTTP edge in process; a test does what the job would do. What a
delivery must be is in tests/providers/highlevel/test_webhooks.py.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from sqlalchemy import text

from gateway.domain.webhooks import deliveries
from gateway.http.app import Edge
from gateway.readiness import Report
from providers.simulators.highlevel import Fault, SimulatorConfig, create_app
from providers.simulators.highlevel.tenants import BAKERY, COMPANY, GARAGE
from socialgateway.v1 import connection_pb2
from tests.fixtures import highlevel
from tests.fixtures.clock import Clock
from tests.fixtures.highlevel import HighWorld
from tests.fixtures.waiting import no_time, until

VALID, EXPIRED, PENDING = (
    connection_pb2.Connection.VALID,
    connection_pb2.Connection.EXPIRED,
    connection_pb2.Connection.PENDING,
)
HOOK = "http://edge/webhooks/highlevel"
COMPANY_KIND = connection_pb2.GRANT_KIND_COMPANY


async def _nobody_asks() -> Report:
    raise AssertionError("nobody asks whether it is ready")


@dataclass
class Telling:
    """A gateway, and HighLevel, which sends it webhooks."""

    high: HighWorld
    edge: Edge

    async def apply(self) -> list[str]:
        """Wait for the deliveries, apply the due ones as the job does, and return the outcomes, "" for later."""
        await self.high.vendor.idle()
        rows = await self.rows("due_at IS NOT NULL ORDER BY receive_time, id")
        for row in rows:
            await deliveries.apply(self.high.world.domain, row["id"])
        ids = [row["id"] for row in rows]
        return [row["outcome"] for row in await self.rows("true ORDER BY receive_time, id") if row["id"] in ids]

    async def rows(self, where: str) -> list[dict[str, Any]]:
        """Return the stored deliveries."""
        async with self.high.world.domain.db.read() as tx:
            found = await tx.execute(text(f"SELECT to_jsonb(t) FROM webhooks t WHERE {where}"))
            return [row for (row,) in found]

    async def apply_consent_events(self) -> None:
        """Apply the webhooks of the consent walk, and forget them."""
        await self.apply()
        async with self.high.world.domain.db.transaction() as tx:
            await tx.execute(text("DELETE FROM webhooks"))

    def delivery(self, event: str, **values: Any) -> bytes:
        """Return the body of a delivery as HighLevel writes it, as of now."""
        common = {"appId": self.high.vendor.config.app_id, "timestamp": self.high.vendor.now().isoformat()}
        return json.dumps({"type": event, **common, "webhookId": "by-hand", **values}).encode()

    def signed(self, body: bytes) -> dict[str, str]:
        """Return the headers of a signed delivery."""
        return {"x-ghl-signature": self.high.vendor.webhooks.signature(body)}

    async def send(self, body: bytes, headers: dict[str, str] | None = None) -> int:
        """Deliver it, signed unless headers are given, and return the answer's status."""
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.edge.app())) as client:
            sent = self.signed(body) if headers is None else headers
            return (await client.post(HOOK, content=body, headers=sent)).status_code

    async def statuses(self) -> dict[str, Any]:
        """Return the status of each connection of a place, by the place."""
        listed = await self.high.listed()
        return {
            each.provider_settings["location_id"]: each.status for each in listed if each.grant_kind != COMPANY_KIND
        }


@asynccontextmanager
async def opened(database_url: str, folder: Path, **config: Any) -> AsyncIterator[Telling]:
    """Open a gateway whose edge HighLevel reaches."""
    edge = Edge(_nobody_asks)
    transport = httpx.ASGITransport(edge.app())
    clock = Clock()
    chosen = SimulatorConfig(rate_limits=False, webhook_url=HOOK, **config)
    simulator = create_app(chosen, clock=clock, transport=transport, sleep=no_time)
    keys = {"highlevel_webhook_keys": (simulator.state.vendor.webhooks.public_key,)}
    async with highlevel.opened(database_url, folder, clock=clock, simulator=simulator, told=keys) as high:
        edge.domain = high.world.domain
        yield Telling(high, edge)


@pytest.fixture
async def telling(database_url: str, tmp_path: Path) -> AsyncIterator[Telling]:
    """Yield such a gateway."""
    async with opened(database_url, tmp_path) as found:
        yield found


async def test_an_installation_before_the_consent_waits_for_it(telling: Telling) -> None:
    """INSTALL comes before the code is exchanged: it is stored, and applied when the agency's grant is there."""
    high = telling.high
    made = await high.begin(BAKERY)
    query = await high.consent(made.authorization.uri, BAKERY, GARAGE, agency=True)
    early = await telling.apply()
    await high.world.complete(query)
    await high.sweep()
    later = await telling.apply()

    assert ["unknown_agency", "unknown_agency"] == early
    assert ["known", "known"] == later
    assert {BAKERY: VALID, GARAGE: VALID} == await telling.statuses()


async def test_a_later_installation_connects_the_waiting_location(telling: Telling) -> None:
    """One call connects one location, without the list; an event that comes twice is applied once."""
    high = telling.high
    await high.connect_agency(BAKERY, BAKERY)
    await high.sweep()
    await telling.apply_consent_events()
    waiting = await high.begin("garage", said={"location_id": GARAGE})
    lists, given = high.calls("oauth.installed"), len(high.exchanges("location_token"))

    high.vendor.install([GARAGE])
    first = await telling.apply()
    high.vendor.install([GARAGE])
    second = await telling.apply()
    await high.sweep()

    assert (["applied"], ["known"]) == (first, second)
    assert VALID == (await high.world.get(waiting.name)).status
    assert (lists, given + 1) == (high.calls("oauth.installed"), len(high.exchanges("location_token")))


async def test_an_installation_of_the_company_reads_the_list(telling: Telling) -> None:
    """It names no location: the list is read again."""
    high = telling.high
    await high.connect_agency(BAKERY, BAKERY)
    await high.sweep()
    await telling.apply_consent_events()
    high.vendor.installs[GARAGE] = high.vendor.now()

    high.vendor.install([], company=True)
    outcomes = await telling.apply()
    await high.sweep()

    assert ["applied"] == outcomes
    assert {BAKERY: VALID, GARAGE: VALID} == await telling.statuses()


async def test_an_installation_while_the_vendor_is_unavailable_is_retried(telling: Telling) -> None:
    """The delivery is not lost: it is due again."""
    high = telling.high
    await high.connect_agency(BAKERY, BAKERY)
    await high.sweep()
    await telling.apply_consent_events()
    high.vendor.faults.add(Fault(match="oauth.location_token", kind="status", status=503))

    high.vendor.install([GARAGE])
    first, second = await telling.apply(), await telling.apply()
    await high.sweep()

    assert ([""], ["applied"]) == (first, second)
    assert {BAKERY: VALID, GARAGE: VALID} == await telling.statuses()


async def test_an_installation_does_not_connect_another_agencys_location(telling: Telling) -> None:
    """A location that another agency's key names is not connected, whatever HighLevel's event says."""
    high = telling.high
    await high.world.key("other", locations=[GARAGE])
    other = high.world.client(await high.world.key("other"))
    theirs = await high.begin(GARAGE, api=other.connections)
    await high.connect_agency(BAKERY, BAKERY)
    await high.sweep()
    await telling.apply_consent_events()

    high.vendor.install([GARAGE])

    assert ["known"] == await telling.apply()
    (found,) = await high.listed(api=other.connections)
    assert (theirs.name, PENDING) == (found.name, found.status)


async def test_an_uninstalled_location_expires_every_connection_to_it(telling: Telling) -> None:
    """In each location of ours and of any agency: EXPIRED, TOKEN_REVOKED, an event; a static token goes on working."""
    high = telling.high
    mine = await high.connect(BAKERY)
    also = await high.connect("shop", BAKERY, said={"location_id": BAKERY})
    private = await high.create("private", said={"location_id": BAKERY}, static_token=high.vendor.private_token(BAKERY))
    garage = await high.connect(GARAGE)
    await telling.apply_consent_events()
    high.world.clock.advance(timedelta(seconds=2))

    high.vendor.uninstall(BAKERY)
    outcomes = await telling.apply()

    assert ["applied+known"] == outcomes
    for name in (mine.name, also.name):
        now = await high.world.get(name)
        assert (EXPIRED, connection_pb2.REASON_CODE_TOKEN_REVOKED, "UNINSTALL") == (
            now.status,
            now.reason_code,
            now.last_error_code,
        )
        assert "uninstalled" in now.reason_message
    assert [VALID, VALID] == [(await high.world.get(name)).status for name in (private.name, garage.name)]
    changes = [event for event in await high.world.events(BAKERY) if event.type == "CONNECTION_STATUS_CHANGED"]
    assert "EXPIRED" == changes[-1].payload["connection"]["status"]


async def test_an_uninstalled_company_expires_its_children(telling: Telling) -> None:
    """Children for which HighLevel sends no event expire too."""
    high = telling.high
    await high.connect_agency(BAKERY, BAKERY, GARAGE)
    await high.sweep()
    await telling.apply_consent_events()
    high.world.clock.advance(timedelta(seconds=2))

    high.vendor.webhooks.send("UNINSTALL", companyId=COMPANY)
    outcomes = await telling.apply()

    assert ["applied"] == outcomes
    assert {EXPIRED} == {each.status for each in await high.listed()}


async def test_a_late_uninstall_does_not_expire_a_newer_grant(telling: Telling) -> None:
    """Uninstalled, installed and authorised again before the delivery came: the new grant stays valid."""
    high = telling.high
    made = await high.connect(BAKERY)
    stamp = high.vendor.now()
    high.world.clock.advance(timedelta(minutes=1))
    await high.connect(BAKERY)
    await telling.apply_consent_events()

    assert 200 == await telling.send(telling.delivery("UNINSTALL", locationId=BAKERY, timestamp=stamp.isoformat()))

    assert ["stale"] == await telling.apply()
    assert VALID == (await high.world.get(made.name)).status


async def test_an_unknown_event_is_reported(telling: Telling) -> None:
    """An unknown event is stored, and listed unchanged among its location's events."""
    high = telling.high
    made = await high.connect(BAKERY)
    await telling.apply_consent_events()

    high.vendor.webhooks.send("PLAN_CHANGE", locationId=BAKERY, companyId=COMPANY, newPlanId="gold")

    assert ["shown"] == await telling.apply()
    event = (await high.world.events(BAKERY))[-1]
    assert ("PROVIDER_UNKNOWN", made.name, "gold") == (event.type, event.subject, event.payload["content"]["newPlanId"])


async def test_a_repeated_delivery_is_stored_once(telling: Telling) -> None:
    """The same delivery again, at once or an hour later, is answered with 200 and adds nothing."""
    high = telling.high
    await high.connect(BAKERY)
    await telling.apply_consent_events()
    body = telling.delivery("PLAN_CHANGE", locationId=BAKERY)
    first = await asyncio.gather(*(telling.send(body) for _ in range(8)))
    await telling.apply()
    high.world.clock.advance(timedelta(minutes=65))

    assert ([200] * 8, 200) == (first, await telling.send(body))
    assert ([], 1) == (await telling.apply(), len(await telling.rows("event = 'PLAN_CHANGE'")))


async def test_highlevel_retries_while_we_start(telling: Telling) -> None:
    """429: any other answer would have ended HighLevel's retries. Ten minutes later the delivery is stored."""
    high, domain = telling.high, telling.high.world.domain
    await high.connect(BAKERY)
    await telling.apply_consent_events()
    pauses: list[float] = []

    async def started(seconds: float) -> None:
        pauses.append(seconds)
        telling.edge.domain = domain

    high.vendor.webhooks.sleep, telling.edge.domain = started, None
    high.vendor.uninstall(BAKERY)
    outcomes = await telling.apply()

    assert ([429, 200], [600]) == (
        [each.status for each in high.vendor.deliveries if each.event == "UNINSTALL"],
        pauses,
    )
    assert ["applied"] == outcomes


async def test_highlevel_retries_while_the_database_is_away(
    telling: Telling, database_url: str, database_admin: psycopg.Connection
) -> None:
    """429, never 200, nor 503: what cannot be committed must be delivered again."""
    high, name = telling.high, urlsplit(database_url).path[1:]
    await high.connect(BAKERY)
    await telling.apply_consent_events()
    body = telling.delivery("UNINSTALL", locationId=BAKERY)
    database_admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    database_admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
    away = await telling.send(body)
    database_admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    async def taken() -> bool:
        return await telling.send(body) == 200

    await until(taken)
    assert (429, 1) == (away, len(await telling.rows("event = 'UNINSTALL'")))


async def test_unproved_deliveries_are_refused_alike(telling: Telling) -> None:
    """Forged, for another application, or from yesterday: 401, which says only that; nothing is stored."""
    good = telling.delivery("UNINSTALL", locationId=BAKERY)
    old = (telling.high.world.clock() - timedelta(days=1)).isoformat()
    sent = [
        (good, {"x-ghl-signature": "N/A"}),
        (good, {}),
        (good + b" ", telling.signed(good)),
        (foreign := telling.delivery("UNINSTALL", locationId=BAKERY, appId="another"), telling.signed(foreign)),
        (stale := telling.delivery("UNINSTALL", locationId=BAKERY, timestamp=old), telling.signed(stale)),
    ]

    assert [401] * 5 == [await telling.send(body, headers) for body, headers in sent]
    assert [] == await telling.rows("true")
