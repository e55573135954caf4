"""Engagement with what an account publishes: its metrics, and comments.

Owns the contract of engagement. The provider may repeat reads, never writes.
"""

from typing import Protocol

from providers.interface.access import Access
from providers.models.engagement import AccountRef, Comment, CommentPage, Figures, Span


class Engagement(Protocol):
    """Account metrics and comments at one vendor."""

    async def figures(self, access: Access, account: AccountRef, span: Span | None) -> Figures:
        """Read an account's metrics over a span of days, or over the vendor's default one: one vendor call.

        Raises CapabilityMissing for an account without metrics at the vendor, OptionUnsupported for a span that the
        vendor does not offer, ScopeNotGranted.
        """
        ...

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
        """List comments below `parent` (a post or a comment, by the vendor's id), or below every post of the account.

        Newest first, or in the vendor's ranking with `top`; `limit` is clamped to the vendor's maximum. One vendor
        call. Raises CapabilityMissing, ContentRefused (an invalid cursor).
        """
        ...

    def check_comment(self, account: AccountRef, text: str) -> None:
        """Validate a comment without any call: raises CapabilityMissing, ContentRefused (its length)."""
        ...

    async def create_comment(
        self, access: Access, account: AccountRef, *, text: str, parent: str, reply: bool
    ) -> Comment:
        """Write a comment below `parent`, a comment if `reply` is set, else a post: one vendor call, never repeated.

        It is public at once. Raises what `check_comment` raises, Ambiguous and ContractBroken (it may have been
        written), NotFound (the parent), Temporary (nothing was sent).
        """
        ...

    async def set_liked(self, access: Access, account: AccountRef, comment: str, *, liked: bool) -> None:
        """Like a comment as the account, or remove the like: one vendor call, idempotent.

        Repeating it is safe, also after Ambiguous. Raises CapabilityMissing, NotFound.
        """
        ...
