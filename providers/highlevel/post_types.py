"""Stories and reels: which networks have them, and what a post needs to be one.

Owns these rules, so that HighLevel does not drop a caption or fail on a medium later. "Create post" of v3's
specification and support article 48001210585 of 2024-12-10, read 2026-11-30. Makes no calls.
"""

from collections.abc import Mapping

from providers.errors import OptionUnsupported
from providers.highlevel.config import PROVIDER
from providers.models.publishing import Photos, PublishRequest, VideoFile, VideoLink

# The specification also names reels of TikTok's, which are its usual posts.
_NETWORKS: Mapping[str, tuple[str, ...]] = {
    "story": ("facebook", "instagram"),
    "reel": ("facebook", "instagram", "youtube"),
}


def has_type(platform: str, post_type: str) -> bool:
    """Return whether a network has a type of post; every network has the usual one."""
    return post_type not in _NETWORKS or platform in _NETWORKS[post_type]


def check(request: PublishRequest) -> None:
    """Refuse what a story or a reel cannot have. Raises OptionUnsupported."""
    post_type, content = request.extra.get("post_type"), request.content
    if post_type == "reel" and not isinstance(content, VideoFile | VideoLink):
        raise _unsupported("post_type", "A reel needs a video.")
    if post_type != "story":
        return
    if content is None:
        raise _unsupported("post_type", "A story needs a video or photos.")
    if request.platform == "facebook" and isinstance(content, Photos) and len(content.uris) > 1:
        raise _unsupported("post_type", "A story on Facebook has one photo.")
    if request.caption:
        raise _unsupported("caption", "A story has no caption: HighLevel does not publish it.")


def _unsupported(field: str, text: str) -> OptionUnsupported:
    return OptionUnsupported(text, provider=PROVIDER, field=field)
