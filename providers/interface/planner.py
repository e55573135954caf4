"""What a vendor's planner has besides posts: categories, tags, and imports of posts from a file.

Owns the contract of the planner. The provider may repeat reads, never writes. No row of a file becomes a post before
`finalize_import`.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

from providers.interface.access import Access
from providers.models.planner import ImportStatus, LabelPage, Sheet


class Planner(Protocol):
    """A planner at one vendor."""

    async def list_categories(
        self, access: Access, *, search: str = "", cursor: str = "", limit: int = 100
    ) -> LabelPage:
        """List categories: one vendor call. Raises ScopeNotGranted, ContentRefused (an invalid cursor)."""
        ...

    async def list_tags(self, access: Access, *, search: str = "", cursor: str = "", limit: int = 100) -> LabelPage:
        """List tags like `list_categories`."""
        ...

    async def send_sheet(
        self, access: Access, *, name: str, size: int, body: Callable[[], AsyncIterator[bytes]]
    ) -> Sheet:
        """Upload a file of posts to the planner, which parses it immediately: one vendor call.

        `name` ends with the file's extension and is unique. `body` opens a new stream of exactly `size` bytes. Sending
        the file again is safe: it only leaves a second file. Raises Rejected with the vendor's code for a file that
        cannot be parsed, Ambiguous, Temporary, and what `body` raises.
        """
        ...

    async def assign_sheet(self, access: Access, sheet: Sheet, accounts: Sequence[str]) -> str:
        """Start an import of the file for these accounts (the vendor's ids): one vendor call.

        Return the import's id, empty if the vendor does not report it: use `find_import` then. Raises Ambiguous and
        ContractBroken (the import may have started).
        """
        ...

    async def find_import(self, access: Access, sheet: Sheet) -> str:
        """Return the id of a file's import, empty if there is none: a few vendor calls."""
        ...

    async def get_import(self, access: Access, id: str, *, cursor: str = "", limit: int = 100) -> ImportStatus:
        """Return the state of an import with one page of its rows: one vendor call. Raises NotFound."""
        ...

    async def finalize_import(self, access: Access, id: str) -> None:
        """Create posts from an import's rows: one vendor call, not to be repeated without proof that it did not happen.

        Raises Ambiguous and ContractBroken (it may have happened), Rejected and Temporary (it did not).
        """
        ...

    async def delete_import(self, access: Access, id: str) -> None:
        """Delete an import, and at some vendors the posts that were created from it: one vendor call.

        Raises NotFound. Repeating it is safe, also after Ambiguous.
        """
        ...
