"""The configuration of a simulated TikTok API for Business: one app of its portal, its limits, its quirks.

Owns: the settings and their defaults. Knows nothing of HTTP or of what is in the accounts.
"""

from dataclasses import dataclass

from providers.simulators.tiktok import config

# The string scopes in addresses of consent pages that the portal makes (2026-11-20); one that is not among them is
# refused with `invalid_scope`.
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
    "video.publish",
    "video.upload",
    "biz.spark.auth",
    "biz.brand.insights",
    "biz.creator.info",
    "biz.creator.insights",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorConfig(config.SimulatorConfig):
    """The settings of one app. `client_key` is its App ID; of TikTok's v2 API, consent, tokens, webhooks and pulls are
    the same here, and what belongs to uploads means nothing.
    """

    client_key: str = "7000000000000000001"
    # The limits of the app as a whole, by the second, the minute and the day (UTC): the tier "Basic".
    per_second: int = 10
    per_minute: int = 600
    per_day: int = 864_000
    # Whether /business/get/ answers 40130 for any field without user.info.stats and user.info.profile, as was observed.
    profile_needs_stats: bool = False
    # How many days the daily values are behind.
    days_behind: int = 2
    # How long the members of an audience are matched, which takes TikTok a day or two, and how many of them are found.
    matching_seconds: float = 60
    match_rate: float = 1.0
    # How long the review of an ad takes, and until an uploaded video can be used.
    review_seconds: float = 3_600
    transcoding_seconds: float = 60
    # How long the file of a long report takes.
    report_seconds: float = 60
    # What one ad that is shown spends in an hour, in its account's currency.
    spend_per_hour: float = 1.5
    # Whether campaigns are created switched on whatever is asked for, as was documented for apps without an allowlist.
    ignore_disable: bool = False
    # Fields of ad objects that are dropped without a word.
    dropped: tuple[str, ...] = ()
    # The longest comment, in characters.
    comment_length: int = 1_200
