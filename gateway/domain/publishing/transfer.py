"""Sending the bytes: chunk by chunk, resumable after each, and what to believe when an answer is lost.

Owns the hand-over from INIT_OK to the last chunk. Sending a chunk again on its own address is safe; before the last one
leaves FINAL_SENT is committed, and from then on every doubt is put to the vendor.
"""

from collections.abc import AsyncIterator
from typing import Any

import structlog

from gateway.domain import vendor_errors
from gateway.domain.concurrency import LEASE
from gateway.domain.context import Domain
from gateway.domain.media import uploads
from gateway.domain.publishing import journal, moves, retry_policy, vendor_status
from gateway.domain.publishing.journal import Work
from gateway.domain.publishing.moves import Again
from gateway.errors import DomainError, GatewayUnavailable
from gateway.media import types
from providers.errors import Ambiguous, ContractBroken, ProviderError, Rejected, Temporary, Unavailable, UploadGone
from providers.models.publishing import ChunkPlan, PublishPhase, PublishStatus, Transferred, VideoFile
from providers.models.secret import Secret

log = structlog.get_logger(__name__)


async def send(domain: Domain, work: Work) -> Again:
    """INIT_OK, UPLOADING, FINAL_SENT: send the next chunk; before the last one leaves, FINAL_SENT is committed."""
    attempt = work.attempt
    if attempt.state != "FINAL_SENT" and _is_over(domain, work):
        return await moves.begin_anew(domain, work, "The upload address expired before all bytes were sent.")
    first, end, last = ChunkPlan(attempt.size, attempt.chunk_size, attempt.chunk_count).chunk_at(attempt.confirmed)
    if last and attempt.state != "FINAL_SENT":
        work = await journal.move(domain, work, "FINAL_SENT", final_sent_time=domain.clock())
    elif attempt.state == "INIT_OK":
        work = await journal.move(domain, work, "UPLOADING")
    try:
        answer = await _send_range(domain, work, first, end, "final-chunk" if last else "chunk")
    except DomainError as error:
        return await _unread(domain, work, error)
    except ProviderError as error:
        final = work.attempt.state == "FINAL_SENT"
        return await (doubt(domain, work, error) if final else _unsent(domain, work, error))
    return await _confirmed(domain, work, answer)


def _is_over(domain: Domain, work: Work) -> bool:
    """Return whether the upload address has surely expired."""
    now = domain.clock()
    return now > (work.attempt.upload_expire_time or now) + retry_policy.EXPIRY_SLACK


async def _unread(domain: Domain, work: Work, error: DomainError) -> Again:
    """Our own bytes could not be read. Of a last chunk that left before, that says nothing: the vendor is asked."""
    lasting = not isinstance(error, GatewayUnavailable)
    told = (Rejected if lasting else Unavailable)(error.message, provider=work.post.provider)
    if work.attempt.state == "FINAL_SENT":
        return await doubt(domain, work, told, vendor_errors.as_stored(error))
    return await (moves.fail(domain, work, vendor_errors.as_stored(error)) if lasting else _unsent(domain, work, told))


async def _send_range(domain: Domain, work: Work, first: int, end: int, name: str) -> Transferred:
    attempt, post = work.attempt, work.post
    async with domain.db.read() as tx:
        seal = await domain.sealer.for_location(tx, post.location)
    sealed = attempt.upload_url_sealed or b""
    url = Secret(seal.open("attempts", moves.row_id(attempt), "upload_url", attempt.number, sealed).decode())
    upload = post.uploads[0]
    source = await uploads.get(domain, post.location, upload)

    def body() -> AsyncIterator[bytes]:
        return uploads.read(domain, post.location, upload, first, end)

    file = VideoFile(attempt.size, types.sent_as(source.mime_type, source.media), source.sha256)
    sending = moves.publishing_of(domain, post).send_chunk(url, file, first=first, end=end, body=body)
    return await moves.call(name, sending)


async def _confirmed(domain: Domain, work: Work, answer: Transferred) -> Again:
    """Go on where the vendor says it is; an answer that moves nothing on counts as a failure."""
    attempt = work.attempt
    if answer.received is None and not answer.complete:
        return await _ask_how_much(domain, work)
    received = answer.received or 0
    if answer.complete or received >= attempt.size:
        if attempt.state != "FINAL_SENT":
            work = await journal.move(domain, work, "FINAL_SENT", final_sent_time=domain.clock())
        return await vendor_status.processing(domain, work)
    failures = 0 if received > attempt.confirmed else attempt.failures + 1
    shown = {"sent_bytes": received, "due_at": domain.clock() + LEASE}
    # A last chunk that the vendor wants in part again leaves the attempt in FINAL_SENT: there is no way back from it.
    moved = await journal.move(domain, work, attempt.state, post=shown, confirmed=received, failures=failures)
    if failures > retry_policy.MAX_CHUNK_FAILURES and attempt.state != "FINAL_SENT":
        return await moves.begin_anew(domain, moved, "The provider did not take the file.")
    return await moves.rest(domain, moved, retry_policy.retry_delay(failures - 1)) if failures else moved


async def _ask_how_much(domain: Domain, work: Work) -> Again:
    """The vendor refused the range without saying what it has: its status may say so."""
    if work.attempt.state == "FINAL_SENT":
        error = Unavailable("The provider did not say how much of the file it has.", provider=work.post.provider)
        return await doubt(domain, work, error)
    try:
        status = await moves.ask(domain, work, "range-status")
    except ProviderError as error:
        return await _unsent(domain, work, error)
    if status.phase is not PublishPhase.RECEIVING or status.received is None:
        return await _unsent(domain, work, Unavailable("The provider did not say how much of the file it has."))
    return await _confirmed(domain, work, Transferred(status.received, complete=False))


async def _unsent(domain: Domain, work: Work, error: ProviderError) -> Again:
    """A chunk that is not the last one went wrong: the same chunk again, or a new attempt when its address is dead."""
    if isinstance(error, UploadGone):
        return await moves.begin_anew(domain, work, error.message)
    if isinstance(error, Temporary | Ambiguous | ContractBroken):
        failures = work.attempt.failures + 1
        if failures > retry_policy.MAX_CHUNK_FAILURES:
            return await moves.begin_anew(domain, work, error.message)
        moved = await journal.move(domain, work, work.attempt.state, failures=failures)
        return await moves.rest(domain, moved, retry_policy.retry_delay(failures - 1, error))
    return await moves.fail(domain, work, vendor_errors.as_stored(error))


async def doubt(
    domain: Domain, work: Work, error: ProviderError | None = None, kept: dict[str, Any] | None = None
) -> Again:
    """FINAL_SENT: only the vendor's word counts now: ask it, and send again, on the same address, what it lacks.

    `kept` is what callers are told when that turns out to be impossible for good; the error itself when None.
    """
    if error is not None:
        log.info("publish.doubt", location=work.post.location, post=work.post.id, code=error.code)
    try:
        status = await moves.ask(domain, work, "doubt-status")
    except ProviderError as refusal:
        return await vendor_status.status_unknown(domain, work, refusal)
    if status.phase is not PublishPhase.RECEIVING:
        return await vendor_status.processing(domain, work, status)
    # Whether the vendor says a count or the index of the last byte is not documented.
    if status.received is not None and status.received >= max(1, work.attempt.size - 1):
        return await vendor_status.processing(domain, work)
    if isinstance(error, UploadGone):
        return await _settle(domain, work, error, status)
    if isinstance(error, Rejected) and work.attempt.failures >= retry_policy.MAX_REFUSED:
        return await moves.fail(domain, work, kept or vendor_errors.as_stored(error))
    return await _send_rest(domain, work, error, status)


async def _send_rest(domain: Domain, work: Work, error: ProviderError | None, status: PublishStatus) -> Again:
    """The vendor lacks bytes: the rest again, at once when a crash interrupted us, after a pause otherwise."""
    attempt = work.attempt
    if _is_over(domain, work):
        return await _settle(domain, work, UploadGone("The upload address has expired."), status)
    first = attempt.confirmed if status.received is None else status.received
    failures = attempt.failures + 1
    # A number that still changes is no proof of anything: what was seen of a dead address counts no more.
    anew = {"gone_time": None} if first != attempt.confirmed else {}
    moved = await journal.move(domain, work, "FINAL_SENT", confirmed=first, failures=failures, **anew)
    return moved if error is None else await moves.rest(domain, moved, retry_policy.retry_delay(failures - 1, error))


async def _settle(domain: Domain, work: Work, error: UploadGone, status: PublishStatus) -> Again:
    """The address is dead and the vendor says it lacks bytes: believe it when it has gone on saying the same for a
    while and several times over, counted from when the address was first found dead.

    A vendor may close the address because it has everything, before its status says so; a new init then would post
    twice. While the address lives there is no new init at all: a late chunk could still complete the upload. A vendor
    that does not say how much it has is only waited for.
    """
    attempt, now = work.attempt, domain.clock()
    if status.received is None:
        return await vendor_status.processing(domain, work)
    if attempt.gone_time is None or status.received != attempt.confirmed:
        work = await journal.move(domain, work, "FINAL_SENT", confirmed=status.received, gone_time=now, polls=1)
        return await moves.rest(domain, work, retry_policy.POLL_FIRST)
    expired = error.http_status == 403 or (attempt.upload_expire_time or now) <= now
    needed = retry_policy.SETTLE_EXPIRED if expired else retry_policy.SETTLE_UNKNOWN
    if attempt.polls < retry_policy.SETTLE_LOOKS or now - attempt.gone_time < needed:
        work = await journal.move(domain, work, "FINAL_SENT", polls=attempt.polls + 1)
        return await moves.rest(domain, work, retry_policy.POLL_FIRST)
    if moves.tries(work) >= retry_policy.MAX_INITS:
        text = "The provider closed the upload again and again without saying that it has all bytes."
        return await vendor_status.indeterminate(domain, work, Ambiguous(text, provider=work.post.provider))
    return await moves.begin_anew(domain, work, error.message)
