"""Videos at the vendor.

Owns the contract of video reads. The provider may repeat reads.
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
        """List videos, newest first; `limit` is clamped to the vendor's maximum. One call; raises ScopeNotGranted."""
        ...

    async def query_videos(self, access: Access, ids: Sequence[str], *, metrics: bool = True) -> tuple[Video, ...]:
        """Look up videos by id, at most the vendor's maximum: one vendor call. The result is in any order.

        An id that is missing in the result is deleted, private, or another account's. Raises ScopeNotGranted.
        """
        ...
