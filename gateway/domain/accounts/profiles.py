"""Profiles: what the vendor states about an account, copied with the time of each fetch.

Owns which fields belong to which part, because each part needs a different scope. Calls no vendor.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from providers.models.accounts import Profile, ProfilePart
from storage import accounts
from storage.accounts import AccountRow
from storage.connections import ConnectionRow
from storage.database import Transaction
from storage.states import AccountState

FIELDS: dict[ProfilePart, tuple[str, ...]] = {
    ProfilePart.BASIC: ("union_id", "display_name", "avatar_uri", "avatar_uris"),
    ProfilePart.PROFILE: ("username", "bio", "profile_uri", "verified"),
    ProfilePart.STATS: ("follower_count", "following_count", "like_count", "video_count"),
}

MISSING = "no "
"""Prefix of a part's key in `fetch_times`: the time at which that part turned out not to be granted."""

_EMPTY = Profile(provider_account_id="", platform="")


async def save(
    tx: Transaction,
    connection: ConnectionRow,
    profile: Profile,
    now: datetime,
    parts: frozenset[ProfilePart] = frozenset(ProfilePart),
) -> AccountRow | None:
    """Copy the requested and granted parts into the account of the grant's user; return None when there is none."""
    # A vendor that may not state whose profile it is returns that of the grant's own user.
    subject = profile.provider_account_id or connection.provider_subject
    for row in await accounts.of_connection(tx, connection.location, connection.id):
        if row.provider_account_id == subject:
            return await accounts.change(tx, row.location, row.id, now, **_values(row, profile, parts, now))
    return None


def _values(row: AccountRow, profile: Profile, requested: frozenset[ProfilePart], now: datetime) -> dict[str, Any]:
    parts = requested - profile.missing
    values: dict[str, Any] = {name: getattr(profile, name) for part in parts for name in FIELDS[part]}
    # Parts that are no longer granted are erased: the person withdrew that permission.
    erased: dict[str, Any] = {name: getattr(_EMPTY, name) for part in profile.missing for name in FIELDS[part]}
    old = {key: time for key, time in row.fetch_times.items() if key.removeprefix(MISSING) not in requested}
    return {
        **values,
        **erased,
        "fetch_times": old | fetch_times(parts, profile.missing, now),
        "state": AccountState.ACTIVE,
    }


def fetch_times(fetched: Iterable[ProfilePart], missing: Iterable[ProfilePart], now: datetime) -> dict[str, str]:
    """Return the fetch time of each part that was fetched, and of each that turned out not to be granted."""
    found = {part.value: now.isoformat() for part in fetched}
    return found | {f"{MISSING}{part.value}": now.isoformat() for part in missing}
