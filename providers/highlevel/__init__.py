"""HighLevel's API as a provider: grants of locations and agencies, and the accounts of a location.

Owns everything specific to HighLevel. Knows neither callers nor rows; the registry calls `build`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from providers.absent import absent
from providers.capabilities import CapabilityTable
from providers.highlevel import config
from providers.highlevel.account_oauth import AttachRecord, Choice
from providers.highlevel.accounts import HighLevelAccounts, SocialAccount
from providers.highlevel.agency_installs import InstalledLocation, InstalledPage
from providers.highlevel.authorization import HighLevelAuthorization
from providers.highlevel.capabilities import TABLE, table_of
from providers.highlevel.client import Client
from providers.highlevel.engagement import HighLevelEngagement
from providers.highlevel.networks import HighLevelNetworks
from providers.highlevel.planner import HighLevelPlanner
from providers.highlevel.publishing import HighLevelPublishing
from providers.highlevel.records import HighLevelRecords
from providers.highlevel.webhooks import HighLevelWebhooks
from providers.http.client import make_clients
from providers.interface.ads import Ads
from providers.interface.audiences import Audiences
from providers.interface.authorization import Authorization
from providers.interface.videos import Videos
from providers.models.grants import GrantKind

__all__ = [
    "TABLE",
    "AttachRecord",
    "Choice",
    "HighLevel",
    "InstalledLocation",
    "InstalledPage",
    "SocialAccount",
    "build",
]


@dataclass(frozen=True, slots=True)
class HighLevel:
    """The provider and the facets it implements."""

    authorization: HighLevelAuthorization
    accounts: HighLevelAccounts
    engagement: HighLevelEngagement
    networks: HighLevelNetworks
    planner: HighLevelPlanner
    publishing: HighLevelPublishing
    records: HighLevelRecords
    webhooks: HighLevelWebhooks
    client: Client
    videos: Videos = field(default_factory=absent)
    ads: Ads = field(default_factory=absent)
    audiences: Audiences = field(default_factory=absent)
    authorizations: Mapping[GrantKind, Authorization] = field(default_factory=dict)
    name: str = config.PROVIDER
    table: CapabilityTable = TABLE

    async def close(self) -> None:
        """Close the connections."""
        await self.client.clients.close()


def build(
    settings: Mapping[str, Any], *, clock: Callable[[], datetime], transport: httpx.AsyncBaseTransport | None = None
) -> HighLevel:
    """Build the provider from the settings of config.py; makes no call.

    `clock` returns aware UTC times; `transport` replaces the network. Raises Misconfigured for an unsafe URL, an
    unknown API version or a refused user agent; a missing client id or secret fails in the OAuth calls only.
    """
    client = Client(config.read(settings), make_clients(transport), clock)
    accounts = HighLevelAccounts(client)
    return HighLevel(
        authorization=HighLevelAuthorization(client, clock),
        accounts=accounts,
        engagement=HighLevelEngagement(client),
        networks=HighLevelNetworks(client, accounts),
        planner=HighLevelPlanner(client),
        publishing=HighLevelPublishing(client),
        records=HighLevelRecords(client),
        webhooks=HighLevelWebhooks(client.config),
        client=client,
        table=table_of(client.config),
    )
