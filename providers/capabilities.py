"""The capability table of a provider, which drives the check before a call, the API, the docs and the test skips.

Owns `Capability`, `Support`, `Limits`, `QuotaRule` and the table. Knows no vendor.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Literal

from providers.models.grants import GrantKind
from providers.text_units import TextUnit

CONNECTION_CAPABILITIES = (
    "can_read_profile",
    "can_list_videos",
    "can_read_video_metrics",
    "can_publish",
    "can_upload_drafts",
    "can_read_comments",
    "can_manage_ads",
)
"""The capabilities of a connection, by their field names in the API."""


class Capability(StrEnum):
    """Something a caller may ask for; values match the enum of the API without its prefix, in lower case."""

    OAUTH = "oauth"
    STATIC_TOKEN = "static_token"  # noqa: S105 - the name of a capability
    REVOKE = "revoke"
    AGENCY_GRANTS = "agency_grants"
    CREATOR_INFO = "creator_info"
    ACCOUNT_LIST = "account_list"
    ACCOUNT_ATTACH = "account_attach"
    ACCOUNT_DETACH = "account_detach"
    VIDEO_LIST = "video_list"
    VIDEO_QUERY = "video_query"
    POST_VIDEO_UPLOAD = "post_video_upload"
    POST_VIDEO_PULL = "post_video_pull"
    POST_PHOTO = "post_photo"
    POST_INBOX = "post_inbox"
    POST_PLANNER_DRAFT = "post_planner_draft"
    POST_PLANNER_REVIEW = "post_planner_review"
    POST_TEXT = "post_text"
    POST_SCHEDULE = "post_schedule"
    POST_EDIT = "post_edit"
    POST_CANCEL = "post_cancel"
    POST_DELETE = "post_delete"
    METRICS = "metrics"
    ACCOUNT_METRICS = "account_metrics"
    COMMENT_LIST = "comment_list"
    COMMENT_REPLY = "comment_reply"
    COMMENT_MODERATE = "comment_moderate"
    COMMENT_HIDE = "comment_hide"
    COMMENT_DELETE = "comment_delete"
    PLANNER_LABELS = "planner_labels"
    POST_IMPORT = "post_import"
    WEBHOOKS = "webhooks"
    ADS = "ads"
    AUDIENCES = "audiences"


class Support(StrEnum):
    """How far a capability is supported: NOT_YET is not built by us, IMPOSSIBLE is not offered by the vendor."""

    FULL = "full"
    PARTIAL = "partial"
    NOT_YET = "not_yet"
    IMPOSSIBLE = "impossible"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the table; PARTIAL, NOT_YET and IMPOSSIBLE carry a note for callers."""

    support: Support
    note: str = ""


class RequiredMedia(StrEnum):
    """Which media a post must have; VIDEO also means that it can have no photos."""

    NONE = ""
    ANY = "a video or photos"
    VIDEO = "a video"


@dataclass(frozen=True, slots=True)
class Limits:
    """The vendor's limits in bytes, units of text, counts and pixels; 0 means no limit, or none that is documented.

    Texts are counted in `text_unit`; where a vendor also limits their size, `max_caption_bytes` counts bytes of UTF-8.
    Codecs have FFmpeg's names (`h264`); `pull_timeout` is how long a vendor may take to fetch media itself. `source`
    is where the limits are documented, and when it was read.
    """

    max_caption_units: int = 0
    text_unit: TextUnit = TextUnit.UTF16_UNIT
    max_caption_bytes: int = 0
    required_media: RequiredMedia = RequiredMedia.NONE
    max_photos: int = 0
    max_video_bytes: int = 0
    max_video_duration: timedelta | None = None
    min_chunk_bytes: int = 0
    max_chunk_bytes: int = 0
    max_posts_per_day: int = 0
    video_mime_types: tuple[str, ...] = ()
    video_codecs: tuple[str, ...] = ()
    min_frame_rate: float = 0
    max_frame_rate: float = 0
    min_video_side: int = 0
    max_video_side: int = 0
    photo_mime_types: tuple[str, ...] = ()
    max_photo_bytes: int = 0
    max_photo_short_side: int = 0
    max_title_units: int = 0
    max_photo_caption_units: int = 0
    pull_timeout: timedelta | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class QuotaRule:
    """A quota: at most `limit` of `metric` in any `window`, counted per connection, subject, account or application.

    `per="subject"` counts all grants of the same vendor subject together, whichever connections and locations hold
    them. `limit` 0 means that the vendor has a limit which is only known once it refuses. The last `low` slots are
    never used; background work leaves another `reserve` slots to callers. `spent_by` names the posts that use a slot,
    as `mode:kind` (`direct:file`, `creator_inbox:photos`). `platform` is set where only the accounts of one platform
    have the quota, and those have no others.
    """

    metric: str
    limit: int
    window: timedelta
    per: Literal["connection", "subject", "account", "provider"] = "connection"
    reserve: int = 0
    low: int = 0
    platform: str = ""
    spent_by: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class KindRules:
    """What one kind of a provider's grants has of its own: the scopes of capabilities and profiles, as in the table,
    and the platform of the account that such a grant consists of.

    With `fetches_media` the vendor fetches all media of such an account's posts itself, uploaded files too.
    """

    grants: Mapping[str, frozenset[str]]
    profile_scopes: Mapping[str, str]
    platform: str
    fetches_media: bool = False


@dataclass(frozen=True, slots=True)
class CapabilityTable:
    """The capability table of one provider; a capability without a cell is NOT_YET.

    `grants` maps each capability of a connection to the scopes it needs; one that is not listed is never granted.
    `profile_scopes` maps each part of a profile to its scope, where they differ. `settings` are the keys allowed in
    `Connection.provider_settings`; `place` is the one among them that names which of an agency's places a connection
    is for. `kinds` are the kinds of its grants, the usual one first; `kind_rules` are the rules of kinds that differ
    from it. `platform_limits` are the limits of single networks inside a planner, where they differ.

    `library` means that the vendor is a planner: files are uploaded to its media library before the one call that
    submits the post, this call may publish immediately, and its list has every post. `statuses_at_once` means that one
    call can return the status of many posts. `schedules` means that the vendor has a clock of its own and is sent a
    post with its time; for any other vendor the gateway keeps it until then, which POST_SCHEDULE promises.
    """

    provider: str
    display_name: str
    cells: Mapping[Capability, Cell]
    limits: Limits
    grants: Mapping[str, frozenset[str]] = field(default_factory=dict)
    profile_scopes: Mapping[str, str] = field(default_factory=dict)
    settings: frozenset[str] = frozenset()
    place: str = ""
    kinds: tuple[GrantKind, ...] = (GrantKind.USER,)
    kind_rules: Mapping[GrantKind, KindRules] = field(default_factory=dict)
    quotas: tuple[QuotaRule, ...] = ()
    platform_limits: Mapping[str, Limits] = field(default_factory=dict)
    library: bool = False
    statuses_at_once: bool = False
    schedules: bool = False

    def rules_of(self, kind: GrantKind | str) -> KindRules:
        """Return what a kind of grants needs; kinds without rules of their own share the table's."""
        own = next((rules for each, rules in self.kind_rules.items() if each == kind), None)
        return own or KindRules(self.grants, self.profile_scopes, self.provider)

    def granted(self, scopes: Iterable[str], kind: GrantKind | str = "") -> dict[str, bool]:
        """Return which capabilities of a connection (`can_publish`…) a grant of these scopes allows."""
        have, needed = frozenset(scopes), self.rules_of(kind).grants
        return {name: name in needed and needed[name] <= have for name in CONNECTION_CAPABILITIES}

    def profile_parts(self, scopes: Iterable[str], kind: GrantKind | str = "") -> frozenset[str]:
        """Return the parts of a profile that these scopes allow to read."""
        have = frozenset(scopes)
        return frozenset(part for part, scope in self.rules_of(kind).profile_scopes.items() if scope in have)

    def limits_of(self, platform: str) -> Limits:
        """Return the limits of a network, else those of the provider."""
        return self.platform_limits.get(platform, self.limits)

    def quotas_of(self, platform: str) -> tuple[QuotaRule, ...]:
        """Return the quotas that apply to the accounts of a platform."""
        own = tuple(rule for rule in self.quotas if rule.platform and rule.platform == platform)
        return own or tuple(rule for rule in self.quotas if not rule.platform)

    def fetches_media(self, platform: str) -> bool:
        """Return whether the vendor fetches all media of a platform's posts itself."""
        return any(each.platform == platform and each.fetches_media for each in self.kind_rules.values())

    def has_comments(self, platform: str) -> bool:
        """Return whether a kind of grants can list the comments below the videos of a platform's accounts."""
        return any(
            each.platform == platform and "can_read_comments" in each.grants for each in self.kind_rules.values()
        )

    def quota(self, metric: str) -> QuotaRule | None:
        """Return the quota rule of a metric, None if the vendor has no such limit."""
        return next((rule for rule in self.quotas if rule.metric == metric), None)

    def cell(self, capability: Capability) -> Cell:
        """Return the cell of a capability."""
        return self.cells.get(capability, Cell(Support.NOT_YET, "Not built yet."))

    def can(self, capability: Capability) -> bool:
        """Return whether the capability is supported, fully or in part."""
        return self.cell(capability).support in (Support.FULL, Support.PARTIAL)
