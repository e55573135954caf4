"""A provider as a whole: its name, its capability table, its facets.

Owns the shape that `providers/registry.py` builds and `gateway/app.py` uses, and the choice of the facet for a kind of
grants, nothing else.
"""

from collections.abc import Mapping
from typing import Protocol

from providers.capabilities import CapabilityTable
from providers.interface.accounts import Accounts
from providers.interface.ads import Ads
from providers.interface.audiences import Audiences
from providers.interface.authorization import Authorization
from providers.interface.engagement import Engagement
from providers.interface.networks import Networks
from providers.interface.planner import Planner
from providers.interface.publishing import Publishing
from providers.interface.records import Records
from providers.interface.videos import Videos
from providers.interface.webhooks import Webhooks
from providers.models.grants import GrantKind


class Provider(Protocol):
    """One vendor behind the interface; a facet that the table does not promise raises on use."""

    @property
    def name(self) -> str:
        """The id in `providers/{id}`."""
        ...

    @property
    def table(self) -> CapabilityTable:
        """What it can do, and its limits."""
        ...

    @property
    def authorization(self) -> Authorization:
        """Grants."""
        ...

    @property
    def authorizations(self) -> Mapping[GrantKind, Authorization]:
        """The grants of those kinds that are obtained otherwise than `authorization` does; none for most vendors."""
        ...

    @property
    def accounts(self) -> Accounts:
        """Profiles and creator info."""
        ...

    @property
    def networks(self) -> Networks:
        """Accounts of grants that hold several."""
        ...

    @property
    def videos(self) -> Videos:
        """Video reads."""
        ...

    @property
    def publishing(self) -> Publishing:
        """Posts."""
        ...

    @property
    def records(self) -> Records:
        """A planner's records of posts."""
        ...

    @property
    def webhooks(self) -> Webhooks:
        """Webhook deliveries from the vendor."""
        ...

    @property
    def engagement(self) -> Engagement:
        """Account metrics and comments."""
        ...

    @property
    def planner(self) -> Planner:
        """A planner's labels and imports."""
        ...

    @property
    def ads(self) -> Ads:
        """Paid campaigns."""
        ...

    @property
    def audiences(self) -> Audiences:
        """Lists of people by digests."""
        ...

    async def close(self) -> None:
        """Close its connections."""
        ...


def authorization_of(provider: Provider, kind: str) -> Authorization:
    """Return how a provider's grants of a kind are obtained; empty means its usual kind."""
    return next((facet for each, facet in provider.authorizations.items() if each == kind), provider.authorization)
