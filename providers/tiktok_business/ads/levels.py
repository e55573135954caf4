"""What differs between the three levels of the tree: paths, scopes, names of fields, how a row is read.

Owns this table. Makes no call.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from providers.models.ads import AdGroupSpec, AdLevel, AdNode, CampaignSpec, Spec
from providers.tiktok_business.ads import ad_groups, campaigns, capabilities, creatives


@dataclass(frozen=True, slots=True)
class Level:
    """One level: `folder` begins its paths, `one` and `name` are its fields, `many` is the filter of ids."""

    level: AdLevel
    folder: str
    one: str
    many: str
    name: str
    read_scope: str
    write_scope: str
    read_node: Callable[[Mapping[str, Any]], AdNode]

    def path(self, verb: str) -> str:
        """Return the path of a call."""
        return f"/{self.folder}/{verb}/"


CAMPAIGN = Level(
    AdLevel.CAMPAIGN,
    "campaign",
    "campaign_id",
    "campaign_ids",
    "campaign_name",
    capabilities.CAMPAIGNS,
    capabilities.CHANGE_CAMPAIGNS,
    campaigns.read_node,
)
AD_GROUP = Level(
    AdLevel.AD_GROUP,
    "adgroup",
    "adgroup_id",
    "adgroup_ids",
    "adgroup_name",
    capabilities.AD_GROUPS,
    capabilities.CHANGE_AD_GROUPS,
    ad_groups.read_node,
)
AD = Level(
    AdLevel.AD,
    "ad",
    "ad_id",
    "ad_ids",
    "ad_name",
    capabilities.ADS,
    capabilities.CHANGE_ADS,
    creatives.read_node,
)
LEVELS: Mapping[AdLevel, Level] = {each.level: each for each in (CAMPAIGN, AD_GROUP, AD)}


def level_of(spec: Spec) -> Level:
    """Return the level of a spec."""
    if isinstance(spec, CampaignSpec):
        return CAMPAIGN
    return AD_GROUP if isinstance(spec, AdGroupSpec) else AD
