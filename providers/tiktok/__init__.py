"""TikTok as a provider: its user-side v2 API, joined with its API for Business for account holders and advertisers.

Owns everything specific to the v2 API, and the choice between the two. Knows neither callers nor rows; the registry
calls `build`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from providers.absent import absent
from providers.capabilities import CapabilityTable
from providers.http.client import make_clients
from providers.interface.ads import Ads
from providers.interface.audiences import Audiences
from providers.interface.authorization import Authorization
from providers.interface.engagement import Engagement
from providers.interface.networks import Networks
from providers.interface.planner import Planner
from providers.interface.records import Records
from providers.models.grants import GrantKind
from providers.tiktok import config
from providers.tiktok.accounts import TikTokAccounts
from providers.tiktok.authorization import TikTokAuthorization
from providers.tiktok.capabilities import TABLE
from providers.tiktok.client import Client
from providers.tiktok.errors import redirect_error
from providers.tiktok.kinds import AccountsByKind, PublishingByKind, VideosByKind
from providers.tiktok.publishing import TikTokPublishing
from providers.tiktok.upload import chunk_plan
from providers.tiktok.videos import TikTokVideos, video_uri
from providers.tiktok.webhooks import TikTokWebhooks
from providers.tiktok_business import build as build_business

__all__ = ["TABLE", "TikTok", "build", "chunk_plan", "video_uri"]


@dataclass(frozen=True, slots=True)
class TikTok:
    """The provider and its facets."""

    authorization: TikTokAuthorization
    authorizations: Mapping[GrantKind, Authorization]
    accounts: AccountsByKind
    videos: VideosByKind
    publishing: PublishingByKind
    webhooks: TikTokWebhooks
    engagement: Engagement
    ads: Ads
    audiences: Audiences
    client: Client
    records: Records = field(default_factory=absent)
    planner: Planner = field(default_factory=absent)
    networks: Networks = field(default_factory=absent)
    name: str = "tiktok"
    table: CapabilityTable = TABLE

    async def close(self) -> None:
        """Close the connections."""
        await self.client.clients.close()


def build(
    settings: Mapping[str, Any], *, clock: Callable[[], datetime], transport: httpx.AsyncBaseTransport | None = None
) -> TikTok:
    """Build the provider from the settings that config.py lists; no call is made.

    `clock` returns aware UTC times; `transport` replaces the network. Raises Misconfigured for an unsafe URL; a
    missing client key or secret is only refused by the OAuth calls.
    """
    client = Client(config.read(settings), make_clients(transport), clock)
    business = build_business(settings, client.clients, clock=clock, redirect_error=redirect_error)
    videos = TikTokVideos(client)
    return TikTok(
        authorization=TikTokAuthorization(client, clock),
        authorizations={
            GrantKind.BUSINESS_ACCOUNT: business.authorization,
            GrantKind.ADVERTISER: business.advertiser_authorization,
        },
        accounts=AccountsByKind(TikTokAccounts(client), business.accounts, business.advertiser_accounts),
        videos=VideosByKind(videos, business.videos),
        publishing=PublishingByKind(TikTokPublishing(client, videos), business.publishing),
        webhooks=TikTokWebhooks(client.config, business.client),
        engagement=business.engagement,
        ads=business.ads,
        audiences=business.audiences,
        client=client,
    )
