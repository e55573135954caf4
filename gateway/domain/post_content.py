"""The content of a post: its sources as stored in the row, and the publish request built from them.

Owns both conversions. Decides nothing and makes no call: whether a post may go out is `preflight`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from gateway.media import types
from providers.capabilities import CapabilityTable
from providers.models.accounts import PrivacyLevel
from providers.models.publishing import Content, Photos, PostMode, PostOptions, PublishRequest, VideoFile, VideoLink
from providers.models.secret import Secret
from storage.accounts import AccountRow
from storage.posts import PostRow
from storage.uploads import UploadRow

FETCHED_BY = "fetched_by"
"""The key in the content column of the platform for which the vendor fetches all media, uploaded files too."""


def kind(post: PostRow) -> str:
    """Return how the vendor gets the content: `file`, `pull` (it fetches a video), `photos`, or `text`."""
    stored = post.content.get("kind")
    if stored in ("photos", "text"):
        return str(stored)
    return "pull" if fetched_by(post) or any(source.vendor_pull for source in sources_of(post)) else "file"


def fetched_by(post: PostRow) -> str:
    """Return the platform for which the vendor fetches all media of the post, empty if it fetches only some."""
    return str(post.content.get(FETCHED_BY, ""))


def for_platform(content: dict[str, Any], platform: str, table: CapabilityTable) -> dict[str, Any]:
    """Return the content column of a post that an account of this platform publishes."""
    rest = {name: value for name, value in content.items() if name != FETCHED_BY}
    return {**rest, FETCHED_BY: platform} if table.fetches_media(platform) else rest


def publishes_on_submit(post: PostRow, table: CapabilityTable) -> bool:
    """Return whether the submit call alone may publish, so that a lost response leaves the outcome unknown."""
    return table.library or kind(post) != "file"


def is_kept(post: PostRow, table: CapabilityTable) -> bool:
    """Return whether the post is scheduled, and the gateway keeps it until then: its vendor has no clock."""
    return post.schedule_time is not None and not table.schedules


def is_early(post: PostRow, table: CapabilityTable, now: datetime) -> bool:
    """Return whether the gateway keeps the post, and its time has not come."""
    return is_kept(post, table) and post.schedule_time is not None and now < post.schedule_time


def publish_request(post: PostRow, account: AccountRow, content: Content, table: CapabilityTable) -> PublishRequest:
    """Return the request that publishes a post with this account and content."""
    offset = post.content.get("cover_offset_ms")
    return PublishRequest(
        mode=PostMode(post.mode),
        content=content,
        caption=post.caption,
        options=options_of(post),
        cover_offset=None if offset is None else timedelta(milliseconds=offset),
        account=account.provider_account_id,
        platform=account.platform,
        schedule_time=post.schedule_time if table.schedules else None,
        extra=dict(post.provider_extra),
    )


def video_file(upload: UploadRow) -> VideoFile:
    """Return the description of an uploaded video that we send."""
    return VideoFile(upload.size_bytes, types.sent_as(upload.mime_type, upload.media), upload.sha256)


def linked_content(post: PostRow, uris: Sequence[Secret], mime_types: Sequence[str] = ()) -> Content:
    """Return the content that the vendor fetches from `uris`: photos, or one video; None for a text post."""
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


_PLACEHOLDER_LINK = Secret("https://media.example/link")
"""Used before the post goes out, when some media have no address yet."""


def placeholder(post: PostRow, count: int | None = None) -> Content:
    """Return content of the post's kind with placeholder links, for calls that do not use the media."""
    return linked_content(post, [_PLACEHOLDER_LINK] * (len(sources_of(post)) if count is None else count))


def options_of(post: PostRow) -> PostOptions:
    """Return the caller's options from the row."""
    values = dict(post.options)
    level = values.pop("privacy_level", None)
    return PostOptions(privacy_level=None if level is None else PrivacyLevel(level), **values)


@dataclass(frozen=True, slots=True)
class Source:
    """One media file: `upload` is the id of an upload, also of one that we created by fetching `uri`.

    With `vendor_pull` the vendor fetches it, from `uri` if there is one, else from one of our media links. `uri` may be
    without its query: `gateway/domain/media/addresses.py` has the whole one. `sealed` is for versions that do not know
    this: they cannot read such a source, and so do not fetch from half an address.
    """

    upload: str = ""
    uri: str = ""
    vendor_pull: bool = False
    sealed: bool = False

    @property
    def needs_fetch(self) -> bool:
        """Whether we still have to fetch its bytes."""
        return bool(self.uri) and not self.upload and not self.vendor_pull


def sources_of(post: PostRow) -> tuple[Source, ...]:
    """Return the sources of a post in order; posts of the first schema version have only their uploads."""
    stored = post.content.get("sources")
    if stored is None:
        return tuple(Source(upload=upload) for upload in post.uploads)
    return tuple(Source(**source) for source in stored)


def shown(uri: str) -> str:
    """Return what may be shown of an address: not its query and fragment, where a presigned one has its secret."""
    return uri.partition("#")[0].partition("?")[0]


def field_path(post: PostRow, position: int) -> str:
    """Return the API's field path of a source."""
    return f"post.photos.sources[{position}]" if kind(post) == "photos" else "post.video.source"


def build_content(kind: str, sources: Sequence[Source], **values: Any) -> dict[str, Any]:
    """Return the content column of a post: `kind` is `video` or `photos`; empty fields of sources are left out."""
    stored = [{name: value for name, value in asdict(source).items() if value} for source in sources]
    return {"kind": kind, "sources": stored, **values}


def shown_content(content: dict[str, Any]) -> dict[str, Any]:
    """Return a content column of which everything may be shown."""
    sources = content.get("sources")
    if not sources:
        return content
    return {**content, "sources": [{**each, "uri": shown(each["uri"])} if "uri" in each else each for each in sources]}


def upload_ids(sources: Sequence[Source]) -> list[str]:
    """Return the ids of the uploads that the sources use, without duplicates."""
    return list(dict.fromkeys(source.upload for source in sources if source.upload))


def with_upload(post: PostRow, position: int, upload: str) -> dict[str, Any]:
    """Return the changed columns of a post whose source at `position` was fetched into an upload."""
    sources = list(sources_of(post))
    sources[position] = replace(sources[position], upload=upload)
    return with_sources(post, sources)


def with_sources(post: PostRow, sources: Sequence[Source]) -> dict[str, Any]:
    """Return the changed columns of a post that gets other sources."""
    rest = {name: value for name, value in post.content.items() if name not in ("kind", "sources")}
    return {
        "content": build_content(post.content.get("kind", "video"), sources, **rest),
        "uploads": upload_ids(sources),
    }
