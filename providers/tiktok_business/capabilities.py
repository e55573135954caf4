"""What a grant of an account holder can do through TikTok's API for Business, and the scopes that it needs.

Owns what differs from a user's grant; the table of the provider is `providers/tiktok/capabilities.py`. Names of scopes
as in addresses of consent pages that TikTok's portal makes (2026-11-20).
"""

from datetime import timedelta

from providers.capabilities import Capability, KindRules, QuotaRule, Support
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
"""The scopes that are requested, in the order in which a consent page should ask for them."""

RULES = KindRules(
    platform=PLATFORM,
    grants={
        "can_read_profile": frozenset({"user.info.basic", "user.info.profile"}),
        "can_list_videos": frozenset({"video.list"}),
        "can_read_video_metrics": frozenset({"video.list", "video.insights"}),
        "can_read_comments": frozenset({"comment.list"}),
    },
    profile_scopes={"basic": "user.info.basic", "profile": "user.info.profile", "stats": "user.info.stats"},
)

# The tier "Basic" allows an application 10 calls a second of each endpoint, for all its accounts together. There is no
# header that tells what is left, so a margin is kept, and all endpoints are counted together.
QUOTAS = (QuotaRule(QUOTA, 8, timedelta(seconds=1), "provider", reserve=3, platform=PLATFORM),)


def missing(capability: Capability, note: str, support: Support = Support.IMPOSSIBLE) -> CapabilityMissing:
    """Return the error for what such an account, or a user's own grant, cannot do."""
    return CapabilityMissing(capability, support, note, provider=PROVIDER)
