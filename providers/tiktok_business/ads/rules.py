"""What TikTok accepts of campaigns, ad groups and ads, checked before any call.

Owns the rules for names, objectives and ads; those for budgets are in budget_rules.py, for ad groups in
ad_group_rules.py. Rules as in TikTok's reference (2026-08-13); what depends on the ad account's own permissions only
TikTok can tell.
"""

import unicodedata
from datetime import datetime
from urllib.parse import urlsplit

from providers.models.ads import (
    AdAccount,
    AdGroupSpec,
    AdParents,
    AdSpec,
    CampaignSpec,
    ExistingPost,
    IdentityKind,
    Spec,
    UploadedVideo,
)
from providers.tiktok_business.ads import ad_group_rules, words
from providers.tiktok_business.ads.budget_rules import check_campaign_budget
from providers.tiktok_business.ads.refused import one_of, refuse, unsupported

MAX_NAME = 512
MAX_TEXT = 100
MAX_LANDING_URI = 2_000
OBJECTIVES = ("REACH", "TRAFFIC", "VIDEO_VIEWS", "ENGAGEMENT", "LEAD_GENERATION", "WEB_CONVERSIONS")
"""The objectives that need nothing which these models do not have (an app, a catalogue, a reservation)."""

INDUSTRIES = ("HOUSING", "EMPLOYMENT", "CREDIT")
CALLS_TO_ACTION = (
    "APPLY_NOW",
    "BOOK_NOW",
    "CONTACT_US",
    "DOWNLOAD_NOW",
    "GET_QUOTE",
    "LEARN_MORE",
    "LISTEN_NOW",
    "ORDER_NOW",
    "PREORDER_NOW",
    "READ_MORE",
    "SHOP_NOW",
    "SIGN_UP",
    "SUBSCRIBE",
    "VIEW_NOW",
    "VISIT_STORE",
    "WATCH_NOW",
)


def check(account: AdAccount, spec: Spec, parents: AdParents, now: datetime | None, before: Spec | None) -> None:
    """Raise OptionUnsupported or ContentRefused; without `now` nothing that depends on the time is checked."""
    if before is not None and type(before) is not type(spec):
        raise ValueError("an update cannot change the level of a node")
    check_name(spec.name)
    match spec:
        case CampaignSpec():
            _check_campaign(account, spec, before if isinstance(before, CampaignSpec) else None)
        case AdGroupSpec():
            ad_group_rules.check(account, spec, parents, now, before if isinstance(before, AdGroupSpec) else None)
        case AdSpec():
            _check_ad(account, spec, parents)


def check_name(name: str) -> None:
    """Refuse a name that is empty, too long with its tag (wide characters count twice), or has an emoji."""
    if not name.strip():
        raise refuse("name", "A name is needed.")
    width = sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in name)
    if width > MAX_NAME - words.TAG_LENGTH:
        raise refuse("name", f"The name is {width} characters wide.", allowed=str(MAX_NAME - words.TAG_LENGTH))
    if any(unicodedata.category(each) in ("So", "Cs", "Cc") or ord(each) >= 0x1F000 for each in name):
        raise refuse("name", "A name cannot have emoji or control characters.")
    if words.untagged(name)[1]:
        raise refuse("name", "A name cannot end like the mark by which the gateway knows its own.")


def _check_campaign(account: AdAccount, spec: CampaignSpec, before: CampaignSpec | None) -> None:
    one_of(spec.objective, OBJECTIVES, "objective")
    for industry in spec.special_industries:
        one_of(industry, INDUSTRIES, "special_industries")
    check_campaign_budget(account, spec.budget, before.budget if before else None)
    if before is None:
        return
    if spec.objective != before.objective:
        raise unsupported("objective", "The objective of a campaign cannot change.")
    if spec.special_industries not in ((), before.special_industries):
        raise unsupported("special_industries", "Special industries can be removed afterwards, not added or changed.")


def _check_ad(account: AdAccount, spec: AdSpec, parents: AdParents) -> None:
    _check_identity(account, spec)
    if spec.call_to_action:
        one_of(spec.call_to_action, CALLS_TO_ACTION, "call_to_action")
    _check_text(spec)
    _check_landing(spec, parents)
    if isinstance(spec.creative, UploadedVideo) and not (spec.creative.video_id and spec.creative.cover_id):
        raise refuse("creative", "A video ad needs a video and its cover.")
    if isinstance(spec.creative, ExistingPost) and not spec.creative.post_id:
        raise refuse("creative", "The post to advertise is missing.")


def _check_identity(account: AdAccount, spec: AdSpec) -> None:
    identity = spec.identity
    if not identity.id:
        raise refuse("identity", "An ad is shown as somebody: name one of the ad account's identities.")
    if (identity.kind is IdentityKind.BUSINESS_CENTER_ACCOUNT) != bool(identity.business_center_id):
        raise refuse("identity", "The business center belongs to identities of a business center, and to no others.")
    if identity.kind is IdentityKind.CUSTOM and account.custom_identity_allowed is not True:
        # Accounts may no longer invent one since January 2026, but for those that TikTok says so of.
        raise unsupported("identity", "The ad account may not show ads under an invented name.")
    if identity.kind is IdentityKind.CUSTOM and isinstance(spec.creative, ExistingPost):
        raise unsupported("identity", "A post is shown as its author.")
    if identity.kind is IdentityKind.POST_AUTHOR and not isinstance(spec.creative, ExistingPost):
        raise unsupported("identity", "The author of a post is only shown with that post.")


def _check_text(spec: AdSpec) -> None:
    if isinstance(spec.creative, ExistingPost):
        if spec.text:
            raise unsupported("text", "A post brings its own text.")
    elif not 1 <= len(spec.text) <= MAX_TEXT:
        raise refuse("text", f"The text has {len(spec.text)} characters.", allowed=f"1 to {MAX_TEXT}")


def _check_landing(spec: AdSpec, parents: AdParents) -> None:
    to_website = parents.ad_group is not None and parents.ad_group.promotion_type == "WEBSITE"
    if not spec.landing_uri:
        if to_website:
            raise refuse("landing_uri", "An ad of this ad group needs the address of the website.")
        return
    try:
        parts = urlsplit(spec.landing_uri)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("https", "http") or not parts.hostname or len(spec.landing_uri) > MAX_LANDING_URI:
        raise refuse("landing_uri", "The address of the website is not a usable URL.")
