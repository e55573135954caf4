"""What people do with what an account publishes: figures, and talking under posts.

Owns the contract of engagement. Reads may be repeated by the provider, writes never are.
"""

from typing import Protocol

from providers.interface.access import Access
from providers.models.engagement import AccountRef, Comment, CommentPage, Figures, Span


class Engagement(Protocol):
    """Figures and comments at one vendor."""

    async def figures(self, access: Access, account: AccountRef, span: Span | None) -> Figures:
        """Read an account's figures over a span of days, or over the vendor's usual one: one vendor call.

        Raises CapabilityMissing for an account of which the vendor has none, OptionUnsupported for a span that cannot
        be chosen, ScopeNotGranted.
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

        The latest first, or what the vendor finds best with `top`; `limit` is clamped to the vendor's maximum. One
        vendor call. Raises CapabilityMissing, ContentRefused (a cursor that is none).
        """
        ...

    def check_comment(self, account: AccountRef, text: str) -> None:
        """Refuse, without any call, what can never be written: CapabilityMissing, ContentRefused (its length)."""
        ...

    async def create_comment(
        self, access: Access, account: AccountRef, *, text: str, parent: str, reply: bool
    ) -> Comment:
        """Write below `parent`, which is a comment for a `reply`, else a post: one vendor call, never repeated.

        Visible to everybody at once. Raises what `check_comment` raises, Ambiguous and ContractBroken (it may stand
        there), NotFound (the parent), Temporary (nothing was sent).
        """
        ...

    async def set_liked(self, access: Access, account: AccountRef, comment: str, *, liked: bool) -> None:
        """Like a comment in the account's name, or take that back; what is so already is no error. One vendor call.

        Doing it again is safe, also after Ambiguous. Raises CapabilityMissing, NotFound.
        """
        ...
