"""Engagement and the planner, refused where the provider's own table does not promise them.

Owns the check of these two facets. Knows no vendor.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from providers.capabilities import Capability, CapabilityTable
from providers.demand import demand
from providers.interface.access import Access
from providers.interface.engagement import Engagement
from providers.interface.planner import Planner
from providers.models.engagement import AccountRef, Comment, CommentPage, Figures, Span
from providers.models.planner import ImportStatus, LabelPage, Sheet


@dataclass(frozen=True, slots=True)
class CheckedEngagement:
    """Figures and comments, as far as the table goes."""

    inner: Engagement
    table: CapabilityTable

    async def figures(self, access: Access, account: AccountRef, span: Span | None) -> Figures:
        """Needs ACCOUNT_METRICS."""
        demand(self.table, Capability.ACCOUNT_METRICS)
        return await self.inner.figures(access, account, span)

    async def list_comments(
        self,
        access: Access,
        account: AccountRef,
        *,
        parent: str = "",
        top: bool = False,
        cursor: str = "",
        limit: int = 20,
    ) -> CommentPage:
        """Needs COMMENT_LIST."""
        demand(self.table, Capability.COMMENT_LIST)
        return await self.inner.list_comments(access, account, parent=parent, top=top, cursor=cursor, limit=limit)

    def check_comment(self, account: AccountRef, text: str) -> None:
        """Needs COMMENT_REPLY."""
        demand(self.table, Capability.COMMENT_REPLY)
        self.inner.check_comment(account, text)

    async def create_comment(
        self, access: Access, account: AccountRef, *, text: str, parent: str, reply: bool
    ) -> Comment:
        """Needs COMMENT_REPLY."""
        self.check_comment(account, text)
        return await self.inner.create_comment(access, account, text=text, parent=parent, reply=reply)

    async def set_liked(self, access: Access, account: AccountRef, comment: str, *, liked: bool) -> None:
        """Needs COMMENT_MODERATE."""
        demand(self.table, Capability.COMMENT_MODERATE)
        await self.inner.set_liked(access, account, comment, liked=liked)


@dataclass(frozen=True, slots=True)
class CheckedPlanner:
    """Labels and files of posts, as far as the table goes."""

    inner: Planner
    table: CapabilityTable

    async def list_categories(
        self, access: Access, *, search: str = "", cursor: str = "", limit: int = 100
    ) -> LabelPage:
        """Needs PLANNER_LABELS."""
        demand(self.table, Capability.PLANNER_LABELS)
        return await self.inner.list_categories(access, search=search, cursor=cursor, limit=limit)

    async def list_tags(self, access: Access, *, search: str = "", cursor: str = "", limit: int = 100) -> LabelPage:
        """Needs PLANNER_LABELS."""
        demand(self.table, Capability.PLANNER_LABELS)
        return await self.inner.list_tags(access, search=search, cursor=cursor, limit=limit)

    async def send_sheet(
        self, access: Access, *, name: str, size: int, body: Callable[[], AsyncIterator[bytes]]
    ) -> Sheet:
        """Needs POST_IMPORT."""
        demand(self.table, Capability.POST_IMPORT)
        return await self.inner.send_sheet(access, name=name, size=size, body=body)

    async def assign_sheet(self, access: Access, sheet: Sheet, accounts: Sequence[str]) -> str:
        """Needs POST_IMPORT."""
        demand(self.table, Capability.POST_IMPORT)
        return await self.inner.assign_sheet(access, sheet, accounts)

    async def find_import(self, access: Access, sheet: Sheet) -> str:
        """Needs POST_IMPORT."""
        demand(self.table, Capability.POST_IMPORT)
        return await self.inner.find_import(access, sheet)

    async def get_import(self, access: Access, id: str, *, cursor: str = "", limit: int = 100) -> ImportStatus:
        """Needs POST_IMPORT."""
        demand(self.table, Capability.POST_IMPORT)
        return await self.inner.get_import(access, id, cursor=cursor, limit=limit)

    async def finalize_import(self, access: Access, id: str) -> None:
        """Needs POST_IMPORT."""
        demand(self.table, Capability.POST_IMPORT)
        await self.inner.finalize_import(access, id)

    async def delete_import(self, access: Access, id: str) -> None:
        """Needs POST_IMPORT."""
        demand(self.table, Capability.POST_IMPORT)
        await self.inner.delete_import(access, id)
