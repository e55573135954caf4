"""Profiles: the vendor's own words about an account, copied with the time they were fetched.

Owns which fields belong to which part, because each part costs a scope of its own. Asks no vendor.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from providers.models.accounts import Profile, ProfilePart
from storage import accounts
from storage.accounts import AccountRow
from storage.connections import ConnectionRow
from storage.database import Transaction

FIELDS: dict[ProfilePart, tuple[str, ...]] = {
    ProfilePart.BASIC: ("union_id", "display_name", "avatar_uri", "avatar_uris"),
    ProfilePart.PROFILE: ("username", "bio", "profile_uri", "verified"),
    ProfilePart.STATS: ("follower_count", "following_count", "like_count", "video_count"),
}

MISSING = "no "
"""Marks, among the times of an account's parts, when one was found to be out of reach."""

_NOTHING = Profile(provider_account_id="", platform="")


async def save(
    tx: Transaction,
    connection: ConnectionRow,
    profile: Profile,
    now: datetime,
    parts: frozenset[ProfilePart] = frozenset(ProfilePart),
) -> AccountRow | None:
    """Copy the parts that were asked and granted into the account of the grant's user; None when there is none."""
    # A vendor that may not tell whose profile it is tells of the grant's own user.
    subject = profile.provider_account_id or connection.provider_subject
    for row in await accounts.of_connection(tx, connection.location, connection.id):
        if row.provider_account_id == subject:
            return await accounts.change(tx, row.location, row.id, now, **_values(row, profile, parts, now))
    return None


def _values(row: AccountRow, profile: Profile, asked: frozenset[ProfilePart], now: datetime) -> dict[str, Any]:
    parts = asked - profile.missing
    values: dict[str, Any] = {name: getattr(profile, name) for part in parts for name in FIELDS[part]}
    # What may no longer be seen is not kept: the person took that permission back.
    gone: dict[str, Any] = {name: getattr(_NOTHING, name) for part in profile.missing for name in FIELDS[part]}
    old = {key: time for key, time in row.fetch_times.items() if key.removeprefix(MISSING) not in asked}
    return {**values, **gone, "fetch_times": old | stamps(parts, profile.missing, now), "state": "ACTIVE"}


def stamps(fetched: Iterable[ProfilePart], missing: Iterable[ProfilePart], now: datetime) -> dict[str, str]:
    """Return the times of an account's parts: of those that were fetched, and of those that were found out of reach."""
    found = {part.value: now.isoformat() for part in fetched}
    return found | {f"{MISSING}{part.value}": now.isoformat() for part in missing}
