"""A provider as a whole: its name, its table, its facets.

Owns nothing but the shape that `providers/registry.py` builds and `gateway/app.py` uses.
"""

from typing import Protocol

from providers.capabilities import CapabilityTable
from providers.interface.accounts import Accounts
from providers.interface.authorization import Authorization
from providers.interface.networks import Networks
from providers.interface.publishing import Publishing
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
    def webhooks(self) -> Webhooks:
        """What the vendor tells by itself."""
        ...

    async def close(self) -> None:
        """Give back its connections."""
        ...
