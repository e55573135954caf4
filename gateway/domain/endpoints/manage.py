"""Creating, reading and changing endpoints.

Owns what an endpoint may be. An endpoint is woken by a change that gives it something to deliver.
"""

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from gateway.aip import names
from gateway.domain import idempotency
from gateway.domain.context import Domain
from gateway.domain.endpoints import sealed
from gateway.domain.idempotency import RequestKey
from gateway.domain.locations import keep_own
from gateway.errors import EtagMismatch, FieldInvalid, QuotaExceeded, ResourceExists
from providers.http.public import trouble
from providers.models.secret import Secret
from storage import events, webhook_endpoints
from storage.database import Transaction
from storage.errors import AlreadyExists
from storage.states import DisableReason, EndpointState
from storage.webhook_endpoints import EndpointRow

MAX_ENDPOINTS = 20
"""Of one location."""

MAX_URI = 2048
MAX_DESCRIPTION = 256
MAX_PER_SECOND = 100
USUAL_PER_SECOND = 10
OVERLAP = timedelta(hours=24)
MAX_OVERLAP = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """A caller's endpoint; `types` are stored names of types, `position` the event after which it begins."""

    location: str
    id: str
    uri: Secret = field(repr=False)
    types: Sequence[str] = ()
    description: str = ""
    max_per_second: int = 0
    position: int | None = None


@dataclass(frozen=True, slots=True)
class EndpointView:
    """An endpoint as callers see it: its row, how many events wait, and a secret that was just made."""

    row: EndpointRow
    waiting: int = 0
    secret: Secret | None = None


def name_of(row: EndpointRow) -> str:
    """Return the resource name of an endpoint."""
    return names.WEBHOOK_ENDPOINT.format(row.location, row.id)


def shown(uri: Secret) -> str:
    """Return what may be shown of an address: where it leads, but neither path nor query, which may be secrets."""
    parts = urlsplit(uri.reveal())
    return f"{parts.scheme}://{parts.netloc}/…" if parts.path.strip("/") or parts.query else uri.reveal()


async def create(domain: Domain, new: NewEndpoint, key: RequestKey | None, *, agency: str) -> EndpointView:
    """Create an endpoint; with a `request_id` that was used before, the first call's endpoint without its secret.

    Raises FieldInvalid, ResourceExists, QuotaExceeded, LocationForbidden, storage's NotFound for an endpoint that was
    deleted since.
    """
    check(domain, uri=new.uri, description=new.description, max_per_second=new.max_per_second)
    now, secret = domain.clock(), sealed.new_secret(os.urandom)
    async with domain.db.transaction() as tx:
        await keep_own(tx, new.location, agency)
        first = await idempotency.claim(tx, key, new.id, now)
        if first is not None:
            return await _view(tx, await webhook_endpoints.get(tx, new.location, first))
        if await webhook_endpoints.count(tx, new.location) >= MAX_ENDPOINTS:
            raise QuotaExceeded("webhookEndpoints", subject=f"locations/{new.location}", limit=MAX_ENDPOINTS)
        begin = await events.last(tx, new.location) if new.position is None else new.position
        row = EndpointRow(
            location=new.location,
            id=new.id,
            uri=shown(new.uri),
            uri_sealed=await sealed.seal(domain, tx, new.location, new.id, "uri", new.uri),
            secret_sealed=await sealed.seal(domain, tx, new.location, new.id, "secret", secret),
            types=sorted(set(new.types)),
            description=new.description,
            max_per_second=new.max_per_second or USUAL_PER_SECOND,
            delivered=begin,
            due_at=None if new.position is None else now,
            create_time=now,
            update_time=now,
        )
        try:
            await webhook_endpoints.insert(tx, row)
        except AlreadyExists:
            raise ResourceExists(name_of(row)) from None
    return EndpointView(row, secret=secret)


def check(domain: Domain, *, uri: Secret | None = None, description: str = "", max_per_second: int = 0) -> None:
    """Raise FieldInvalid for what an endpoint cannot be."""
    path = "webhook_endpoint"
    if uri is not None and (wrong := trouble(uri.reveal(), allow_loopback=domain.fetcher.allow_loopback)):
        raise FieldInvalid(f"{path}.uri", wrong)
    if uri is not None and len(uri.reveal()) > MAX_URI:
        raise FieldInvalid(f"{path}.uri", f"may have at most {MAX_URI} characters")
    if len(description) > MAX_DESCRIPTION:
        raise FieldInvalid(f"{path}.description", f"may have at most {MAX_DESCRIPTION} characters")
    if not 0 <= max_per_second <= MAX_PER_SECOND:
        raise FieldInvalid(f"{path}.max_per_second", f"must be 0 to {MAX_PER_SECOND}")


async def get(domain: Domain, location: str, id: str) -> EndpointView:
    """Return an endpoint; raises storage's NotFound."""
    async with domain.db.read() as tx:
        row = await webhook_endpoints.get(tx, location, id)
        return await _view(tx, row)


async def page(
    domain: Domain, location: str, *, after: tuple[datetime, str] | None, limit: int
) -> Sequence[EndpointView]:
    """Return endpoints of a location, oldest first."""
    async with domain.db.read() as tx:
        rows = await webhook_endpoints.page(tx, location, after=after, limit=limit)
        waiting = await webhook_endpoints.count_retries(tx, location, [row.id for row in rows])
    return [EndpointView(row, waiting.get(row.id, 0)) for row in rows]


async def page_of_agency(domain: Domain, agency: str, *, after: tuple[str, str], limit: int) -> Sequence[EndpointView]:
    """Return endpoints of all of an agency's locations, by location and id."""
    async with domain.db.read() as tx:
        found = await webhook_endpoints.page_of_agency(tx, agency, after=after, limit=limit)
        waiting = {
            (location, id): count
            for location in {row.location for row in found}
            for id, count in (
                await webhook_endpoints.count_retries(
                    tx, location, [row.id for row in found if row.location == location]
                )
            ).items()
        }
    return [EndpointView(row, waiting.get((row.location, row.id), 0)) for row in found]


async def update(
    domain: Domain,
    location: str,
    id: str,
    values: dict[str, Any],
    paths: Collection[str],
    key: RequestKey | None,
    *,
    etag: str = "",
) -> EndpointView:
    """Set those of `values` (`uri` as a Secret, `types`, `description`, `max_per_second`) that are in `paths`.

    Raises FieldInvalid, EtagMismatch, storage's NotFound.
    """
    wanted = {name: value for name, value in values.items() if name in paths}
    if "max_per_second" in wanted:
        wanted["max_per_second"] = wanted["max_per_second"] or USUAL_PER_SECOND
    async with domain.db.transaction() as tx:
        if await idempotency.claim(tx, key, id, domain.clock()) is None:
            row = await webhook_endpoints.get(tx, location, id, lock=True)
            _check_etag(row, etag)
            if "uri" in wanted and wanted["uri"].reveal() == row.uri:
                # What is shown of the address, sent back, leaves the address as it is.
                del wanted["uri"]
            check(domain, **{name: value for name, value in wanted.items() if name != "types"})
            if "uri" in wanted:
                uri = wanted.pop("uri")
                sealed_uri = await sealed.seal(domain, tx, location, id, "uri", uri)
                wanted |= {"uri": shown(uri), "uri_sealed": sealed_uri}
            await webhook_endpoints.change(tx, location, id, domain.clock(), **wanted)
    return await get(domain, location, id)


def _check_etag(row: EndpointRow, etag: str) -> None:
    if etag and etag != str(row.version):
        raise EtagMismatch(metadata={"etag": str(row.version)}, resource=name_of(row))


async def disable(domain: Domain, location: str, id: str, key: RequestKey | None) -> EndpointView:
    """Stop deliveries; raises storage's NotFound."""
    async with domain.db.transaction() as tx:
        if await idempotency.claim(tx, key, id, domain.clock()) is None:
            row = await webhook_endpoints.get(tx, location, id, lock=True)
            if row.state == EndpointState.ENABLED:
                stopped = {"state": EndpointState.DISABLED, "disable_reason": DisableReason.CALLER, "due_at": None}
                await webhook_endpoints.change(tx, location, id, domain.clock(), **stopped)
    return await get(domain, location, id)


async def enable(
    domain: Domain, location: str, id: str, key: RequestKey | None, *, position: int | None = None
) -> EndpointView:
    """Deliver again; with `position` the events after that one, whether or not they were delivered.

    Raises storage's NotFound.
    """
    now = domain.clock()
    async with domain.db.transaction() as tx:
        if await idempotency.claim(tx, key, id, now) is None:
            row = await webhook_endpoints.get(tx, location, id, lock=True)
            values: dict[str, Any] = {}
            if row.state == EndpointState.DISABLED:
                values = {"state": EndpointState.ENABLED, "disable_reason": DisableReason.NONE}
                # What it took nothing of before says nothing about it now.
                values |= {"failures": 0, "failing_since": None}
            if position is not None:
                values["delivered"] = position
                # What waits of the events before the cursor goes on waiting.
                await webhook_endpoints.clear_retries(tx, location, id, after=position)
            if values:
                await webhook_endpoints.change(tx, location, id, now, due_at=now, **values)
    return await get(domain, location, id)


async def rotate(
    domain: Domain, location: str, id: str, key: RequestKey | None, *, overlap: timedelta = OVERLAP
) -> EndpointView:
    """Make a new secret, and sign with the former one too for as long as `overlap`; raises storage's NotFound."""
    now, secret = domain.clock(), sealed.new_secret(os.urandom)
    async with domain.db.transaction() as tx:
        if await idempotency.claim(tx, key, id, now) is not None:
            return await _view(tx, await webhook_endpoints.get(tx, location, id))
        row = await webhook_endpoints.get(tx, location, id, lock=True)
        changed = await webhook_endpoints.change(
            tx,
            location,
            id,
            now,
            secret_sealed=await sealed.seal(domain, tx, location, id, "secret", secret),
            former_secret_sealed=row.secret_sealed if overlap else None,
            former_secret_expire_time=now + overlap if overlap else None,
        )
        return EndpointView(changed or row, (await _view(tx, row)).waiting, secret)


async def delete(domain: Domain, location: str, id: str, key: RequestKey | None, *, etag: str = "") -> None:
    """Remove an endpoint; raises storage's NotFound, EtagMismatch."""
    async with domain.db.transaction() as tx:
        if await idempotency.claim(tx, key, id, domain.clock()) is None:
            _check_etag(await webhook_endpoints.get(tx, location, id, lock=True), etag)
            await webhook_endpoints.remove(tx, location, id)


async def _view(tx: Transaction, row: EndpointRow) -> EndpointView:
    waiting = await webhook_endpoints.count_retries(tx, row.location, [row.id])
    return EndpointView(row, waiting.get(row.id, 0))
