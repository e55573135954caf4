"""What an account has published, as the list of its videos shows it.

Owns finding a post whose answer was lost, and reading counts by the ids of posts, with either of TikTok's APIs.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from providers.interface.access import Access
from providers.interface.videos import Videos
from providers.models.publishing import FoundPost
from providers.models.videos import VideoMetrics

PAGE = 20


async def counts(videos: Videos, access: Access, post_ids: Sequence[str]) -> Mapping[str, VideoMetrics]:
    """Return the counts of public posts: one call for each 20. TikTok leaves out the others."""
    found: dict[str, VideoMetrics] = {}
    for start in range(0, len(post_ids), PAGE):
        for video in await videos.query_videos(access, post_ids[start : start + PAGE]):
            found[video.provider_video_id] = video.metrics or VideoMetrics()
    return found


async def newest(videos: Videos, access: Access, since: datetime, until: datetime) -> tuple[FoundPost, ...]:
    """Return what was published between two times, of the newest page of public posts: one call."""
    page = await videos.list_videos(access, limit=PAGE, metrics=False)
    return tuple(
        FoundPost(
            post_ids=(video.provider_video_id,),
            public_uri=video.share_uri,
            texts=(video.title, video.description),
            create_time=video.publish_time,
        )
        for video in page.videos
        if video.publish_time is not None and since <= video.publish_time <= until
    )
