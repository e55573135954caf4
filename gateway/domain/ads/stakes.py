"""What a launch is about: the rows that are launched, and the budgets that can be spent afterwards.

Owns what is counted, as the vendor has it now: also what was launched there by somebody else. Decides nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from gateway.domain.ads import guard, specs, tree
from gateway.domain.ads.guard import Spending
from gateway.domain.ads.tree import Target
from gateway.errors import EtagMismatch, StateForbids
from providers.models.ads import AdGroupSpec, AdLevel, AdNode, AdQuery, CampaignSpec, Switch
from storage import ads
from storage.ads import AdRow
from storage.states import AdLevel as StoredLevel
from storage.states import DeliveryState

READ_AT_ONCE = 100
MAX_PAGES = 50
"""How many pages of ad groups are counted: of a campaign with more, nobody can tell what it may spend."""

_PASSED_OVER = (DeliveryState.DELETED, DeliveryState.FAILED, DeliveryState.REJECTED)


@dataclass(frozen=True, slots=True)
class Stakes:
    """What is launched, its campaign, and the ad groups that can spend then; None for what nobody can tell."""

    target: Target
    launched: list[AdRow]
    campaign: AdNode | None
    groups: tuple[AdNode, ...] | None

    def spending(self) -> Spending:
        """Return what can be spent, and all that whoever confirms it decides upon."""
        row = self.target.row
        account = specs.load_account(self.target.account.payload)
        facts = [
            sorted([each.id, each.version] for each in self.launched),
            [] if self.campaign is None else _fact(self.campaign),
            [] if self.groups is None else sorted(_fact(each) for each in self.groups),
        ]
        return Spending("launch", tree.name_of(row), account.currency, self._amount(), facts)

    def _amount(self) -> Decimal | None:
        campaign, groups, now = self.campaign, self.groups, self.target.domain.clock()
        if campaign is None or groups is None or not isinstance(campaign.spec, CampaignSpec):
            return None
        found = [each.spec for each in groups if isinstance(each.spec, AdGroupSpec)]
        if len(found) != len(groups):
            return None
        total = sum((guard.commitment(each.budget, each.start, each.end, now) for each in found), Decimal(0))
        if campaign.spec.budget.amount is None:
            return total
        # It limits its ad groups together.
        return min(total, guard.commitment(campaign.spec.budget, None, None, now))


def _fact(node: AdNode) -> list[Any]:
    """Return what of a campaign or an ad group whoever confirms a launch decides upon."""
    if not isinstance(node.spec, CampaignSpec | AdGroupSpec):
        return [node.id]
    budget = node.spec.budget
    span = [node.spec.start, node.spec.end] if isinstance(node.spec, AdGroupSpec) else []
    return [node.id, budget.kind.value, str(budget.amount), *(str(each) for each in span)]


async def read(target: Target, *, include_children: bool) -> Stakes:
    """Return what a launch is about: one to three reads.

    Raises EtagMismatch if the target was changed at the vendor, Conflict and StateForbids for a child that is not
    ready, ProviderError.
    """
    row, campaign_row = target.row, target.chain[0]
    campaign = await _one(target, AdLevel.CAMPAIGN, campaign_row.provider_id)
    nodes = [campaign] if campaign is not None else []
    if row.level == StoredLevel.CAMPAIGN:
        groups = await _groups(target)
    else:
        group = await _one(target, AdLevel.AD_GROUP, target.chain[1].provider_id)
        groups = () if group is None else (group,)
    nodes += groups or ()
    if row.level == StoredLevel.AD:
        ad = await _one(target, AdLevel.AD, row.provider_id)
        nodes += [ad] if ad is not None else []
    fresh = await _save(target, nodes)
    tree.require_shown(fresh.row, next((each for each in nodes if each.id == row.provider_id), None))
    if fresh.row.version != row.version:
        text = "It was changed at the vendor."
        raise EtagMismatch(text, metadata={"etag": str(fresh.row.version)}, resource=tree.name_of(row))
    tree.require_made(fresh.row)
    below = await _below(fresh) if include_children else []
    launched = [fresh.row, *below]
    return Stakes(fresh, launched, campaign, _spending(fresh, groups, launched))


async def _one(target: Target, level: AdLevel, id: str) -> AdNode | None:
    query = AdQuery(level, ids=(id,), include_deleted=True)
    page = await target.facet.find(target.access, target.vendor_account, query)
    return next((each for each in page.nodes if each.id == id), None)


async def _groups(target: Target) -> tuple[AdNode, ...] | None:
    """Return all ad groups of the campaign, None if there are too many."""
    query, cursor = AdQuery(AdLevel.AD_GROUP, campaign_id=target.row.provider_id), ""
    found: list[AdNode] = []
    for _ in range(MAX_PAGES):
        page = await target.facet.find(target.access, target.vendor_account, query, cursor=cursor, limit=READ_AT_ONCE)
        found += page.nodes
        cursor = page.next_cursor
        if not cursor:
            return tuple(found)
    return None


async def _save(target: Target, nodes: Sequence[AdNode]) -> Target:
    """Store what was read of the rows of the chain and of the ad groups below, and return the target as it is now."""
    domain, by_id = target.domain, {node.id: node for node in nodes}
    chain = []
    for row in target.chain:
        node = by_id.get(row.provider_id)
        chain.append(row if node is None and row is not target.row else await tree.save_node(domain, row, node))
    if target.row.level == StoredLevel.CAMPAIGN:
        async with domain.db.read() as tx:
            below = await ads.children(tx, target.row.location, [target.row.id])
        for row in below:
            if row.provider_id in by_id:
                await tree.save_node(domain, row, by_id[row.provider_id])
    return replace(target, chain=tuple(chain))


async def _below(target: Target) -> list[AdRow]:
    """Return what is below a row and can be launched with it."""
    found: list[AdRow] = []
    async with target.domain.db.read() as tx:
        level = [target.row]
        while level:
            rows = await ads.children(tx, target.row.location, [row.id for row in level])
            level = [row for row in rows if row.state not in _PASSED_OVER]
            found += level
    for row in found:
        tree.require_idle(row)
        if not row.provider_id:
            raise StateForbids(row.state, "The vendor has none of it yet.", resource=tree.name_of(row))
    return found


def _spending(
    target: Target, groups: tuple[AdNode, ...] | None, launched: Sequence[AdRow]
) -> tuple[AdNode, ...] | None:
    """Return the ad groups that can spend after the launch: of a campaign those that are switched on, or will be."""
    if groups is None or target.row.level != StoredLevel.CAMPAIGN:
        return groups
    ids = {row.provider_id for row in launched}
    return tuple(each for each in groups if each.switch == Switch.ENABLED or each.id in ids)
