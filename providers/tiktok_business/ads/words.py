"""TikTok's words for what our models name: switches, states, budgets, targeting, times, and the tag in a node's name.

Owns the translation of single values in both directions. Makes no call, and does not know in which request they are.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from providers.models.ads import AdAccountState, AdLevel, BudgetKind, DeliveryState, IdentityKind, Switch
from providers.tiktok_common import values

ACCOUNT_STATES: Mapping[str, AdAccountState] = {
    "STATUS_ENABLE": AdAccountState.ACTIVE,
    "STATUS_LIMIT": AdAccountState.SUSPENDED,
    "STATUS_DISABLE": AdAccountState.DISABLED,
    **dict.fromkeys(
        ("STATUS_CONFIRM_FAIL", "STATUS_CONFIRM_FAIL_END", "STATUS_CONFIRM_MODIFY_FAIL"), AdAccountState.REJECTED
    ),
    **dict.fromkeys(
        (
            "STATUS_PENDING_CONFIRM",
            "STATUS_PENDING_VERIFIED",
            "STATUS_PENDING_CONFIRM_MODIFY",
            "STATUS_WAIT_FOR_BPM_AUDIT",
            "STATUS_WAIT_FOR_PUBLIC_AUTH",
            "STATUS_SELF_SERVICE_UNAUDITED",
            "STATUS_CONTRACT_PENDING",
        ),
        AdAccountState.IN_REVIEW,
    ),
}
SWITCHES: Mapping[Switch, str] = {Switch.ENABLED: "ENABLE", Switch.PAUSED: "DISABLE", Switch.DELETED: "DELETE"}
BUDGET_MODES: Mapping[BudgetKind, str] = {
    BudgetKind.NONE: "BUDGET_MODE_INFINITE",
    BudgetKind.DAILY: "BUDGET_MODE_DAY",
    BudgetKind.LIFETIME: "BUDGET_MODE_TOTAL",
}
AGES: Mapping[str, str] = {
    "13-17": "AGE_13_17",
    "18-24": "AGE_18_24",
    "25-34": "AGE_25_34",
    "35-44": "AGE_35_44",
    "45-54": "AGE_45_54",
    "55+": "AGE_55_100",
}
GENDERS: Mapping[str, str] = {"female": "GENDER_FEMALE", "male": "GENDER_MALE"}
EVERY_GENDER = "GENDER_UNLIMITED"
IDENTITIES: Mapping[IdentityKind, str] = {
    IdentityKind.ACCOUNT: "TT_USER",
    IdentityKind.BUSINESS_CENTER_ACCOUNT: "BC_AUTH_TT",
    IdentityKind.POST_AUTHOR: "AUTH_CODE",
    IdentityKind.CUSTOM: "CUSTOMIZED_USER",
}

# The endings of `secondary_status`, without the level's prefix. The list grows: another ending is UNKNOWN.
_ENDINGS: Mapping[str, DeliveryState] = {
    **dict.fromkeys(
        ("ENABLE", "DELIVERY_OK", "PARTIAL_AUDIT_DELIVERY_OK", "REVIEW_PARTIALLY_APPROVED"), DeliveryState.DELIVERING
    ),
    **dict.fromkeys(
        ("ADVERTISER_AUDIT", "AUDIT", "REAUDIT", "CREATE", "SHADOW_ADGROUP_REAUDIT", "PROCESS_AUDIO"),
        DeliveryState.IN_REVIEW,
    ),
    **dict.fromkeys(
        (
            "REVIEW_DISAPPROVED",
            "ADVERTISER_AUDIT_DENY",
            "AUDIT_DENY",
            "ADGROUP_AUDIT_DENY",
            "PARTIAL_AUDIT_NO_DELIVERY",
            "TRANSCODING_FAIL",
        ),
        DeliveryState.REJECTED,
    ),
    **dict.fromkeys(("DISABLE", "CAMPAIGN_DISABLE", "ADGROUP_DISABLE", "FROZEN"), DeliveryState.PAUSED),
    **dict.fromkeys(
        (
            "BUDGET_EXCEED",
            "CAMPAIGN_EXCEED",
            "BALANCE_EXCEED",
            "NOT_START",
            "AWAITING_RELEASE",
            "AD_UNAVAILABLE",
            "ASSET_AUTHORIZATION_LOST",
            "ACCOUNT_PUNISH",
            "ACCOUNT_INVALID",
            "CONTRACT_PENDING",
            "PIXEL_UNBIND",
            "INDUSTRY_QUALIFICATION_MISSING",
            "INDUSTRY_QUALIFICATION_EXPIRED",
            "INDUSTRY_QUALIFICATION_DENY",
        ),
        DeliveryState.NOT_DELIVERING,
    ),
    **dict.fromkeys(("TIME_DONE", "DONE"), DeliveryState.ENDED),
    **dict.fromkeys(("DELETE", "CAMPAIGN_DELETE", "ADGROUP_DELETE"), DeliveryState.DELETED),
}
# One of the constants is misspelt there (SDK, 2026-02-27).
_PREFIX = re.compile(r"(CAMPAIGN_STATUS|ADGROUP_STATUS|AD_STATUS|AD_STAUS|ADVERTISER)_")
_TAG = re.compile(r" \[([0-9a-f]{10})\]\Z")
TAG_LENGTH = 13


def state(vendor_status: str) -> DeliveryState:
    """Return what a `secondary_status` means; the sandbox has none."""
    return _ENDINGS.get(_PREFIX.sub("", vendor_status, count=1), DeliveryState.UNKNOWN)


def switch(operation_status: str) -> Switch:
    """Return what a node is switched to; FROZEN is a pause of TikTok's."""
    return next((ours for ours, theirs in SWITCHES.items() if theirs == operation_status), Switch.PAUSED)


def ours(table: Mapping[Any, str], theirs: str) -> Any:
    """Return the key of a table of words, None for a word that it does not have."""
    return next((key for key, word in table.items() if word == theirs), None)


def tagged(name: str, key: str) -> str:
    """Return the name that a node made with `key` has at TikTok: it tells ours from any other of the same name."""
    return f"{name} [{key[:10]}]"


def untagged(name: str) -> tuple[str, str]:
    """Return a node's name without its tag, and the tag, empty for none."""
    found = _TAG.search(name)
    return (name[: found.start()], found[1]) if found else (name, "")


def request_id(key: str, level: AdLevel) -> str:
    """Return the deduplication id of a create, a positive 64-bit integer as text, always the same for a key."""
    digest = hashlib.sha256(f"{level}:{key}".encode()).digest()
    return str(int.from_bytes(digest[:8], "big") >> 1)


def time_text(moment: datetime) -> str:
    """Return a time as TikTok's ad objects have it: UTC, without a zone."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def time_value(source: Mapping[str, Any], key: str) -> datetime | None:
    """Return the time under `key`, None if there is none; what is not delivered until an end has one far away."""
    try:
        return datetime.strptime(values.text(source, key), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def money(source: Mapping[str, Any], key: str) -> Decimal | None:
    """Return the number under `key`, sent as number or text, None if there is none, for which reports send `-`."""
    value = source.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def strings(source: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Return the texts and ids of a list."""
    return tuple(found for each in values.items(source, key) if (found := values.identifier(each)))
