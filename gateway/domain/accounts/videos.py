"""Videos as callers see them: read from the vendor, or from a cached response that is recent enough.

Owns when a cached response is stale, and how the vendor's pages become ours. One with an expired cover is never used.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from gateway.aip import names
from gateway.clock import is_younger
from gateway.domain.access import ConnectionAccess
from gateway.domain.accounts import read
from gateway.domain.context import Domain
from gateway.errors import ReauthorizationRequired
from providers.interface import Videos
from providers.models.videos import Video, VideoMetrics, VideoPage
from storage import post_matching, videos
from storage.accounts import AccountRow
from storage.states import AccountState
from storage.videos import VideoReadRow

LIST_AGE = timedelta(minutes=1)
GET_AGE = timedelta(minutes=5)
COVER_SLACK = timedelta(minutes=5)
"""How long the cover URLs in a cached response must remain valid."""

VENDOR_PAGE = 20
MAX_CALLS = 5
"""The most vendor calls for one of our pages."""

_TEXTS = ("provider_video_id", "title", "description", "share_uri", "embed_uri", "cover_uri")


@dataclass(frozen=True, slots=True)
class FetchedVideo:
    """A video as the vendor returned it at `fetch_time`, and the id of our post that it came from, if any."""

    video: Video
    fetch_time: datetime
    post: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One page; `next_cursor` is the vendor's, empty at the end."""

    videos: list[FetchedVideo]
    next_cursor: str


async def page(
    domain: Domain, location: str, account: str, *, cursor: str, limit: int, max_age: timedelta = LIST_AGE
) -> Page:
    """Return up to `limit` videos after the vendor's cursor, newest first.

    A cached response up to `max_age` old is used instead of a vendor call. Raises storage's NotFound,
    ReauthorizationRequired, ProviderError.
    """
    row = await _connected(domain, location, account)
    key = f"page|{cursor}|{limit}"
    cached = await _cached(domain, row, key, max_age)
    if cached is None:
        found = await _fetch_page(domain, row, cursor, limit)
        cached = await _save(domain, row, key, found.videos, next_cursor=found.next_cursor)
    return Page(await _videos_of(domain, row, cached), str(cached.payload["next_cursor"]))


async def _fetch_page(domain: Domain, row: AccountRow, cursor: str, limit: int) -> VideoPage:
    """Collect the vendor's pages until there are enough videos; an empty page is not the end, an empty cursor is."""
    facet, access = _facet_of(domain, row)
    collected: dict[str, Video] = {}
    for _ in range(MAX_CALLS):
        batch = await facet.list_videos(access, cursor=cursor, limit=min(VENDOR_PAGE, limit - len(collected)))
        fresh = [video for video in batch.videos if video.provider_video_id not in collected]
        collected |= {video.provider_video_id: video for video in fresh}
        cursor = batch.next_cursor
        if not cursor or len(collected) >= limit:
            break
    return VideoPage(tuple(collected.values()), cursor)


async def get(
    domain: Domain, location: str, account: str, video: str, *, max_age: timedelta = GET_AGE
) -> FetchedVideo | None:
    """Return one video, or None if the account has no such video at the vendor.

    Raises storage's NotFound for an unknown account, ReauthorizationRequired, ProviderError.
    """
    row = await _connected(domain, location, account)
    cached = await _cached(domain, row, f"video|{video}", max_age)
    if cached is None:
        facet, access = _facet_of(domain, row)
        found = [each for each in await facet.query_videos(access, [video]) if each.provider_video_id == video]
        if not found:
            return None
        cached = await _save(domain, row, f"video|{video}", found)
    videos_found = await _videos_of(domain, row, cached)
    return videos_found[0] if videos_found else None


async def query(
    domain: Domain, location: str, account: str, ids: Sequence[str]
) -> tuple[list[FetchedVideo], list[str]]:
    """Ask the vendor for these videos: one call. Return those found, in the order requested, and the missing ids."""
    row = await _connected(domain, location, account)
    facet, access = _facet_of(domain, row)
    now = domain.clock()
    found = {video.provider_video_id: video for video in await facet.query_videos(access, ids)}
    in_order = [found[id] for id in ids if id in found]
    ours = await _our_posts(domain, row, in_order)
    fetched = [FetchedVideo(video, now, ours.get(video.provider_video_id, "")) for video in in_order]
    return fetched, [id for id in ids if id not in found]


async def _connected(domain: Domain, location: str, account: str) -> AccountRow:
    """Return an account that has a grant: without one nothing is shown, not even a recent cached response."""
    row = await read.stored(domain, location, account)
    if row.state == AccountState.DETACHED:
        name = names.CONNECTION.format(row.location, row.connection)
        raise ReauthorizationRequired(metadata={"connection": name}, resource=name)
    return row


def _facet_of(domain: Domain, row: AccountRow) -> tuple[Videos, ConnectionAccess]:
    return (
        domain.providers[row.provider].videos,
        ConnectionAccess(domain, row.provider, row.location, row.connection),
    )


async def _cached(domain: Domain, row: AccountRow, key: str, max_age: timedelta) -> VideoReadRow | None:
    """Return a cached response that is recent enough, and whose covers have not expired."""
    async with domain.db.read() as tx:
        cached = await videos.find(tx, row.location, row.id, key)
    now = domain.clock()
    if cached is None or not is_younger(cached.fetch_time, max_age, now):
        return None
    covers = [each["cover_expire_time"] for each in cached.payload["videos"] if each.get("cover_expire_time")]
    expired = any(datetime.fromisoformat(each) <= now + COVER_SLACK for each in covers)
    return None if expired else cached


async def _save(
    domain: Domain, row: AccountRow, key: str, found: Sequence[Video], *, next_cursor: str = ""
) -> VideoReadRow:
    payload = {"videos": [to_json(video) for video in found], "next_cursor": next_cursor}
    saved = VideoReadRow(location=row.location, account=row.id, key=key, payload=payload, fetch_time=domain.clock())
    async with domain.db.transaction() as tx:
        await videos.save(tx, saved)
    return saved


async def _videos_of(domain: Domain, row: AccountRow, cached: VideoReadRow) -> list[FetchedVideo]:
    found = [from_json(each) for each in cached.payload["videos"]]
    ours = await _our_posts(domain, row, found)
    return [FetchedVideo(video, cached.fetch_time, ours.get(video.provider_video_id, "")) for video in found]


async def _our_posts(domain: Domain, row: AccountRow, found: Sequence[Video]) -> dict[str, str]:
    """Return the ids of our posts by the vendor's ids of the videos that came from them."""
    if not found:
        return {}
    async with domain.db.read() as tx:
        ids = [video.provider_video_id for video in found]
        return await post_matching.by_provider_post_ids(tx, row.location, row.id, ids)


def to_json(video: Video) -> dict[str, Any]:
    """Return a video as it is cached in JSON; a missing value is left out."""
    values: dict[str, Any] = {name: getattr(video, name) for name in _TEXTS}
    values |= {"width": video.width, "height": video.height}
    if video.duration is not None:
        values["duration_seconds"] = video.duration.total_seconds()
    for name in ("cover_expire_time", "publish_time"):
        moment = getattr(video, name)
        if moment is not None:
            values[name] = moment.isoformat()
    if video.metrics is not None:
        counts = {field.name: getattr(video.metrics, field.name) for field in fields(video.metrics)}
        values["metrics"] = {name: count for name, count in counts.items() if count is not None}
    return values


def from_json(values: dict[str, Any]) -> Video:
    """Return the video that `to_json` wrote."""
    seconds, metrics = values.get("duration_seconds"), values.get("metrics")
    return Video(
        **{name: values[name] for name in _TEXTS},
        width=values["width"],
        height=values["height"],
        cover_expire_time=_time(values, "cover_expire_time"),
        publish_time=_time(values, "publish_time"),
        duration=None if seconds is None else timedelta(seconds=seconds),
        metrics=None if metrics is None else VideoMetrics(**metrics),
    )


def _time(values: dict[str, Any], name: str) -> datetime | None:
    return datetime.fromisoformat(values[name]) if name in values else None
