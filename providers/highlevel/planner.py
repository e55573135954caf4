"""HighLevel's planner as the interface has it: labels and files of posts.

Owns nothing: categories and tags are labels.py, files are imports.py.
"""

from collections.abc import AsyncIterator, Callable, Sequence

from providers.highlevel import imports, labels
from providers.highlevel.client import Client
from providers.interface.access import Access
from providers.models.planner import ImportStatus, LabelPage, Sheet


class HighLevelPlanner:
    """The planner at HighLevel."""

    def __init__(self, client: Client) -> None:
        """Use `client` for the calls."""
        self._client = client

    async def list_categories(
        self, access: Access, *, search: str = "", cursor: str = "", limit: int = labels.MAX_PAGE
    ) -> LabelPage:
        """List categories that are not deleted."""
        return await labels.page(self._client, access, labels.CATEGORIES, search=search, cursor=cursor, limit=limit)

    async def list_tags(
        self, access: Access, *, search: str = "", cursor: str = "", limit: int = labels.MAX_PAGE
    ) -> LabelPage:
        """List tags that are not deleted."""
        return await labels.page(self._client, access, labels.TAGS, search=search, cursor=cursor, limit=limit)

    async def send_sheet(
        self, access: Access, *, name: str, size: int, body: Callable[[], AsyncIterator[bytes]]
    ) -> Sheet:
        """Send a CSV file."""
        return await imports.send(self._client, access, name=name, size=size, body=body)

    async def assign_sheet(self, access: Access, sheet: Sheet, accounts: Sequence[str]) -> str:
        """Say for which accounts it is."""
        return await imports.assign(self._client, access, sheet, accounts)

    async def find_import(self, access: Access, sheet: Sheet) -> str:
        """Find what 2021-07-28 does not tell."""
        return await imports.find(self._client, access, sheet)

    async def get_import(
        self, access: Access, id: str, *, cursor: str = "", limit: int = imports.MAX_PAGE
    ) -> ImportStatus:
        """Ask how it stands."""
        return await imports.get(self._client, access, id, cursor=cursor, limit=limit)

    async def finalize_import(self, access: Access, id: str) -> None:
        """Make its posts."""
        await imports.finalize(self._client, access, id)

    async def delete_import(self, access: Access, id: str) -> None:
        """Take it away."""
        await imports.delete(self._client, access, id)
