"""PauseX and DeleteX: they end spending, so they may be sent again until they are true.

Owns that a pause waits for nothing, and that it stops a launch that is under way.
"""

from contextlib import suppress
from typing import Any

import structlog

from gateway.domain import idempotency
from gateway.domain.ads import accounts, specs, tree, writes
from gateway.domain.ads.tree import Place, Target
from gateway.domain.ads.writes import Write
from gateway.domain.concurrency import until_free
from gateway.domain.context import Domain
from gateway.domain.idempotency import RequestKey
from gateway.domain.locations import keep_own
from gateway.errors import Conflict, StateForbids
from gateway.failpoints import reach
from providers.errors import Ambiguous, ContentRefused, ContractBroken, ProviderError, Temporary
from providers.models.ads import Switch
from storage import ad_operations, ads
from storage.ads import AdRow
from storage.database import Transaction
from storage.errors import NotFound
from storage.states import AdOperationKind, AdOperationState, DeliveryState

log = structlog.get_logger(__name__)

STOPPED = "stopped"
"""The key in a launch's payload under which those stand that were paused while it was under way."""

_SWITCHES = {AdOperationKind.PAUSE: Switch.PAUSED, AdOperationKind.DELETE: Switch.DELETED}


async def pause(domain: Domain, place: Place, key: RequestKey | None, *, agency: str) -> AdRow:
    """Pause something, whatever else is under way: one write and one read.

    Raises storage's NotFound, StateForbids (the vendor has none of it), ProviderError if the vendor refused.
    """
    first = await idempotency.earlier(domain.db, key)
    if first is None:
        target = await tree.load(domain, place)
        tree.require_made(target.row)
        begun = await _begin_pause(target, key, agency=agency)
        if isinstance(begun, Write):
            return await domain.tokens.guard(writes.finished(begun, _send(begun, key)))
        first = begun
    found = await writes.resumed(domain, place.location, first, resume)
    if found is None:
        raise NotFound(ads.KIND, place.ids[-1])
    return found


async def _begin_pause(target: Target, key: RequestKey | None, *, agency: str) -> Write | str:
    """Commit the intent. Whoever decided upon the row before has decided upon something else."""
    domain, location = target.domain, target.row.location
    operation = writes.new(domain, AdOperationKind.PAUSE, target.row, {})
    async with domain.db.transaction() as tx:
        await keep_own(tx, location, agency)
        first = await idempotency.claim(tx, key, operation.id, domain.clock())
        if first is not None:
            return first
        row = await ads.get(tx, location, target.row.id, lock=True)
        await _stop_launch(domain, tx, row)
        changed = await ads.write(tx, row, domain.clock(), error=None)
        await ad_operations.insert(tx, operation)
    reach("ads.after-commit.INTENT")
    return Write(operation, target.with_row(changed))


async def _stop_launch(domain: Domain, tx: Transaction, row: AdRow) -> None:
    """Let a launch of the row that is under way make no further call."""
    launch = await ad_operations.find(tx, row.location, row.operation) if row.operation else None
    if launch is None or launch.kind != AdOperationKind.LAUNCH:
        return
    stopped = [*launch.payload.get(STOPPED, []), row.id]
    payload = {**launch.payload, STOPPED: stopped}
    await ad_operations.move(tx, launch, domain.clock(), payload=payload, tries=launch.tries + 1)


async def delete(domain: Domain, place: Place, key: RequestKey | None, *, etag: str, agency: str) -> None:
    """Delete something with what is below it: one write and one read.

    Raises storage's NotFound, FieldInvalid, EtagMismatch, Conflict, StateForbids (it may exist, but is not found yet),
    ProviderError if the vendor refused or could not be asked.
    """
    first = await idempotency.earlier(domain.db, key)
    if first is None:
        target = await tree.load(domain, place)
        tree.check_etag(target.row, etag, "etag")
        if target.row.state in (DeliveryState.PREPARING, DeliveryState.INDETERMINATE):
            text = "It is not known whether the vendor has it."
            raise StateForbids(target.row.state, text, resource=tree.name_of(target.row))
        await _require_idle_below(target)
        begun = await writes.begin(target, AdOperationKind.DELETE, {}, key, agency=agency)
        if isinstance(begun, Write):
            with suppress(NotFound):
                await domain.tokens.guard(writes.finished(begun, _send(begun, key)))
            async with domain.db.read() as tx:
                left = await ads.find(tx, place.location, place.ids[-1])
        else:
            left = await writes.resumed(domain, place.location, begun, resume)
    else:
        left = await writes.resumed(domain, place.location, first, resume)
    if left is not None:
        text = "It is not deleted yet, and will be: repeat the call with its request_id to see when."
        raise Conflict(text, resource=tree.name_of(left))


async def _require_idle_below(target: Target) -> None:
    """Raise Conflict while anything of what would be deleted is written to."""
    async with target.domain.db.read() as tx:
        level = [target.row]
        while level:
            for row in level:
                tree.require_idle(row)
            level = await ads.children(tx, target.row.location, [row.id for row in level])


async def _send(write: Write, key: RequestKey | None) -> AdRow:
    """Make the call; raises what proves that the vendor refuses it."""
    write = await writes.sent(write)
    try:
        return await _switch(write)
    except (Ambiguous, ContractBroken, Temporary) as error:
        if isinstance(error, Temporary):
            log.warning("ads.stop_delayed", location=write.operation.location, id=write.operation.ad, code=error.code)
        # It is sent again, by the caller or the sweeper.
        return await writes.in_doubt(write, error)
    except ProviderError:
        await writes.forget(write, key)
        raise


async def _switch(write: Write) -> AdRow:
    """Switch at the vendor, read what it has, and store that. Raises ProviderError, in_doubt is up to the caller."""
    target, kind = write.target, write.operation.kind
    row = target.row
    if row.state not in (DeliveryState.DELETED, DeliveryState.FAILED):
        level = specs.vendor_level(row.level)
        refused = await target.facet.switch(
            target.access, target.vendor_account, level, [row.provider_id], _SWITCHES[kind]
        )
        reach("ads.after-call.switch")
        if row.provider_id in refused:
            error = refused[row.provider_id]
            raise ContentRefused(error.message, provider=target.account.provider, code=error.code)
    node = await tree.read_node(target) if row.provider_id else None
    if kind == AdOperationKind.DELETE:
        if node is not None and node.switch != Switch.DELETED:
            return await writes.in_doubt(write, None)
        await _removed(write)
        return row
    if node is not None and node.switch == Switch.ENABLED:
        return await writes.in_doubt(write, None)
    return await writes.done(write, tree.values_of(node, write.domain.clock()))


@until_free
async def _removed(write: Write) -> None:
    """Commit that something is deleted, and remove it here with what is below it."""
    domain = write.domain
    async with domain.db.transaction() as tx:
        values: dict[str, Any] = {"state": AdOperationState.DONE, "due_at": None}
        if await ad_operations.move(tx, write.operation, domain.clock(), **values) is not None:
            await ads.remove(tx, write.operation.location, write.operation.ad)
    reach("ads.after-commit.DONE")


async def resume(write: Write) -> AdRow:
    """Send a pause or a deletion again, whose caller is gone or whose answer was lost.

    Raises ProviderError if the vendor cannot be asked now.
    """
    if write.operation.kind == AdOperationKind.DELETE and write.target.row.operation != write.operation.id:
        raise Conflict(resource=tree.name_of(write.target.row))
    accounts.require_reachable(write.target.account)
    return await _switch(write)
