"""Creator info: what a creator may post now, fetched from the vendor and cached for a moment for all replicas.

Owns how old a copy may be: vendors require current values on every page that their user sees. Does not know posts.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from gateway.clock import is_younger
from gateway.domain.access import ConnectionAccess
from gateway.domain.context import Domain
from gateway.domain.quotas import daily_caps, limiter
from gateway.failpoints import reach
from providers.models.accounts import CreatorInfo, PrivacyLevel
from storage import accounts
from storage.accounts import AccountRow, CreatorInfoRow

MAX_AGE = timedelta(seconds=60)
_PLAIN_FIELDS = (
    "nickname",
    "username",
    "avatar_uri",
    "comment_disabled",
    "duet_disabled",
    "stitch_disabled",
    "can_post",
    "cannot_post_reason",
    "cannot_post_message",
    "daily_cap",
    "cap",
)


async def fresh(
    domain: Domain, account: AccountRow, *, max_age: timedelta = MAX_AGE, background: bool = False
) -> CreatorInfo:
    """Return creator info at most `max_age` old: one vendor call when it is older, none otherwise.

    That a creator cannot post is a result, not an error, and is recorded in the quota ledger. Raises ProviderError.
    """
    stored = None
    if max_age > timedelta(0):
        async with domain.db.read() as tx:
            stored = await accounts.find_creator_info(tx, account.location, account.id)
    return await fresh_after(domain, account, stored, max_age=max_age, background=background)


async def fresh_after(
    domain: Domain,
    account: AccountRow,
    stored: CreatorInfoRow | None,
    *,
    max_age: timedelta = MAX_AGE,
    background: bool = False,
) -> CreatorInfo:
    """Return what `fresh` does, after the `stored` copy was read."""
    if stored is not None and is_younger(stored.fetch_time, max_age, domain.clock()):
        return _from_row(stored)
    access = ConnectionAccess(domain, account.provider, account.location, account.connection, background)
    reach("publish.before-call.creator-info")
    info = await domain.providers[account.provider].accounts.creator_info(access)
    reach("publish.after-call.creator-info")
    if info.cap and not info.can_post:
        until = await daily_caps.learn(domain, account.provider, account.location, account.id, info.cap)
        info = replace(info, cap_reset=until)
    async with limiter.transaction(domain) as tx:
        if info.can_post:
            await daily_caps.clear_learned(tx, domain, account.provider, account.location, account.id)
        fetched = info.fetch_time or domain.clock()
        await accounts.save_creator_info(tx, account.location, account.id, _to_json(info), fetched)
    return info


def _to_json(info: CreatorInfo) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(info, name) for name in _PLAIN_FIELDS}
    values["privacy_levels"] = [level.value for level in info.privacy_levels]
    duration = info.max_video_duration
    values["max_video_seconds"] = None if duration is None else duration.total_seconds()
    values["cap_reset"] = None if info.cap_reset is None else info.cap_reset.isoformat()
    return values


def _from_row(row: CreatorInfoRow) -> CreatorInfo:
    payload, fetch_time = row.payload, row.fetch_time
    seconds = payload.get("max_video_seconds")
    return CreatorInfo(
        **{name: payload[name] for name in _PLAIN_FIELDS if name in payload},
        privacy_levels=tuple(PrivacyLevel(level) for level in payload.get("privacy_levels", ())),
        cap_reset=datetime.fromisoformat(payload["cap_reset"]) if payload.get("cap_reset") else None,
        max_video_duration=None if seconds is None else timedelta(seconds=seconds),
        fetch_time=fetch_time,
    )
