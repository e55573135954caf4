"""Publishing on TikTok: the three inits, the status of a publish, and cancelling one.

Owns `video/init`, `inbox/video/init`, `content/init`, `status/fetch` and `cancel`. Their bodies are built in
publish_body.py, bytes are sent by upload.py. Never repeats a write by itself.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from providers.errors import OptionUnsupported
from providers.http.exchange import broken
from providers.http.urls import check_url
from providers.interface.access import Access
from providers.models.publishing import (
    Begun,
    FoundPost,
    PostMode,
    PublishRequest,
    PublishStatus,
    Transferred,
    VideoFile,
    VideoLink,
)
from providers.models.secret import Secret
from providers.models.videos import VideoMetrics
from providers.tiktok import publish_body, upload, wire
from providers.tiktok.client import Client
from providers.tiktok.errors import PROVIDER, contract
from providers.tiktok.videos import TikTokVideos, video_uri
from providers.tiktok_common import publish_checks, published, values
from providers.tiktok_common.publish_status import status_of

DIRECT_PATH = "/v2/post/publish/video/init/"
INBOX_PATH = "/v2/post/publish/inbox/video/init/"
PHOTO_PATH = "/v2/post/publish/content/init/"
STATUS_PATH = "/v2/post/publish/status/fetch/"
CANCEL_PATH = "/v2/post/publish/cancel/"
# "Upload Video": the URL is valid for one hour, and the whole upload must finish within it.
UPLOAD_LIFETIME = timedelta(hours=1)


class TikTokPublishing:
    """Publishing at TikTok."""

    def __init__(self, client: Client, videos: TikTokVideos) -> None:
        """Make the calls with `client`; `videos` lists what a lost answer may have published."""
        self._client = client
        self._videos = videos

    def check(self, request: PublishRequest) -> None:
        """Refuse, without any call, what TikTok cannot do or would silently ignore; see the interface."""
        publish_checks.check(request)

    async def begin(self, access: Access, request: PublishRequest) -> Begun:
        """Submit a file to be transferred, or a video or photos that TikTok fetches; see the interface."""
        self.check(request)
        content = request.content
        if isinstance(content, VideoFile):
            return await self._begin_file(access, request, content)
        if isinstance(content, VideoLink):
            body = publish_body.video_body(request, publish_body.pull_source(content))
            return Begun(_publish_id(await self._client.write(access, _video_path(request.mode), body)))
        assert content is not None  # noqa: S101 - checked above
        return Begun(
            _publish_id(await self._client.write(access, PHOTO_PATH, publish_body.photo_body(request, content)))
        )

    async def _begin_file(self, access: Access, request: PublishRequest, file: VideoFile) -> Begun:
        plan = upload.chunk_plan(file.size)
        start = self._client.clock()
        body = publish_body.video_body(request, publish_body.file_source(plan))
        publish_id, upload_url = self._begun(await self._client.write(access, _video_path(request.mode), body))
        return Begun(publish_id, upload_url, start + UPLOAD_LIFETIME, plan)

    async def store(
        self, access: Access, file: VideoFile, body: Callable[[], AsyncIterator[bytes]], *, name: str
    ) -> Secret:
        """Raise OptionUnsupported: TikTok has no media library. Makes no call."""
        raise OptionUnsupported("TikTok has no library of media.", provider=PROVIDER, field="content")

    async def metrics(self, access: Access, publish_id: str, post_ids: Sequence[str]) -> Mapping[str, VideoMetrics]:
        """Read the counts of public posts; see the interface. TikTok counts by the ids of posts alone."""
        return await published.counts(self._videos, access, post_ids)

    async def find(self, access: Access, account: str, *, since: datetime, until: datetime) -> tuple[FoundPost, ...]:
        """List the newest public videos, one page of them; see the interface."""
        return await published.newest(self._videos, access, since, until)

    async def cancel(self, access: Access, publish_id: str) -> None:
        """Ask TikTok to cancel a pull; see the interface."""
        await self._client.write(access, CANCEL_PATH, {"publish_id": publish_id})

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
        """Return the status of a publish; a failed post is a result, not an error."""
        envelope = await self._client.read(access, STATUS_PATH, body={"publish_id": publish_id}, retry=False)
        if not values.text(envelope.data, "status"):
            raise contract("TikTok's publish status has no status.", envelope)
        return read_status(envelope)

    def public_uri(self, username: str, post_id: str, *, photos: bool = False) -> str:
        """Return the public URL of a video, or of photos."""
        return video_uri(username, post_id, kind="photo" if photos else "video")

    def _begun(self, envelope: wire.Envelope) -> tuple[str, Secret]:
        """Parse the answer to the init of a file; the upload URL is checked before it is returned."""
        publish_id, url = values.identifier(envelope.data.get("publish_id")), values.text(envelope.data, "upload_url")
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


def _video_path(mode: PostMode) -> str:
    return DIRECT_PATH if mode is PostMode.DIRECT else INBOX_PATH


def _publish_id(envelope: wire.Envelope) -> str:
    """Parse the answer to the init of a pull; raises Ambiguous without an id, because the pull may have started."""
    publish_id = values.identifier(envelope.data.get("publish_id"))
    if not publish_id:
        text = "TikTok accepted the post without saying under which id."
        raise broken(text, write=True, provider=PROVIDER, log_id=envelope.log_id)
    return publish_id


def read_status(envelope: wire.Envelope) -> PublishStatus:
    """Parse TikTok's status; an undocumented state means that the publish is still running."""
    data = envelope.data
    received = values.count(data, "uploaded_bytes")
    return status_of(
        values.text(data, "status"),
        values.text(data, "fail_reason"),
        post_ids(data),
        envelope.log_id,
        received=values.count(data, "downloaded_bytes") if received is None else received,
    )


def post_ids(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the ids of the public posts as exact strings.

    "Get Post Status" (developers.tiktok.com, 2026-11-20) misspells the field `publicaly_…`; both spellings are read.
    """
    lists = [data.get(name) or [] for name in ("publicaly_available_post_id", "publicly_available_post_id")]
    ids = (values.identifier(item) for each in lists for item in (each if isinstance(each, list) else [each]))
    return tuple(dict.fromkeys(item for item in ids if item))
