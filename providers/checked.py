"""A provider that refuses what its own table does not promise, before the network.

Owns the check of capabilities for every provider alike; that of posts is checked_publishing.py. Knows no vendor.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime

from providers.capabilities import Capability, CapabilityTable
from providers.checked_networks import CheckedNetworks
from providers.checked_planner import CheckedEngagement, CheckedPlanner
from providers.checked_publishing import CheckedPublishing, CheckedRecords
from providers.demand import demand
from providers.interface.access import Access
from providers.interface.accounts import Accounts
from providers.interface.authorization import Authorization
from providers.interface.engagement import Engagement
from providers.interface.networks import Networks
from providers.interface.planner import Planner
from providers.interface.provider import Provider
from providers.interface.publishing import Publishing
from providers.interface.records import Records
from providers.interface.videos import Videos
from providers.interface.webhooks import Webhooks
from providers.models.accounts import CreatorInfo, Profile, ProfilePart
from providers.models.grants import ConsentRequest, Grant, GrantKind, Places
from providers.models.secret import Secret
from providers.models.videos import Video, VideoPage
from providers.models.webhooks import Webhook


def checked(provider: Provider) -> Provider:
    """Wrap a provider: what its table does not promise raises CapabilityMissing, oversized posts ContentRefused."""
    table = provider.table
    return _Checked(
        name=provider.name,
        table=table,
        authorization=_Authorization(provider.authorization, table),
        accounts=_Accounts(provider.accounts, table),
        networks=CheckedNetworks(provider.networks, table),
        videos=_Videos(provider.videos, table),
        publishing=CheckedPublishing(provider.publishing, table),
        records=CheckedRecords(provider.records, table),
        webhooks=_Webhooks(provider.webhooks, table),
        engagement=CheckedEngagement(provider.engagement, table),
        planner=CheckedPlanner(provider.planner, table),
        inner=provider,
    )


@dataclass(frozen=True, slots=True)
class _Checked:
    """The wrapped provider."""

    name: str
    table: CapabilityTable
    authorization: Authorization
    accounts: Accounts
    networks: Networks
    videos: Videos
    publishing: Publishing
    records: Records
    webhooks: Webhooks
    engagement: Engagement
    planner: Planner
    inner: Provider

    async def close(self) -> None:
        """Close the provider."""
        await self.inner.close()


@dataclass(frozen=True, slots=True)
class _Authorization:
    """Grants, as far as the table goes."""

    inner: Authorization
    table: CapabilityTable

    @property
    def scopes(self) -> tuple[str, ...]:
        """All scopes the provider knows."""
        return self.inner.scopes

    @property
    def returns_state(self) -> bool:
        """Says only what is known."""
        return self.inner.returns_state

    def settings(self, location: str, kind: GrantKind, given: Mapping[str, str]) -> dict[str, str]:
        """Makes no call."""
        return self.inner.settings(location, kind, given)

    def fitting(self, kind: GrantKind, settings: Mapping[str, str], grant: Grant) -> dict[str, str]:
        """Makes no call."""
        return self.inner.fitting(kind, settings, grant)

    def consent_uri(self, request: ConsentRequest) -> str:
        """Needs OAUTH."""
        demand(self.table, Capability.OAUTH)
        return self.inner.consent_uri(request)

    async def exchange(self, code: str, *, verifier: Secret, redirect_uri: str) -> Grant:
        """Needs OAUTH."""
        demand(self.table, Capability.OAUTH)
        return await self.inner.exchange(code, verifier=verifier, redirect_uri=redirect_uri)

    async def refresh(self, refresh_token: Secret) -> Grant:
        """Needs OAUTH."""
        demand(self.table, Capability.OAUTH)
        return await self.inner.refresh(refresh_token)

    async def revoke(self, access_token: Secret) -> None:
        """Needs REVOKE."""
        demand(self.table, Capability.REVOKE)
        await self.inner.revoke(access_token)

    async def static(self, token: Secret, *, settings: Mapping[str, str], scopes: tuple[str, ...]) -> Grant:
        """Needs STATIC_TOKEN."""
        demand(self.table, Capability.STATIC_TOKEN)
        return await self.inner.static(token, settings=settings, scopes=scopes)

    async def settle(self, access: Access) -> dict[str, str]:
        """Every provider knows what it needs."""
        return await self.inner.settle(access)

    async def places(self, access: Access, *, cursor: str = "") -> Places:
        """Needs AGENCY_GRANTS."""
        demand(self.table, Capability.AGENCY_GRANTS)
        return await self.inner.places(access, cursor=cursor)

    async def derive(self, access: Access, place: str) -> Grant:
        """Needs AGENCY_GRANTS."""
        demand(self.table, Capability.AGENCY_GRANTS)
        return await self.inner.derive(access, place)


@dataclass(frozen=True, slots=True)
class _Accounts:
    """Profiles, as far as the table goes."""

    inner: Accounts
    table: CapabilityTable

    async def profile(self, access: Access, parts: Set[ProfilePart], account: str = "") -> Profile:
        """Every provider has profiles; those of single accounts need ACCOUNT_LIST."""
        if account:
            demand(self.table, Capability.ACCOUNT_LIST)
        return await self.inner.profile(access, parts, account)

    async def creator_info(self, access: Access) -> CreatorInfo:
        """Needs CREATOR_INFO."""
        demand(self.table, Capability.CREATOR_INFO)
        return await self.inner.creator_info(access)


@dataclass(frozen=True, slots=True)
class _Videos:
    """Video reads, as far as the table goes."""

    inner: Videos
    table: CapabilityTable

    async def list_videos(
        self, access: Access, *, cursor: str = "", limit: int = 10, metrics: bool = True
    ) -> VideoPage:
        """Needs VIDEO_LIST, and METRICS when they are asked."""
        demand(self.table, Capability.VIDEO_LIST)
        if metrics:
            demand(self.table, Capability.METRICS)
        return await self.inner.list_videos(access, cursor=cursor, limit=limit, metrics=metrics)

    async def query_videos(self, access: Access, ids: Sequence[str], *, metrics: bool = True) -> tuple[Video, ...]:
        """Needs VIDEO_QUERY, and METRICS when they are asked."""
        demand(self.table, Capability.VIDEO_QUERY)
        if metrics:
            demand(self.table, Capability.METRICS)
        return await self.inner.query_videos(access, ids, metrics=metrics)


@dataclass(frozen=True, slots=True)
class _Webhooks:
    """Webhooks, as far as the table goes."""

    inner: Webhooks
    table: CapabilityTable

    @property
    def come_again(self) -> int:
        """Says only what is known."""
        return self.inner.come_again

    def read(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Webhook:
        """Needs WEBHOOKS."""
        demand(self.table, Capability.WEBHOOKS)
        return self.inner.read(headers, body, now=now)

    def parse(self, body: bytes) -> Webhook:
        """Needs WEBHOOKS."""
        demand(self.table, Capability.WEBHOOKS)
        return self.inner.parse(body)
