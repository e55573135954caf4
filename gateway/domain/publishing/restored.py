"""After a restore from a backup: what the lost gateway may have published since, is not sent again.

Owns which posts are held, what callers see of them, and which audiences are asked about. A copy of the database does
not know what happened after it was made; a post that was on its way then may be out. It becomes INDETERMINATE with an
attempt of which nothing is known, so that nobody asks the vendor: its word about an attempt that the copy knows says
nothing about one that came after it.
"""

from collections import Counter
from datetime import datetime

from gateway.domain import vendor_errors
from gateway.domain.publishing import journal
from providers.errors import Ambiguous
from storage import attempts, audiences, posts, restored_posts
from storage.attempts import AttemptRow
from storage.database import Database, Transaction
from storage.posts import PostRow
from storage.states import AttemptState, PostState

BATCH = 100
TEXT = "The database was restored from a backup: this post may have gone out after the backup was made."


async def hold(db: Database, ran_until: datetime, now: datetime) -> Counter[PostState]:
    """Make every post INDETERMINATE that a gateway which ran until then may have sent; return how many were in which
    state. No gateway may run on the database meanwhile.
    """
    held: Counter[PostState] = Counter()
    while True:
        async with db.transaction() as tx:
            rows = await restored_posts.under_way(tx, ran_until, BATCH)
            for row in rows:
                await _hold(tx, row, now)
        held.update(PostState(row.state) for row in rows)
        if len(rows) < BATCH:
            return held


async def doubt_audiences(db: Database, now: datetime) -> int:
    """Let the vendor be asked about every audience whose members were about to be sent; return how many."""
    async with db.transaction() as tx:
        return await audiences.doubt_restored(tx, now)


async def count(db: Database, ran_until: datetime, most: int = 100_000) -> Counter[PostState]:
    """Return how many posts `hold` would hold, by state, and change nothing."""
    async with db.transaction() as tx:
        return Counter(PostState(row.state) for row in await restored_posts.under_way(tx, ran_until, most))


async def _hold(tx: Transaction, row: PostRow, now: datetime) -> None:
    number = await _end_attempt(tx, row, now)
    changed = await posts.change(
        tx,
        row.location,
        row.id,
        now,
        expect=[row.state],
        at_attempt=row.attempt,
        attempt=number,
        state=PostState.INDETERMINATE,
        error=vendor_errors.as_stored(Ambiguous(TEXT, provider=row.provider), "OUTCOME_UNKNOWN"),
        due_at=None,
        next_attempt_time=None,
    )
    assert changed is not None  # noqa: S101 - the row is locked
    await journal.record_state(tx, changed, now)


async def _end_attempt(tx: Transaction, row: PostRow, now: datetime) -> int:
    """End the newest attempt, and add one of which nothing is known; return its number.

    The vendor is not asked about those that the copy knows: what became of one of them is not what became of the last.
    """
    attempt = await attempts.find(tx, row.location, row.id, row.attempt)
    if attempt is not None and attempt.state not in journal.ENDED:
        await attempts.move(tx, attempt, AttemptState.INDETERMINATE, now)
    unknown = AttemptRow(
        location=row.location,
        post=row.id,
        number=row.attempt + 1,
        state=AttemptState.INDETERMINATE,
        create_time=now,
        update_time=now,
    )
    await attempts.insert(tx, unknown)
    return unknown.number
