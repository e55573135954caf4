"""Sending the bytes: chunk by chunk, resumable after each, and what follows from a lost response.

Owns the transfer from INIT_OK to the last chunk. Resending a chunk to its own address is safe; FINAL_SENT is committed
before the last one is sent, and from then on the vendor is asked in case of doubt.
"""

from collections.abc import AsyncIterator
from typing import Any

import structlog

from gateway.domain import vendor_errors
from gateway.domain.context import Domain
from gateway.domain.media import uploads
from gateway.domain.publishing import journal, moves, retry_policy, vendor_status
from gateway.domain.publishing.journal import Work
from gateway.domain.publishing.moves import NextWork
from gateway.errors import DomainError, GatewayUnavailable
from gateway.media import types
from providers.errors import Ambiguous, ContractBroken, ProviderError, Rejected, Temporary, Unavailable, UploadGone
from providers.models.publishing import ChunkPlan, PublishPhase, PublishStatus, Transferred, VideoFile
from providers.models.secret import Secret
from storage.states import AttemptState

log = structlog.get_logger(__name__)


async def send_chunk(domain: Domain, work: Work) -> NextWork:
    """INIT_OK, UPLOADING, FINAL_SENT: send the next chunk; FINAL_SENT is committed before the last one is sent."""
    attempt = work.attempt
    if attempt.state != AttemptState.FINAL_SENT and _has_expired(domain, work):
        return await moves.restart(domain, work, "The upload address expired before all bytes were sent.")
    first, end, last = ChunkPlan(attempt.size, attempt.chunk_size, attempt.chunk_count).chunk_at(attempt.confirmed)
    if last and attempt.state != AttemptState.FINAL_SENT:
        work = await journal.move(domain, work, AttemptState.FINAL_SENT, final_sent_time=domain.clock())
    elif attempt.state == AttemptState.INIT_OK:
        work = await journal.move(domain, work, AttemptState.UPLOADING)
    try:
        response = await _send_range(domain, work, first, end, "final-chunk" if last else "chunk")
    except DomainError as error:
        return await _apply_read_error(domain, work, error)
    except ProviderError as error:
        final = work.attempt.state == AttemptState.FINAL_SENT
        return await (resolve(domain, work, error) if final else _retry_chunk(domain, work, error))
    return await _apply_progress(domain, work, response)


def _has_expired(domain: Domain, work: Work) -> bool:
    """Return whether the upload address has certainly expired."""
    now = domain.clock()
    return now > (work.attempt.upload_expire_time or now) + retry_policy.EXPIRY_SLACK


async def _apply_read_error(domain: Domain, work: Work, error: DomainError) -> NextWork:
    """Our own bytes could not be read: fail or retry; in FINAL_SENT ask the vendor, which may have everything."""
    permanent = not isinstance(error, GatewayUnavailable)
    vendor_error = (Rejected if permanent else Unavailable)(error.message, provider=work.post.provider)
    if work.attempt.state == AttemptState.FINAL_SENT:
        return await resolve(domain, work, vendor_error, vendor_errors.as_stored(error))
    if permanent:
        return await moves.fail(domain, work, vendor_errors.as_stored(error))
    return await _retry_chunk(domain, work, vendor_error)


async def _send_range(domain: Domain, work: Work, first: int, end: int, name: str) -> Transferred:
    attempt, post = work.attempt, work.post
    async with domain.db.read() as tx:
        seal = await domain.sealer.for_location(tx, post.location)
    sealed = attempt.upload_url_sealed or b""
    url = Secret(seal.open("attempts", moves.row_id(attempt), "upload_url", attempt.number, sealed).decode())
    upload = post.uploads[0]
    source, parts = await uploads.get_with_parts(domain, post.location, upload)

    def body() -> AsyncIterator[bytes]:
        return uploads.read_parts(domain, parts, post.location, upload, first, end)

    file = VideoFile(attempt.size, types.sent_as(source.mime_type, source.media), source.sha256)
    request = moves.publishing_of(domain, post).send_chunk(url, file, first=first, end=end, body=body)
    return await moves.call(name, request)


async def _apply_progress(domain: Domain, work: Work, response: Transferred) -> NextWork:
    """Continue at the vendor's offset; a response without progress counts as a failure."""
    attempt = work.attempt
    if response.received is None and not response.complete:
        return await _fetch_offset(domain, work)
    received = response.received or 0
    if response.complete or received >= attempt.size:
        if attempt.state != AttemptState.FINAL_SENT:
            work = await journal.move(domain, work, AttemptState.FINAL_SENT, final_sent_time=domain.clock())
        return await vendor_status.start_polling(domain, work)
    failures = 0 if received > attempt.confirmed else attempt.failures + 1
    shown = {"sent_bytes": received}
    # If the vendor wants part of the last chunk again, the attempt stays in FINAL_SENT: there is no way back.
    moved = await journal.move(
        domain, work, attempt.state, post=shown, working=True, confirmed=received, failures=failures
    )
    if failures > retry_policy.MAX_CHUNK_FAILURES and attempt.state != AttemptState.FINAL_SENT:
        return await moves.restart(domain, moved, "The provider did not take the file.")
    return await moves.defer(domain, moved, retry_policy.retry_delay(failures - 1)) if failures else moved


async def _fetch_offset(domain: Domain, work: Work) -> NextWork:
    """The vendor refused the range without stating its offset: its status may state it."""
    if work.attempt.state == AttemptState.FINAL_SENT:
        error = Unavailable("The provider did not say how much of the file it has.", provider=work.post.provider)
        return await resolve(domain, work, error)
    try:
        status = await moves.fetch_status(domain, work, "range-status")
    except ProviderError as error:
        return await _retry_chunk(domain, work, error)
    if status.phase is not PublishPhase.RECEIVING or status.received is None:
        return await _retry_chunk(domain, work, Unavailable("The provider did not say how much of the file it has."))
    return await _apply_progress(domain, work, Transferred(status.received, complete=False))


async def _retry_chunk(domain: Domain, work: Work, error: ProviderError) -> NextWork:
    """Handle the failure of any chunk but the last: send it again, or start a new attempt if the address is gone."""
    if isinstance(error, UploadGone):
        return await moves.restart(domain, work, error.message)
    if isinstance(error, Temporary | Ambiguous | ContractBroken):
        failures = work.attempt.failures + 1
        if failures > retry_policy.MAX_CHUNK_FAILURES:
            return await moves.restart(domain, work, error.message)
        moved = await journal.move(domain, work, work.attempt.state, failures=failures)
        return await moves.defer(domain, moved, retry_policy.retry_delay(failures - 1, error))
    return await moves.fail(domain, work, vendor_errors.as_stored(error))


async def resolve(
    domain: Domain, work: Work, error: ProviderError | None = None, shown: dict[str, Any] | None = None
) -> NextWork:
    """FINAL_SENT: ask the vendor, whose response alone counts now, and resend missing bytes to the same address.

    `shown` is the error that callers see if that is permanently impossible; by default `error` itself.
    """
    if error is not None:
        log.info("publish.doubt", location=work.post.location, post=work.post.id, code=error.code)
    try:
        status = await moves.fetch_status(domain, work, "doubt-status")
    except ProviderError as refusal:
        return await vendor_status.poll_failed(domain, work, refusal)
    if status.phase is not PublishPhase.RECEIVING:
        return await vendor_status.start_polling(domain, work, status)
    # Whether the vendor states a count or the index of the last byte is not documented.
    if status.received is not None and status.received >= max(1, work.attempt.size - 1):
        return await vendor_status.start_polling(domain, work)
    if isinstance(error, UploadGone):
        return await _confirm_incomplete(domain, work, error, status)
    if isinstance(error, Rejected) and work.attempt.failures >= retry_policy.MAX_FINAL_REJECTIONS:
        return await moves.fail(domain, work, shown or vendor_errors.as_stored(error))
    return await _send_rest(domain, work, error, status)


async def _send_rest(domain: Domain, work: Work, error: ProviderError | None, status: PublishStatus) -> NextWork:
    """Resend the missing bytes: at once if a crash interrupted the transfer (no `error`), else after a pause."""
    attempt = work.attempt
    if _has_expired(domain, work):
        return await _confirm_incomplete(domain, work, UploadGone("The upload address has expired."), status)
    first = attempt.confirmed if status.received is None else status.received
    failures = attempt.failures + 1
    # While the number still changes it proves nothing: earlier failures of the address no longer count.
    reset: dict[str, Any] = {"gone_time": None} if first != attempt.confirmed else {}
    moved = await journal.move(domain, work, AttemptState.FINAL_SENT, confirmed=first, failures=failures, **reset)
    return moved if error is None else await moves.defer(domain, moved, retry_policy.retry_delay(failures - 1, error))


async def _confirm_incomplete(domain: Domain, work: Work, error: UploadGone, status: PublishStatus) -> NextWork:
    """The address is gone and the vendor reports missing bytes: believe it once it has reported the same number for a
    while and several times, counted from the first failure of the address.

    A vendor may close the address because it has everything, before its status says so; a new submit would then publish
    twice. While the address works there is no new submit at all: a late chunk could still complete the upload. If the
    vendor does not state how much it has, we only wait.
    """
    attempt, now = work.attempt, domain.clock()
    if status.received is None:
        return await vendor_status.start_polling(domain, work)
    if attempt.gone_time is None or status.received != attempt.confirmed:
        work = await journal.move(
            domain, work, AttemptState.FINAL_SENT, confirmed=status.received, gone_time=now, polls=1
        )
        return await moves.defer(domain, work, retry_policy.POLL_FIRST)
    expired = error.http_status == 403 or (attempt.upload_expire_time or now) <= now
    needed = retry_policy.CONFIRM_EXPIRED if expired else retry_policy.CONFIRM_UNKNOWN
    if attempt.polls < retry_policy.CONFIRM_POLLS or now - attempt.gone_time < needed:
        work = await journal.move(domain, work, AttemptState.FINAL_SENT, polls=attempt.polls + 1)
        return await moves.defer(domain, work, retry_policy.POLL_FIRST)
    if moves.submit_count(work) >= retry_policy.MAX_SUBMITS:
        text = "The provider closed the upload again and again without saying that it has all bytes."
        return await vendor_status.mark_indeterminate(domain, work, Ambiguous(text, provider=work.post.provider))
    return await moves.restart(domain, work, error.message)
