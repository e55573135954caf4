"""UpdateCampaign, UpdateAdGroup, UpdateAd: one write, decided upon how the vendor has it now.

Owns that of two who change one thing only one does, and that nobody raises what a launched one may spend by accident.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import structlog

from gateway.domain import idempotency, vendor_errors
from gateway.domain.ads import accounts, guard, specs, tree, writes
from gateway.domain.ads.create import warnings_of
from gateway.domain.ads.guard import Spending
from gateway.domain.ads.tree import Place, Target
from gateway.domain.ads.writes import Write
from gateway.domain.context import Domain
from gateway.domain.idempotency import RequestKey
from gateway.errors import EtagMismatch, OptionUnsupported, OutcomeUnknown, ScopeMissing
from gateway.failpoints import reach
from providers.errors import Ambiguous, ContractBroken, ProviderError
from providers.models.ads import AdGroupSpec, AdNode, AdSpec, CampaignSpec, Spec
from storage import ads
from storage.ads import AdRow
from storage.errors import NotFound
from storage.states import AdOperationKind

log = structlog.get_logger(__name__)

SPEND = "ads.spend"
BEFORE, AFTER, TAG, ANSWERED = "before", "after", "tag", "answered"
"""Keys in a write's payload: how it was, how it is to be, the tag in the vendor's name, and whether it said yes."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to change: fields of the spec with their values, decided upon the row with this `etag`.

    `path` is the request's field that has the etag; `may_spend` whether the caller has the scope for it.
    """

    place: Place
    fields: Mapping[str, Any]
    etag: str
    path: str
    confirmation: str = ""
    may_spend: bool = False


async def update(
    domain: Domain, change: Change, key: RequestKey | None, *, agency: str, validate_only: bool = False
) -> AdRow:
    """Change something: two reads and one write.

    Raises storage's NotFound, FieldInvalid, EtagMismatch, Conflict, StateForbids, OptionUnsupported, ScopeMissing,
    BudgetCeilingExceeded, SpendConfirmationRequired, ProviderError if it was certainly not changed.
    """
    first = await idempotency.earlier(domain.db, key)
    if first is not None:
        return await _earlier(domain, change.place.location, first)
    target = await tree.load(domain, change.place)
    accounts.require_reachable(target.account)
    tree.check_etag(target.row, change.etag, change.path)
    tree.require_idle(target.row)
    tree.require_made(target.row)
    target, node = await current(target)
    before: Any = node.spec
    after = replace(before, **change.fields)
    account = specs.load_account(target.account.payload)
    target.facet.check(account, after, parents=target.parents, now=domain.clock(), before=before)
    _check_spending(target, before, after, change)
    if validate_only or after == before:
        return target.with_values(spec=specs.dump(after), display_name=after.name).row
    payload = {BEFORE: specs.dump(before), AFTER: specs.dump(after), TAG: node.tag}
    write = await writes.begin(target, AdOperationKind.UPDATE, payload, key, agency=agency)
    if isinstance(write, str):
        return await _earlier(domain, change.place.location, write)
    return await domain.tokens.guard(writes.finished(write, _send(write, key)))


async def _earlier(domain: Domain, location: str, operation: str) -> AdRow:
    found = await writes.resumed(domain, location, operation, look)
    if found is None:
        raise NotFound(ads.KIND, operation)
    return found


async def current(target: Target) -> tuple[Target, AdNode]:
    """Return the target, and how the vendor has it now, with its spec: one read.

    Raises EtagMismatch if somebody changed it there, OptionUnsupported for what cannot be described here.
    """
    before = target.row
    node = await tree.read_node(target)
    row = await tree.save_node(target.domain, before, node)
    node = tree.require_shown(row, node)
    if row.version != before.version:
        text = "It was changed at the vendor."
        raise EtagMismatch(text, metadata={"etag": str(row.version)}, resource=tree.name_of(row))
    tree.require_made(row)
    if node.spec is None:
        text = "The vendor has a kind of it that cannot be described here."
        raise OptionUnsupported(text, metadata={"field": "name"})
    return target.with_row(row), node


def _check_spending(target: Target, before: Spec, after: Spec, change: Change) -> None:
    """Raise unless whatever more a launched row may spend is allowed and confirmed."""
    domain, row = target.domain, target.row
    if not row.enabled or isinstance(before, AdSpec) or isinstance(after, AdSpec):
        return
    old, new = _most(before, domain.clock()), _most(after, domain.clock())
    if new <= old:
        return
    if not change.may_spend:
        raise ScopeMissing(SPEND)
    facts = [row.version, specs.dump(before), specs.dump(after)]
    account = specs.load_account(target.account.payload)
    guard.check(domain, Spending("update", tree.name_of(row), account.currency, new, facts), change.confirmation)


def _most(spec: CampaignSpec | AdGroupSpec, now: datetime) -> Decimal:
    """Return what can be spent of the budget of a campaign or an ad group; a campaign without one limits nothing."""
    if isinstance(spec, AdGroupSpec):
        return guard.commitment(spec.budget, spec.start, spec.end, now)
    return guard.commitment(spec.budget, None, None, now)


async def _send(write: Write, key: RequestKey | None) -> AdRow:
    """Make the one call; raises what proves that nothing was changed."""
    write = await writes.sent(write)
    target, payload = write.target, write.operation.payload
    level = target.row.level
    account, after = specs.load_account(target.account.payload), specs.load(level, payload[AFTER])
    before, id = specs.load(level, payload[BEFORE]), target.row.provider_id
    try:
        await target.facet.update(
            target.access, account, id, after, before=before, tag=payload[TAG], parents=target.parents
        )
    except (Ambiguous, ContractBroken) as error:
        log.warning("ads.answer_lost", location=target.row.location, id=target.row.id, code=error.code)
        return await _look_now(write, error)
    except ProviderError as error:
        if error.unproven:
            return await _look_now(write, error)
        await writes.forget(write, key)
        raise
    reach("ads.after-call.update")
    write = await writes.move(write, payload={**payload, ANSWERED: True})
    return await _look_now(write, None)


async def _look_now(write: Write, error: ProviderError | None) -> AdRow:
    try:
        return await look(write, error)
    except ProviderError as failed:
        return await writes.in_doubt(write, error or failed)


async def look(write: Write, error: ProviderError | None = None) -> AdRow:
    """Read what the vendor has, and store whether that is what was asked for; raises ProviderError.

    A write whose request never left was not made. One whose answer was lost was made if anything is as it was to be.
    """
    target, payload = write.target, write.operation.payload
    node = await tree.read_node(target)
    values = tree.values_of(node, write.domain.clock())
    after = specs.load(target.row.level, payload[AFTER])
    before = specs.load(target.row.level, payload[BEFORE])
    if payload.get(ANSWERED) or (node is not None and _is_made(node, before, after)):
        warnings = [] if node is None else warnings_of(_without_switch(target, after, node))
        return await writes.done(write, {**values, "warnings": warnings})
    if write.operation.sent_time is None or write.is_old:
        text = "The vendor's answer was lost, and it has what it had before."
        return await writes.refused(write, values, vendor_errors.as_stored(OutcomeUnknown(text)))
    return await writes.in_doubt(write, error)


def _is_made(node: AdNode, before: Spec, after: Spec) -> bool:
    """Return whether any field that was to change is as it was to be."""
    changed = [name for name in type(after).__dataclass_fields__ if getattr(after, name) != getattr(before, name)]
    return node.spec is not None and any(getattr(node.spec, name) == getattr(after, name) for name in changed)


def _without_switch(target: Target, after: Spec, node: AdNode) -> Any:
    """Return what the vendor has otherwise, besides that it is launched."""
    return tuple(each for each in target.facet.differences(after, node) if each.field != "switch")
