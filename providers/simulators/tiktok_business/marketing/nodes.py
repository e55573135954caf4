"""The tree below an ad account: campaigns, ad groups, ads, and the states that follow from switches, reviews and money.

Owns: the objects and the computed `secondary_status`. Knows nothing of requests, nor of how spend grows.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from providers.simulators.tiktok_business.marketing.advertisers import SimAdvertiser

TIME = "%Y-%m-%d %H:%M:%S"
PREFIX = {"campaign": "CAMPAIGN_STATUS", "adgroup": "ADGROUP_STATUS", "ad": "AD_STATUS"}


@dataclass(slots=True, kw_only=True, eq=False)
class SimNode:
    """One node with the fields that it was given. `parent` is the node above; `spend` is by local day, of ads only."""

    level: str
    id: str
    advertiser: SimAdvertiser
    fields: dict[str, Any]
    created: datetime
    modified: datetime
    operation_status: str = "ENABLE"
    parent: "SimNode | None" = None
    children: list["SimNode"] = field(default_factory=list)
    reviewed_at: datetime | None = None
    denied: str = ""
    spend: dict[tuple[date, int], Decimal] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.fields[f"{self.level}_name"])

    def ads(self) -> Iterator["SimNode"]:
        """Yield the ads at or below the node."""
        if self.level == "ad":
            yield self
        for each in self.children:
            yield from each.ads()

    def above(self, level: str) -> "SimNode":
        """Return the node of a level at or above this one."""
        return self if self.level == level or self.parent is None else self.parent.above(level)

    def spent(self, day: date | None = None) -> Decimal:
        """Return what was spent at or below the node, on a day or at all."""
        rows = ((when, cost) for each in self.ads() for (when, _), cost in each.spend.items())
        return sum((cost for when, cost in rows if day in (None, when)), Decimal(0))

    def left(self, day: date) -> Decimal | None:
        """Return what its own budget leaves to be spent on a day, None for no limit."""
        mode, budget = self.fields.get("budget_mode"), Decimal(str(self.fields.get("budget") or 0))
        if mode == "BUDGET_MODE_DAY":
            return budget - self.spent(day)
        return budget - self.spent() if mode == "BUDGET_MODE_TOTAL" else None


def moment(text: object) -> datetime | None:
    """Return a time of an ad object, None if it is none."""
    try:
        return datetime.strptime(str(text), TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


def secondary_status(node: SimNode, now: datetime) -> str:
    """Return why a node is delivered or not."""
    if node.advertiser.status != "STATUS_ENABLE":
        return "ADVERTISER_ACCOUNT_PUNISH"
    rules = {"campaign": _campaign, "adgroup": _ad_group, "ad": _ad}
    return f"{PREFIX[node.level]}_{rules[node.level](node, now)}"


def delivers(ad: SimNode, now: datetime) -> bool:
    """Return whether an ad is shown now."""
    return ad.advertiser.status == "STATUS_ENABLE" and _ad(ad, now) == "DELIVERY_OK"


def _today(node: SimNode, now: datetime) -> date:
    return now.astimezone(node.advertiser.zone).date()


def _exceeded(node: SimNode, now: datetime) -> bool:
    left = node.left(_today(node, now))
    return left is not None and left <= 0


def _campaign(node: SimNode, now: datetime) -> str:
    if node.operation_status == "DELETE":
        return "DELETE"
    if node.operation_status == "DISABLE":
        return "DISABLE"
    return "BUDGET_EXCEED" if _exceeded(node, now) else "ENABLE"


def _scheduled(group: SimNode, now: datetime) -> str:
    start, end = moment(group.fields.get("schedule_start_time")), moment(group.fields.get("schedule_end_time"))
    if end is not None and end <= now:
        return "TIME_DONE"
    return "NOT_START" if start is not None and start > now else ""


def _money(group: SimNode, now: datetime) -> str:
    if group.parent is not None and _exceeded(group.parent, now):
        return "CAMPAIGN_EXCEED"
    if _exceeded(group, now):
        return "BUDGET_EXCEED"
    return "BALANCE_EXCEED" if group.advertiser.balance <= 0 else ""


def _ad_group(node: SimNode, now: datetime) -> str:
    campaign = node.above("campaign")
    if node.operation_status == "DELETE" or campaign.operation_status == "DELETE":
        return "DELETE" if node.operation_status == "DELETE" else "CAMPAIGN_DELETE"
    if node.operation_status == "DISABLE" or campaign.operation_status == "DISABLE":
        return "DISABLE" if node.operation_status == "DISABLE" else "CAMPAIGN_DISABLE"
    ads = [each for each in node.children if each.operation_status != "DELETE"]
    reviewed = [each for each in ads if _is_reviewed(each, now)]
    if not ads:
        return "CREATE"
    if not reviewed:
        return "AUDIT"
    if all(each.denied for each in reviewed):
        return "AUDIT_DENY"
    return _scheduled(node, now) or _money(node, now) or "DELIVERY_OK"


def _is_reviewed(ad: SimNode, now: datetime) -> bool:
    return ad.reviewed_at is not None and ad.reviewed_at <= now


def _ad(node: SimNode, now: datetime) -> str:
    line = (("", node), ("ADGROUP_", node.above("adgroup")), ("CAMPAIGN_", node.above("campaign")))
    for ends in ("DELETE", "DISABLE"):
        for prefix, each in line:
            if each.operation_status == ends:
                return f"{prefix}{ends}"
        if ends == "DELETE" and _is_reviewed(node, now) and node.denied:
            return "AUDIT_DENY"
    if not _is_reviewed(node, now):
        return "AUDIT"
    group = node.above("adgroup")
    scheduled = _scheduled(group, now).removeprefix("TIME_")
    return scheduled or _money(group, now) or "DELIVERY_OK"
