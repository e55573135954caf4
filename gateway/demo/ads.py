"""The demo's third act: a campaign is created paused, launched with a confirmation, and stopped by its budget; what it
brought is drawn.

Owns the order of its steps. Days go by at the simulated API for Business, at the press of its clock.
"""

from datetime import date, datetime, timedelta
from typing import Any

from google.type import money_pb2  # type: ignore[import-untyped]

from gateway.command_error import CommandError
from gateway.demo import consent
from gateway.demo.ads_client import Advertiser, Refusal
from gateway.demo.client import Client
from gateway.demo.sandbox import Sandbox
from gateway.demo.screen import Screen, bars
from socialgateway.ads.v1 import ad_account_pb2, ad_group_pb2, ad_pb2, ad_report_pb2, campaign_pb2, delivery_pb2
from socialgateway.v1 import connection_pb2

CURRENCY, BUDGET, DAILY = "USD", 60, 45
POST = "7000000000000000042"
HOURS = 24
REVIEW, SPENDING = timedelta(hours=2), timedelta(hours=50)


def run(screen: Screen, sandbox: Sandbox, caller: Client) -> None:
    """Walk a campaign from its creation to its report. Raises CommandError."""
    advertiser = Advertiser(caller)
    screen.step("Connecting an advertiser, and creating a campaign: paused, like everything that could spend")
    connection = caller.connect(connection_pb2.GRANT_KIND_ADVERTISER)
    consent.approve(connection.authorization.uri)
    account = advertiser.account(CURRENCY)
    if account is None:
        raise CommandError(f"the advertiser has no ad account in {CURRENCY}")
    screen.fact("ad account", f"{account.display_name}, {account.time_zone}, {_money(account.balance)} left")
    campaign, ad = _create(advertiser, sandbox, account)
    _show(screen, campaign)
    _launch(screen, advertiser, campaign)
    begun = _advance(sandbox, REVIEW)
    _show(screen, advertiser.get(campaign.name))
    screen.step("Letting two days go by at the simulated TikTok")
    now = _advance(sandbox, SPENDING)
    _show(screen, advertiser.get(campaign.name))
    _draw(screen, advertiser, account, ad.name, begun.date(), now.date())


def _create(
    advertiser: Advertiser, sandbox: Sandbox, account: ad_account_pb2.AdAccount
) -> tuple[campaign_pb2.Campaign, ad_pb2.Ad]:
    """Create a campaign with an ad group and an ad of a post whose author gave a code."""
    wanted = campaign_pb2.Campaign(display_name="Croissants", objective="TRAFFIC")
    wanted.budget.lifetime.CopyFrom(_dollars(BUDGET))
    campaign = advertiser.campaign(account.name, wanted)
    group = ad_group_pb2.AdGroup(
        display_name="Mornings",
        targeting=ad_group_pb2.Targeting(region_codes=["US"]),
        bid=ad_group_pb2.Bid(strategy=ad_group_pb2.BID_STRATEGY_LOWEST_COST),
        optimization_goal="CLICK",
        billing_event="CPC",
        promotion_type="WEBSITE",
    )
    group.budget.daily.CopyFrom(_dollars(DAILY))
    code = consent.post_json(f"{sandbox.business}/_sim/spark_code", {"item_id": POST})["auth_code"]
    creative = ad_pb2.Creative(authorization_code=code, landing_uri="https://bakery.example/")
    made = advertiser.ad_group(campaign.name, group)
    return campaign, advertiser.ad(made.name, ad_pb2.Ad(display_name="Croissants", creative=creative))


def _launch(screen: Screen, advertiser: Advertiser, campaign: campaign_pb2.Campaign) -> None:
    """Launch a campaign: refused, because nobody has confirmed what it may spend; then confirmed."""
    screen.step("Launching it, which needs a confirmation of what it may spend")
    refusal = advertiser.launch(campaign)
    if not isinstance(refusal, Refusal):
        raise CommandError("the campaign was launched, although nobody has confirmed it")
    screen.fact("refused", f"{refusal.reason}: {refusal.message}")
    launched = advertiser.launch(campaign, refusal.confirmation)
    if isinstance(launched, Refusal):
        raise CommandError(f"the confirmation was refused: {launched.message}")
    screen.fact("confirmed", "the same call, with the confirmation that its refusal handed out")


def _show(screen: Screen, campaign: campaign_pb2.Campaign) -> None:
    state = delivery_pb2.DeliveryState.Name(campaign.state).removeprefix("DELIVERY_STATE_")
    screen.fact("campaign", f"{state} ({campaign.provider_state}), budget {_money(campaign.budget.lifetime)} in all")


def _advance(sandbox: Sandbox, span: timedelta) -> datetime:
    """Let time pass at the vendor, and return its time."""
    told = consent.post_json(f"{sandbox.business}/_sim/clock", {"advance": str(span.total_seconds())})
    return datetime.fromisoformat(told["now"])


def _draw(
    screen: Screen, advertiser: Advertiser, account: ad_account_pb2.AdAccount, ad: str, first: date, last: date
) -> None:
    """Draw what an ad brought, a line for each day, with its spend hour by hour."""
    by_day = advertiser.metrics(
        account.name, ad, first - timedelta(days=1), last + timedelta(days=1), "AD_DIMENSION_DAY"
    )
    if not by_day:
        raise CommandError("the report is empty")
    lines = []
    for row in by_day:
        day = date.fromisoformat(row.dimensions[0].value)
        spend, impressions, clicks = row.metrics
        by_hour = advertiser.metrics(account.name, ad, day, day, "AD_DIMENSION_HOUR")
        drawn = bars(_hours(by_hour))
        lines.append((str(day), _money(spend.money), f"{impressions.number:,.0f}", f"{clicks.number:,.0f}", drawn))
    screen.line()
    screen.table(("day", "spend", "impressions", "clicks", "hour by hour"), lines)


def _hours(rows: list[ad_report_pb2.AdMetricRow]) -> list[float]:
    """Return what was spent in each hour of a day."""
    spent = dict.fromkeys(range(HOURS), 0.0)
    for row in rows:
        money = row.metrics[0].money
        spent[int(row.dimensions[0].value[-2:])] = money.units + money.nanos / 1e9
    return list(spent.values())


def _dollars(units: int) -> Any:
    return money_pb2.Money(currency_code=CURRENCY, units=units)


def _money(amount: Any) -> str:
    return f"{amount.units + amount.nanos / 1e9:,.2f} {amount.currency_code}"
