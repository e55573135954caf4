"""HighLevel's capability table: what its API supports, what is implemented, and its limits and quotas.

Owns the table and the scopes. Sources: docs and specifications of GoHighLevel/highlevel-api-docs, read 2026-11-20. The
limits of each network are in network_limits.py.
"""

from dataclasses import replace
from datetime import timedelta

from providers.capabilities import Capability, CapabilityTable, Cell, QuotaRule, Support
from providers.highlevel import network_limits
from providers.highlevel.config import PROVIDER, Config
from providers.highlevel.limits import BURST, DAY, WINDOW
from providers.highlevel.location_ids import LOCATION, SETTINGS
from providers.models.grants import GrantKind

# In the order in which a consent page should request them: the planner, media for posts, agencies.
SCOPES = (
    "locations.readonly",
    "users.readonly",
    "socialplanner/account.readonly",
    "socialplanner/account.write",
    "socialplanner/oauth.readonly",
    "socialplanner/oauth.write",
    "socialplanner/post.readonly",
    "socialplanner/post.write",
    "socialplanner/csv.readonly",
    "socialplanner/csv.write",
    "socialplanner/category.readonly",
    "socialplanner/tag.readonly",
    "socialplanner/statistics.readonly",
    "medias.readonly",
    "medias.write",
    "oauth.readonly",
    "oauth.write",
)
LIST_SCOPE = "socialplanner/account.readonly"
_PLANNED = "In its planner, as long as it is not published: a published post stays on its network."
_NO_VIDEOS = Cell(Support.IMPOSSIBLE, "HighLevel lists the posts of its own planner, not the videos of an account.")
_V3_ONLY = "In API version v3 only: GATEWAY_HIGHLEVEL_API_VERSION."
_NO_COMMENTS = Cell(Support.IMPOSSIBLE, "Not in API version 2021-07-28; GATEWAY_HIGHLEVEL_API_VERSION=v3 has comments.")
_NO_METRICS = Cell(
    Support.IMPOSSIBLE,
    "Per account only in API version 2021-07-28; GATEWAY_HIGHLEVEL_API_VERSION=v3 has counts of posts.",
)
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
        Capability.ACCOUNT_LIST: Cell(
            Support.PARTIAL, "Name, picture, kind and end of each account; HighLevel shows no text and no figures."
        ),
        Capability.ACCOUNT_ATTACH: Cell(
            Support.PARTIAL,
            "TikTok Business and Bluesky in HighLevel only; with version 2021-07-28 YouTube, Pinterest, Threads too.",
        ),
        Capability.ACCOUNT_DETACH: Cell(Support.PARTIAL, "In HighLevel; what its owner granted on the network stays."),
        Capability.VIDEO_LIST: _NO_VIDEOS,
        Capability.VIDEO_QUERY: _NO_VIDEOS,
        Capability.POST_VIDEO_UPLOAD: Cell(Support.PARTIAL, "Through HighLevel's media library, up to 500 MB."),
        Capability.POST_VIDEO_PULL: Cell(
            Support.PARTIAL, "From any public https address, when the post goes out; HighLevel does not tell whether."
        ),
        Capability.POST_PHOTO: Cell(
            Support.PARTIAL, "On every network but TikTok and YouTube; formats, sizes and numbers differ by network."
        ),
        Capability.POST_TEXT: Cell(
            Support.PARTIAL,
            "On Facebook, LinkedIn, Google Business, Threads and Bluesky; the other networks need media.",
        ),
        Capability.POST_INBOX: Cell(Support.IMPOSSIBLE, "HighLevel has no way into a creator's inbox."),
        Capability.POST_PLANNER_DRAFT: Cell(Support.FULL),
        Capability.POST_PLANNER_REVIEW: Cell(Support.PARTIAL, "With a time, and an approver among HighLevel's users."),
        Capability.POST_SCHEDULE: Cell(Support.PARTIAL, "By HighLevel's clock, to the second it starts publishing."),
        Capability.POST_EDIT: Cell(Support.PARTIAL, f"Words, options and time, not the media. {_PLANNED}"),
        Capability.POST_CANCEL: Cell(Support.PARTIAL, _PLANNED),
        Capability.POST_DELETE: Cell(
            Support.IMPOSSIBLE, "HighLevel deletes its own record only; a published post stays on its network."
        ),
        Capability.METRICS: Cell(
            Support.PARTIAL,
            f"Likes, comments and shares of posts on Facebook, Instagram, LinkedIn and YouTube, later. {_V3_ONLY}",
        ),
        Capability.ACCOUNT_METRICS: Cell(
            Support.PARTIAL,
            "Of TikTok businesses, LinkedIn pages, Facebook, Instagram, Google, Pinterest, YouTube; of the last week,"
            " or in API version v3 of any days: GATEWAY_HIGHLEVEL_API_VERSION.",
        ),
        Capability.COMMENT_LIST: Cell(Support.PARTIAL, _V3_ONLY),
        Capability.COMMENT_REPLY: Cell(Support.PARTIAL, f"Words only. {_V3_ONLY}"),
        Capability.COMMENT_MODERATE: Cell(Support.PARTIAL, f"HighLevel likes; it hides and deletes none. {_V3_ONLY}"),
        Capability.COMMENT_HIDE: Cell(Support.IMPOSSIBLE, "HighLevel has no call that hides a comment."),
        Capability.COMMENT_DELETE: Cell(Support.IMPOSSIBLE, "HighLevel has no call that deletes a comment."),
        Capability.PLANNER_LABELS: Cell(Support.FULL),
        Capability.POST_IMPORT: Cell(Support.PARTIAL, "CSV files; HighLevel documents no columns of theirs."),
        Capability.WEBHOOKS: Cell(Support.PARTIAL, "HighLevel tells of installations, never of posts."),
        Capability.ADS: Cell(Support.IMPOSSIBLE, _NO_ADS.format("ads")),
        Capability.AUDIENCES: Cell(Support.IMPOSSIBLE, _NO_ADS.format("audiences")),
    },
    # Only permissions for implemented features; no scope grants others.
    grants={
        "can_read_profile": frozenset({LIST_SCOPE}),
        "can_publish": frozenset({"socialplanner/post.write", "socialplanner/post.readonly", "medias.write"}),
    },
    # Accounts have a name and a picture; there is no scope for more.
    profile_scopes={"basic": LIST_SCOPE},
    settings=SETTINGS,
    limits=network_limits.ANY,
    platform_limits=network_limits.NETWORKS,
    library=True,
    statuses_at_once=True,
    schedules=True,
    place=LOCATION,
    kinds=(GrantKind.LOCATION, GrantKind.COMPANY),
    # "Rate Limits": per application and location (or company), across all calls except those to the token endpoint.
    quotas=(
        QuotaRule(BURST, 100, WINDOW, "subject", reserve=37, low=3),
        QuotaRule(DAY, 200_000, timedelta(days=1), "subject", reserve=2_000),
    ),
)


def table_of(config: Config) -> CapabilityTable:
    """Return the table for one configuration: API version 2021-07-28 has neither comments nor counts of posts."""
    comments = (Capability.COMMENT_LIST, Capability.COMMENT_REPLY, Capability.COMMENT_MODERATE)
    if not config.v3:
        older = {**dict.fromkeys(comments, _NO_COMMENTS), Capability.METRICS: _NO_METRICS}
        return replace(TABLE, cells={**TABLE.cells, **older})
    # v3's specification declares no scope for comments (read 2026-11-20).
    return replace(TABLE, grants={**TABLE.grants, "can_read_comments": frozenset()})
