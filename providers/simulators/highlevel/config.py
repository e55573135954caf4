"""The configuration of a simulated HighLevel: one marketplace app, how fast the vendor works, undocumented behaviour.

Owns: the settings and their defaults. Knows nothing of HTTP or of what happens to posts.
"""

from dataclasses import dataclass, field
from typing import Literal

# docs/oauth/Scopes.md of GoHighLevel/highlevel-api-docs, read 2026-11-20; statistics is in the v3 specification.
PLANNER_SCOPES = (
    "socialplanner/post.readonly",
    "socialplanner/post.write",
    "socialplanner/account.readonly",
    "socialplanner/account.write",
    "socialplanner/oauth.readonly",
    "socialplanner/oauth.write",
    "socialplanner/csv.readonly",
    "socialplanner/csv.write",
    "socialplanner/category.readonly",
    "socialplanner/tag.readonly",
    "socialplanner/statistics.readonly",
)
SCOPES = (
    *PLANNER_SCOPES,
    "medias.readonly",
    "medias.write",
    "users.readonly",
    "locations.readonly",
    "oauth.readonly",
    "oauth.write",
    "companies.readonly",
    "marketplace-installer-details.readonly",
)
MEGABYTE = 1_000_000
# Prefixes of user agents that Cloudflare blocks. Reported for urllib; here other defaults of Python are refused too,
# except httpx's, which HighLevel's own SDK for Python sends (gohighlevel-api-client 3.0.0, run 2026-11-30).
DEFAULT_AGENTS = ("python-urllib", "python-requests", "aiohttp")


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorConfig:
    """The settings of one simulated HighLevel. Times are in seconds; None means no cap.

    Where documentation and reports are silent, the default is the stricter reading, so that a client that works
    here does not depend on the milder one; the field's comment names both.
    """

    # The part before the first "-" is the app's id.
    client_id: str = "65f0c0de0000000000000a99-simapp"
    client_secret: str = field(default="sim-client-secret", repr=False)
    # Registered redirect URIs, matched exactly. Empty: any https or loopback URI.
    redirect_uris: tuple[str, ...] = ()
    # The scopes that are enabled in the app's portal.
    scopes: tuple[str, ...] = SCOPES
    # Whether the consent page returns `state`. The documentation does not mention it.
    echo_state: bool = False
    # The base of the redirects' `Location`. None: the address that the call was sent to.
    base_url: str | None = None
    blocked_agents: tuple[str, ...] = DEFAULT_AGENTS
    code_seconds: int = 600  # undocumented
    access_token_seconds: int = 86_399
    refresh_token_seconds: int = 31_536_000
    # Whether rotation invalidates the old refresh token. Undocumented.
    refresh_invalidates_old: bool = True
    # Whether /oauth/locationToken of 2021-07-28 also returns a refresh token; v3 always does.
    location_token_refreshes: bool = False
    # How long a Private Integration Token that was rotated "later" stays valid.
    rotation_seconds: int = 7 * 86_400
    # 100 calls in 10 seconds and 200,000 a day, per app and location or company.
    rate_limits: bool = True
    burst: int = 100
    burst_seconds: int = 10
    daily: int = 200_000
    # The Retry-After of a 429, which is undocumented. None: no header.
    retry_after: int | None = None
    # How `…/start` responds: "redirect" (with the status below), or the URL in "json" or "html" with 200.
    start_answer: Literal["redirect", "json", "html"] = "redirect"
    start_status: int = 302
    # `page` in the popup's message. The documentation's code compares with this value but shows "social-media-posting".
    message_page: str = "social_media_posting"
    # What …/tiktok/accounts/{id} lists: "profile" (the schema), or "flat" (the v3 example: openId, displayName).
    tiktok_choose: Literal["profile", "flat"] = "profile"
    # How a TikTok Business account is attached: "none" (no operation is documented), "tiktok" (type "business" on
    # TikTok's path) or "own" (on a path of its own).
    tiktok_business_attach: Literal["none", "tiktok", "own"] = "none"
    # Whether a consent with reconnect=true already renews the expired accounts; the message then lists them.
    reconnect_renews: bool = True
    # From the scheduled time to the end of in_progress.
    processing_seconds: float = 1.0
    posts_per_day: int | None = 15
    # Whether the response to publishing now has `results`, hence the post's id. Reported to be missing.
    publish_now_results: bool = False
    # Where a response has its post: "results" (results.post), "top" (beside success) or "flat". All were reported.
    post_at: Literal["results", "top", "flat"] = "results"
    # Whether a scheduled post has scheduleDate beside displayDate.
    echo_schedule_date: bool = False
    # The status for numbers instead of strings in posts/list: 422, or the misleading 400.
    numeric_paging_status: Literal[422, 400] = 422
    # Whether userId must be a user of the location. A report suggests that any string is accepted.
    check_user: bool = True
    # Fetch the media when a post is published. False: they are accepted unseen.
    pull_media: bool = False
    # Documented as 25 MB and 500 MB, without a definition of MB: the decimal one is stricter.
    file_bytes: int = 25 * MEGABYTE
    video_bytes: int = 500 * MEGABYTE
    # None: no webhooks. Retried only on 429, six times, ten minutes apart.
    webhook_url: str | None = None
    webhook_retry_seconds: tuple[float, ...] = (600,) * 6
    # False: X-GHL-Signature is the literal "N/A".
    webhook_signed: bool = True
    # How long an imported CSV is processed.
    csv_seconds: float = 1.0

    @property
    def app_id(self) -> str:
        """The app's id: the client id up to the first dash."""
        return self.client_id.partition("-")[0]
