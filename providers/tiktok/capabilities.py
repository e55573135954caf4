"""What TikTok's user-side v2 API can do, what of it is built, and its numbers.

Owns the table only. Read on developers.tiktok.com 2026-11-20: "Content Posting API", "Media Transfer Guide", "Display
API".
"""

from datetime import timedelta

from providers.capabilities import Capability, CapabilityTable, Cell, Limits, QuotaRule, Support
from providers.models.grants import GrantKind
from providers.tiktok_business.ads import capabilities as ads
from providers.tiktok_business.capabilities import LIMITS, PLATFORM, QUOTAS, RULES

_FULL = Cell(Support.FULL)
_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
_DIRECT = frozenset({"direct:file", "direct:pull", "direct:photos"})
_INBOX = frozenset({"creator_inbox:file", "creator_inbox:pull", "creator_inbox:photos"})
_ONE = "A grant of TikTok's is one account: {0}"
_BUSINESS = "With a grant of the kind GRANT_KIND_BUSINESS_ACCOUNT. {0}"

TABLE = CapabilityTable(
    provider="tiktok",
    display_name="TikTok",
    cells={
        Capability.OAUTH: _FULL,
        Capability.STATIC_TOKEN: Cell(Support.IMPOSSIBLE, "TikTok gives tokens only after a user's consent."),
        Capability.REVOKE: _FULL,
        Capability.AGENCY_GRANTS: Cell(Support.IMPOSSIBLE, "Each TikTok user grants for themselves."),
        Capability.CREATOR_INFO: _FULL,
        Capability.ACCOUNT_LIST: Cell(Support.IMPOSSIBLE, _ONE.format("it comes with its connection.")),
        Capability.ACCOUNT_ATTACH: Cell(Support.IMPOSSIBLE, _ONE.format("connect each with a connection of its own.")),
        Capability.ACCOUNT_DETACH: Cell(Support.IMPOSSIBLE, _ONE.format("disconnect or delete its connection.")),
        Capability.VIDEO_LIST: Cell(Support.PARTIAL, "Public videos only."),
        Capability.VIDEO_QUERY: Cell(Support.PARTIAL, "Public videos of the account itself, 20 at a time."),
        Capability.POST_VIDEO_UPLOAD: _FULL,
        Capability.POST_VIDEO_PULL: Cell(
            Support.PARTIAL, "From addresses under a domain that the operator proved to TikTok; within one hour."
        ),
        Capability.POST_PHOTO: Cell(
            Support.PARTIAL, "WebP and JPEG, fetched by TikTok; its label for AI-made content is for videos only."
        ),
        Capability.POST_INBOX: Cell(
            Support.PARTIAL, "A video alone, photos with title and caption: TikTok takes no other option for a draft."
        ),
        Capability.POST_TEXT: Cell(Support.IMPOSSIBLE, "TikTok has no posts of words alone."),
        Capability.POST_PLANNER_DRAFT: Cell(Support.IMPOSSIBLE, "TikTok has no planner."),
        Capability.POST_PLANNER_REVIEW: Cell(Support.IMPOSSIBLE, "TikTok has no planner."),
        Capability.POST_SCHEDULE: _FULL,
        Capability.POST_EDIT: Cell(Support.IMPOSSIBLE, "TikTok has no call that changes a post."),
        Capability.POST_CANCEL: Cell(
            Support.PARTIAL,
            "TikTok stops what it is still fetching itself, nothing else; of an account holder's grant nothing.",
        ),
        Capability.POST_DELETE: Cell(Support.IMPOSSIBLE, "TikTok has no call that deletes a post."),
        Capability.METRICS: Cell(Support.PARTIAL, "Views, likes, comments and shares of public videos."),
        Capability.ACCOUNT_METRICS: Cell(
            Support.PARTIAL, _BUSINESS.format("Each day of the last 60; TikTok counts a day one or two days later.")
        ),
        Capability.COMMENT_LIST: Cell(Support.PARTIAL, _BUSINESS.format("Below the account's own posts.")),
        Capability.COMMENT_REPLY: Cell(Support.PARTIAL, _BUSINESS.format("Words only; answers are one level deep.")),
        Capability.COMMENT_MODERATE: Cell(Support.PARTIAL, _BUSINESS.format("Below the account's own posts.")),
        Capability.COMMENT_HIDE: Cell(Support.PARTIAL, _BUSINESS.format("Below the account's own posts.")),
        Capability.COMMENT_DELETE: Cell(
            Support.PARTIAL, _BUSINESS.format("What the account itself wrote; that of others can be hidden.")
        ),
        Capability.PLANNER_LABELS: Cell(Support.IMPOSSIBLE, "TikTok has no planner."),
        Capability.POST_IMPORT: Cell(Support.IMPOSSIBLE, "TikTok has no planner."),
        Capability.WEBHOOKS: _FULL,
        Capability.ADS: Cell(
            Support.PARTIAL,
            "With a grant of the kind GRANT_KIND_ADVERTISER. Manual campaigns only: no Smart+, no apps.",
        ),
        Capability.AUDIENCES: Cell(
            Support.PARTIAL,
            "With a grant of the kind GRANT_KIND_ADVERTISER. From files of digests, 1,000 members or more at a time.",
        ),
    },
    grants={
        "can_read_profile": frozenset({"user.info.basic", "user.info.profile"}),
        "can_list_videos": frozenset({"video.list"}),
        # Metrics are fields of the listed videos: TikTok has no scope of their own for them.
        "can_read_video_metrics": frozenset({"video.list"}),
        "can_publish": frozenset({"video.publish"}),
        "can_upload_drafts": frozenset({"video.upload"}),
    },
    profile_scopes={"basic": "user.info.basic", "profile": "user.info.profile", "stats": "user.info.stats"},
    kinds=(GrantKind.USER, GrantKind.BUSINESS_ACCOUNT, GrantKind.ADVERTISER),
    kind_rules={GrantKind.BUSINESS_ACCOUNT: RULES, GrantKind.ADVERTISER: ads.RULES},
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
        video_codecs=("h264", "hevc", "vp8", "vp9"),
        min_frame_rate=23,
        max_frame_rate=60,
        min_video_side=360,
        max_video_side=4096,
        photo_mime_types=("image/jpeg", "image/webp"),
        max_photo_bytes=20_000_000,
        # "1080p" is about the shorter side: 941×1672 was accepted, 1086×1448 refused.
        max_photo_short_side=1080,
        max_title_units=90,
        max_photo_caption_units=4000,
        # "Media Transfer Guide": the task of a pull ends one hour after it began.
        pull_timeout=timedelta(hours=1),
    ),
    platform_limits={PLATFORM: LIMITS},
    # "Rate Limits" and the reference of each call: sliding windows of one minute, counted per access token.
    quotas=(
        QuotaRule("creator_info", 20, _MINUTE, reserve=4, spent_by=_DIRECT),
        QuotaRule("video_init", 6, _MINUTE, spent_by=frozenset({"direct:file", "direct:pull"})),
        QuotaRule("inbox_init", 6, _MINUTE, spent_by=frozenset({"creator_inbox:file", "creator_inbox:pull"})),
        QuotaRule("content_init", 6, _MINUTE, spent_by=frozenset({"direct:photos", "creator_inbox:photos"})),
        QuotaRule("status", 30, _MINUTE, reserve=6, spent_by=_DIRECT | _INBOX),
        QuotaRule("user_info", 600, _MINUTE, reserve=60),
        QuotaRule("video_list", 600, _MINUTE, reserve=60),
        QuotaRule("video_query", 600, _MINUTE, reserve=60),
        QuotaRule("pending_drafts", 5, _DAY, "account", spent_by=_INBOX),
        # No number is promised, and other applications count too: what a refusal shows is learned.
        QuotaRule("posts_per_day", 0, _DAY, "account", spent_by=_DIRECT),
        QuotaRule("active_creators", 0, _DAY, "provider", spent_by=_DIRECT),
        *QUOTAS,
    ),
)
