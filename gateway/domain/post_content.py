"""The content of a post: its sources as they are stored in the row, and the publish request made of them.

Owns both translations. Decides nothing and makes no call: whether a post may go out is `preflight`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from gateway.media import types
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
    return "pull" if any(source.vendor_pull for source in sources_of(post)) else "file"


def acts_at_once(post: PostRow, table: CapabilityTable) -> bool:
    """Return whether the one announcing call may publish by itself, so that a lost answer leaves the outcome open."""
    return table.library or kind(post) != "file"


def publish_request(post: PostRow, account: AccountRow, content: Content) -> PublishRequest:
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


def video_file(upload: UploadRow) -> VideoFile:
    """Return a video that is sent as a file."""
    return VideoFile(upload.size_bytes, types.sent_as(upload.mime_type, upload.media), upload.sha256)


def linked_content(post: PostRow, uris: Sequence[Secret], mime_types: Sequence[str] = ()) -> Content:
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
    return linked_content(post, [_LINK] * (len(sources_of(post)) if count is None else count))


def options_of(post: PostRow) -> PostOptions:
    """Return the caller's choices back from the row."""
    values = dict(post.options)
    level = values.pop("privacy_level", None)
    return PostOptions(privacy_level=None if level is None else PrivacyLevel(level), **values)


@dataclass(frozen=True, slots=True)
class Source:
    """One medium: `upload` is the id of an upload (also of one that we made by fetching `uri`), `vendor_pull` says that
    the vendor fetches it, from `uri` if there is one, else from a link of ours.
    """

    upload: str = ""
    uri: str = ""
    vendor_pull: bool = False

    @property
    def to_fetch(self) -> bool:
        """Return whether its bytes must still be fetched by us."""
        return bool(self.uri) and not self.upload and not self.vendor_pull


def sources_of(post: PostRow) -> tuple[Source, ...]:
    """Return the sources of a post in order; a post of the first version holds its one upload only."""
    kept = post.content.get("sources")
    if kept is None:
        return tuple(Source(upload=upload) for upload in post.uploads)
    return tuple(Source(**source) for source in kept)


def field_path(post: PostRow, position: int) -> str:
    """Return the contract's path of a source."""
    return f"post.photos.sources[{position}]" if post.content.get("kind") == "photos" else "post.video.source"


def build_content(kind: str, sources: Sequence[Source], **values: Any) -> dict[str, Any]:
    """Write the content of a post: `kind` is `video` or `photos`; what is empty is left out."""
    kept = [{name: value for name, value in asdict(source).items() if value} for source in sources]
    return {"kind": kind, "sources": kept, **values}


def upload_ids(sources: Sequence[Source]) -> list[str]:
    """Return the uploads that the sources need, each once."""
    return list(dict.fromkeys(source.upload for source in sources if source.upload))


def with_upload(post: PostRow, position: int, upload: str) -> dict[str, Any]:
    """Return the post's columns after the bytes at `position` were fetched into an upload."""
    sources = list(sources_of(post))
    sources[position] = Source(upload=upload, uri=sources[position].uri)
    return with_sources(post, sources)


def with_sources(post: PostRow, sources: Sequence[Source]) -> dict[str, Any]:
    """Return the post's columns with other sources and everything else as it was."""
    rest = {name: value for name, value in post.content.items() if name not in ("kind", "sources")}
    return {
        "content": build_content(post.content.get("kind", "video"), sources, **rest),
        "uploads": upload_ids(sources),
    }
