"""HighLevel's figures and comments as the interface has them.

Owns nothing: figures are statistics.py, comments are comments.py.
"""

from providers.highlevel import comments, statistics
from providers.highlevel.client import Client
from providers.interface.access import Access
from providers.models.engagement import AccountRef, Comment, CommentPage, Figures, Span


class HighLevelEngagement:
    """Figures and comments at HighLevel."""

    def __init__(self, client: Client) -> None:
        """Use `client` for the calls."""
        self._client = client

    async def figures(self, access: Access, account: AccountRef, span: Span | None) -> Figures:
        """Read an account's figures."""
        return await statistics.figures(self._client, access, account, span)

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
        """List comments."""
        return await comments.listing(self._client, access, account, parent=parent, top=top, cursor=cursor, limit=limit)

    def check_comment(self, account: AccountRef, text: str) -> None:
        """Refuse what its network does not take."""
        comments.check(account, text)

    async def create_comment(
        self, access: Access, account: AccountRef, *, text: str, parent: str, reply: bool
    ) -> Comment:
        """Write a comment."""
        return await comments.create(self._client, access, account, text=text, parent=parent, reply=reply)

    async def set_liked(self, access: Access, account: AccountRef, comment: str, *, liked: bool) -> None:
        """Like a comment, or take that back."""
        await comments.set_liked(self._client, access, account, comment, liked=liked)
