"""What an advertiser's grant can do through TikTok's Marketing API, and the numeric scopes that it needs.

Owns the scopes and their tree. Numbers as in TikTok's portal (2026-08-13): a scope grants those below it.
"""

from collections.abc import Iterable

from providers.capabilities import KindRules

PLATFORM = "tiktok_ads"
"""Our name of what such a grant reaches: ad accounts, and no account of the network."""

ACCOUNTS = "100"
CAMPAIGNS, CHANGE_CAMPAIGNS = "200", "201"
AD_GROUPS, CHANGE_AD_GROUPS = "210", "211"
ADS, CHANGE_ADS = "220", "221"
REPORTS = "44"
IMAGES, UPLOAD_IMAGES = "600", "601"
VIDEOS, UPLOAD_VIDEOS, COVERS = "610", "611", "612"
IDENTITIES, CHANGE_IDENTITIES = "690", "691"
AUDIENCES, CHANGE_AUDIENCES = "30", "31"

SCOPES = (
    ACCOUNTS,
    CAMPAIGNS,
    CHANGE_CAMPAIGNS,
    AD_GROUPS,
    CHANGE_AD_GROUPS,
    ADS,
    CHANGE_ADS,
    REPORTS,
    IMAGES,
    UPLOAD_IMAGES,
    VIDEOS,
    UPLOAD_VIDEOS,
    COVERS,
    IDENTITIES,
    CHANGE_IDENTITIES,
    AUDIENCES,
    CHANGE_AUDIENCES,
)
"""The scopes that the gateway uses; the consent page asks for those that are ticked on the application."""

# The scopes above them: what one grants begins with its digits. Of other long numbers that is not true.
PARENTS = ("1", "10", "2", "20", "21", "22", "3", "4", "6", "60", "61", "69")

RULES = KindRules(
    platform=PLATFORM,
    grants={
        # Any token may ask whose it is.
        "can_read_profile": frozenset(),
        "can_manage_ads": frozenset(
            {ACCOUNTS, CAMPAIGNS, CHANGE_CAMPAIGNS, AD_GROUPS, CHANGE_AD_GROUPS, ADS, CHANGE_ADS}
        ),
    },
    profile_scopes={},
)


def expanded(granted: Iterable[str]) -> tuple[str, ...]:
    """Return the granted scopes, each once, with those below them that the gateway uses."""
    given = tuple(dict.fromkeys(granted))
    below = (scope for scope in SCOPES for each in given if each in PARENTS and scope.startswith(each))
    return tuple(dict.fromkeys((*given, *below)))
