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
        post: str = "",
        top: bool = False,
        cursor: str = "",
        limit: int = 20,
    ) -> CommentPage:
        """List comments below `parent` (a post or a comment, by the vendor's id), or below every post of the account.

        If `parent` is a comment, `post` is the post below which it stands, where that is known: some vendors need it.
        Newest first, or in the vendor's ranking with `top`; `limit` is clamped to the vendor's maximum. One vendor
        call. Raises CapabilityMissing (also for every post of the account at once), ContentRefused (an invalid cursor).
        """
        ...

    def check_comment(self, account: AccountRef, text: str) -> None:
        """Validate a comment without any call: raises CapabilityMissing, ContentRefused (its length)."""
        ...

    async def create_comment(
        self, access: Access, account: AccountRef, *, text: str, parent: str, reply: bool, post: str = ""
    ) -> Comment:
        """Write a comment below `parent`, a comment (of the post `post`, where that is known) if `reply` is set, else a
        post: one vendor call, never repeated.

        It is public at once. Raises what `check_comment` raises, Ambiguous and ContractBroken (it may have been
        written), NotFound (the parent), Temporary (nothing was sent).
        """
        ...

    async def set_liked(
        self, access: Access, account: AccountRef, comment: str, *, liked: bool, post: str = ""
    ) -> None:
        """Like a comment (of the post `post`) as the account, or remove the like: one vendor call, idempotent.

        Repeating it is safe, also after Ambiguous. Raises CapabilityMissing, NotFound.
        """
        ...

    async def set_hidden(
        self, access: Access, account: AccountRef, comment: str, *, hidden: bool, post: str = ""
    ) -> None:
        """Hide a comment (of the post `post`) from everybody but its author, or show it again: one vendor call.

        Repeating it is safe, also after Ambiguous. Raises CapabilityMissing, NotFound.
        """
        ...

    async def delete_comment(self, access: Access, account: AccountRef, comment: str, *, post: str = "") -> None:
        """Delete a comment (of the post `post`) that the account itself wrote: one vendor call.

        Repeating it is safe, also after Ambiguous. Raises CapabilityMissing, NotFound (it is gone), Rejected (it is
        another person's).
        """
        ...
