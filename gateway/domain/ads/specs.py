"""What callers set of campaigns, ad groups and ads, in the form in which it is stored.

Owns that form. Decides nothing.
"""

from typing import Any

from pydantic import TypeAdapter

from providers.models import ads as models
from providers.models.ads import AdAccount, AdGroupSpec, AdSpec, CampaignSpec, ReportQuery, Spec
from storage.states import AdLevel, DeliveryState

_ACCOUNT = TypeAdapter(AdAccount)
_QUERY = TypeAdapter(ReportQuery)
_SPECS: dict[AdLevel, TypeAdapter[Any]] = {
    AdLevel.CAMPAIGN: TypeAdapter(CampaignSpec),
    AdLevel.AD_GROUP: TypeAdapter(AdGroupSpec),
    AdLevel.AD: TypeAdapter(AdSpec),
}


def dump(spec: Spec) -> dict[str, Any]:
    """Return a spec as it is stored."""
    dumped: dict[str, Any] = TypeAdapter(type(spec)).dump_python(spec, mode="json")
    return dumped


def load(level: AdLevel, stored: dict[str, Any]) -> Any:
    """Return the stored spec of a level."""
    return _SPECS[level].validate_python(stored)


def dump_account(account: AdAccount) -> dict[str, Any]:
    """Return what a vendor says of an ad account as it is stored."""
    dumped: dict[str, Any] = _ACCOUNT.dump_python(account, mode="json")
    return dumped


def load_account(stored: dict[str, Any]) -> AdAccount:
    """Return a stored ad account as providers know it."""
    return _ACCOUNT.validate_python(stored)


def dump_query(query: ReportQuery) -> dict[str, Any]:
    """Return what a report is to be of as it is stored."""
    dumped: dict[str, Any] = _QUERY.dump_python(query, mode="json")
    return dumped


def load_query(stored: dict[str, Any]) -> ReportQuery:
    """Return what a stored report is of."""
    return _QUERY.validate_python(stored)


def vendor_level(level: AdLevel) -> models.AdLevel:
    """Return a level as providers name it."""
    return models.AdLevel[level.name]


def state_of(node: models.AdNode) -> DeliveryState:
    """Return the state of what the vendor has."""
    if node.switch == models.Switch.DELETED:
        return DeliveryState.DELETED
    return DeliveryState.__members__.get(node.state.name, DeliveryState.UNSPECIFIED)
