"""One `Protocol` per facet of a provider; each docstring is the contract that the conformance suite checks.

A provider implements the facets it has; its capability table lists what is missing.
Knows no vendor, no storage, no server.
"""

from providers.interface.access import Access
from providers.interface.accounts import Accounts
from providers.interface.ads import Ads
from providers.interface.audiences import Audiences
from providers.interface.authorization import Authorization
from providers.interface.engagement import Engagement
from providers.interface.networks import Networks
from providers.interface.planner import Planner
from providers.interface.provider import Provider, authorization_of
from providers.interface.publishing import Publishing
from providers.interface.records import Records
from providers.interface.videos import Videos
from providers.interface.webhooks import Webhooks

__all__ = [
    "Access",
    "Accounts",
    "Ads",
    "Audiences",
    "Authorization",
    "Engagement",
    "Networks",
    "Planner",
    "Provider",
    "Publishing",
    "Records",
    "Videos",
    "Webhooks",
    "authorization_of",
]
