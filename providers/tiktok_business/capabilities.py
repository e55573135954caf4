"""What a grant of an account holder can do through TikTok's API for Business, and the scopes that it needs.

Owns what differs from a user's grant; the table of the provider is `providers/tiktok/capabilities.py`. Names of scopes
as in addresses of consent pages that TikTok's portal makes (2026-11-20).
"""

from datetime import timedelta

from providers.capabilities import Capability, KindRules, Limits, QuotaRule, Support
from providers.errors import CapabilityMissing
from providers.tiktok_business.config import PROVIDER

PLATFORM = "tiktok_business"
"""Our name of the network of such an account: the same users as `tiktok`, with more that can be done."""

QUOTA = "business_requests"
SCOPES = (
    "user.info.basic",
    "user.info.username",
    "user.info.profile",
    "user.info.stats",
    "user.account.type",
    "user.insights",
    "video.list",
    "video.insights",
    "comment.list",
    "comment.list.manage",
)
"""The scopes that are requested unless a setting names others, in the order in which a consent page asks for them."""

OPTIONAL_SCOPES = ("video.publish", "video.upload", "biz.creator.info")
"""Scopes that a setting can add: an application that does not have one of them would have every consent refused.

Which scope the account's posting settings need is not documented: `biz.creator.info` is there in case TikTok asks for
it.
"""

RULES = KindRules(
    platform=PLATFORM,
    grants={
        "can_read_profile": frozenset({"user.info.basic", "user.info.profile"}),
        "can_list_videos": frozenset({"video.list"}),
        "can_read_video_metrics": frozenset({"video.list", "video.insights"}),
        "can_read_comments": frozenset({"comment.list"}),
        "can_publish": frozenset({"video.publish"}),
        "can_upload_drafts": frozenset({"video.upload"}),
    },
    profile_scopes={"basic": "user.info.basic", "profile": "user.info.profile", "stats": "user.info.stats"},
    fetches_media=True,
)

LIMITS = Limits(
    max_caption_units=2200,
    max_photos=35,
    # "1 GB" without a unit: the wider reading, TikTok itself decides in between.
    max_video_bytes=1024**3,
    max_video_duration=timedelta(minutes=10),
    video_mime_types=("video/mp4", "video/quicktime", "video/webm"),
    min_frame_rate=23,
    max_frame_rate=60,
    min_video_side=360,
    photo_mime_types=("image/jpeg", "image/webp"),
    max_photo_bytes=20_000_000,
    max_photo_short_side=1080,
    max_title_units=90,
    max_photo_caption_units=4000,
    source="TikTok API for Business, portal pages on publishing videos and photos, 2026-08-13",
)

# The tier "Basic" allows an application 10 calls a second of each endpoint, for all its accounts together. There is no
# header that tells what is left, so a margin is kept, and all endpoints are counted together.
QUOTAS = (QuotaRule(QUOTA, 8, timedelta(seconds=1), "provider", reserve=3, platform=PLATFORM),)


def missing(capability: Capability, note: str, support: Support = Support.IMPOSSIBLE) -> CapabilityMissing:
    """Return the error for what such an account, or a user's own grant, cannot do."""
    return CapabilityMissing(capability, support, note, provider=PROVIDER)
