"""Paid campaigns: ad accounts, the tree of campaigns, ad groups and ads, creatives, identities, reports.

Owns the dataclasses of ads. Money is Decimal in the currency of the ad account; absent numbers are None, never 0; times
are aware. Nothing here says that something shall be delivered: what is created is paused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from providers.models.secret import Secret


class AdLevel(StrEnum):
    """A level of the tree below an ad account."""

    CAMPAIGN = "campaign"
    AD_GROUP = "ad_group"
    AD = "ad"


class Switch(StrEnum):
    """What a person or program set a node to; a node is delivered if all above it are enabled too. DELETED is final."""

    ENABLED = "enabled"
    PAUSED = "paused"
    DELETED = "deleted"


class DeliveryState(StrEnum):
    """What the vendor does with a node now.

    DELIVERING of a campaign says only that it may be delivered. NOT_DELIVERING is switched on and approved, but waits:
    for its start, for money, for another budget day, for its account. UNKNOWN is a status that we do not know.
    """

    PAUSED = "paused"
    IN_REVIEW = "in_review"
    DELIVERING = "delivering"
    NOT_DELIVERING = "not_delivering"
    ENDED = "ended"
    REJECTED = "rejected"
    DELETED = "deleted"
    UNKNOWN = "unknown"


class AdAccountState(StrEnum):
    """Whether ads of an account can be delivered; UNKNOWN is a status that we do not know."""

    ACTIVE = "active"
    IN_REVIEW = "in_review"
    REJECTED = "rejected"
    SUSPENDED = "suspended"
    DISABLED = "disabled"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class AdAccount:
    """An ad account; `currency` is an ISO 4217 code, `time_zone` an IANA name, both empty if the vendor does not say.

    `vendor_status` is verbatim; `custom_identity_allowed` is None if the vendor does not say.
    """

    id: str
    name: str = ""
    currency: str = ""
    time_zone: str = ""
    state: AdAccountState = AdAccountState.UNKNOWN
    vendor_status: str = ""
    rejection_reason: str = ""
    balance: Decimal | None = None
    custom_identity_allowed: bool | None = None


class BudgetKind(StrEnum):
    """Over which time a budget is spent; NONE has no amount and leaves the limit to the ad groups."""

    NONE = "none"
    DAILY = "daily"
    LIFETIME = "lifetime"


@dataclass(frozen=True, slots=True)
class AdBudget:
    """A budget; `amount` is None with NONE only, and the kind cannot change afterwards.

    An ad group always has an amount; that of its campaign, if it has one, limits its ad groups together.
    """

    kind: BudgetKind = BudgetKind.NONE
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class CampaignSpec:
    """A campaign as wanted; `objective` and `special_industries` have the vendor's names (`TRAFFIC`, `HOUSING`)."""

    name: str
    objective: str
    budget: AdBudget = AdBudget()
    special_industries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Targeting:
    """Who may see the ads of an ad group. `region_codes` must not be empty; any other empty field means everybody.

    `region_codes` are ISO 3166-1 codes of countries (`US`) or the vendor's ids of smaller regions, `age_bands` like
    `18-24` and `55+`, `genders` `female` or `male`, `language_codes` like `en`. `audiences` and `interest_ids` are ids
    of the vendor's.
    """

    region_codes: tuple[str, ...] = ()
    age_bands: tuple[str, ...] = ()
    genders: tuple[str, ...] = ()
    language_codes: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    excluded_audiences: tuple[str, ...] = ()
    interest_ids: tuple[str, ...] = ()


class BidStrategy(StrEnum):
    """How the vendor bids: as it likes, never above an amount, or so that the average cost stays near an amount."""

    LOWEST_COST = "lowest_cost"
    BID_CAP = "bid_cap"
    COST_CAP = "cost_cap"


@dataclass(frozen=True, slots=True)
class Bid:
    """A bid; `amount` is None with LOWEST_COST only."""

    strategy: BidStrategy = BidStrategy.LOWEST_COST
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class FrequencyCap:
    """Show an ad at most `times` times to a person in `days` days."""

    times: int
    days: int


@dataclass(frozen=True, slots=True)
class AdGroupSpec:
    """An ad group as wanted. Without `start` it may be delivered as soon as it is launched, without `end` for ever.

    `optimization_goal`, `billing_event`, `promotion_type`, `placements` and `optimization_event` have the vendor's
    names (`CLICK`, `CPC`, `WEBSITE`, `PLACEMENT_TIKTOK`); no `placements` means the vendor's own network alone.
    """

    name: str
    budget: AdBudget
    targeting: Targeting
    optimization_goal: str
    billing_event: str
    start: datetime | None = None
    end: datetime | None = None
    bid: Bid = Bid()
    promotion_type: str = ""
    placements: tuple[str, ...] = ()
    frequency_cap: FrequencyCap | None = None
    pixel_id: str = ""
    optimization_event: str = ""


class IdentityKind(StrEnum):
    """As whom an ad is shown: a linked account, one of a business center, the author of a post, or an invented name."""

    ACCOUNT = "account"
    BUSINESS_CENTER_ACCOUNT = "business_center_account"
    POST_AUTHOR = "post_author"
    CUSTOM = "custom"


@dataclass(frozen=True, slots=True)
class IdentityRef:
    """The id of an identity; `business_center_id` is set for, and only for, BUSINESS_CENTER_ACCOUNT."""

    kind: IdentityKind
    id: str
    business_center_id: str = ""


@dataclass(frozen=True, slots=True)
class AdIdentity:
    """An identity that an ad account may use; `usable` is None if the vendor does not say."""

    ref: IdentityRef
    display_name: str = ""
    username: str = ""
    image_uri: str = ""
    usable: bool | None = None
    can_use_posts: bool | None = None


@dataclass(frozen=True, slots=True)
class IdentityPage:
    """One page of identities; the last has no `next_cursor`."""

    identities: tuple[AdIdentity, ...]
    next_cursor: str = ""


@dataclass(frozen=True, slots=True)
class UploadedVideo:
    """A video and its cover from the ad account's library, by the vendor's ids; both are needed."""

    video_id: str
    cover_id: str


@dataclass(frozen=True, slots=True)
class ExistingPost:
    """A post on the network, by the vendor's id, that the ad's identity may advertise; it brings its own text."""

    post_id: str


Creative = UploadedVideo | ExistingPost


@dataclass(frozen=True, slots=True)
class AdSpec:
    """An ad as wanted; `text` is empty for an existing post, `call_to_action` has the vendor's names (`LEARN_MORE`)."""

    name: str
    creative: Creative
    identity: IdentityRef
    text: str = ""
    call_to_action: str = ""
    landing_uri: str = ""


Spec = CampaignSpec | AdGroupSpec | AdSpec


@dataclass(frozen=True, slots=True)
class AdParents:
    """Where a node stands: the ids of the nodes above it, and how they are; all of them must be given.

    Nothing for a campaign, the campaign for an ad group, both for an ad.
    """

    campaign_id: str = ""
    campaign: CampaignSpec | None = None
    ad_group_id: str = ""
    ad_group: AdGroupSpec | None = None


@dataclass(frozen=True, slots=True)
class AdNode:
    """A campaign, an ad group or an ad as the vendor has it.

    `spec` is None if the vendor has a kind of node that we cannot describe: it can be read and switched, not updated.
    `tag` tells which `key` of ours created it, empty for other people's. `rejection_reason` is only set with REJECTED.
    """

    level: AdLevel
    id: str
    name: str = ""
    campaign_id: str = ""
    ad_group_id: str = ""
    spec: Spec | None = None
    switch: Switch = Switch.PAUSED
    state: DeliveryState = DeliveryState.UNKNOWN
    vendor_status: str = ""
    rejection_reason: str = ""
    tag: str = ""
    create_time: datetime | None = None
    modify_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class AdPage:
    """One page of nodes; the last has no `next_cursor`. `total` counts all pages, None if the vendor does not count."""

    nodes: tuple[AdNode, ...]
    next_cursor: str = ""
    total: int | None = None


@dataclass(frozen=True, slots=True)
class AdQuery:
    """Which nodes of a level to read: those of `ids` (100 at most), or below a campaign or an ad group, or all."""

    level: AdLevel
    ids: tuple[str, ...] = ()
    campaign_id: str = ""
    ad_group_id: str = ""
    include_deleted: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """A field of a spec, by our name (`budget.amount`, `switch`), that the vendor dropped or changed without an error.

    `wanted` and `actual` are texts for people, empty for nothing.
    """

    field: str
    wanted: str
    actual: str


@dataclass(frozen=True, slots=True)
class ItemError:
    """Why the vendor refused one of several nodes; both are verbatim, `code` is empty if it gives none."""

    code: str
    message: str


class AdMediaKind(StrEnum):
    """What is uploaded to the library of an ad account."""

    VIDEO = "video"
    IMAGE = "image"


@dataclass(frozen=True, slots=True)
class AdMediaFile:
    """A file to upload: its exact size in bytes, its MD5 in hex, its media type (`video/mp4`, `image/png`)."""

    kind: AdMediaKind
    size: int
    md5: str
    mime_type: str


@dataclass(frozen=True, slots=True)
class AdMedia:
    """A video or image in the library of an ad account; an ad can use it once it is `ready` (a video: transcoded).

    `uri` is a preview that expires.
    """

    kind: AdMediaKind
    id: str
    name: str = ""
    ready: bool = False
    uri: str = ""
    width: int | None = None
    height: int | None = None
    duration_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class AuthorizedPost:
    """A post whose author allowed the ad account to advertise it: `creative` and `identity` are those of its ad."""

    creative: ExistingPost
    identity: IdentityRef
    start_time: datetime | None = None
    end_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class PostAuthorization:
    """The code by which an account lets an ad account advertise one of its posts, and how long it is valid."""

    code: Secret
    start_time: datetime | None = None
    end_time: datetime | None = None


class ReportLevel(StrEnum):
    """What a row of a report is about."""

    ACCOUNT = "account"
    CAMPAIGN = "campaign"
    AD_GROUP = "ad_group"
    AD = "ad"


class ReportDimension(StrEnum):
    """By what the rows of a report are split further: at most one of DAY and HOUR, or one or two of the others."""

    DAY = "day"
    HOUR = "hour"
    COUNTRY = "country"
    AGE = "age"
    GENDER = "gender"
    LANGUAGE = "language"
    PLATFORM = "platform"
    PLACEMENT = "placement"
    INTEREST = "interest"


class AdMetric(StrEnum):
    """What a report counts. Rates are in percent, watch times in seconds, MONEY_METRICS in the account's currency."""

    SPEND = "spend"
    IMPRESSIONS = "impressions"
    REACH = "reach"
    FREQUENCY = "frequency"
    CLICKS = "clicks"
    CLICK_RATE = "click_rate"
    COST_PER_CLICK = "cost_per_click"
    COST_PER_THOUSAND_IMPRESSIONS = "cost_per_thousand_impressions"
    COST_PER_THOUSAND_REACHED = "cost_per_thousand_reached"
    CONVERSIONS = "conversions"
    CONVERSION_RATE = "conversion_rate"
    COST_PER_CONVERSION = "cost_per_conversion"
    RESULTS = "results"
    RESULT_RATE = "result_rate"
    COST_PER_RESULT = "cost_per_result"
    VIDEO_PLAYS = "video_plays"
    VIDEO_WATCHED_2_SECONDS = "video_watched_2_seconds"
    VIDEO_WATCHED_6_SECONDS = "video_watched_6_seconds"
    VIDEO_WATCHED_25_PERCENT = "video_watched_25_percent"
    VIDEO_WATCHED_50_PERCENT = "video_watched_50_percent"
    VIDEO_WATCHED_75_PERCENT = "video_watched_75_percent"
    VIDEO_COMPLETED = "video_completed"
    AVERAGE_PLAY_SECONDS = "average_play_seconds"
    LIKES = "likes"
    COMMENTS = "comments"
    SHARES = "shares"
    FOLLOWS = "follows"
    PROFILE_VISITS = "profile_visits"


MONEY_METRICS = frozenset(
    {
        AdMetric.SPEND,
        AdMetric.COST_PER_CLICK,
        AdMetric.COST_PER_THOUSAND_IMPRESSIONS,
        AdMetric.COST_PER_THOUSAND_REACHED,
        AdMetric.COST_PER_CONVERSION,
        AdMetric.COST_PER_RESULT,
    }
)
"""The metrics that are amounts of money in the ad account's currency."""


@dataclass(frozen=True, slots=True)
class ReportQuery:
    """A report over whole days of the ad account's time zone, `end` included; `ids` restricts it to nodes of its level.

    `end` is None, and `start` too, for the whole lifetime.
    """

    level: ReportLevel
    metrics: tuple[AdMetric, ...]
    start: date | None = None
    end: date | None = None
    dimensions: tuple[ReportDimension, ...] = ()
    ids: tuple[str, ...] = ()
    include_deleted: bool = False


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One row: the vendor's id of what it is about, its further dimensions as text, its metrics.

    A DAY is `2026-11-20`, an HOUR `2026-11-20T13`, both in the ad account's time zone. A metric is None where the
    vendor has no number.
    """

    id: str
    metrics: Mapping[AdMetric, Decimal | None]
    dimensions: Mapping[ReportDimension, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReportPage:
    """One page of a report; the last has no `next_cursor`. `total` counts the rows of all pages, None if unknown."""

    rows: tuple[ReportRow, ...]
    next_cursor: str = ""
    total: int | None = None


class ReportTaskState(StrEnum):
    """How far the vendor is with a long report."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ReportTask:
    """How far the vendor is with a long report; `message` is its reason for a failure."""

    state: ReportTaskState
    message: str = ""
