"""Networks inside a grant, refused where the provider's own table does not promise them.

Owns the check of this facet. Knows no vendor.
"""

from dataclasses import dataclass

from providers.capabilities import Capability, CapabilityTable
from providers.demand import demand
from providers.interface.access import Access
from providers.interface.networks import Networks
from providers.models.accounts import AttachableAccount, Attached, ConsentSignal, LinkedAccount


@dataclass(frozen=True, slots=True)
class CheckedNetworks:
    """Accounts inside a grant, as far as the table goes."""

    inner: Networks
    table: CapabilityTable

    @property
    def signal(self) -> ConsentSignal:
        """Needs ACCOUNT_ATTACH."""
        demand(self.table, Capability.ACCOUNT_ATTACH)
        return self.inner.signal

    async def linked(self, access: Access) -> tuple[LinkedAccount, ...]:
        """Needs ACCOUNT_LIST."""
        demand(self.table, Capability.ACCOUNT_LIST)
        return await self.inner.linked(access)

    async def start(self, access: Access, platform: str, *, reconnect: bool = False) -> str:
        """Needs ACCOUNT_ATTACH."""
        demand(self.table, Capability.ACCOUNT_ATTACH)
        return await self.inner.start(access, platform, reconnect=reconnect)

    async def choices(self, access: Access, platform: str, authorization_id: str) -> tuple[AttachableAccount, ...]:
        """Needs ACCOUNT_ATTACH."""
        demand(self.table, Capability.ACCOUNT_ATTACH)
        return await self.inner.choices(access, platform, authorization_id)

    async def attach(self, access: Access, platform: str, authorization_id: str, provider_account_id: str) -> Attached:
        """Needs ACCOUNT_ATTACH."""
        demand(self.table, Capability.ACCOUNT_ATTACH)
        return await self.inner.attach(access, platform, authorization_id, provider_account_id)

    async def detach(self, access: Access, provider_account_id: str) -> None:
        """Needs ACCOUNT_DETACH."""
        demand(self.table, Capability.ACCOUNT_DETACH)
        await self.inner.detach(access, provider_account_id)
