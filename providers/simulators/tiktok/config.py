"""What a simulated TikTok is configured with: one app of the developer portal, its caps, and the vendor's tempo.

Owns: the settings and their defaults. Knows nothing of HTTP, nor of what happens to posts.
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
    """The settings of one simulated TikTok. Times are seconds; a cap of None is no cap.

    Where TikTok's documentation is silent, the default is the harsher reading, so that a client that works here
    does not depend on the milder one; the field's comment says which readings there are.
    """

    client_key: str = "sim-client-key"
    client_secret: str = field(default="sim-client-secret", repr=False)
    # Registered redirect URIs, exact; a loopback one may have the port "*". Empty: any https or loopback URI.
    redirect_uris: tuple[str, ...] = ()
    # What upload URLs start with. None: the address the init call came to.
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
    # A challenge that was sent is always verified; True refuses the consent page without one, as desktop apps are.
    require_pkce: bool = False
    # The old refresh token dies with its rotation. Undocumented; False keeps it alive.
    refresh_invalidates_old: bool = True
    # OAuth refusals were recorded with HTTP 200; the documentation names no status.
    oauth_error_status: int = 200
    # None: no webhooks. Retries are cut short here: TikTok goes on for 72 hours.
    webhook_url: str | None = None
    webhook_retry_seconds: tuple[float, ...] = (0.5, 1, 2, 4, 8, 16)
    # An app that passed the audit; False: five users, private accounts, SELF_ONLY.
    audited: bool = True
    # Whether the accounts made at the start are private.
    private_account: bool = False
    # Keep what is uploaded (in memory), not only its hash and count.
    keep_bytes: bool = False
    # A chunk that is already stored, sent once more: 416 with the progress. True answers as if it had been new.
    accept_resent_chunk: bool = False
    # The progress header names the last stored byte; True: the count. The documentation can be read both ways.
    progress_is_count: bool = False
    # An upload nobody knows: documented as 404, also recorded as 405.
    unknown_upload_status: int = 404
    # URL prefixes proved in the portal, for pulls. Empty: any https host.
    verified_urls: tuple[str, ...] = ()
    # Also plain http of this very machine, which no TikTok could fetch: for trying things out.
    loopback_urls: bool = False
    # Really fetch what is to be pulled, within an hour. False: a pull finishes by itself, without bytes.
    pull_media: bool = False
