"""VideoService: reads an account's videos.

Owns converting videos to the contract's messages. Makes no decisions.
"""

from dataclasses import fields
from typing import Any

from gateway.aip import names
from gateway.aip.sizes import MAX_RESPONSE_BYTES, bounded
from gateway.domain.accounts import videos
from gateway.domain.accounts.videos import FetchedVideo
from gateway.domain.context import Domain
from gateway.errors import FieldInvalid, ResourceNotFound
from gateway.rpc.convert import max_staleness, write_times
from gateway.rpc.request import RequestGuard, or_not_found
from socialgateway.v1 import video_pb2, video_service_pb2, video_service_pb2_grpc

DEFAULT_PAGE = 20
MAX_PAGE = 100
MAX_QUERY = 20
_TEXTS = ("provider_video_id", "title", "description", "share_uri", "embed_uri", "cover_uri", "width", "height")


class VideoService(video_service_pb2_grpc.VideoServiceServicer):
    """Serves videos."""

    def __init__(self, domain: Domain, guard: RequestGuard) -> None:
        """Serve `domain` to the callers that `guard` admits."""
        self._domain = domain
        self._guard = guard

    async def GetVideo(self, request: video_service_pb2.GetVideoRequest, context: Any) -> video_pb2.Video:
        """Return a video, at most `max_staleness` old."""
        location, account, video = names.VIDEO.parse(request.name)
        await self._guard.authorize(location)
        age = max_staleness(request, videos.GET_AGE)
        reading = videos.get(self._domain, location, account, video, max_age=age)
        found = await or_not_found(names.ACCOUNT.format(location, account), reading)
        if found is None:
            raise ResourceNotFound(request.name)
        return to_proto(location, account, found)

    async def ListVideos(
        self, request: video_service_pb2.ListVideosRequest, context: Any
    ) -> video_service_pb2.ListVideosResponse:
        """List an account's videos, page by page."""
        location, account = names.ACCOUNT.parse(request.parent, path="parent")
        await self._guard.authorize(location)
        page = self._guard.read_vendor_page(request, default=DEFAULT_PAGE, maximum=MAX_PAGE)
        age = max_staleness(request, videos.LIST_AGE)
        listing = videos.page(self._domain, location, account, cursor=page.cursor, limit=page.limit, max_age=age)
        found = await or_not_found(request.parent, listing)
        messages = [to_proto(location, account, each) for each in found.videos]
        items, token = self._guard.split_vendor_page(request, page, messages, found.next_cursor)
        return video_service_pb2.ListVideosResponse(videos=items, next_page_token=token)

    async def QueryVideos(
        self, request: video_service_pb2.QueryVideosRequest, context: Any
    ) -> video_service_pb2.QueryVideosResponse:
        """Return the videos with the given names."""
        location, account = names.ACCOUNT.parse(request.parent, path="parent")
        await self._guard.authorize(location)
        ids = _ids(request, location, account)
        found, missing = await or_not_found(request.parent, videos.query(self._domain, location, account, ids))
        return video_service_pb2.QueryVideosResponse(
            videos=[bounded(to_proto(location, account, each), MAX_RESPONSE_BYTES // MAX_QUERY) for each in found],
            missing=[names.VIDEO.format(location, account, id) for id in missing],
        )


def _ids(request: video_service_pb2.QueryVideosRequest, location: str, account: str) -> list[str]:
    """Return the ids in the names: 1 to 20 different videos of the account; raises FieldInvalid."""
    ids = []
    for index, name in enumerate(request.names):
        found_location, found_account, video = names.VIDEO.parse(name, path=f"names[{index}]")
        if (found_location, found_account) != (location, account):
            raise FieldInvalid(f"names[{index}]", f"must be a video of {request.parent}")
        ids.append(video)
    if not 1 <= len(ids) <= MAX_QUERY:
        raise FieldInvalid("names", f"needs 1 to {MAX_QUERY} names")
    if len(set(ids)) < len(ids):
        raise FieldInvalid("names", "must name each video once")
    return ids


def to_proto(location: str, account: str, seen: FetchedVideo) -> video_pb2.Video:
    """Return a video of an account as it was last fetched."""
    video = seen.video
    message = video_pb2.Video(
        name=names.VIDEO.format(location, account, video.provider_video_id),
        post=names.POST.format(location, seen.post) if seen.post else "",
        **{name: getattr(video, name) for name in _TEXTS},
    )
    if video.duration is not None:
        message.duration.FromTimedelta(video.duration)
    if video.metrics is not None:
        counts = {field.name: getattr(video.metrics, field.name) for field in fields(video.metrics)}
        message.metrics.CopyFrom(
            video_pb2.VideoMetrics(**{name: count for name, count in counts.items() if count is not None})
        )
        message.metrics.fetch_time.FromDatetime(seen.fetch_time)
    write_times(
        message,
        cover_expire_time=video.cover_expire_time,
        publish_time=video.publish_time,
        fetch_time=seen.fetch_time,
    )
    return message
