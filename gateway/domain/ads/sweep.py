"""Background work on ads: writes whose caller is gone or whose answer was lost, and states that are read again.

Owns who does which of them next, in turns by agency. What a write needs is in the file of its verb.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import structlog

from gateway.domain import vendor_errors
from gateway.domain.ads import create, launch, stop, tree, update, writes
from gateway.domain.ads.writes import Write
from gateway.domain.concurrency import Superseded, take_turns
from gateway.domain.context import Domain
from gateway.errors import DomainError
from providers.errors import ProviderError
from storage import ad_operations, ads
from storage.database import DatabaseUnavailable, Transaction
from storage.errors import NotFound
from storage.key_ring import KeyMissing
from storage.states import AdOperationKind, AdOperationState, DeliveryState

log = structlog.get_logger(__name__)

LEASE = timedelta(minutes=5)
"""How long one step may take before another replica tries."""

PATIENCE = timedelta(days=1)
"""For how long a write is looked at that cannot be looked at, because its grant is gone, say."""

RESUME: dict[AdOperationKind, Callable[[Write], Awaitable[object]]] = {
    AdOperationKind.CREATE: create.resume,
    AdOperationKind.UPDATE: update.look,
    AdOperationKind.DELETE: stop.resume,
    AdOperationKind.LAUNCH: launch.look,
    AdOperationKind.PAUSE: stop.resume,
}


async def run_due(domain: Domain) -> int:
    """Go on with writes that are due, and read states that are; return how many. Any number of replicas may."""
    return await _writes(domain) + await _states(domain)


async def _writes(domain: Domain) -> int:
    async def lease(tx: Transaction, chosen: list[tuple[str, str]]) -> list[tuple[str, str]]:
        now = domain.clock()
        return await ad_operations.take_due(tx, chosen, now, now + LEASE)

    return await take_turns(
        domain.db, ad_operations.DUE, domain.ads, lambda *of: _resume(domain, *of), lease=lease, now=domain.clock
    )


async def _resume(domain: Domain, location: str, id: str) -> None:
    """Go on with one write."""
    async with domain.db.read() as tx:
        operation = await ad_operations.find(tx, location, id)
    if operation is None or operation.due_at is None:
        return
    try:
        target = await tree.load_row(domain, location, operation.ad, background=True)
    except NotFound:
        await _end(domain, location, id)
        return
    write = Write(operation, target)
    try:
        await RESUME[operation.kind](write)
    except Superseded:
        log.info("ads.superseded", location=location, id=id)
    except (ProviderError, DomainError) as error:
        await _failed(write, error)
    except (DatabaseUnavailable, KeyMissing) as error:
        log.warning("ads.not_resumed", location=location, id=id, error=type(error).__name__)


async def _end(domain: Domain, location: str, id: str) -> None:
    """End a write of which nothing is left."""
    async with domain.db.transaction() as tx:
        operation = await ad_operations.find(tx, location, id)
        if operation is not None:
            await ad_operations.move(tx, operation, domain.clock(), due_at=None)


async def _failed(write: Write, error: ProviderError | DomainError) -> None:
    """Try again later what may succeed then; end what the vendor refuses, and what could not be looked at for a day."""
    row = write.operation
    log.warning("ads.not_resumed", location=row.location, id=row.id, error=type(error).__name__)
    async with write.domain.db.read() as tx:
        current = await ad_operations.find(tx, row.location, row.id)
    if current is None or current.due_at is None:
        return
    write, unsent = replace(write, operation=current), current.state == AdOperationState.INTENT
    stops = current.kind in (AdOperationKind.PAUSE, AdOperationKind.DELETE)
    over = write.domain.clock() >= current.create_time + PATIENCE
    if over or (stops and not create.is_temporary(error)):
        failed = {"state": DeliveryState.FAILED} if unsent and current.kind == AdOperationKind.CREATE else {}
        await writes.refused(write, failed, vendor_errors.as_stored(error))
    elif unsent:
        await writes.postponed(write)
    else:
        await writes.in_doubt(write, error if isinstance(error, ProviderError) else None)


async def _states(domain: Domain) -> int:
    async def one(location: str, id: str) -> None:
        try:
            await look(domain, location, id)
        except (NotFound, ProviderError, DomainError, DatabaseUnavailable, KeyMissing) as error:
            log.warning("ads.not_read", location=location, id=id, error=type(error).__name__)

    async def lease(tx: Transaction, chosen: list[tuple[str, str]]) -> list[tuple[str, str]]:
        now = domain.clock()
        return await ads.take_due(tx, chosen, now, now + LEASE)

    return await take_turns(domain.db, ads.DUE, domain.ads, one, lease=lease, now=domain.clock)


async def look(domain: Domain, location: str, id: str) -> None:
    """Read the state of one row that is due, with an event if it is another: one read."""
    target = await tree.load_row(domain, location, id, background=True)
    if target.row.operation or not target.account.reachable or not target.row.provider_id:
        return
    await tree.save_node(domain, target.row, await tree.read_node(target))
