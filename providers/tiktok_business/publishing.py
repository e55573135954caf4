"""Publishing for an account holder: the two calls after which TikTok fetches the media, and the status of a publish.

Owns `/business/video/publish/`, `/business/photo/publish/` and `/business/publish/status/`. Each of the first two may
publish by itself, and repeating one makes a second post: neither is ever repeated here.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import NoReturn

from providers.capabilities import Capability
from providers.errors import OptionUnsupported, Rejected
from providers.http.exchange import broken
from providers.interface.access import Access
from providers.models.publishing import (
    Begun,
    FoundPost,
    Photos,
    PublishRequest,
    PublishStatus,
    VideoFile,
    VideoLink,
)
from providers.models.secret import Secret
from providers.models.videos import VideoMetrics
from providers.tiktok_business import publish_body, wire
from providers.tiktok_business.capabilities import missing
from providers.tiktok_business.client import Client
from providers.tiktok_business.config import PROVIDER
from providers.tiktok_business.errors import contract
from providers.tiktok_business.videos import BusinessVideos
from providers.tiktok_common import published, values
from providers.tiktok_common.publish_status import status_of

VIDEO_PATH = "/business/video/publish/"
PHOTO_PATH = "/business/photo/publish/"
STATUS_PATH = "/business/publish/status/"


class BusinessPublishing:
    """Publishing at TikTok for Business."""

    def __init__(self, client: Client, videos: BusinessVideos) -> None:
        """Make the calls with `client`; `videos` lists what a lost answer may have published."""
        self._client = client
        self._videos = videos

    def check(self, request: PublishRequest) -> None:
        """Refuse, without any call, what this API cannot do or would silently ignore; see the interface."""
        publish_body.check(request)

    async def begin(self, access: Access, request: PublishRequest) -> Begun:
        """Submit a video or photos that TikTok fetches; see the interface."""
        self.check(request)
        if isinstance(request.content, Photos):
            body = publish_body.photo_body(request, request.content)
            return Begun(_share_id(await self._client.write(access, PHOTO_PATH, body)))
        assert isinstance(request.content, VideoLink)  # noqa: S101 - checked above
        body = publish_body.video_body(request, request.content)
        return Begun(_share_id(await self._client.write(access, VIDEO_PATH, body)))

    async def store(
        self, access: Access, file: VideoFile, body: Callable[[], AsyncIterator[bytes]], *, name: str
    ) -> NoReturn:
        """Raise OptionUnsupported: TikTok has no media library. Makes no call."""
        raise OptionUnsupported("TikTok has no library of media.", provider=PROVIDER, field="content")

    async def send_chunk(
        self,
        upload_url: Secret,
        file: VideoFile,
        *,
        first: int,
        end: int,
        body: Callable[[], AsyncIterator[bytes]],
    ) -> NoReturn:
        """Raise CapabilityMissing: TikTok fetches everything itself. Makes no call."""
        raise missing(Capability.POST_VIDEO_UPLOAD, "TikTok for Business takes no bytes.")

    async def status(self, access: Access, publish_id: str) -> PublishStatus:
        """Return the status of a publish; a failed post is a result, not an error.

        The ids of public posts can come three minutes after the post is complete.
        """
        envelope = await self._client.read(access, STATUS_PATH, {"publish_id": publish_id})
        data = envelope.data
        if not (status := values.text(data, "status")):
            raise contract("TikTok's publish status has no status.", envelope)
        ids = (values.identifier(each) for each in values.items(data, "post_ids"))
        post_ids = tuple(dict.fromkeys(each for each in ids if each))
        return status_of(status, values.text(data, "reason"), post_ids, envelope.log_id)

    async def metrics(self, access: Access, publish_id: str, post_ids: Sequence[str]) -> Mapping[str, VideoMetrics]:
        """Read the counts of public posts; see the interface."""
        return await published.counts(self._videos, access, post_ids)

    async def find(self, access: Access, account: str, *, since: datetime, until: datetime) -> tuple[FoundPost, ...]:
        """List the newest public posts, one page of them; see the interface."""
        return await published.newest(self._videos, access, since, until)

    async def cancel(self, access: Access, publish_id: str) -> NoReturn:
        """Raise Rejected: this API has no call that stops a publish. Makes no call."""
        text = "TikTok for Business has no call that stops a publish."
        raise Rejected(text, provider=PROVIDER, code="publish_not_cancellable")

    def public_uri(self, username: str, post_id: str, *, photos: bool = False) -> str:
        """Return nothing: the address of a post is the same for both of TikTok's APIs, see `providers/tiktok`."""
        return ""


def _share_id(envelope: wire.Envelope) -> str:
    """Parse the answer to a publish call; raises Ambiguous without an id, because the fetch may have started."""
    share_id = values.identifier(envelope.data.get("share_id"))
    if not share_id:
        text = "TikTok accepted the post without saying under which id."
        raise broken(text, write=True, provider=PROVIDER, log_id=envelope.log_id)
    return share_id
