"""Reading the tree below an ad account: pages, the node that a key made, why something was rejected.

Owns `/…/get/` and `/…/review_info/` of all levels. Writes are in changes.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from providers.http import strict_json
from providers.interface.access import Access
from providers.models.ads import AdGroupSpec, AdLevel, AdNode, AdPage, AdParents, AdQuery, DeliveryState, Spec
from providers.tiktok_business import wire
from providers.tiktok_business.ads import words
from providers.tiktok_business.ads.calls import MAX_PAGE, Calls, next_page, page_of, rows_of
from providers.tiktok_business.ads.levels import LEVELS, Level, level_of
from providers.tiktok_business.ads.regions import Regions
from providers.tiktok_business.errors import contract
from providers.tiktok_common import values

ALL = "STATUS_ALL"
"""The filter that also shows what is deleted."""

MAX_IDS = 100
_MOST_PAGES = 20
_REVIEWS: Mapping[AdLevel, str] = {AdLevel.AD_GROUP: "ad_group_review_map", AdLevel.AD: "ad_review_map"}


class Tree:
    """The nodes of ad accounts."""

    def __init__(self, calls: Calls, regions: Regions) -> None:
        """Make the calls with `calls`."""
        self._calls, self._regions = calls, regions

    async def find(self, access: Access, account_id: str, query: AdQuery, *, cursor: str, limit: int) -> AdPage:
        """Read one page; see the interface."""
        if len(query.ids) > MAX_IDS:
            raise ValueError(f"at most {MAX_IDS} ids can be asked for at once")
        level, page = LEVELS[query.level], page_of(cursor)
        envelope = await self._get(access, account_id, level, _filter(query, level), page, limit)
        nodes = self._nodes(level, envelope)
        nodes = [await self._described(access, account_id, each) for each in nodes]
        following, total = next_page(envelope.data, page)
        return AdPage(tuple(await self._with_reasons(access, account_id, level, nodes)), following, total)

    async def find_created(
        self, access: Access, account_id: str, spec: Spec, *, parents: AdParents, key: str
    ) -> AdNode | None:
        """Return the node that has the name that only `key` makes; see the interface.

        How TikTok compares names in a filter is not documented: below a known parent every node is read, and only
        campaigns, whose create it deduplicates, are filtered by their name.
        """
        level, name = level_of(spec), words.tagged(spec.name, key)
        above = AdQuery(level.level, (), parents.campaign_id, parents.ad_group_id, include_deleted=True)
        by_name = {level.name: name} if level.level is AdLevel.CAMPAIGN else {}
        wanted = {**_filter(above, level), **by_name}
        for page in range(1, _MOST_PAGES + 1):
            envelope = await self._get(access, account_id, level, wanted, page, MAX_PAGE)
            for row in rows_of(envelope.data):
                if values.text(row, level.name) == name:
                    return await self._described(access, account_id, level.read_node(row))
            if not next_page(envelope.data, page)[0]:
                return None
        raise contract("TikTok lists too many nodes to find one by its name.", envelope)

    async def _get(
        self, access: Access, account_id: str, level: Level, filtering: Mapping[str, Any], page: int, limit: int
    ) -> wire.Envelope:
        query: dict[str, Any] = {"page": page, "page_size": max(1, min(limit, MAX_PAGE))}
        if filtering:
            query["filtering"] = filtering
        envelope = await self._calls.read(access, level.path("get"), account_id, query, scope=level.read_scope)
        if not isinstance(envelope.data.get("list"), list):
            raise contract("TikTok's answer has no list.", envelope)
        return envelope

    def _nodes(self, level: Level, envelope: wire.Envelope) -> list[AdNode]:
        return [node for row in rows_of(envelope.data) if (node := level.read_node(row)).id]

    async def _described(self, access: Access, account_id: str, node: AdNode) -> AdNode:
        """Return a node with the countries of its targeting by their codes."""
        if not isinstance(node.spec, AdGroupSpec):
            return node
        targeting = node.spec.targeting
        codes = await self._regions.codes(access, account_id, targeting.region_codes)
        return replace(node, spec=replace(node.spec, targeting=replace(targeting, region_codes=codes)))

    async def _with_reasons(
        self, access: Access, account_id: str, level: Level, nodes: Sequence[AdNode]
    ) -> list[AdNode]:
        """Return the nodes with the reasons of those that are rejected: no call if none is, or for campaigns."""
        rejected = [each.id for each in nodes if each.state is DeliveryState.REJECTED]
        reasons: dict[str, str] = {}
        for start in range(0, len(rejected) if level.level in _REVIEWS else 0, MAX_IDS):
            reasons |= await self._reasons(access, account_id, level, rejected[start : start + MAX_IDS])
        return [replace(each, rejection_reason=reasons.get(each.id, "")) for each in nodes]

    async def _reasons(self, access: Access, account_id: str, level: Level, ids: Sequence[str]) -> dict[str, str]:
        query = {level.many: list(ids)}
        envelope = await self._calls.read(access, level.path("review_info"), account_id, query, scope=level.read_scope)
        reviews = strict_json.mapping(envelope.data, _REVIEWS[level.level])
        return {id: _reason(review) for id, review in reviews.items() if isinstance(review, dict)}


def _filter(query: AdQuery, level: Level) -> dict[str, Any]:
    above = {
        "campaign_ids": [query.campaign_id] if query.campaign_id and level.level is not AdLevel.CAMPAIGN else [],
        "adgroup_ids": [query.ad_group_id] if query.ad_group_id and level.level is AdLevel.AD else [],
        level.many: list(query.ids),
    }
    deleted = {"primary_status": ALL} if query.include_deleted else {}
    return {**{name: ids for name, ids in above.items() if ids}, **deleted}


def _reason(review: Mapping[str, Any]) -> str:
    """Return the reasons of a review, with what TikTok suggests."""
    found: list[str] = []
    for each in rows_of(review, "reject_info"):
        found += [text for text in values.items(each, "reasons") if isinstance(text, str)]
        found.append(values.text(each, "suggestion"))
    return " ".join(dict.fromkeys(part.strip() for part in found if part.strip()))[:1000]
