"""What ends with the grant of an account: everything that was read under it.

Owns that nothing of it stays, whoever is reading meanwhile, and the end of its syncs. Events of comments stay, without
the words and names in them.
"""

from datetime import datetime
from typing import Any

from gateway.aip import names
from storage import comments, engagement, engagement_syncs, events, metric_points, videos
from storage.accounts import AccountRow
from storage.database import Transaction

RECEIVED, SYNCED = "COMMENT_RECEIVED", "ENGAGEMENT_SYNCED"

BLANK = {"text": "", "author_name": "", "author_avatar_uri": "", "author_id": "", "attachment_uris": []}
"""What an event of a comment has instead of what its author wrote and is."""


async def forget(tx: Transaction, account: AccountRow, now: datetime) -> None:
    """Delete what was read of an account, and the answers to its callers' comments: it was shown under the grant that
    ends. Locked first, so that nothing that is being read comes after it.
    """
    location, id = account.location, account.id
    await engagement_syncs.lock_account(tx, location, id)
    await forget_syncs(tx, location, id, now)
    await videos.remove(tx, location, id)
    await engagement.remove_account(tx, location, id)
    await comments.remove_account(tx, location, id)
    await metric_points.remove_account(tx, location, id)
    below = names.COMMENT.format(location, id, "")
    await events.blank(tx, location, type=RECEIVED, below=below, key="comment", values=BLANK)


async def forget_syncs(tx: Transaction, location: str, account: str, now: datetime) -> None:
    """Delete the schedule of an account and its part of every sync; one that has nothing left to read ends."""
    under_way = await engagement_syncs.running(tx, location, account)
    await engagement_syncs.remove_account(tx, location, account)
    if under_way:
        await end_sync(tx, location, under_way, now)


async def end_sync(tx: Transaction, location: str, id: str, now: datetime) -> None:
    """End a sync of which no account is under way, with its event; one that has ended stays as it is."""
    ended = await engagement_syncs.end(tx, location, id, now)
    if ended is None:
        return
    payload: dict[str, Any] = {
        "engagement_sync": ended.model_dump(mode="json"),
        "runs": [each.model_dump(mode="json") for each in await engagement_syncs.runs_of(tx, location, [id])],
    }
    subject = names.ENGAGEMENT_SYNC.format(location, id)
    await events.append(tx, location, type=SYNCED, subject=subject, payload=payload, now=now)
