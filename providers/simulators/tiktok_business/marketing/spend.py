"""How money is spent: by the simulated clock, by every ad that is shown, up to the budgets above it.

Owns: the growth of spend, hour by hour of the ad account's own days. Knows nothing of requests or reports.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from itertools import pairwise

from providers.simulators.tiktok_business.marketing.nodes import SimNode, delivers, moment

_CENT = Decimal("0.01")
_HOUR = timedelta(hours=1)


def grow(ads: Iterable[SimNode], since: datetime, until: datetime, per_hour: Decimal) -> None:
    """Add to each ad what it spends between two times, of which everything that changes is a boundary."""
    ads = list(ads)
    for start, end in _slices(ads, since, until):
        for ad in ads:
            if delivers(ad, start):
                _spend(ad, start, per_hour * Decimal((end - start) / _HOUR))


def _slices(ads: list[SimNode], since: datetime, until: datetime) -> Iterable[tuple[datetime, datetime]]:
    if not ads or since >= until:
        return []
    hour = since.replace(minute=0, second=0, microsecond=0)
    hours = (hour + _HOUR * number for number in range(1, int((until - hour) / _HOUR) + 1))
    groups = [ad.above("adgroup") for ad in ads]
    events = [
        *(ad.reviewed_at for ad in ads),
        *(moment(group.fields.get(name)) for group in groups for name in ("schedule_start_time", "schedule_end_time")),
    ]
    bounds = sorted({since, until, *hours, *(each for each in events if each is not None)})
    inside = [each.astimezone(UTC) for each in bounds if since <= each <= until]
    return pairwise(inside)


def _spend(ad: SimNode, when: datetime, wish: Decimal) -> None:
    local = when.astimezone(ad.advertiser.zone)
    limits = [ad.above(level).left(local.date()) for level in ("adgroup", "campaign")]
    most = min([wish, ad.advertiser.balance, *(each for each in limits if each is not None)])
    cost = max(Decimal(0), most).quantize(_CENT, ROUND_DOWN)
    if cost:
        ad.spend[local.date(), local.hour] = ad.spend.get((local.date(), local.hour), Decimal(0)) + cost
        ad.advertiser.balance -= cost
