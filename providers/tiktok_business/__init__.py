"""TikTok's API for Business: grants, profiles, insights, videos, comments, posts; and ads of advertisers.

Owns everything specific to that API. Knows neither callers nor rows, nor TikTok's v2 API: `providers/tiktok` joins the
two.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from providers.http.client import Clients
from providers.tiktok_business import config
from providers.tiktok_business.accounts import BusinessAccounts
from providers.tiktok_business.ads.facet import MarketingAds
from providers.tiktok_business.ads.profile import AdvertiserAccounts
from providers.tiktok_business.advertiser_authorization import AdvertiserAuthorization
from providers.tiktok_business.audiences import BusinessAudiences
from providers.tiktok_business.authorization import BusinessAuthorization, RedirectError
from providers.tiktok_business.client import Client
from providers.tiktok_business.engagement import BusinessEngagement
from providers.tiktok_business.publishing import BusinessPublishing
from providers.tiktok_business.videos import BusinessVideos


@dataclass(frozen=True, slots=True)
class Business:
    """The facets of the API for Business."""

    authorization: BusinessAuthorization
    accounts: BusinessAccounts
    videos: BusinessVideos
    publishing: BusinessPublishing
    engagement: BusinessEngagement
    advertiser_authorization: AdvertiserAuthorization
    advertiser_accounts: AdvertiserAccounts
    ads: MarketingAds
    audiences: BusinessAudiences
    client: Client


def build(
    settings: Mapping[str, Any], clients: Clients, *, clock: Callable[[], datetime], redirect_error: RedirectError
) -> Business:
    """Build the facets from the settings that config.py lists; no call is made.

    `redirect_error` is what an error of the consent page means. Raises Misconfigured for an unsafe URL; a missing App
    ID or secret is only refused by the calls that need it.
    """
    client = Client(config.read(settings), clients, clock)
    videos = BusinessVideos(client)
    return Business(
        authorization=BusinessAuthorization(client, clock, redirect_error),
        accounts=BusinessAccounts(client),
        videos=videos,
        publishing=BusinessPublishing(client, videos),
        engagement=BusinessEngagement(client),
        advertiser_authorization=AdvertiserAuthorization(client, clock, redirect_error),
        advertiser_accounts=AdvertiserAccounts(client),
        ads=MarketingAds(client),
        audiences=BusinessAudiences(client),
        client=client,
    )
