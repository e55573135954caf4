"""What is handed to a provider, made of a post and its media.

Owns the translation. Decides nothing and makes no call: whether an order may go out is `preflight`.
"""

from collections.abc import Sequence
from datetime import timedelta

from gateway.domain import sources
from providers.capabilities import CapabilityTable
from providers.models.accounts import PrivacyLevel
from providers.models.publishing import Content, Photos, PostMode, PostOptions, PublishRequest, VideoFile, VideoLink
from providers.models.secret import Secret
from storage.accounts import AccountRow
from storage.posts import PostRow
from storage.uploads import UploadRow


def kind(post: PostRow) -> str:
    """Return how a post is handed over: `file`, `pull` (the vendor fetches a video), `photos`, or `text`."""
    shown = post.content.get("kind")
    if shown in ("photos", "text"):
        return str(shown)
    return "pull" if any(source.vendor_pull for source in sources.of(post)) else "file"


def acts_at_once(post: PostRow, table: CapabilityTable) -> bool:
    """Return whether the one announcing call may publish by itself, so that a lost answer leaves the outcome open."""
    return table.library or kind(post) != "file"


def of(post: PostRow, account: AccountRow, content: Content) -> PublishRequest:
    """Return the order of a post that goes out with this account and content."""
    offset = post.content.get("cover_offset_ms")
    return PublishRequest(
        mode=PostMode(post.mode),
        content=content,
        caption=post.caption,
        options=options_of(post),
        cover_offset=None if offset is None else timedelta(milliseconds=offset),
        account=account.provider_account_id,
        platform=account.platform,
        schedule_time=post.schedule_time,
        extra=dict(post.provider_extra),
    )


def file(upload: UploadRow) -> VideoFile:
    """Return a video that is sent as a file."""
    return VideoFile(upload.size_bytes, upload.mime_type, upload.sha256)


def fetched(post: PostRow, uris: Sequence[Secret], mime_types: Sequence[str] = ()) -> Content:
    """Return what the vendor fetches from `uris`: photos, or the one video; nothing for a post of words."""
    if kind(post) == "text":
        return None
    if kind(post) != "photos":
        return VideoLink(uris[0], mime_types[0] if mime_types else "")
    return Photos(
        uris=tuple(uris),
        mime_types=tuple(mime_types),
        cover_index=int(post.content.get("cover_index", 0)),
        title=str(post.content.get("title", "")),
        auto_add_music=bool(post.content.get("auto_add_music", False)),
    )


_LINK = Secret("https://media.example/link")
"""Stands for the address of a medium, of which some are made only when the post goes out."""


def stand_in(post: PostRow, count: int | None = None) -> Content:
    """Return content of the post's kind under addresses that lead nowhere: for what is asked without its media."""
    return fetched(post, [_LINK] * (len(sources.of(post)) if count is None else count))


def options_of(post: PostRow) -> PostOptions:
    """Return the caller's choices back from the row."""
    values = dict(post.options)
    level = values.pop("privacy_level", None)
    return PostOptions(privacy_level=None if level is None else PrivacyLevel(level), **values)
