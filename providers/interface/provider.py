"""A provider as a whole: its name, its table, its facets.

Owns nothing but the shape that `providers/registry.py` builds and `gateway/app.py` uses.
"""

from typing import Protocol

from providers.capabilities import CapabilityTable
from providers.interface.accounts import Accounts
from providers.interface.authorization import Authorization
from providers.interface.engagement import Engagement
from providers.interface.networks import Networks
from providers.interface.planner import Planner
from providers.interface.publishing import Publishing
from providers.interface.records import Records
from providers.interface.videos import Videos
from providers.interface.webhooks import Webhooks


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
    def accounts(self) -> Accounts:
        """Profiles and creator info."""
        ...

    @property
    def networks(self) -> Networks:
        """Accounts inside grants that hold several."""
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
        """What the vendor tells by itself."""
        ...

    @property
    def engagement(self) -> Engagement:
        """Figures and comments."""
        ...

    @property
    def planner(self) -> Planner:
        """A planner's labels and files of posts."""
        ...

    async def close(self) -> None:
        """Return back its connections."""
        ...
