"""What a simulated HighLevel is configured with: one marketplace app, the vendor's tempo, and what nobody documented.

Owns: the settings and their defaults. Knows nothing of HTTP, nor of what happens to posts.
"""

from dataclasses import dataclass, field
from typing import Literal

# docs/oauth/Scopes.md of GoHighLevel/highlevel-api-docs, read 2026-11-20; statistics stands in the v3 specification.
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
# The start of agents that Cloudflare turns away. Reported for urllib's; every default of Python's is refused here.
DEFAULT_AGENTS = ("python", "aiohttp")


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorConfig:
    """The settings of one simulated HighLevel. Times are seconds; a cap of None is no cap.

    Where documentation and reports are silent, the default is the harsher reading, so that a client that works here
    does not depend on the milder one; the field's comment says which readings there are.
    """

    # The part before the first "-" is the app's id.
    client_id: str = "65f0c0de0000000000000a99-simapp"
    client_secret: str = field(default="sim-client-secret", repr=False)
    # Registered redirect URIs, exact. Empty: any https or loopback URI.
    redirect_uris: tuple[str, ...] = ()
    # The scopes that are enabled in the app's portal.
    scopes: tuple[str, ...] = SCOPES
    # Whether `state` comes back from the consent page. No page of the documentation mentions it.
    echo_state: bool = False
    # What `location`s of redirects start with. None: the address the call came to.
    base_url: str | None = None
    blocked_agents: tuple[str, ...] = DEFAULT_AGENTS
    code_seconds: int = 600  # undocumented
    access_token_seconds: int = 86_399
    refresh_token_seconds: int = 31_536_000
    # The old refresh token dies with its rotation. Undocumented; False keeps it alive.
    refresh_invalidates_old: bool = True
    # Whether /oauth/locationToken of 2021-07-28 gives a refresh token too; v3 always does.
    location_token_refreshes: bool = False
    # How long a Private Integration Token lives on that was rotated "later".
    rotation_seconds: int = 7 * 86_400
    # 100 calls in 10 seconds and 200,000 a day, per app and location or company.
    rate_limits: bool = True
    burst: int = 100
    burst_seconds: int = 10
    daily: int = 200_000
    # The Retry-After of a 429, which is undocumented. None: there is none.
    retry_after: int | None = None
    # How `…/start` answers: "redirect" (with the status below), or "json" or "html" that carries the URL with 200.
    start_answer: Literal["redirect", "json", "html"] = "redirect"
    start_status: int = 302
    # `page` in the popup's message. The documentation compares with this and shows "social-media-posting".
    message_page: str = "social_media_posting"
    # What …/tiktok/accounts/{id} lists: "profile" (the schema), or "flat" (the v3 example: openId, displayName).
    tiktok_choose: Literal["profile", "flat"] = "profile"
    # How a TikTok Business account is attached: "none" (no operation is documented), "tiktok" (type "business" on
    # TikTok's path) or "own" (on a path of its own).
    tiktok_business_attach: Literal["none", "tiktok", "own"] = "none"
    # Whether consenting with reconnect=true already renews the expired accounts, which the message then lists.
    reconnect_renews: bool = True
    # From its hour to in_progress's end.
    processing_seconds: float = 1.0
    posts_per_day: int | None = 15
    # Whether the answer to publishing at once has `results`, and thereby the post's id. Reported absent.
    publish_now_results: bool = False
    # Where a single post stands: "results" (results.post), "top" (beside success) or "flat". All were reported.
    post_at: Literal["results", "top", "flat"] = "results"
    # Whether a scheduled post repeats scheduleDate beside displayDate.
    echo_schedule_date: bool = False
    # What numbers instead of strings get in posts/list: 422, or the misleading 400.
    numeric_paging_status: Literal[422, 400] = 422
    # Whether userId must be a user of the location. A report suggests that any string passes.
    check_user: bool = True
    # Really fetch media when a post is published. False: they are taken as they are.
    pull_media: bool = False
    # Documented as 25 MB and 500 MB, which of the two kinds of MB is not said: the decimal ones are fewer.
    file_bytes: int = 25 * MEGABYTE
    video_bytes: int = 500 * MEGABYTE
    # None: no webhooks. Retried on 429 only, six times, ten minutes apart.
    webhook_url: str | None = None
    webhook_retry_seconds: tuple[float, ...] = (600,) * 6
    # False: X-GHL-Signature is the literal N/A.
    webhook_signed: bool = True
    # How long an imported CSV is looked through.
    csv_seconds: float = 1.0

    @property
    def app_id(self) -> str:
        """The app's id: what stands before the first dash of the client id."""
        return self.client_id.partition("-")[0]
