"""CreateCampaign, CreateAdGroup, CreateAd: one write, paused; after a lost answer it is looked for, never sent again.

Owns that rule, and that what the vendor switched on by itself is paused at once. What an ad shows is `creatives.py`.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import structlog

from gateway.domain import idempotency, vendor_errors
from gateway.domain.ads import accounts, creatives, specs, tree, writes
from gateway.domain.ads.creatives import NotReady, Source
from gateway.domain.ads.tree import LEVELS, Place, Target
from gateway.domain.ads.writes import Write
from gateway.domain.context import Domain
from gateway.domain.idempotency import RequestKey
from gateway.domain.locations import keep_own
from gateway.errors import DomainError, GatewayUnavailable, OutcomeUnknown
from gateway.failpoints import reach
from providers.errors import Ambiguous, ContractBroken, Permanence, ProviderError
from providers.models.ads import AdNode, Difference, Spec, Switch
from storage import ad_operations, ads
from storage.ads import AdRow
from storage.errors import NotFound
from storage.states import AdOperationKind, AdOperationState, DeliveryState

log = structlog.get_logger(__name__)

CREATED = "created"
"""The key in a write's payload under which the vendor's id of what was created stands."""

VIDEO = "video"
"""The same of the vendor's id of the video that an ad shows."""

READY_PAUSE = timedelta(seconds=10)
"""How long to wait until an upload is looked at again that the vendor still transcodes."""


@dataclass(frozen=True, slots=True)
class NewAd:
    """What is to be created below `parent`; `source` is what an ad shows, None for the levels above."""

    parent: Place
    spec: Spec
    source: Source | None = None


async def create(
    domain: Domain, new: NewAd, key: RequestKey | None, *, agency: str, validate_only: bool = False
) -> AdRow:
    """Create something, paused: one write and one read, and what its creative needs before.

    Raises storage's NotFound, FieldInvalid, StateForbids (a parent that the vendor does not have), ProviderError if it
    was certainly not created. A lost answer is a state of what is returned.
    """
    location = new.parent.location
    first = await idempotency.earlier(domain.db, key)
    if first is not None:
        return await _earlier(domain, location, first)
    above = await tree.load(domain, new.parent)
    accounts.require_reachable(above.account)
    for row in above.chain:
        tree.require_made(row)
    target = replace(above, chain=(*above.chain, _row(domain, above, new)))
    _check(target, new)
    if validate_only:
        # Without an id: it was only checked.
        return target.with_values(id="", state=DeliveryState.PAUSED).row
    if new.source is not None:
        target = await _with_creative(target, new.source)
    write = await _begin(target, new, key, agency=agency)
    if isinstance(write, str):
        return await _earlier(domain, location, write)
    if new.source is not None and new.source.upload:
        # The bytes are sent, and waited for, in the background.
        return target.row
    return await domain.tokens.guard(writes.finished(write, _send(write, key)))


async def _earlier(domain: Domain, location: str, operation: str) -> AdRow:
    found = await writes.resumed(domain, location, operation, resume)
    if found is None:
        raise NotFound(ads.KIND, operation)
    return found


def _row(domain: Domain, above: Target, new: NewAd) -> AdRow:
    now, id = domain.clock(), domain.new_id()
    ids = (*new.parent.ids, id)
    return AdRow(
        location=new.parent.location,
        id=id,
        ad_account=above.account.id,
        level=LEVELS[len(ids) - 1],
        path="/".join(ids),
        parent=ids[-2] if len(ids) > 1 else "",
        display_name=new.spec.name,
        spec=specs.dump(new.spec),
        source={} if new.source is None else new.source.stored(),
        create_time=now,
        update_time=now,
    )


def _check(target: Target, new: NewAd) -> None:
    account = specs.load_account(target.account.payload)
    target.facet.check(account, new.spec, parents=target.parents, now=target.domain.clock())


async def _with_creative(target: Target, source: Source) -> Target:
    """Return the ad with the post that it shows, authorized; an upload is looked at only."""
    spec = await creatives.resolve(target, specs.load(target.row.level, target.row.spec), source)
    return target.with_values(spec=specs.dump(spec))


async def _begin(target: Target, new: NewAd, key: RequestKey | None, *, agency: str) -> Write | str:
    """Commit what is to be created; return the id of an earlier call's write with the same key."""
    domain, row = target.domain, target.row
    operation = writes.new(domain, AdOperationKind.CREATE, row, {})
    if new.source is not None and new.source.upload:
        operation.due_at = domain.clock()
    row.operation = operation.id
    async with domain.db.transaction() as tx:
        await keep_own(tx, row.location, agency)
        first = await idempotency.claim(tx, key, operation.id, domain.clock())
        if first is not None:
            return first
        if new.parent.ids:
            # Of two that delete a parent and create below it, the second sees the first.
            await ads.get(tx, row.location, new.parent.ids[-1], lock=True)
        if new.source is not None and new.source.upload:
            await creatives.hold(tx, row.location, new.source.upload)
        await ads.insert(tx, row)
        await ad_operations.insert(tx, operation)
    reach("ads.after-commit.INTENT")
    return Write(operation, target)


async def _send(write: Write, key: RequestKey | None) -> AdRow:
    """Make the one call for its caller; raises what proves that nothing was created, after forgetting it."""
    write = await writes.sent(write)
    try:
        return await _call(write)
    except ProviderError:
        await writes.forget(write, key)
        raise


async def _call(write: Write) -> AdRow:
    """Make the one call, and look what came of it; raises what proves that nothing was created."""
    target = write.target
    account = specs.load_account(target.account.payload)
    spec = specs.load(target.row.level, target.row.spec)
    try:
        node = await target.facet.create(target.access, account, spec, parents=target.parents, key=write.key)
    except (Ambiguous, ContractBroken) as error:
        log.warning("ads.answer_lost", location=target.row.location, id=target.row.id, code=error.code)
        return await _look_now(write, error)
    except ProviderError as error:
        if not error.unproven:
            raise
        return await _look_now(write, error)
    reach("ads.after-call.create")
    write = await writes.move(write, payload={**write.operation.payload, CREATED: node.id})
    return await _look_now(write, None)


async def _look_now(write: Write, error: ProviderError | None) -> AdRow:
    """Look what came of the call; whatever that says, the caller gets the row."""
    try:
        return await look(write, error)
    except ProviderError as failed:
        return await writes.in_doubt(write, error or failed, _doubtful(write))


async def look(write: Write, error: ProviderError | None = None) -> AdRow:
    """Find what was created, pause it if the vendor did not, and store it; raises ProviderError if that fails."""
    target = write.target
    node = await _find(write)
    if node is None and write.is_old and write.operation.tries > 1:
        missing = OutcomeUnknown("The vendor's answer was lost, and ten minutes later it has none of it.")
        return await _failed(write, missing)
    if node is None:
        return await writes.in_doubt(write, error, _doubtful(write))
    if node.switch == Switch.ENABLED:
        log.warning("ads.pause_ignored", location=target.row.location, id=target.row.id)
        level = specs.vendor_level(target.row.level)
        await target.facet.switch(target.access, target.vendor_account, level, [node.id], Switch.PAUSED)
        node = await _find(write, node.id) or node
        if node.switch == Switch.ENABLED:
            return await writes.in_doubt(write, error, _doubtful(write))
    wanted = target.facet.differences(specs.load(target.row.level, target.row.spec), node)
    values = {**tree.values_of(node, write.domain.clock()), "warnings": warnings_of(wanted)}
    return await writes.done(write, values)


def warnings_of(differences: tuple[Difference, ...]) -> list[dict[str, str]]:
    """Return what the vendor has otherwise, as it is stored."""
    return [
        {"field": each.field, "description": f"{each.wanted or 'nothing'} was asked for, {each.actual or 'nothing'} is"}
        for each in differences
    ]


async def _find(write: Write, id: str = "") -> AdNode | None:
    """Return what was created, by its id if it is known, else by the key."""
    target, id = write.target, id or write.operation.payload.get(CREATED, "")
    if id:
        return await tree.read_node(target.with_values(provider_id=id))
    spec = specs.load(target.row.level, target.row.spec)
    return await target.facet.find_created(
        target.access, target.vendor_account, spec, parents=target.parents, key=write.key
    )


def _doubtful(write: Write) -> dict[str, Any]:
    """Return the columns of what may have been created: it exists if its id is known."""
    id = write.operation.payload.get(CREATED, "")
    return {"provider_id": id} if id else {"state": DeliveryState.INDETERMINATE}


async def _failed(write: Write, error: ProviderError | DomainError) -> AdRow:
    return await writes.refused(write, {"state": DeliveryState.FAILED}, vendor_errors.as_stored(error))


async def resume(write: Write) -> None:
    """Go on with a creation whose caller is gone: look for it, and send what was never sent.

    Raises ProviderError and GatewayUnavailable if that is to be tried again later.
    """
    if write.operation.state != AdOperationState.INTENT:
        await look(write)
        return
    try:
        ready = await _ready(write)
        if ready is not None:
            # A database that was restored from a backup does not know what was sent since.
            known = await _find(ready) is not None
            await (_look_now(ready, None) if known else _send_later(ready))
    except (ProviderError, DomainError) as error:
        if is_temporary(error):
            raise
        await _failed(write, error)


async def _send_later(write: Write) -> None:
    """Make the one call in the background; what it proves not to be created is tried again, or FAILED."""
    write = await writes.sent(write)
    try:
        await _call(write)
    except ProviderError as error:
        if not is_temporary(error):
            await _failed(write, error)
            return
        await writes.postponed(write)


async def _ready(write: Write) -> Write | None:
    """Return the write with the media that its ad needs, None while the vendor still transcodes them."""
    target = write.target
    upload = target.row.source.get("upload", "")
    if not upload:
        return write
    video = write.operation.payload.get(VIDEO, "")
    if not video:
        video = await creatives.send(target, upload)
        write = await writes.move(write, payload={**write.operation.payload, VIDEO: video})
        reach("ads.after-call.upload")
    try:
        spec = await creatives.with_video(target, specs.load(target.row.level, target.row.spec), video)
    except NotReady:
        await writes.move(write, due_at=write.domain.clock() + READY_PAUSE)
        return None
    async with write.domain.db.transaction() as tx:
        row = await ads.change(tx, target.row, write.domain.clock(), spec=specs.dump(spec))
    return None if row is None else replace(write, target=target.with_row(row))


def is_temporary(error: ProviderError | DomainError) -> bool:
    """Return whether the same work may succeed later."""
    if isinstance(error, DomainError):
        return isinstance(error, GatewayUnavailable)
    return error.permanence is not Permanence.PERMANENT
