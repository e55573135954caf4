"""Videos that live at the vendor.

Owns the contract of video reads. Reads may be repeated by the provider.
"""

from typing import Protocol

from providers.interface.access import Access
from providers.models.videos import VideoPage


class Videos(Protocol):
    """Video reads at one vendor."""

    async def list_videos(
        self, access: Access, *, cursor: str = "", limit: int = 10, metrics: bool = True
    ) -> VideoPage:
        """List newest first, `limit` clamped to the vendor's maximum: one vendor call; raises ScopeNotGranted."""
        ...
