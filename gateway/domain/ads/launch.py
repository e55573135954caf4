"""LaunchCampaign, LaunchAdGroup, LaunchAd: what the caller decided upon begins to spend, and nothing else.

Owns the order (ads, ad groups, the campaign last), and that a launch whose answer is lost is read, never sent again.
What is counted is `stakes.py`, whether somebody must confirm it `guard.py`.
"""

from dataclasses import dataclass, replace
from typing import Any

import structlog

from gateway.domain import idempotency, vendor_errors
from gateway.domain.ads import accounts, guard, specs, stakes, tree, writes
from gateway.domain.ads.stakes import Stakes
from gateway.domain.ads.stop import STOPPED
from gateway.domain.ads.tree import Place
from gateway.domain.ads.writes import Write
from gateway.domain.concurrency import Superseded, until_free
from gateway.domain.context import Domain
from gateway.domain.idempotency import RequestKey
from gateway.domain.locations import keep_own
from gateway.errors import DomainError, EtagMismatch, OutcomeUnknown
from gateway.failpoints import reach
from providers.errors import Ambiguous, ContentRefused, ContractBroken, ProviderError
from providers.models.ads import AdNode, AdQuery, Switch
from storage import ad_operations, ads
from storage.ads import AdRow
from storage.errors import NotFound
from storage.states import AdLevel, AdOperationKind, AdOperationState

log = structlog.get_logger(__name__)

AT_ONCE = 20
"""How many a vendor switches in one call."""

STEPS, BEGUN, ANSWERED = "steps", "begun", "answered"
"""Keys in a write's payload: the calls that launch everything, how many have begun, and how many were answered."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What is to be launched, decided upon the row with this `etag`."""

    place: Place
    etag: str
    include_children: bool = False
    confirmation: str = ""


async def launch(
    domain: Domain, wanted: Launch, key: RequestKey | None, *, agency: str, validate_only: bool = False
) -> AdRow:
    """Launch something: one to three reads, then one write for each AT_ONCE of a level.

    Raises storage's NotFound, FieldInvalid, EtagMismatch, Conflict, StateForbids, BudgetCeilingExceeded,
    SpendConfirmationRequired, ProviderError if it was certainly not launched.
    """
    first = await idempotency.earlier(domain.db, key)
    if first is not None:
        return await _earlier(domain, wanted.place, first)
    target = await tree.load(domain, wanted.place)
    accounts.require_reachable(target.account)
    tree.check_etag(target.row, wanted.etag, "etag")
    tree.require_idle(target.row)
    tree.require_made(target.row)
    found = await stakes.read(target, include_children=wanted.include_children)
    guard.check(domain, found.spending(), wanted.confirmation)
    if validate_only:
        return found.target.row
    begun = await _begin(found, key, agency=agency)
    if isinstance(begun, str):
        return await _earlier(domain, wanted.place, begun)
    return await domain.tokens.guard(writes.finished(begun, _send(begun, key)))


async def _earlier(domain: Domain, place: Place, operation: str) -> AdRow:
    found = await writes.resumed(domain, place.location, operation, look)
    if found is None:
        raise NotFound(ads.KIND, place.ids[-1])
    return found


def _steps(rows: list[AdRow]) -> list[dict[str, Any]]:
    """Return the calls that launch rows: what is lower first, so that nothing spends before all of it is meant to."""
    steps: list[dict[str, Any]] = []
    for level in reversed(tree.LEVELS):
        ids = [row.id for row in rows if row.level == level]
        steps += [{"level": level.value, "ids": ids[i : i + AT_ONCE]} for i in range(0, len(ids), AT_ONCE)]
    return steps


async def _begin(found: Stakes, key: RequestKey | None, *, agency: str) -> Write | str:
    """Commit the intent to launch rows, each of which gets a new etag; raises EtagMismatch if any has changed."""
    target = found.target
    domain, location = target.domain, target.row.location
    payload = {STEPS: _steps(found.launched), BEGUN: 0, ANSWERED: 0}
    operation = writes.new(domain, AdOperationKind.LAUNCH, target.row, payload)
    async with domain.db.transaction() as tx:
        await keep_own(tx, location, agency)
        first = await idempotency.claim(tx, key, operation.id, domain.clock())
        if first is not None:
            return first
        for row in sorted(found.launched, key=lambda each: each.id):
            if await ads.change(tx, row, domain.clock(), operation=operation.id, error=None) is None:
                raise EtagMismatch(resource=tree.name_of(row))
        await ad_operations.insert(tx, operation)
        claimed = await ads.get(tx, location, target.row.id)
    reach("ads.after-commit.INTENT")
    return Write(operation, target.with_row(claimed))


async def _send(write: Write, key: RequestKey | None) -> AdRow:
    """Make the calls, each committed before and after; what is not launched when one fails stays paused."""
    write = await writes.sent(write)
    for number, step in enumerate(write.operation.payload[STEPS], start=1):
        try:
            write = await _step(write, number, step)
        except (Ambiguous, ContractBroken) as error:
            log.warning("ads.answer_lost", location=write.operation.location, id=write.operation.ad, code=error.code)
            return await _look_now(write, error)
        except Superseded:
            # It was paused meanwhile, which ends the launch, or another process has taken it up.
            break
        except ProviderError as error:
            if number == 1 and not error.unproven:
                await writes.forget(write, key)
                raise
            if not error.unproven:
                write = await _answered(await _now(write), number)
            return await _look_now(write, error)
    return await _look_now(write, None)


async def _step(write: Write, number: int, step: dict[str, Any]) -> Write:
    """Make one call. Raises Superseded before it if the launch was stopped, ContentRefused if any was refused."""
    target, payload = write.target, write.operation.payload
    if payload.get(STOPPED):
        raise Superseded
    write = await writes.move(write, payload={**payload, BEGUN: number})
    rows = await _rows(write, step["ids"])
    ids = [row.provider_id for row in rows]
    level = specs.vendor_level(AdLevel(step["level"]))
    reach("ads.before-call.launch")
    refused = await target.facet.switch(target.access, target.vendor_account, level, ids, Switch.ENABLED)
    reach("ads.after-call.launch")
    write = await _answered(write, number)
    if refused:
        item = next(iter(refused.values()))
        raise ContentRefused(
            item.message, provider=target.account.provider, code=item.code, unproven=len(refused) < len(ids)
        )
    return write


async def _answered(write: Write, number: int) -> Write:
    """Commit that a call was answered, also if the launch was stopped while it was under way."""
    try:
        return await writes.move(write, payload={**write.operation.payload, ANSWERED: number})
    except Superseded:
        now = await _now(write)
        if now.operation.due_at is None:
            raise
        return await writes.move(now, payload={**now.operation.payload, ANSWERED: number})


async def _now(write: Write) -> Write:
    """Return the write as it is in the journal now."""
    async with write.domain.db.read() as tx:
        found = await ad_operations.find(tx, write.operation.location, write.operation.id)
    return replace(write, operation=found or write.operation)


async def _rows(write: Write, ids: list[str]) -> list[AdRow]:
    async with write.domain.db.read() as tx:
        return [await ads.get(tx, write.operation.location, id) for id in ids]


async def _look_now(write: Write, error: ProviderError | None) -> AdRow:
    write = await _now(write)
    try:
        return await look(write, error)
    except ProviderError as failed:
        return await writes.in_doubt(write, error or failed)


async def look(write: Write, error: ProviderError | None = None) -> AdRow:
    """Read what of a launch the vendor has, and store that; raises ProviderError.

    What was paused while the launch was under way is paused again, if a call of the launch arrived later.
    """
    async with write.domain.db.read() as tx:
        rows = [
            await ads.get(tx, write.operation.location, id)
            for step in write.operation.payload[STEPS]
            for id in step["ids"]
        ]
    nodes = await _nodes(write, rows)
    payload = write.operation.payload
    stopped = [row for row in rows if row.id in payload.get(STOPPED, []) and _is_on(nodes.get(row.provider_id))]
    for row in stopped:
        level = specs.vendor_level(row.level)
        await write.target.facet.switch(
            write.target.access, write.target.vendor_account, level, [row.provider_id], Switch.PAUSED
        )
    if stopped:
        return await writes.in_doubt(write, error)
    launched = all(_is_on(nodes.get(row.provider_id)) for row in rows)
    if not launched and payload[BEGUN] != payload[ANSWERED] and not write.is_old:
        return await writes.in_doubt(write, error)
    return await _settle(write, rows, nodes, None if launched else _incomplete(write, error))


def _is_on(node: AdNode | None) -> bool:
    return node is not None and node.switch == Switch.ENABLED


def _incomplete(write: Write, error: ProviderError | None) -> dict[str, Any]:
    """Return why not all of a launch happened, as it is stored."""
    if error is not None and not isinstance(error, Ambiguous | ContractBroken):
        return vendor_errors.as_stored(error)
    if write.operation.error is not None:
        return write.operation.error
    cause: DomainError = OutcomeUnknown("The launch ended early: what is paused still needs a launch of its own.")
    return vendor_errors.as_stored(cause)


async def _nodes(write: Write, rows: list[AdRow]) -> dict[str, AdNode]:
    """Return rows as the vendor has them, by the vendor's ids: one read for each level."""
    target = write.target
    found: dict[str, AdNode] = {}
    for level in tree.LEVELS:
        ids = [row.provider_id for row in rows if row.level == level]
        for start in range(0, len(ids), stakes.READ_AT_ONCE):
            query = AdQuery(
                specs.vendor_level(level), ids=tuple(ids[start : start + stakes.READ_AT_ONCE]), include_deleted=True
            )
            page = await target.facet.find(target.access, target.vendor_account, query, limit=stakes.READ_AT_ONCE)
            found |= {node.id: node for node in page.nodes}
    return found


@until_free
async def _settle(write: Write, rows: list[AdRow], nodes: dict[str, AdNode], error: dict[str, Any] | None) -> AdRow:
    """Commit what became of a launch, with the state of everything that it was about."""
    domain, operation, now = write.domain, write.operation, write.domain.clock()
    state = AdOperationState.DONE if error is None else AdOperationState.REFUSED
    async with domain.db.transaction() as tx:
        moved = await ad_operations.move(tx, operation, now, state=state, error=error, due_at=None)
        for before in await ads.claimed(tx, operation.location, operation.id) if moved is not None else ():
            values = {**tree.values_of(nodes.get(before.provider_id), now), "operation": ""}
            if before.id == operation.ad:
                values["error"] = error
            # A copy: the session has one object for a row, which the write changes.
            was = AdRow(**before.model_dump())
            await tree.tell(tx, was, await ads.write(tx, before, now, **values), now)
        row = await ads.get(tx, operation.location, operation.ad)
    reach("ads.after-commit.DONE")
    return row
