"""Storing the vendor's response to a submit, which comes only once: also while the database is unavailable.

Owns the moves from INIT_SENT to INIT_OK, to PROCESSING if the vendor fetches the media itself and the submit may
publish, and back to INTENT. Makes no vendor call.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

import structlog

from gateway.domain.concurrency import Superseded, until_free, until_stored
from gateway.domain.context import Domain
from gateway.domain.publishing import journal, moves, retry_policy, vendor_lookup
from gateway.domain.publishing.journal import Work
from gateway.domain.publishing.moves import NextWork
from gateway.domain.quotas import daily_caps
from providers.models.publishing import Begun, ChunkPlan
from providers.models.secret import Secret
from storage import attempts, webhooks
from storage.database import DatabaseBusy, DatabaseUnavailable, Transaction, before_commit
from storage.states import AttemptState, PostState

log = structlog.get_logger(__name__)
T = TypeVar("T")

STORE_LIMIT = timedelta(minutes=1)
STORE_PAUSE = timedelta(seconds=1)
"""How long, and with which pauses, storing the response is retried while the database is unavailable."""


async def store(domain: Domain, work: Work, begun: Begun, size: int, *, send_at_once: bool) -> NextWork:
    """Commit the vendor's response to the submit of media of `size` bytes; with `send_at_once` also that a file of one
    chunk is sent next.

    If another worker moved the attempt on meanwhile, store at least the publish id, by which the vendor can be polled,
    and raise Superseded. Raises DatabaseUnavailable after STORE_LIMIT.
    """

    alone = False

    async def commit() -> NextWork:
        nonlocal alone
        # The release of slots is left to a later transaction then too.
        within = replace(domain, ended_calls=[]) if alone else domain
        try:
            if moves.publishes_on_submit(domain, work.post):
                return await _store_processing(within, work, begun, size, alone=alone)
            return await _store_upload(within, work, begun, size, send_at_once=send_at_once, alone=alone)
        except DatabaseBusy:
            # Somebody keeps a row locked, perhaps one of a quota: the answer is stored without that.
            alone = True
            raise

    try:
        stored = await until_committed(domain, work, commit)
        if alone and not moves.is_inbox_draft(work.post):
            await until_free(daily_caps.use)(domain, work.post, moves.quota_time(work))
        return stored
    except Superseded:
        await until_committed(domain, work, lambda: journal.save_publish_id(domain, work, begun.publish_id))
        raise


async def revert(domain: Domain, work: Work) -> Work:
    """Return the attempt to INTENT, because the vendor did nothing: another post of the account may be submitted.

    Raises Superseded, and DatabaseUnavailable after STORE_LIMIT.
    """
    return await until_committed(domain, work, lambda: _back_to_intent(domain, work))


async def until_committed(domain: Domain, work: Work, commit: Callable[[], Awaitable[T]]) -> T:
    """Return what `commit` returns, retrying while the database is unavailable; for what the vendor said, which it says
    only once. Raises DatabaseUnavailable after STORE_LIMIT.
    """

    def report(_: DatabaseUnavailable) -> None:
        log.error("publish.answer_not_kept", location=work.post.location, post=work.post.id)

    return await until_stored(commit, pause=STORE_PAUSE, report=report, limit=STORE_LIMIT, sleep=domain.sleep)


async def _store_upload(
    domain: Domain, work: Work, begun: Begun, size: int, *, send_at_once: bool, alone: bool
) -> NextWork:
    """Store the upload address; the bytes are sent from here on."""
    plan = begun.plan or ChunkPlan(size, size, 1)
    last = send_at_once and plan.count == 1
    async with domain.db.read() as tx:
        seal = await domain.sealer.for_location(tx, work.post.location)
    url = (begun.upload_url or Secret("")).reveal().encode()
    return await journal.move(
        domain,
        work,
        AttemptState.FINAL_SENT if last else AttemptState.INIT_OK,
        final_sent_time=domain.clock() if last else None,
        post={"total_bytes": size, "sent_bytes": 0},
        publish_id=begun.publish_id,
        upload_url_sealed=seal.seal("attempts", moves.row_id(work.attempt), "upload_url", work.attempt.number, url),
        upload_expire_time=begun.upload_expire_time,
        size=size,
        chunk_size=plan.chunk_size,
        chunk_count=plan.count,
        failures=0,
        before_move=_count_and_reapply(domain, work, alone),
    )


async def _store_processing(domain: Domain, work: Work, begun: Begun, size: int, *, alone: bool) -> NextWork:
    """Store that the vendor fetches the media and publishes by itself: from here on it is only polled."""
    shown = {"total_bytes": size, "sent_bytes": 0, "due_at": domain.clock() + retry_policy.POLL_FIRST, "error": None}
    accepted: dict[str, Any] = {}
    if not begun.publish_id:
        accepted = {"media": {**work.attempt.media, vendor_lookup.ACCEPTED: True}}
    await journal.move(
        domain,
        work,
        AttemptState.PROCESSING,
        post_state=PostState.PROCESSING,
        post=shown,
        publish_id=begun.publish_id,
        **accepted,
        size=size,
        failures=0,
        polls=0,
        before_move=_count_and_reapply(domain, work, alone),
    )
    return None


def _count_and_reapply(domain: Domain, work: Work, alone: bool) -> Callable[[Transaction], Awaitable[None]]:
    """Return a function that counts the post against its daily caps, unless the answer is stored `alone`, and makes
    webhooks due again which arrived before the response and matched no attempt.
    """

    async def use_caps(tx: Transaction) -> None:
        await daily_caps.use_within(tx, domain, work.post, moves.quota_time(work))

    async def count_and_reapply(tx: Transaction) -> None:
        if not alone and not moves.is_inbox_draft(work.post):
            # Right before the commit: all posts of the provider share a cap, and must not wait for a row of this one.
            before_commit(tx, "daily caps", use_caps)
        subject = await attempts.subject_of(tx, work.attempt)
        await webhooks.requeue(tx, work.post.provider, subject, moves.submit_time(work) - vendor_lookup.CLOCK_SLACK)

    return count_and_reapply


async def _back_to_intent(domain: Domain, work: Work) -> Work:
    return await journal.move(
        domain,
        work,
        AttemptState.INTENT,
        post_state=PostState.QUEUED,
        before_move=moves.release_draft(domain, work),
        final_sent_time=None,
    )
