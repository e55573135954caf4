"""What TikTok's user-side v2 API can do, what of it is built, and its numbers.

Owns the table only. Read on developers.tiktok.com 2026-11-20: "Content Posting API", "Media Transfer Guide", "Display
API".
"""

from datetime import timedelta

from providers.capabilities import Capability, CapabilityTable, Cell, Limits, Support

_FULL = Cell(Support.FULL)
_BUSINESS = "TikTok's user API has no {0}; the Business API has, which is not built yet."

TABLE = CapabilityTable(
    provider="tiktok",
    display_name="TikTok",
    cells={
        Capability.OAUTH: _FULL,
        Capability.STATIC_TOKEN: Cell(Support.IMPOSSIBLE, "TikTok gives tokens only after a user's consent."),
        Capability.REVOKE: _FULL,
        Capability.CREATOR_INFO: _FULL,
        Capability.VIDEO_LIST: Cell(Support.PARTIAL, "Public videos only."),
        Capability.VIDEO_QUERY: Cell(Support.NOT_YET, "Reading chosen videos by id is not built yet."),
        Capability.POST_VIDEO_UPLOAD: _FULL,
        Capability.POST_VIDEO_PULL: Cell(Support.NOT_YET, "Videos are sent as files; pulls are not built yet."),
        Capability.POST_PHOTO: Cell(Support.NOT_YET, "Photo posts are not built yet."),
        Capability.POST_INBOX: Cell(
            Support.PARTIAL, "The video alone: TikTok lets nobody set caption or options of an inbox draft."
        ),
        Capability.POST_PLANNER_DRAFT: Cell(Support.IMPOSSIBLE, "TikTok has no planner."),
        Capability.POST_SCHEDULE: Cell(Support.NOT_YET, "TikTok has no schedule; the gateway's own is not built yet."),
        Capability.POST_EDIT: Cell(Support.IMPOSSIBLE, "TikTok has no call that changes a post."),
        Capability.POST_CANCEL: Cell(Support.NOT_YET, "TikTok stops URL pulls only, and pulls are not built yet."),
        Capability.POST_DELETE: Cell(Support.IMPOSSIBLE, "TikTok has no call that deletes a post."),
        Capability.METRICS: Cell(Support.PARTIAL, "Views, likes, comments and shares of public videos."),
        Capability.COMMENT_LIST: Cell(Support.NOT_YET, _BUSINESS.format("comments")),
        Capability.COMMENT_REPLY: Cell(Support.NOT_YET, _BUSINESS.format("comments")),
        Capability.COMMENT_MODERATE: Cell(Support.NOT_YET, _BUSINESS.format("comments")),
        Capability.WEBHOOKS: Cell(Support.NOT_YET, "TikTok's webhooks are not received yet; the gateway polls."),
        Capability.ADS: Cell(Support.NOT_YET, _BUSINESS.format("ads")),
        Capability.AUDIENCES: Cell(Support.NOT_YET, _BUSINESS.format("audiences")),
    },
    grants={
        "can_read_profile": frozenset({"user.info.basic", "user.info.profile"}),
        "can_list_videos": frozenset({"video.list"}),
        # Metrics are fields of the listed videos: TikTok has no scope of their own for them.
        "can_read_video_metrics": frozenset({"video.list"}),
        "can_publish": frozenset({"video.publish"}),
        "can_upload_drafts": frozenset({"video.upload"}),
    },
    limits=Limits(
        max_caption_units=2200,
        max_photos=35,
        # "4 GB" without a unit: the wider reading, TikTok itself decides in between.
        max_video_bytes=4 * 1024**3,
        # Hard maximum of the API; the creator's own is in CreatorInfo.
        max_video_duration=timedelta(minutes=10),
        # Bounds that hold whether TikTok counts MB or MiB, see upload.py.
        min_chunk_bytes=5_242_880,
        max_chunk_bytes=64_000_000,
        # "Typically" 15 per creator and 24 hours, shared by all API clients: to show, not to enforce.
        max_posts_per_day=15,
        video_mime_types=("video/mp4", "video/quicktime", "video/webm"),
    ),
)
