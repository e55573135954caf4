"""Writing the tree below an ad account: create, update, and the switches that pause, launch and delete.

Owns `/…/create/`, `/…/update/` and `/…/status/update/` of all levels. Each method makes one write, never a second one.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from providers.errors import ProviderError
from providers.interface.access import Access
from providers.models.ads import (
    AdAccount,
    AdGroupSpec,
    AdLevel,
    AdNode,
    AdParents,
    AdSpec,
    CampaignSpec,
    ItemError,
    Spec,
    Switch,
)
from providers.tiktok_business import wire
from providers.tiktok_business.ads import ad_groups, campaigns, creatives, words
from providers.tiktok_business.ads.calls import Calls, rows_of
from providers.tiktok_business.ads.levels import AD, AD_GROUP, CAMPAIGN, LEVELS, Level, level_of
from providers.tiktok_business.ads.regions import Regions
from providers.tiktok_business.errors import contract
from providers.tiktok_common import values

AT_ONCE = 20
"""How many nodes one call switches: the portal says 20, although some send 100."""

# What a repeat of a create is answered with is not documented: these may mean that the first one did it.
_MAYBE_DONE = frozenset({"40000", "40002", "40050", "40700"})


class Changes:
    """Writes to the tree of ad accounts."""

    def __init__(self, calls: Calls, regions: Regions) -> None:
        """Make the calls with `calls`."""
        self._calls, self._regions = calls, regions

    async def create(self, access: Access, account: AdAccount, spec: Spec, parents: AdParents, key: str) -> AdNode:
        """Create a node, paused; see the interface."""
        level, body = level_of(spec), await self._create_body(access, account, spec, parents, key)
        try:
            envelope = await self._calls.write(access, level.path("create"), account.id, body, scope=level.write_scope)
        except ProviderError as error:
            error.unproven = error.unproven or error.code in _MAYBE_DONE
            raise
        return _created(level, envelope, spec, parents, key)

    async def _create_body(
        self, access: Access, account: AdAccount, spec: Spec, parents: AdParents, key: str
    ) -> dict[str, Any]:
        match spec:
            case CampaignSpec():
                return campaigns.create_body(spec, key)
            case AdGroupSpec():
                return ad_groups.create_body(
                    spec,
                    campaign_id=parents.campaign_id,
                    objective=parents.campaign.objective if parents.campaign else "",
                    locations=await self._regions.ids(access, account.id, spec.targeting.region_codes),
                    key=key,
                    now=self._calls.client.clock(),
                )
            case AdSpec():
                return creatives.create_body(spec, ad_group_id=parents.ad_group_id, key=key)

    async def update(
        self, access: Access, account: AdAccount, id: str, spec: Spec, before: Spec, tag: str, parents: AdParents
    ) -> None:
        """Change what differs; see the interface."""
        level, name = level_of(spec), f"{spec.name} [{tag}]" if tag else spec.name
        body: dict[str, Any] = {}
        match spec, before:
            case CampaignSpec(), CampaignSpec():
                body = campaigns.update_body(spec, before, name)
            case AdGroupSpec(), AdGroupSpec():
                locations = await self._regions.ids(access, account.id, spec.targeting.region_codes)
                now = self._calls.client.clock()
                body = ad_groups.update_body(spec, before, name=name, locations=locations, now=now)
            case AdSpec(), AdSpec():
                sent = creatives.update_body(spec, id=id, ad_group_id=parents.ad_group_id, name=name)
                body = sent if spec != before else {}
        if body:
            own = {} if level is AD else {level.one: id}
            sent = {**own, **body}
            await self._calls.write(access, level.path("update"), account.id, sent, scope=level.write_scope)

    async def switch(
        self, access: Access, account_id: str, level: AdLevel, ids: Sequence[str], switch: Switch
    ) -> Mapping[str, ItemError]:
        """Switch nodes; see the interface."""
        if len(ids) > AT_ONCE:
            raise ValueError(f"at most {AT_ONCE} nodes can be switched at once")
        if not ids:
            return {}
        which = LEVELS[level]
        body: dict[str, Any] = {which.many: list(ids), "operation_status": words.SWITCHES[switch]}
        if which is AD_GROUP:
            body["allow_partial_success"] = True
        envelope = await self._calls.write(
            access, which.path("status/update"), account_id, body, scope=which.write_scope, partial=True
        )
        return _refused(which, envelope, ids)


def _created(level: Level, envelope: wire.Envelope, spec: Spec, parents: AdParents, key: str) -> AdNode:
    """Return the new node as the answer has it. Raises Ambiguous if it names none: only a look can tell."""
    data = envelope.data
    if level is AD:
        rows = rows_of(data, "creatives")
        id = values.identifier(rows[0].get("ad_id")) if rows else next(iter(words.strings(data, "ad_ids")), "")
        row: Mapping[str, Any] = rows[0] if rows else {}
    else:
        row, id = data, values.identifier(data.get(level.one))
    if not id:
        raise contract("TikTok's answer to a create names nothing.", envelope, write=True)
    node = level.read_node(row)
    return AdNode(
        level=level.level,
        id=id,
        name=spec.name,
        campaign_id=id if level is CAMPAIGN else parents.campaign_id,
        ad_group_id=id if level is AD_GROUP else parents.ad_group_id,
        spec=spec,
        switch=node.switch,
        state=node.state,
        vendor_status=node.vendor_status,
        tag=key[:10],
        create_time=node.create_time,
    )


def _refused(level: Level, envelope: wire.Envelope, ids: Sequence[str]) -> dict[str, ItemError]:
    """Return which nodes TikTok did not switch: those of its list of errors and, of a partial success, those that it
    does not name.
    """
    errors = {id: _error(row) for row in rows_of(envelope.data, "error_list") if (id := _id(level, row))}
    if envelope.code == wire.PARTIAL:
        done = words.strings(envelope.data, level.many)
        said = ItemError(str(wire.PARTIAL), envelope.message)
        errors = {**{id: said for id in ids if id not in done}, **errors}
    return {id: error for id, error in errors.items() if id in ids}


def _id(level: Level, row: Mapping[str, Any]) -> str:
    return values.identifier(row.get(level.one)) or values.identifier(row.get("id"))


def _error(row: Mapping[str, Any]) -> ItemError:
    code = values.identifier(row.get("error_code")) or values.identifier(row.get("code"))
    return ItemError(code, values.text(row, "error_message") or values.text(row, "message"))
