"""The accounts: profile, insights, videos with their counts, and the comments below them.

Owns: the objects, and how the API shows profiles and videos. Knows nothing of grants or calls.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

DAILY = (
    "video_views",
    "unique_video_views",
    "profile_views",
    "likes",
    "comments",
    "shares",
    "followers_count",
    "daily_total_followers",
    "daily_new_followers",
    "daily_lost_followers",
    "engaged_audience",
    "bio_link_clicks",
)
LIFETIME = (
    "likes",
    "comments",
    "shares",
    "favorites",
    "reach",
    "video_views",
    "total_time_watched",
    "average_time_watched",
    "full_video_watched_rate",
    "new_followers",
    "profile_views",
    "website_clicks",
)


@dataclass(slots=True, kw_only=True, eq=False)
class SimComment:
    """One comment, or one reply below a comment (`parent`)."""

    comment_id: str
    video_id: str
    text: str
    created: datetime
    username: str = "sim.fan"
    display_name: str = "Sim Fan"
    likes: int = 0
    owner: bool = False
    liked: bool = False
    pinned: bool = False
    hidden: bool = False
    parent: str = ""


@dataclass(slots=True, kw_only=True, eq=False)
class SimVideo:
    """A public post. `filtered` ones take a place on a page and are not shown, as trust and safety does it.

    `counts` replace single lifetime totals; one that is None is left out of answers.
    """

    id: str
    created_ms: int
    caption: str = ""
    media_type: str = "VIDEO"
    duration: int = 15
    filtered: bool = False
    promotable: bool = False
    counts: dict[str, Any] = field(default_factory=dict)
    comments: dict[str, SimComment] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True, eq=False)
class SimAccount:
    """A TikTok account. `daily` replaces single daily values, by their date."""

    open_id: str
    username: str
    display_name: str
    bio_description: str = "A simulated business."
    is_verified: bool = False
    is_business_account: bool = True
    followers_count: int = 1_234
    following_count: int = 56
    total_likes: int = 7_890
    comment_disabled: bool = False
    private: bool = False
    daily: dict[str, dict[str, int]] = field(default_factory=dict)
    videos: dict[str, SimVideo] = field(default_factory=dict)

    def comment(self, comment_id: str) -> SimComment | None:
        """Return one of the comments below the account's videos."""
        return next(
            (video.comments[comment_id] for video in self.videos.values() if comment_id in video.comments), None
        )


def first_accounts() -> list[SimAccount]:
    """Return the initial accounts; their open_ids are of this app, and not those of TikTok's v2 API."""
    return [
        SimAccount(open_id="-111BusinessPatisserieOpenId", username="sim.patisserie", display_name="Sim Pâtisserie"),
        SimAccount(open_id="911f24d7-e717-40f8-a2b6-b0b0b0b0b0b0", username="sim_garage", display_name="Sim Garage"),
    ]


def profile(account: SimAccount) -> dict[str, Any]:
    """Return every field of the profile as it is now, and the demographics of an account with 100 followers."""
    shown = {
        "is_business_account": account.is_business_account,
        "profile_image": f"https://p16-sign.tiktokcdn.com/sim/{account.username}.webp?x-expires=1780000000",
        "username": account.username,
        "profile_deep_link": f"https://www.tiktok.com/@{account.username}",
        "display_name": account.display_name,
        "bio_description": account.bio_description,
        "is_verified": account.is_verified,
        "following_count": account.following_count,
        "followers_count": account.followers_count,
        "total_likes": account.total_likes,
        "videos_count": len(account.videos),
    }
    if account.followers_count < 100:
        return shown
    return {
        **shown,
        "audience_ages": [{"age": "18-24", "percentage": 0.6}, {"age": "25-34", "percentage": 0.4}],
        "audience_genders": [{"gender": "Female", "percentage": 0.55}, {"gender": "Male", "percentage": 0.45}],
        "audience_countries": [{"country": "FR", "percentage": 1.0}],
        "audience_cities": [{"city_name": "Lyon", "percentage": 0.3}],
    }


def days(account: SimAccount, start: datetime, end: datetime, fields: list[str]) -> Iterator[dict[str, Any]]:
    """Yield one row of daily values for each day from `start` to `end`, both included."""
    while start <= end:
        date = f"{start:%Y-%m-%d}"
        usual = {name: (start.toordinal() * 7 + place) % 100 for place, name in enumerate(DAILY)}
        values = {**usual, "followers_count": account.followers_count, **account.daily.get(date, {})}
        yield {"date": date, **{name: values[name] for name in fields if name in values}}
        start += timedelta(days=1)


def video_fields(account: SimAccount, video: SimVideo) -> dict[str, Any]:
    """Return every field of a video; a count that is None is left out."""
    share = f"https://www.tiktok.com/@{account.username}/video/{video.id}"
    seed = int(video.id) % 1_000
    totals = {name: seed + place for place, name in enumerate(LIFETIME)}
    rates = {"average_time_watched": 3.5, "full_video_watched_rate": 0.25}
    values = {**totals, **rates, "comments": len(video.comments), **video.counts}
    return {
        "item_id": video.id,
        "media_type": video.media_type,
        "is_ad": False,
        "create_time": str(video.created_ms // 1_000),
        "thumbnail_url": f"https://p16-sign.tiktokcdn.com/sim/cover/{video.id}.webp?x-expires=1780000000",
        "share_url": share,
        "embed_url": f"https://www.tiktok.com/embed/v2/{video.id}",
        "caption": video.caption,
        "video_duration": video.duration,
        "impression_sources": [{"impression_source": "For You", "percentage": 1.0}],
        **{name: value for name, value in values.items() if value is not None},
    }
