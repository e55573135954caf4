"""Whether anything is due: the one question that is asked every second.

Owns its statement, which leases nothing. Does not know what is done about it.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select
from sqlmodel import col

from storage.database import Transaction
from storage.posts import PostRow
from storage.webhook_endpoints import EndpointRow
from storage.webhooks import WebhookRow


@dataclass(frozen=True, slots=True)
class Due:
    """Which kinds of work are due."""

    posts: bool
    webhooks: bool
    endpoints: bool


async def look(tx: Transaction, now: datetime) -> Due:
    """Return what is due now."""
    posts = exists().where(col(PostRow.due_at) <= now)
    webhooks = exists().where(col(WebhookRow.due_at) <= now)
    endpoints = exists().where(col(EndpointRow.due_at) <= now)
    return Due(*(await tx.execute(select(posts, webhooks, endpoints))).one())
