"""The configuration of a simulated TikTok: one app of the developer portal, its caps, and how fast the vendor works.

Owns: the settings and their defaults. Knows nothing of HTTP or of what happens to posts.
"""

from dataclasses import dataclass, field

SCOPES = (
    "user.info.basic",
    "user.info.profile",
    "user.info.stats",
    "video.list",
    "video.upload",
    "video.publish",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorConfig:
    """The settings of one simulated TikTok. Times are in seconds; None means no cap.

    Where TikTok's documentation is silent, the default is the stricter reading, so that a client that works here
    does not depend on the milder one; the field's comment names both.
    """

    client_key: str = "sim-client-key"
    client_secret: str = field(default="sim-client-secret", repr=False)
    # Registered redirect URIs, matched exactly; a loopback URI may have the port "*". Empty: any https or loopback URI.
    redirect_uris: tuple[str, ...] = ()
    # The base of upload URLs. None: the address that the init call was sent to.
    base_url: str | None = None
    # From the last byte to the end of processing, and from there to the public post id.
    processing_seconds: float = 0.5
    moderation_seconds: float = 0.5
    access_token_seconds: int = 86_400
    refresh_token_seconds: int = 31_536_000
    client_token_seconds: int = 7_200
    code_seconds: int = 600  # undocumented
    upload_url_seconds: int = 3_600
    # Sliding windows of one minute per user and endpoint (429), and the caps over 24 hours.
    rate_limits: bool = True
    posts_per_day: int | None = 15
    pending_drafts: int | None = 5
    active_creators: int | None = None
    # A code challenge is always verified when it is sent; True requires one, as TikTok does for desktop apps.
    require_pkce: bool = False
    # Whether rotation invalidates the old refresh token. Undocumented.
    refresh_invalidates_old: bool = True
    # OAuth errors were recorded with HTTP 200; the documentation names no status.
    oauth_error_status: int = 200
    # None: no webhooks. The retries are shorter than TikTok's, which go on for 72 hours.
    webhook_url: str | None = None
    webhook_retry_seconds: tuple[float, ...] = (0.5, 1, 2, 4, 8, 16)
    # Whether the app passed the audit. Unaudited apps are limited to five users, private accounts and SELF_ONLY.
    audited: bool = True
    # Whether the initial accounts are private.
    private_account: bool = False
    # Keep uploaded bytes in memory, not only their hash and count.
    keep_bytes: bool = False
    # A chunk that is sent again after it was stored gets 416 with the progress; True: the response of a new chunk.
    accept_resent_chunk: bool = False
    # The progress header has the offset of the last stored byte; True: the count. The documentation is ambiguous.
    progress_is_count: bool = False
    # The status for an unknown upload: documented as 404, also recorded as 405.
    unknown_upload_status: int = 404
    # URL prefixes and domains verified in the portal, for pulls. Empty: any https host.
    verified_urls: tuple[str, ...] = ()
    # Also accept plain http URLs of this machine, which TikTok could not fetch: for local experiments.
    loopback_urls: bool = False
    # Fetch the media of pulls, within an hour. False: a pull completes at once, without bytes.
    pull_media: bool = False
