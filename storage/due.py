"""Whether anything is due: the one question that is asked every second.

Owns its statement, which leases nothing. Does not know what is done about it.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy import bindparam, exists, select

from storage import direct
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
    record = await (await direct.run(tx, _look(), {"now": now})).fetchone()
    return Due(*(record or ()))


@lru_cache
def _look() -> str:
    tables = [direct.table_of(table) for table in (PostRow, WebhookRow, EndpointRow)]
    return direct.compiled(select(*(exists().where(table.c.due_at <= bindparam("now")) for table in tables)))
