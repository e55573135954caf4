"""What waits in the database for a time that a clock which was set back reaches too late.

Owns moving those times, by the rows' own update times. A row that was last changed in the future was changed before the
clock was set back, so its waits are counted from now instead. Times that vendors or callers named, and the times of
attempts, with which vendors are searched, stay as they are. Does not know why a row waits.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, DateTime, and_, bindparam, func, literal, or_, text, update
from sqlmodel import col

from storage.connections import ConnectionRow
from storage.database import Transaction
from storage.imports import ImportRow
from storage.posts import PostRow
from storage.quotas import QuotaRow
from storage.states import PostState
from storage.tokens import TokenRow
from storage.webhook_endpoints import EndpointRow, RetryRow
from storage.webhooks import WebhookRow

TOLERANCE = timedelta(seconds=2)
"""How far in the future an update time may be without a step: clocks of processes differ a little."""

_STAMPS = text(
    """
    UPDATE quotas SET stamps = ARRAY(
        SELECT least(stamp, :second) FROM unnest(stamps) AS stamp ORDER BY 1
    )
    WHERE (SELECT max(stamp) FROM unnest(stamps) AS stamp) > :second + :running
    """
)


async def recover(tx: Transaction, now: datetime, *, longest_wait: timedelta | None, longest_call: timedelta) -> int:
    """Count every wait from before the clock was set back from `now`, and return for how many posts.

    What has no update time waits for `longest_wait` at most, which may be less than a vendor named: None, to leave it
    alone, unless a step was seen. A stamp of a quota lies in the future by `longest_call` at most while its call runs.
    """
    not_yet_scheduled = and_(col(PostRow.state) == PostState.SCHEDULED, col(PostRow.schedule_time) > now)
    posts = await _move(tx, PostRow, now, "due_at", "next_attempt_time", unless=not_yet_scheduled)
    await _move(tx, ConnectionRow, now, "verify_at", "accounts_fetch_time")
    await _move(tx, ImportRow, now, "busy_until")
    await _move(tx, QuotaRow, now, "blocked_until", "told_until")
    await tx.execute(_STAMPS, {"second": now.timestamp(), "running": longest_call.total_seconds()})
    if longest_wait is not None:
        await _shorten(tx, now + longest_wait)
    return posts


async def _shorten(tx: Transaction, latest: datetime) -> None:
    """Let what has no update time wait until `latest` at most."""
    for column in (
        col(TokenRow.cooldown_until),
        col(WebhookRow.due_at),
        col(EndpointRow.due_at),
        col(EndpointRow.lease_until),
        col(RetryRow.retry_at),
    ):
        late = update(column.class_).where(column > latest)  # type: ignore[attr-defined]
        await tx.execute(late.values({column: latest}).execution_options(synchronize_session=False))


async def _move(
    tx: Transaction, table: Any, now: datetime, *columns: str, unless: ColumnElement[bool] | None = None
) -> int:
    """Move times of the rows that were changed in the future by as much as that change."""
    waiting = or_(*(getattr(table, name).is_not(None) for name in columns))
    where = and_(waiting, col(table.update_time) > now + TOLERANCE)
    if unless is not None:
        where = and_(where, ~func.coalesce(unless, literal(False)))
    present = bindparam("present", now, DateTime(timezone=True))
    moved = {name: getattr(table, name) - (col(table.update_time) - present) for name in columns}
    statement = update(table).where(where).values(**moved, update_time=present)
    done: Any = await tx.execute(statement.execution_options(synchronize_session=False))
    return int(done.rowcount)
