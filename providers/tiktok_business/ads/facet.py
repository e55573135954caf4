"""The facet of ads: what of the interface is done where.

Owns nothing but this, and what depends on the time of a check.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from providers.interface.access import Access
from providers.models.ads import (
    AdAccount,
    AdGroupSpec,
    AdLevel,
    AdMedia,
    AdMediaFile,
    AdMediaKind,
    AdNode,
    AdPage,
    AdParents,
    AdQuery,
    AuthorizedPost,
    Difference,
    IdentityPage,
    ItemError,
    PostAuthorization,
    ReportPage,
    ReportQuery,
    ReportRow,
    ReportTask,
    Spec,
    Switch,
)
from providers.tiktok_business.ads import accounts, compare, identities, media, report_tasks, reports, rules, sharing
from providers.tiktok_business.ads.calls import Calls
from providers.tiktok_business.ads.changes import Changes
from providers.tiktok_business.ads.regions import Regions
from providers.tiktok_business.ads.tree import Tree
from providers.tiktok_business.client import Client


class MarketingAds:
    """Paid campaigns through TikTok's Marketing API."""

    def __init__(self, client: Client) -> None:
        """Make the calls with `client`."""
        self._client = client
        self._calls = Calls(client)
        regions = Regions(self._calls)
        self._tree, self._changes = Tree(self._calls, regions), Changes(self._calls, regions)

    async def ad_accounts(self, access: Access) -> tuple[AdAccount, ...]:
        """Return all ad accounts; see the interface."""
        return await accounts.list_accounts(self._client, access)

    def check(
        self, account: AdAccount, spec: Spec, *, parents: AdParents, now: datetime, before: Spec | None = None
    ) -> None:
        """Validate a create or an update; see the interface."""
        rules.check(account, _settled(spec, before), parents, now, before)

    async def create(self, access: Access, account: AdAccount, spec: Spec, *, parents: AdParents, key: str) -> AdNode:
        """Create one node, paused; see the interface."""
        rules.check(account, spec, parents, None, None)
        return await self._changes.create(access, account, spec, parents, key)

    async def find_created(
        self, access: Access, account_id: str, spec: Spec, *, parents: AdParents, key: str
    ) -> AdNode | None:
        """Return the node that a create made; see the interface."""
        return await self._tree.find_created(access, account_id, spec, parents=parents, key=key)

    def differences(self, spec: Spec, node: AdNode) -> tuple[Difference, ...]:
        """Compare what was wanted with what TikTok has; see the interface."""
        return compare.differences(spec, node)

    async def find(
        self, access: Access, account_id: str, query: AdQuery, *, cursor: str = "", limit: int = 100
    ) -> AdPage:
        """Read nodes; see the interface."""
        return await self._tree.find(access, account_id, query, cursor=cursor, limit=limit)

    async def update(
        self, access: Access, account: AdAccount, id: str, spec: Spec, *, before: Spec, tag: str, parents: AdParents
    ) -> None:
        """Change what differs; see the interface."""
        wanted = _settled(spec, before)
        rules.check(account, wanted, parents, None, before)
        await self._changes.update(access, account, id, wanted, before, tag, parents)

    async def switch(
        self, access: Access, account_id: str, level: AdLevel, ids: Sequence[str], switch: Switch
    ) -> Mapping[str, ItemError]:
        """Pause, launch or delete nodes; see the interface."""
        return await self._changes.switch(access, account_id, level, ids, switch)

    async def upload_media(
        self,
        access: Access,
        account_id: str,
        file: AdMediaFile,
        body: Callable[[int, int], AsyncIterator[bytes]],
        *,
        key: str,
    ) -> AdMedia:
        """Upload a file; see the interface."""
        return await media.upload(self._calls, access, account_id, file, body, key=key)

    async def media(
        self, access: Access, account_id: str, kind: AdMediaKind, ids: Sequence[str]
    ) -> tuple[AdMedia, ...]:
        """Read files of the library; see the interface."""
        return await media.read(self._calls, access, account_id, kind, ids)

    async def covers(self, access: Access, account_id: str, video_id: str) -> tuple[AdMedia, ...]:
        """Return suggested covers; see the interface."""
        return await media.covers(self._calls, access, account_id, video_id)

    async def identities(self, access: Access, account_id: str, *, cursor: str = "", limit: int = 100) -> IdentityPage:
        """List identities; see the interface."""
        return await identities.list_identities(self._calls, access, account_id, cursor=cursor, limit=limit)

    async def authorize_post(self, access: Access, account_id: str, code: str) -> AuthorizedPost:
        """Redeem the code of a post; see the interface."""
        return await identities.authorize_post(self._calls, access, account_id, code)

    async def share_post(self, access: Access, post_id: str, *, days: int) -> PostAuthorization:
        """Make the code of a post; see the interface."""
        return await sharing.share_post(self._client, access, post_id, days=days)

    async def report(
        self, access: Access, account_id: str, query: ReportQuery, *, cursor: str = "", limit: int = 1000
    ) -> ReportPage:
        """Read one page of a report; see the interface."""
        return await reports.report(self._calls, access, account_id, query, cursor=cursor, limit=limit)

    def check_long_report(self, query: ReportQuery) -> None:
        """Refuse what a long report cannot have; see the interface."""
        report_tasks.check(query)

    async def request_report(self, access: Access, account_id: str, query: ReportQuery) -> str:
        """Let TikTok make a long report; see the interface."""
        return await report_tasks.create(self._calls, access, account_id, query)

    async def report_task(self, access: Access, account_id: str, id: str) -> ReportTask:
        """Return how far a long report is; see the interface."""
        return await report_tasks.read(self._calls, access, account_id, id)

    def report_rows(self, access: Access, account_id: str, id: str, query: ReportQuery) -> AsyncIterator[ReportRow]:
        """Yield the rows of a long report; see the interface."""
        return report_tasks.rows(self._calls, access, account_id, id, query)


def _settled(spec: Spec, before: Spec | None) -> Spec:
    """Return an ad group's spec with the start that it has already, if none is wanted."""
    if isinstance(spec, AdGroupSpec) and isinstance(before, AdGroupSpec) and spec.start is None:
        return replace(spec, start=before.start)
    return spec
