"""What HighLevel's API can do for social accounts, what of it is built, and its numbers.

Owns the table and the scopes. Docs and specifications of GoHighLevel/highlevel-api-docs, read 2026-11-20; limits of
TikTok through HighLevel from its support article of 2025-07-29.
"""

from datetime import timedelta

from providers.capabilities import Capability, CapabilityTable, Cell, Limits, QuotaRule, Support
from providers.highlevel.config import PROVIDER
from providers.highlevel.limits import BURST, DAY, WINDOW
from providers.highlevel.places import LOCATION, SETTINGS
from providers.models.grants import GrantKind

# In the order a consent page should ask for them: the planner, what posts need, what agencies need.
SCOPES = (
    "locations.readonly",
    "users.readonly",
    "socialplanner/account.readonly",
    "socialplanner/account.write",
    "socialplanner/oauth.readonly",
    "socialplanner/oauth.write",
    "socialplanner/post.readonly",
    "socialplanner/post.write",
    "socialplanner/category.readonly",
    "socialplanner/tag.readonly",
    "socialplanner/statistics.readonly",
    "medias.readonly",
    "medias.write",
    "oauth.readonly",
    "oauth.write",
)
PROFILE_SCOPE = "locations.readonly"
_NO_POSTS = Cell(Support.NOT_YET, "HighLevel's planner publishes posts; that is not built yet.")
_NO_VIDEOS = Cell(Support.IMPOSSIBLE, "HighLevel lists the posts of its own planner, not the videos of an account.")
_NO_COMMENTS = Cell(Support.NOT_YET, "HighLevel has comments in API version v3 only; they are not built yet.")
_NO_ADS = "HighLevel's Social Planner has no {0}."

TABLE = CapabilityTable(
    provider=PROVIDER,
    display_name="HighLevel",
    cells={
        Capability.OAUTH: Cell(
            Support.PARTIAL, "Without PKCE; the state may not come back. One scope that is not enabled fails it all."
        ),
        Capability.STATIC_TOKEN: Cell(
            Support.PARTIAL, "A location's Private Integration Token; HighLevel does not tell which scopes it has."
        ),
        Capability.REVOKE: Cell(
            Support.IMPOSSIBLE, "HighLevel has no call that ends a grant; uninstalling the application ends it."
        ),
        Capability.AGENCY_GRANTS: Cell(
            Support.PARTIAL,
            "An agency's OAuth grant gives its locations' grants; its Private Integration Token does not.",
        ),
        Capability.CREATOR_INFO: Cell(
            Support.IMPOSSIBLE, "HighLevel does not pass on what a network lets its creator post now."
        ),
        Capability.VIDEO_LIST: _NO_VIDEOS,
        Capability.VIDEO_QUERY: _NO_VIDEOS,
        Capability.POST_VIDEO_UPLOAD: _NO_POSTS,
        Capability.POST_VIDEO_PULL: _NO_POSTS,
        Capability.POST_PHOTO: Cell(Support.NOT_YET, "HighLevel takes no photos for TikTok; others are not built yet."),
        Capability.POST_INBOX: Cell(Support.IMPOSSIBLE, "HighLevel has no way into a creator's inbox."),
        Capability.POST_PLANNER_DRAFT: _NO_POSTS,
        Capability.POST_SCHEDULE: _NO_POSTS,
        Capability.POST_EDIT: Cell(Support.NOT_YET, "HighLevel replaces what is not published yet; not built yet."),
        Capability.POST_CANCEL: Cell(Support.NOT_YET, "HighLevel deletes what is not published yet; not built yet."),
        Capability.POST_DELETE: Cell(
            Support.IMPOSSIBLE, "HighLevel deletes its own record only; a published post stays on its network."
        ),
        Capability.METRICS: Cell(Support.NOT_YET, "HighLevel has figures per account, none per post; not built yet."),
        Capability.COMMENT_LIST: _NO_COMMENTS,
        Capability.COMMENT_REPLY: _NO_COMMENTS,
        Capability.COMMENT_MODERATE: Cell(Support.IMPOSSIBLE, "HighLevel can like a comment, not hide or delete it."),
        Capability.WEBHOOKS: Cell(Support.PARTIAL, "HighLevel tells of installations, never of posts."),
        Capability.ADS: Cell(Support.IMPOSSIBLE, _NO_ADS.format("ads")),
        Capability.AUDIENCES: Cell(Support.IMPOSSIBLE, _NO_ADS.format("audiences")),
    },
    # What is not built is granted to nobody, whatever the scopes.
    grants={"can_read_profile": frozenset({PROFILE_SCOPE})},
    # A location has a name and no figures; the second part costs nothing more.
    profile_scopes={"basic": PROFILE_SCOPE, "profile": PROFILE_SCOPE},
    settings=SETTINGS,
    place=LOCATION,
    kinds=(GrantKind.LOCATION, GrantKind.COMPANY),
    # The wider of what holds for personal and for business accounts: 150 units and 3 minutes are a personal one's.
    limits=Limits(
        max_caption_units=2200,
        max_video_bytes=1_000_000_000,
        max_video_duration=timedelta(minutes=10),
        max_posts_per_day=15,
        video_mime_types=("video/mp4", "video/quicktime", "video/webm"),
        min_frame_rate=23,
        max_frame_rate=60,
        min_video_side=360,
        max_video_side=4096,
    ),
    # "Rate Limits": per application and location (or company), whatever the call; only a token's own call is free.
    quotas=(
        QuotaRule(BURST, 100, WINDOW, reserve=40),
        QuotaRule(DAY, 200_000, timedelta(days=1), reserve=2_000),
    ),
)
