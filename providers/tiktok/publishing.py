"""Publishing a video on TikTok: the two inits, what they may carry, and the status of a publish.

Owns `video/init`, `inbox/video/init` and `status/fetch`; sending the bytes is upload.py. Never repeats a write by
itself.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from typing import Any

from providers.errors import ContentRefused, OptionUnsupported
from providers.http.exchange import broken
from providers.http.urls import check_url
from providers.interface.access import Access
from providers.models.publishing import (
    Begun,
    PostMode,
    PublishPhase,
    PublishStatus,
    Transferred,
    VideoFile,
    VideoOrder,
)
from providers.models.secret import Secret
from providers.tiktok import upload, wire
from providers.tiktok.client import Client
from providers.tiktok.creators import PRIVACY
from providers.tiktok.errors import PROVIDER, contract, failure_kind
from providers.tiktok.videos import video_uri

DIRECT_PATH = "/v2/post/publish/video/init/"
INBOX_PATH = "/v2/post/publish/inbox/video/init/"
STATUS_PATH = "/v2/post/publish/status/fetch/"
# "Upload Video": the address is valid for one hour, and the whole upload must finish inside it.
UPLOAD_LIFETIME = timedelta(hours=1)
# Every documented field of a video's post_info is an option of ours; there is nothing left for a caller to pass
# through.
EXTRA: frozenset[str] = frozenset()
PHASES = {
    "PROCESSING_UPLOAD": PublishPhase.RECEIVING,
    "PROCESSING_DOWNLOAD": PublishPhase.RECEIVING,
    "SEND_TO_USER_INBOX": PublishPhase.AWAITING_CREATOR,
    "PUBLISH_COMPLETE": PublishPhase.PUBLISHED,
    "FAILED": PublishPhase.FAILED,
}


class TikTokPublishing:
    """Publishing at TikTok."""

    def __init__(self, client: Client) -> None:
        """Use `client` for the calls."""
        self._client = client

    def check_video(self, order: VideoOrder) -> None:
        """Refuse, without any call, what TikTok cannot do or would silently drop; see the interface."""
        if order.mode is PostMode.PLANNER_DRAFT:
            raise OptionUnsupported("TikTok has no planner drafts.", provider=PROVIDER, field="mode")
        if order.file.size < 1:
            raise ContentRefused("The video is empty.", provider=PROVIDER, code="file_empty")
        for name in sorted(order.extra.keys() - EXTRA):
            raise OptionUnsupported(f"TikTok has no option {name[:64]!r}.", provider=PROVIDER, field=name[:64])
        if order.mode is PostMode.CREATOR_INBOX:
            _check_inbox(order)
        elif order.options.privacy_level is None:
            # TikTok's guidelines: the user chooses, nobody fills it in.
            raise ContentRefused("A privacy level must be chosen.", provider=PROVIDER, code="privacy_level_missing")

    async def begin_video(self, access: Access, order: VideoOrder) -> Begun:
        """Announce a video that will be sent as a file; see the interface."""
        self.check_video(order)
        plan = upload.chunk_plan(order.file.size)
        body: dict[str, Any] = {
            "source_info": {
                "source": "FILE_UPLOAD",
                "video_size": plan.size,
                "chunk_size": plan.chunk_size,
                "total_chunk_count": plan.count,
            }
        }
        if order.mode is PostMode.DIRECT:
            body["post_info"] = post_info(order)
        asked = self._client.clock()
        path = DIRECT_PATH if order.mode is PostMode.DIRECT else INBOX_PATH
        publish_id, upload_url = self._begun(await self._client.write(access, path, body))
        return Begun(publish_id, upload_url, asked + UPLOAD_LIFETIME, plan)

    async def send_chunk(
        self,
        upload_url: Secret,
        file: VideoFile,
        *,
        first: int,
        end: int,
        body: Callable[[], AsyncIterator[bytes]],
    ) -> Transferred:
        """Send bytes [first, end) of the file; see the interface."""
        return await upload.send_chunk(self._client, upload_url, file, first, end, body)

    async def status(self, access: Access, publish_id: str) -> PublishStatus:
        """Ask how a publish stands; a failed post is an answer, not an error."""
        envelope = await self._client.read(access, STATUS_PATH, body={"publish_id": publish_id}, again=False)
        if not wire.text(envelope.data, "status"):
            raise contract("TikTok's publish status has no status.", envelope)
        return read_status(envelope)

    def public_uri(self, username: str, post_id: str) -> str:
        """Give the page of a published video."""
        return video_uri(username, post_id)

    def _begun(self, envelope: wire.Envelope) -> tuple[str, Secret]:
        """Read an init's answer; the address is checked before anybody keeps it."""
        publish_id, url = wire.identifier(envelope.data.get("publish_id")), wire.text(envelope.data, "upload_url")
        if not publish_id or not url:
            raise broken(
                "TikTok accepted the video without saying where to send it.",
                write=True,
                provider=PROVIDER,
                log_id=envelope.log_id,
            )
        config = self._client.config
        check_url(url, config.upload_hosts, config.allow_loopback)
        return publish_id, Secret(url)


def post_info(order: VideoOrder) -> dict[str, Any]:
    """Give the `post_info` of a direct post: every boolean said, nothing allowed unasked, no empty title."""
    options = order.options
    info: dict[str, Any] = {
        "privacy_level": PRIVACY[options.privacy_level] if options.privacy_level else "",
        "disable_comment": options.allow_comments is not True,
        "disable_duet": options.allow_duet is not True,
        "disable_stitch": options.allow_stitch is not True,
        "brand_content_toggle": options.branded_content,
        "brand_organic_toggle": options.own_brand,
        "is_aigc": options.ai_generated,
    }
    if order.caption:
        info["title"] = order.caption
    if order.cover_offset is not None:
        info["video_cover_timestamp_ms"] = max(0, order.cover_offset // timedelta(milliseconds=1))
    return info


def read_status(envelope: wire.Envelope) -> PublishStatus:
    """Read TikTok's status; a state that nobody documents means that it is still running."""
    data = envelope.data
    vendor_status, fail_code = wire.text(data, "status"), wire.text(data, "fail_reason")
    phase = PHASES.get(vendor_status, PublishPhase.RUNNING)
    failed = phase is PublishPhase.FAILED
    received = wire.count(data, "uploaded_bytes")
    return PublishStatus(
        phase=phase,
        received=wire.count(data, "downloaded_bytes") if received is None else received,
        post_ids=post_ids(data),
        fail_code=fail_code if failed else "",
        fail_kind=failure_kind(fail_code) if failed else None,
        vendor_status=vendor_status,
        log_id=envelope.log_id,
    )


def post_ids(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Read the ids of the public posts as exact strings; "Get Post Status" (2026-11-20) really spells the field so."""
    found = data.get("publicaly_available_post_id") or data.get("publicly_available_post_id") or []
    ids = (wire.identifier(item) for item in (found if isinstance(found, list) else [found]))
    return tuple(dict.fromkeys(item for item in ids if item))


def _check_inbox(order: VideoOrder) -> None:
    """Refuse options on an inbox draft: it has no post_info, so TikTok would drop them without a word."""
    options = order.options
    chosen = {
        "caption": bool(order.caption),
        "cover_offset": order.cover_offset is not None,
        "privacy_level": options.privacy_level is not None,
        "allow_comments": options.allow_comments is True,
        "allow_duet": options.allow_duet is True,
        "allow_stitch": options.allow_stitch is True,
        "branded_content": options.branded_content,
        "own_brand": options.own_brand,
        "ai_generated": options.ai_generated,
    }
    for name, was_chosen in chosen.items():
        if was_chosen:
            raise OptionUnsupported(
                f"TikTok takes the video alone to the creator's inbox; {name} cannot be set.",
                provider=PROVIDER,
                field=name,
            )
