"""Converts ad accounts, campaigns, ad groups and ads to the contract's messages.

Makes no decisions.
"""

from typing import Any, TypeVar

from gateway.aip import names
from gateway.domain.ads import specs, tree
from gateway.domain.ads.creatives import UNKNOWN
from gateway.rpc import ads_money
from gateway.rpc.convert import write_times
from gateway.status import from_stored
from providers.models.ads import (
    AdAccount,
    AdAccountState,
    AdBudget,
    AdGroupSpec,
    AdIdentity,
    AdSpec,
    BudgetKind,
    ExistingPost,
    IdentityRef,
)
from socialgateway.ads.v1 import (
    ad_account_pb2,
    ad_account_service_pb2,
    ad_group_pb2,
    ad_pb2,
    campaign_pb2,
    delivery_pb2,
)
from storage.ad_accounts import AdAccountRow
from storage.ads import AdRow

M = TypeVar("M", campaign_pb2.Campaign, ad_group_pb2.AdGroup, ad_pb2.Ad)
_STATES = ad_account_pb2.AdAccount.State


def account(row: AdAccountRow) -> ad_account_pb2.AdAccount:
    """Return an ad account."""
    found = specs.load_account(row.payload)
    message = ad_account_pb2.AdAccount(
        name=names.AD_ACCOUNT.format(row.location, row.id),
        connection=names.CONNECTION.format(row.location, row.connection),
        provider_ad_account_id=row.provider_ad_account_id,
        display_name=found.name,
        currency_code=found.currency,
        time_zone=found.time_zone,
        state=_account_state(row, found),
        provider_state=found.vendor_status,
        rejection_reason=found.rejection_reason,
    )
    if found.balance is not None:
        message.balance.CopyFrom(ads_money.to_proto(found.balance, found.currency))
    write_times(message, fetch_time=row.fetch_time)
    return message


def _account_state(row: AdAccountRow, found: AdAccount) -> Any:
    if not row.reachable:
        return ad_account_pb2.AdAccount.UNREACHABLE
    if found.state == AdAccountState.UNKNOWN:
        return ad_account_pb2.AdAccount.STATE_UNSPECIFIED
    return _STATES.Value(found.state.name)


def campaign(row: AdRow, currency: str) -> campaign_pb2.Campaign:
    """Return a campaign."""
    spec = specs.load(row.level, row.spec)
    message = campaign_pb2.Campaign(
        objective=spec.objective,
        budget=_budget(spec.budget, currency),
        special_industries=spec.special_industries,
        provider_campaign_id=row.provider_id,
    )
    return _common(message, row)


def ad_group(row: AdRow, currency: str) -> ad_group_pb2.AdGroup:
    """Return an ad group."""
    spec: AdGroupSpec = specs.load(row.level, row.spec)
    targeting = {name: getattr(spec.targeting, name) for name in ad_group_pb2.Targeting.DESCRIPTOR.fields_by_name}
    message = ad_group_pb2.AdGroup(
        budget=_budget(spec.budget, currency),
        targeting=ad_group_pb2.Targeting(**targeting),
        bid=ad_group_pb2.Bid(strategy=f"BID_STRATEGY_{spec.bid.strategy.name}"),
        optimization_goal=spec.optimization_goal,
        billing_event=spec.billing_event,
        promotion_type=spec.promotion_type,
        placements=spec.placements,
        pixel_id=spec.pixel_id,
        optimization_event=spec.optimization_event,
        provider_ad_group_id=row.provider_id,
    )
    if spec.bid.amount is not None:
        message.bid.amount.CopyFrom(ads_money.to_proto(spec.bid.amount, currency))
    if spec.frequency_cap is not None:
        message.frequency_cap.times, message.frequency_cap.days = spec.frequency_cap.times, spec.frequency_cap.days
    if spec.start is not None or spec.end is not None:
        write_times(message.flight, start_time=spec.start, end_time=spec.end)
    return _common(message, row)


def ad(row: AdRow, currency: str) -> ad_pb2.Ad:
    """Return an ad."""
    spec: AdSpec = specs.load(row.level, row.spec)
    creative = ad_pb2.Creative(text=spec.text, call_to_action=spec.call_to_action, landing_uri=spec.landing_uri)
    if spec.identity.id != UNKNOWN:
        creative.identity.CopyFrom(identity_of(spec.identity))
    if isinstance(spec.creative, ExistingPost) and spec.creative.post_id != UNKNOWN:
        creative.provider_post_id = spec.creative.post_id
    if upload := row.source.get("upload"):
        creative.upload = names.UPLOAD.format(row.location, upload)
    if post := row.source.get("post"):
        creative.post = names.POST.format(row.location, post)
    return _common(ad_pb2.Ad(creative=creative, provider_ad_id=row.provider_id), row)


def _common(message: M, row: AdRow) -> M:
    """Write what all three levels have."""
    message.name = tree.name_of(row) if row.id else ""
    message.display_name = row.display_name
    state = delivery_pb2.DeliveryState.Value(f"DELIVERY_STATE_{row.state.name}")
    message.state = state  # type: ignore[assignment]
    message.provider_state = row.provider_state
    message.rejection_reason = row.rejection_reason
    message.warnings.extend(delivery_pb2.AdWarning(**each) for each in row.warnings)
    message.reconciling = bool(row.operation)
    message.etag = str(row.version) if row.id else ""
    if row.error is not None:
        message.error.CopyFrom(from_stored(row.error))
    write_times(message, create_time=row.create_time if row.id else None, fetch_time=row.fetch_time)
    return message


def _budget(budget: AdBudget, currency: str) -> delivery_pb2.Budget | None:
    if budget.amount is None:
        return None
    amount = ads_money.to_proto(budget.amount, currency)
    if budget.kind == BudgetKind.DAILY:
        return delivery_pb2.Budget(daily=amount)
    return delivery_pb2.Budget(lifetime=amount)


def identity_of(ref: IdentityRef) -> ad_pb2.AdIdentity:
    """Return an identity as an ad names it."""
    return ad_pb2.AdIdentity(kind=ref.kind.name, identity_id=ref.id, business_center_id=ref.business_center_id)


def identity(found: AdIdentity) -> ad_account_service_pb2.UsableAdIdentity:
    """Return an identity with what the vendor says of it."""
    return ad_account_service_pb2.UsableAdIdentity(
        identity=identity_of(found.ref),
        display_name=found.display_name,
        username=found.username,
        usable=found.usable,
    )
