"""What a vendor's planner holds beside posts: categories, tags, files of posts.

Owns the contract of the planner. Reads may be repeated by the provider, writes never are. Nothing of a file becomes a
post before `finalize_import`.
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
        """List categories: one vendor call. Raises ScopeNotGranted, ContentRefused (a cursor that is none)."""
        ...

    async def list_tags(self, access: Access, *, search: str = "", cursor: str = "", limit: int = 100) -> LabelPage:
        """List tags, as `list_categories` does."""
        ...

    async def send_sheet(
        self, access: Access, *, name: str, size: int, body: Callable[[], AsyncIterator[bytes]]
    ) -> Sheet:
        """Return the planner a file of posts, which it reads at once: one vendor call.

        `name` ends with the file's extension and is no other file's. `body` opens a fresh stream of exactly `size`
        bytes. Sending it again is safe: it only leaves a second file. Raises Rejected with the vendor's code for a file
        that cannot be read, Ambiguous, Temporary, and whatever `body` raises.
        """
        ...

    async def assign_sheet(self, access: Access, sheet: Sheet, accounts: Sequence[str]) -> str:
        """Say for which accounts (the vendor's ids) its posts are, which begins an import: one vendor call.

        Gives the import's id; empty where the vendor does not tell it: `find_import` does. Raises Ambiguous and
        ContractBroken (it may have begun).
        """
        ...

    async def find_import(self, access: Access, sheet: Sheet) -> str:
        """Find the import of a file: a few vendor calls. Empty where there is none."""
        ...

    async def get_import(self, access: Access, id: str, *, cursor: str = "", limit: int = 100) -> ImportStatus:
        """Ask how an import stands, with a page of its rows: one vendor call. Raises NotFound."""
        ...

    async def finalize_import(self, access: Access, id: str) -> None:
        """Make posts of an import's rows: one vendor call, never to be repeated without proof that it did not happen.

        Raises Ambiguous and ContractBroken (it may have happened), Rejected and Temporary (it did not).
        """
        ...

    async def delete_import(self, access: Access, id: str) -> None:
        """Take an import away, where the vendor has it so with the posts that came of it: one vendor call.

        Raises NotFound. Asking again is safe, also after Ambiguous.
        """
        ...
