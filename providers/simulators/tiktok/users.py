"""TikTok's users: profile, counters, posting rules, public videos.

Owns: the accounts and how the API shows them. Knows nothing of grants or publications.
"""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

PUBLIC_OPTIONS = ("PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY")
PRIVATE_OPTIONS = ("FOLLOWER_OF_CREATOR", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY")


@dataclass(frozen=True, slots=True, kw_only=True)
class SimUser:
    """A TikTok account: what user/info and creator_info return, and what its owner may do."""

    open_id: str
    username: str
    display_name: str
    bio_description: str = "A simulated account."
    is_verified: bool = False
    follower_count: int = 1_234
    following_count: int = 56
    likes_count: int = 7_890
    private: bool = False
    comment_disabled: bool = False
    duet_disabled: bool = False
    stitch_disabled: bool = False
    max_video_post_duration_sec: int = 600
    banned: bool = False
    # The creator's daily cap is used up; all apps share it.
    too_many_posts: bool = False
    # The TikTok app on the phone is older than 31.8 and cannot receive photo drafts.
    old_app: bool = False

    @property
    def privacy_level_options(self) -> tuple[str, ...]:
        """The privacy levels the creator may choose, in TikTok's order."""
        return PRIVATE_OPTIONS if self.private else PUBLIC_OPTIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class SimVideo:
    """A public video. `created_ms` (milliseconds since 1970) is unique per user, as it is the cursor of the list."""

    id: int
    created_ms: int
    title: str = ""
    duration: int = 15
    height: int = 1_920
    width: int = 1_080
    like_count: int = 0
    comment_count: int = 0
    share_count: int = 0
    view_count: int = 0


@dataclass(slots=True)
class Account:
    """A user with the public videos, in the order in which they were added."""

    user: SimUser
    videos: list[SimVideo] = field(default_factory=list)

    def add(self, video: SimVideo) -> SimVideo:
        """Add a video with a unique millisecond, so that paging neither skips nor repeats one."""
        taken = {each.created_ms for each in self.videos}
        while video.created_ms in taken:
            video = replace(video, created_ms=video.created_ms + 1)
        self.videos.append(video)
        return video


def first_users(*, private: bool) -> list[SimUser]:
    """Return the initial accounts. The first open_id begins with a dash, as live ones may."""
    return [
        SimUser(
            open_id="-000SimPatisserieQ6fwOTWKQzsQ",
            username="sim.patisserie",
            display_name="Sim Pâtisserie",
            private=private,
        ),
        SimUser(
            open_id="723f24d7-e717-40f8-a2b6-cb8464cd23b4",
            username="sim_garage",
            display_name="Sim Garage",
            private=private,
        ),
    ]


def profile(account: Account) -> dict[str, Any]:
    """Return every field of user/info, and those of SimUser."""
    user = account.user
    avatar = f"https://p16-sign.tiktokcdn.com/sim/{user.username}"
    return {
        **asdict(user),
        "union_id": f"union-{user.open_id}",
        "avatar_url": f"{avatar}~168x168.webp",
        "avatar_url_100": f"{avatar}~100x100.webp",
        "avatar_large_url": f"{avatar}~1080x1080.webp",
        "profile_deep_link": f"https://www.tiktok.com/@{user.username}",
        "video_count": len(account.videos),
    }


def video_fields(username: str, video: SimVideo) -> dict[str, Any]:
    """Return every field of video/list and video/query, and of SimVideo. `id` is a string, `create_time` in seconds."""
    share = f"https://www.tiktok.com/@{username}/video/{video.id}"
    return {
        **asdict(video),
        "id": str(video.id),
        "create_time": video.created_ms // 1_000,
        "cover_image_url": f"https://p16-sign.tiktokcdn.com/sim/cover/{video.id}.webp",
        "share_url": share,
        "video_description": video.title[:150],
        "title": video.title[:150],
        "embed_html": f'<blockquote class="tiktok-embed" cite="{share}"></blockquote>',
        "embed_link": f"https://www.tiktok.com/embed/v2/{video.id}",
    }
