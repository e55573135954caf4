"""What is handed to a provider, made of a post and its media: a video as a file, a video to be pulled, or photos.

Owns the translation. Decides nothing and makes no call: whether an order may go out is `preflight`.
"""

from collections.abc import Sequence
from datetime import timedelta

from gateway.domain import sources
from providers.models.accounts import PrivacyLevel
from providers.models.publishing import PhotoOrder, PostMode, PostOptions, PullOrder, VideoFile, VideoOrder
from providers.models.secret import Secret
from storage.posts import PostRow
from storage.uploads import UploadRow


def kind(post: PostRow) -> str:
    """Tell how a post is handed over: `file`, `pull` (the vendor fetches a video) or `photos`."""
    if post.content.get("kind") == "photos":
        return "photos"
    return "pull" if any(source.vendor_pull for source in sources.of(post)) else "file"


def acts_at_once(post: PostRow) -> bool:
    """Tell whether the one announcing call may publish by itself, so that a lost answer leaves the outcome open."""
    return kind(post) != "file"


def video(post: PostRow, upload: UploadRow) -> VideoOrder:
    """Give the order of a video that is sent as a file."""
    return VideoOrder(
        mode=PostMode(post.mode),
        file=VideoFile(upload.size_bytes, upload.mime_type, upload.sha256),
        caption=post.caption,
        options=options_of(post),
        cover_offset=_cover_offset(post),
        extra=dict(post.provider_extra),
    )


def pull(post: PostRow, uri: Secret) -> PullOrder:
    """Give the order of a video that the vendor fetches from `uri`."""
    return PullOrder(
        mode=PostMode(post.mode),
        uri=uri,
        caption=post.caption,
        options=options_of(post),
        cover_offset=_cover_offset(post),
        extra=dict(post.provider_extra),
    )


def photos(post: PostRow, uris: Sequence[Secret]) -> PhotoOrder:
    """Give the order of photos that the vendor fetches from `uris`."""
    return PhotoOrder(
        mode=PostMode(post.mode),
        uris=tuple(uris),
        cover_index=int(post.content.get("cover_index", 0)),
        title=str(post.content.get("title", "")),
        caption=post.caption,
        options=options_of(post),
        auto_add_music=bool(post.content.get("auto_add_music", False)),
        extra=dict(post.provider_extra),
    )


def options_of(post: PostRow) -> PostOptions:
    """Give the caller's choices back from the row."""
    values = dict(post.options)
    level = values.pop("privacy_level", None)
    return PostOptions(privacy_level=None if level is None else PrivacyLevel(level), **values)


def _cover_offset(post: PostRow) -> timedelta | None:
    offset = post.content.get("cover_offset_ms")
    return None if offset is None else timedelta(milliseconds=offset)
