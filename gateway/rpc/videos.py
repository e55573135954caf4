"""VideoService: from the wire to the rules of videos and back.

Owns the spelling of videos. Decides nothing.
"""

from dataclasses import fields
from typing import Any

from gateway.aip import names, paging
from gateway.domain import videos
from gateway.domain.context import Domain
from gateway.domain.videos import Seen
from gateway.errors import FieldInvalid, ResourceNotFound
from gateway.rpc.convert import max_staleness, write_times
from gateway.rpc.request import RequestGuard, known
from socialgateway.v1 import video_pb2, video_service_pb2, video_service_pb2_grpc

DEFAULT_PAGE = 20
MAX_PAGE = 100
MAX_QUERY = 20
_TEXTS = ("provider_video_id", "title", "description", "share_uri", "embed_uri", "cover_uri", "width", "height")


class VideoService(video_service_pb2_grpc.VideoServiceServicer):
    """Serves videos."""

    def __init__(self, domain: Domain, guard: RequestGuard) -> None:
        """Serve the rules in `domain` to whom `guard` lets in."""
        self._domain = domain
        self._guard = guard

    async def GetVideo(self, request: video_service_pb2.GetVideoRequest, context: Any) -> video_pb2.Video:
        """Return a video, as fresh as was asked for."""
        location, account, video = names.VIDEO.parse(request.name)
        await self._guard.enter(location)
        age = max_staleness(request, videos.GET_AGE)
        parent = names.ACCOUNT.format(location, account)
        found = await known(parent, videos.get(self._domain, location, account, video, max_age=age))
        if found is None:
            raise ResourceNotFound(names.VIDEO.format(location, account, video))
        return to_proto(parent, location, found)

    async def ListVideos(
        self, request: video_service_pb2.ListVideosRequest, context: Any
    ) -> video_service_pb2.ListVideosResponse:
        """List an account's videos, page by page."""
        location, account = names.ACCOUNT.parse(request.parent, path="parent")
        await self._guard.enter(location)
        page = paging.read(request, secret=self._guard.page_secret, default=DEFAULT_PAGE, maximum=MAX_PAGE)
        cursor = str(page.after[0]) if page.after else ""
        age = max_staleness(request, videos.LIST_AGE)
        listing = videos.page(self._domain, location, account, cursor=cursor, limit=page.size, max_age=age)
        found = await known(request.parent, listing)
        token = ""
        if found.next_cursor:
            token = paging.next_token(request, (found.next_cursor,), secret=self._guard.page_secret)
        shown = [to_proto(request.parent, location, each) for each in found.videos]
        return video_service_pb2.ListVideosResponse(videos=shown, next_page_token=token)

    async def QueryVideos(
        self, request: video_service_pb2.QueryVideosRequest, context: Any
    ) -> video_service_pb2.QueryVideosResponse:
        """Look chosen videos up."""
        location, account = names.ACCOUNT.parse(request.parent, path="parent")
        await self._guard.enter(location)
        ids = _ids(request, location, account)
        shown, missing = await known(request.parent, videos.query(self._domain, location, account, ids))
        return video_service_pb2.QueryVideosResponse(
            videos=[to_proto(request.parent, location, each) for each in shown],
            missing=[names.VIDEO.format(location, account, id) for id in missing],
        )


def _ids(request: video_service_pb2.QueryVideosRequest, location: str, account: str) -> list[str]:
    """Read the names, which must be 1 to 20 of the account's own, each once."""
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


def to_proto(parent: str, location: str, seen: Seen) -> video_pb2.Video:
    """Write a video of the account `parent` as it was seen."""
    video = seen.video
    message = video_pb2.Video(
        name=f"{parent}/videos/{video.provider_video_id}",
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
