"""Videos that live at the vendor.

Owns the contract of video reads. Reads may be repeated by the provider.
"""

from collections.abc import Sequence
from typing import Protocol

from providers.interface.access import Access
from providers.models.videos import Video, VideoPage


class Videos(Protocol):
    """Video reads at one vendor."""

    async def list_videos(
        self, access: Access, *, cursor: str = "", limit: int = 10, metrics: bool = True
    ) -> VideoPage:
        """List newest first, `limit` clamped to the vendor's maximum: one vendor call; raises ScopeNotGranted."""
        ...

    async def query_videos(self, access: Access, ids: Sequence[str], *, metrics: bool = True) -> tuple[Video, ...]:
        """Look up at most the vendor's maximum of ids: one vendor call. Gives what it shows, in any order.

        An id that is not among the answers is deleted, private, or another account's. Raises ScopeNotGranted.
        """
        ...
