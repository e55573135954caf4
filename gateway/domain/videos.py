"""Videos as callers see them: the vendor's answers, or copies of them that are young enough.

Owns when a copy is too old, and how the vendor's pages become ours. A copy with a dead cover is never given.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from gateway.aip import names
from gateway.domain.access import ConnectionAccess
from gateway.domain.accounts import read
from gateway.domain.context import Domain
from gateway.errors import ReauthorizationRequired
from providers.interface import Videos
from providers.models.videos import Video, VideoMetrics, VideoPage
from storage import posts, videos
from storage.accounts import AccountRow
from storage.videos import VideoReadRow

LIST_AGE = timedelta(minutes=1)
GET_AGE = timedelta(minutes=5)
COVER_SLACK = timedelta(minutes=5)
"""How long a cover that is given must still live."""

VENDOR_PAGE = 20
MAX_CALLS = 5
"""Most vendor calls for one page of ours."""

_TEXTS = ("provider_video_id", "title", "description", "share_uri", "embed_uri", "cover_uri")


@dataclass(frozen=True, slots=True)
class Seen:
    """A video as the vendor gave it at `fetch_time`, and the id of the post of ours that it came from, if any."""

    video: Video
    fetch_time: datetime
    post: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One page; `next_cursor` is the vendor's, empty at the end."""

    videos: list[Seen]
    next_cursor: str


async def page(
    domain: Domain, location: str, account: str, *, cursor: str, limit: int, max_age: timedelta = LIST_AGE
) -> Page:
    """Return up to `limit` videos after the vendor's cursor, newest first; a copy when one is young enough.

    Raises storage's NotFound, ReauthorizationRequired, ProviderError.
    """
    row = await _attached(domain, location, account)
    key = f"page|{cursor}|{limit}"
    copied = await _copied(domain, row, key, max_age)
    if copied is None:
        found = await _fetch_page(domain, row, cursor, limit)
        copied = await _keep(domain, row, key, found.videos, next_cursor=found.next_cursor)
    return Page(await _seen(domain, row, copied), str(copied.payload["next_cursor"]))


async def _fetch_page(domain: Domain, row: AccountRow, cursor: str, limit: int) -> VideoPage:
    """Gather the vendor's pages until there are enough; an empty one in the middle is no end."""
    reading, access = _reading(domain, row)
    gathered: dict[str, Video] = {}
    for _ in range(MAX_CALLS):
        got = await reading.list_videos(access, cursor=cursor, limit=min(VENDOR_PAGE, limit - len(gathered)))
        gathered |= {video.provider_video_id: video for video in got.videos if video.provider_video_id not in gathered}
        cursor = got.next_cursor
        if not cursor or len(gathered) >= limit:
            break
    return VideoPage(tuple(gathered.values()), cursor)


async def get(domain: Domain, location: str, account: str, video: str, *, max_age: timedelta = GET_AGE) -> Seen | None:
    """Return one video, None when the vendor shows no such video of the account.

    Raises storage's NotFound for an unknown account, ReauthorizationRequired, ProviderError.
    """
    row = await _attached(domain, location, account)
    copied = await _copied(domain, row, f"video|{video}", max_age)
    if copied is None:
        reading, access = _reading(domain, row)
        found = [each for each in await reading.query_videos(access, [video]) if each.provider_video_id == video]
        if not found:
            return None
        copied = await _keep(domain, row, f"video|{video}", found)
    seen = await _seen(domain, row, copied)
    return seen[0] if seen else None


async def query(domain: Domain, location: str, account: str, ids: Sequence[str]) -> tuple[list[Seen], list[str]]:
    """Ask the vendor for these videos: one call. Give those it shows, in the order asked for, and the missing ids."""
    row = await _attached(domain, location, account)
    reading, access = _reading(domain, row)
    now = domain.clock()
    found = {video.provider_video_id: video for video in await reading.query_videos(access, ids)}
    shown = [found[id] for id in ids if id in found]
    ours = await _posts(domain, row, shown)
    seen = [Seen(video, now, ours.get(video.provider_video_id, "")) for video in shown]
    return seen, [id for id in ids if id not in found]


async def _attached(domain: Domain, location: str, account: str) -> AccountRow:
    """Return an account whose videos may be shown: of one without a grant nothing is, however young a copy may be."""
    row = await read.stored(domain, location, account)
    if row.state == "DETACHED":
        name = names.CONNECTION.format(row.location, row.connection)
        raise ReauthorizationRequired(metadata={"connection": name}, resource=name)
    return row


def _reading(domain: Domain, row: AccountRow) -> tuple[Videos, ConnectionAccess]:
    return (
        domain.providers[row.provider].videos,
        ConnectionAccess(domain, row.provider, row.location, row.connection),
    )


async def _copied(domain: Domain, row: AccountRow, key: str, max_age: timedelta) -> VideoReadRow | None:
    """Return a copy that is young enough, and whose covers live."""
    async with domain.db.read() as tx:
        copied = await videos.find(tx, row.location, row.id, key)
    now = domain.clock()
    if copied is None or now - copied.fetch_time >= max_age:
        return None
    covers = [each["cover_expire_time"] for each in copied.payload["videos"] if each.get("cover_expire_time")]
    dead = any(datetime.fromisoformat(each) <= now + COVER_SLACK for each in covers)
    return None if dead else copied


async def _keep(
    domain: Domain, row: AccountRow, key: str, found: Sequence[Video], *, next_cursor: str = ""
) -> VideoReadRow:
    payload = {"videos": [to_json(video) for video in found], "next_cursor": next_cursor}
    kept = VideoReadRow(location=row.location, account=row.id, key=key, payload=payload, fetch_time=domain.clock())
    async with domain.db.transaction() as tx:
        await videos.save(tx, kept)
    return kept


async def _seen(domain: Domain, row: AccountRow, copied: VideoReadRow) -> list[Seen]:
    found = [from_json(each) for each in copied.payload["videos"]]
    ours = await _posts(domain, row, found)
    return [Seen(video, copied.fetch_time, ours.get(video.provider_video_id, "")) for video in found]


async def _posts(domain: Domain, row: AccountRow, found: Sequence[Video]) -> dict[str, str]:
    if not found:
        return {}
    async with domain.db.read() as tx:
        ids = [video.provider_video_id for video in found]
        return await posts.by_provider_post_ids(tx, row.location, row.id, ids)


def to_json(video: Video) -> dict[str, Any]:
    """Write a video as a copy holds it; what is absent stays absent."""
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
    """Read a video back from its copy."""
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
